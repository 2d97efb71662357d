"""Read a number as a student types it, and know how precisely it was typed.

``95.2``, ``"95,17"``, ``"≈ 95.2 points"``, ``"69 %"``, ``"7.69 - 3.60 = 4.09"`` are numbers. A
typed number stands for every number that rounds to it, so ``95.2`` agrees with 95.1707 and
``95.1`` does not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# Digits of a float beyond which only arithmetic noise is left: 7.69 - 3.60 is 4.090000000000001.
_DIGITS = 12

_NUMBER = re.compile(
    r"""(?<![\w.,])[-+]?
        (?: \d{1,3}(?:[,' ]\d{3})+\.\d+      # 93,166.34
          | \d{1,3}(?:\.\d{3})+,\d+          # 93.166,34
          | \d+[.,]\d+ | [.,]\d+ | \d+[.,]? ) # 95.17  95,17  .694  95
        (?:e[-+]?\d{1,4})?(?![.,]?\d)""",
    re.VERBOSE | re.IGNORECASE,
)
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-", "﹣": "-", "-": "-", "٫": ".", "\u00a0": " "})


@dataclass(frozen=True)
class Reading:
    """One way to read what was typed: ``value``, give or take ``half`` of its last digit."""

    value: float
    half: float

    def agrees(self, target: float, close: float = 0.0) -> bool:
        """Whether ``target`` rounds to what was typed, or is within ``close`` of it."""
        allowed = max(self.half, close, 1e-9 * abs(target))
        return abs(self.value - target) <= allowed * (1 + 1e-9)

    def times(self, factor: float) -> Reading:
        """The same in another unit."""
        return Reading(self.value * factor, self.half * abs(factor))


@dataclass(frozen=True)
class Typed:
    """A typed number: its readings (``"1,234"`` has two) and whether it carries a percent sign."""

    readings: tuple[Reading, ...]
    percent: bool = False


class Unreadable(Exception):
    """What was typed is not one number; the message is a sentence for the student."""


def read_number(text: str) -> Typed:
    """Read one number.

    Raises
    ------
    Unreadable
        With one sentence that says what to type instead.
    """
    cleaned = text.strip().translate(_MINUS)
    if not cleaned:
        raise Unreadable("Your answer is empty: type a number.")
    low = cleaned.casefold()
    if low in ("nan", "+nan", "-nan", "<na>", "nat"):
        raise Unreadable("Your answer is nan, not a number: something before it went wrong.")
    if low.lstrip("+-") in ("inf", "infinity"):
        raise Unreadable("Your answer is infinite: type the number itself.")
    tail = cleaned.rpartition("=")[2] if "=" in cleaned else cleaned
    tail = re.sub(r"(?<=\d)\s+(?=%)", "", tail)
    tail = re.sub(r"([-+])\s+(?=[\d.,])", r"\1", tail) if len(_NUMBER.findall(tail)) < 2 else tail
    found = _NUMBER.findall(tail)
    if not found:
        raise Unreadable(f"There is no number in {_quoted(cleaned)}: type one, such as 12.3.")
    if len(found) > 1:
        raise Unreadable(f"{_quoted(cleaned)} holds {len(found)} numbers: leave only your answer.")
    readings = tuple(dict.fromkeys(_readings(found[0].strip())))
    if not readings:
        raise Unreadable("Your number is too large to be read: type the number itself.")
    return Typed(readings, "%" in cleaned or "percent" in low or "per cent" in low)


def _readings(token: str) -> list[Reading]:
    out = []
    for candidate in _candidates(token):
        try:
            number = Decimal(candidate)
            value = float(number)
        except (InvalidOperation, OverflowError, ValueError):
            continue
        if math.isfinite(value):
            out.append(Reading(value, _half(number, value)))
    return out


def _candidates(token: str) -> list[str]:
    """Spellings that ``Decimal`` understands: a comma may be decimal or separate thousands."""
    body = token.replace("'", "").replace(" ", "")
    if "," in body and "." in body:
        point = max(body.rfind(","), body.rfind("."))
        return [body[:point].replace(",", "").replace(".", "") + "." + body[point + 1 :]]
    if "," not in body:
        return [body]
    decimal_comma = body.replace(",", ".")
    thousands = re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+", body)
    if body.count(",") > 1:
        return [body.replace(",", "")] if thousands else []
    return [decimal_comma, body.replace(",", "")] if thousands else [decimal_comma]


def _half(number: Decimal, value: float) -> float:
    """Half a unit of the last digit that carries meaning."""
    digits = number.as_tuple()
    if len(digits.digits) > _DIGITS and value:
        place = math.floor(math.log10(abs(value))) - _DIGITS + 1
        number = number.quantize(Decimal(1).scaleb(place)).normalize()
        digits = number.as_tuple()
    if not isinstance(digits.exponent, int):
        return 0.0
    # 1500 typed as an integer counts as exact to its last digit, not to its hundreds.
    return 0.5 * 10.0 ** min(digits.exponent, 0)


def _quoted(text: str) -> str:
    short = text if len(text) <= 40 else text[:37] + "..."
    return f"“{short}”"
