"""Questions and how an answer to one is judged: pure functions of a question and a ``Plain``.

A question holds what is right, computed from a fit when the exercise is opened, and the wrong
answers worth recognising, each computed as well and each with its own reply. Replies name the
likely misunderstanding and point to the way out; none contains the number that is asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mlm_helpers.exercises.judging.plain import Plain
from mlm_helpers.exercises.judging.typed import Reading, Typed, Unreadable, read_number
from mlm_helpers.exercises.judging.verdict import Verdict, not_an_answer

Unit = Literal["number", "percent", "p"]


class Question(Protocol):
    """What every kind of question has."""

    @property
    def id(self) -> str: ...

    @property
    def hints(self) -> tuple[str, ...]: ...

    def judge(self, answer: Plain) -> Verdict: ...


@dataclass(frozen=True)
class Wrong:
    """A recognised wrong answer: its value (and ``also`` what rounded inputs make of it), the
    reply, and the misconception behind it."""

    value: float
    reply: str
    misconception: str = "other"
    also: tuple[float, ...] = ()

    def matches(self, readings: Sequence[Reading], near: float) -> bool:
        """Whether what was typed is this wrong answer."""
        return any(r.agrees(v, near) for r in readings for v in (self.value, *self.also))


# ---- numbers --------------------------------------------------------------------------------
@dataclass(frozen=True)
class NumberQuestion:
    """A question answered by one number.

    ``right`` is the exact value and ``also`` what comes out when the printed, rounded numbers are
    used. ``decimals`` is the fewest decimals that tell enough; a coarser answer that agrees is sent
    back for another digit. ``measure`` completes "the answer is in ...". ``column`` says which
    entry of a table with one row is plainly meant. A whole fit or table is no answer: it holds the
    numbers of all questions.
    """

    id: str
    right: float
    measure: str
    wrong: tuple[Wrong, ...] = ()
    hints: tuple[str, ...] = ()
    unit: Unit = "number"
    decimals: int = 1
    close: float = 0.0
    also: tuple[float, ...] = ()
    column: tuple[str, ...] = ("estimate",)
    otherwise: str = ""

    def judge(self, answer: Plain) -> Verdict:
        """Judge one answer."""
        early = not_an_answer(answer, "a number")
        if early:
            return early
        try:
            text = self._text(answer)
            if self.unit == "p" and (bound := below(text)):
                return self._bounded(bound)
            typed = read_number(text)
            readings = self._readings(typed)
        except Unreadable as problem:
            return Verdict("unreadable", str(problem))
        return self._compare(readings)

    # ---- from an object to text ----
    def _text(self, answer: Plain) -> str:
        if answer.kind in ("number", "text"):
            return answer.text
        if answer.kind == "truth":
            raise Unreadable("Your answer is True or False: this question asks for a number.")
        if answer.kind == "pairs":
            raise Unreadable("Your answer is a dict: this question asks for one number.")
        if answer.kind == "fit":
            raise Unreadable(
                "Your answer is a whole fit: take the number that is asked for out of its tables."
            )
        if answer.kind == "table":
            return self._from_table(answer)
        if answer.text == "function":
            raise Unreadable("Your answer is a function: call it with (), or type the number.")
        raise Unreadable(f"Your answer is a {answer.text}: this question asks for one number.")

    def _from_table(self, table: Plain) -> str:
        """The one entry of a table that is plainly meant: it has one value, or one row."""
        rows, columns = list(range(len(table.index))), list(range(len(table.columns)))
        if table.text == "Series" and set(table.index) & set(self.column):
            rows = [i for i in rows if table.index[i] in self.column][:1]
        else:
            columns = [j for j in columns if table.columns[j] in self.column] or columns
        if len(rows) == 1 and len(columns) == 1:
            return table.cells[rows[0]][columns[0]]
        kind = {"DataFrame": "table", "Series": "Series"}.get(table.text, table.text)
        count = sum(len(row) for row in table.cells)
        if not count:
            raise Unreadable(f"Your answer is an empty {kind}: type the number that is asked for.")
        raise Unreadable(
            f"Your answer is a {kind} of {count} values: take out the one that is asked for."
        )

    # ---- from text to readings ----
    def _readings(self, typed: Typed) -> list[Reading]:
        """Every reading in the unit of ``right`` (percent are stored as 0 to 100)."""
        if self.unit == "percent":
            if typed.percent:
                return list(typed.readings)
            return [r.times(k) for r in typed.readings for k in (1.0, 100.0)]
        if typed.percent:
            if self.unit == "p":
                return [r.times(0.01) for r in typed.readings]
            raise Unreadable(f"Your answer is in percent, but it is asked for in {self.measure}.")
        return list(typed.readings)

    # ---- from readings to a verdict ----
    def _compare(self, readings: Sequence[Reading]) -> Verdict:
        targets = (self.right, *self.also)
        agreeing = [r for r in readings if any(r.agrees(t, self.close) for t in targets)]
        wrong = [w for w in self._distinct() if w.matches(readings, self._near)]
        if agreeing:
            half = min(self._digits(r) for r in agreeing)
            exact = min(abs(r.value - t) for r in agreeing for t in targets) <= self._near
            printed = half <= 5e-4 * abs(self.right)  # as many digits as an output has
            if half > self._coarsest or (wrong and not exact and not printed):
                return self._another_digit()
            return Verdict("right", "that is right.")
        if len({w.reply for w in wrong}) > 1:
            nearest = min(wrong, key=lambda w: min(abs(r.value - w.value) for r in readings))
            return Verdict("wrong", nearest.reply, nearest.misconception)
        if wrong:
            return Verdict("wrong", wrong[0].reply, wrong[0].misconception)
        return self._unrecognised(readings)

    @property
    def _coarsest(self) -> float:
        """Half a unit of the last decimal that has to be there: ``decimals``, more where the
        number is so small that they would show next to nothing of it, but four at most."""
        wanted = 0.5 * 10.0**-self.decimals
        if self.unit == "number":
            wanted = max(min(wanted, abs(self.right) / 4), min(wanted, 0.5e-4))
        return wanted * (1 + 1e-9)

    def _digits(self, reading: Reading) -> float:
        """Half a unit of the last digit, where 95 stands for 95.0 if that is the rounded answer."""
        whole = reading.half >= 0.05 and reading.value == round(self.right, self.decimals)
        if whole and (reading.value or self.unit != "number"):
            return min(reading.half, self._coarsest)
        return reading.half

    def _bounded(self, bound: float) -> Verdict:
        """An answer such as ``< .001``."""
        if self.right >= bound:
            return Verdict("wrong", "the p value is not that small.")
        if bound > 0.001:
            return Verdict("unclear", "that holds; how small is it? Give the p value itself.")
        return Verdict("right", "that is right.")

    @property
    def _near(self) -> float:
        """Two numbers nearer than this are the same computation."""
        return max(self.close * 1e-2, 1e-6 * abs(self.right), 1e-9)

    def _distinct(self) -> list[Wrong]:
        """The wrong answers that can be told from the right one, which on other data may be few."""
        apart = max(10 * self._near, 5e-4 * abs(self.right))
        if self.unit == "percent":
            apart = max(apart, 0.05 * 10.0**-self.decimals)
        return [
            w for w in self.wrong if math.isfinite(w.value) and abs(w.value - self.right) > apart
        ]

    def _another_digit(self) -> Verdict:
        return Verdict(
            "unclear",
            "rounded like this, your number fits more than one calculation: give another decimal.",
        )

    def _unrecognised(self, readings: Sequence[Reading]) -> Verdict:
        if any(r.agrees(-self.right) for r in readings) and abs(self.right) > self._near:
            return Verdict("wrong", "check the sign: which way does the difference go?", "sign")
        if any(r.agrees(self.right) for r in self._scaled(readings)):
            return Verdict(
                "wrong",
                f"the digits look familiar, but the decimal point does not: give {self.measure}.",
                "decimal point",
            )
        hint = self.otherwise or (self.hints[0] if self.hints else "look at the question again.")
        return Verdict("wrong", f"not yet. {_capital(hint)} (The answer is in {self.measure}.)")

    def _scaled(self, readings: Sequence[Reading]) -> list[Reading]:
        factors = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001)
        long = [r for r in readings if abs(r.value) > 20 * r.half]
        return [r.times(k) for r in long for k in factors]


def as_printed(
    compute: Callable[..., float], *inputs: float, decimals: Sequence[int] = (2, 3, 4)
) -> tuple[float, ...]:
    """What ``compute`` gives when its inputs are taken from a printed table, rounded."""
    rounded = [[round(x, d) for d in decimals] for x in inputs]
    found: dict[float, None] = {}
    for chosen in itertools.product(*rounded):
        # what a table prints as 0.00 cannot be divided by
        with contextlib.suppress(ZeroDivisionError):
            found[compute(*chosen)] = None
    return tuple(found)


def below(text: str) -> float | None:
    """The bound of an answer such as ``p < .001``; None where it has none."""
    found = re.fullmatch(r"\s*(?:p\s*)?[<≤]\s*(0?[.,]\d+)\s*", text, re.IGNORECASE)
    return float(found.group(1).replace(",", ".")) if found else None


# ---- choices --------------------------------------------------------------------------------
@dataclass(frozen=True)
class ChoiceQuestion:
    """A question with lettered options. ``replies`` maps each wrong letter to (reply,
    misconception); ``right`` is the letter that the fit makes true."""

    id: str
    right: str
    replies: dict[str, tuple[str, str]]
    hints: tuple[str, ...] = ()

    @property
    def letters(self) -> tuple[str, ...]:
        """All options, in order."""
        return tuple(sorted({self.right, *self.replies}))

    def judge(self, answer: Plain) -> Verdict:
        """Judge one answer."""
        early = not_an_answer(answer, "a letter")
        if early:
            return early
        letters = ", ".join(self.letters[:-1]) + f" or {self.letters[-1]}"
        if answer.kind == "truth" or _bare_yes_no(answer):
            return Verdict("unreadable", f"and why? Choose the reason you would give: {letters}.")
        if answer.kind != "text":
            what = answer.text if answer.kind in ("number", "other") else answer.kind
            return Verdict("unreadable", f"this question wants a letter, {letters}; got {what}.")
        letter = _letter(answer.text)
        if letter not in self.letters:
            return Verdict("unreadable", f"choose one letter: {letters}.")
        if letter == self.right:
            return Verdict("right", "that is right.")
        reply, misconception = self.replies[letter]
        return Verdict("wrong", reply, misconception)


def _letter(text: str) -> str:
    found = re.fullmatch(
        r"(?:option|answer|choice)?\s*[(\[]?\s*([a-z])\s*[)\].:]?", text.strip(), re.IGNORECASE
    )
    return found.group(1).upper() if found else ""


def _bare_yes_no(answer: Plain) -> bool:
    return answer.kind == "text" and answer.text.strip().strip(".!").casefold() in ("yes", "no")


# ---- matching -------------------------------------------------------------------------------
@dataclass(frozen=True)
class MatchQuestion:
    """Pair each of several names with a letter. ``confusions`` maps (name, letter) to (reply,
    misconception)."""

    id: str
    right: dict[str, str]
    confusions: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    hints: tuple[str, ...] = ()
    written: dict[str, str] = field(default_factory=dict)

    def judge(self, answer: Plain) -> Verdict:
        """Judge the pairs that were chosen; the first wrong one is answered."""
        early = not_an_answer(answer, "a letter for each parameter")
        if early:
            return early
        if answer.kind != "pairs":
            return Verdict(
                "unreadable",
                "give each parameter a letter, such as the line under the board does.",
            )
        known = {_flat(name): name for name in self.right}
        for alias, name in list(known.items()):
            known[_flat(self.written.get(name, alias))] = name
        chosen: dict[str, str] = {}
        for given, letter in answer.pairs.items():
            name = known.get(_flat(given), "")
            if not name:
                return Verdict("unreadable", f"“{given[:30]}” is not a parameter of this exercise.")
            if letter.strip() not in ("", "...", "None"):
                chosen[name] = letter.strip().upper()
        return self._verdict(chosen)

    def _verdict(self, chosen: dict[str, str]) -> Verdict:
        if not chosen:
            return Verdict("unanswered", "not answered yet.")
        letters = set(self.right.values())
        for name, letter in chosen.items():
            if letter not in letters:
                return Verdict(
                    "unreadable", f"{self._name(name)}: “{letter[:20]}” is not one of the letters."
                )
        wrong = [n for n, letter in chosen.items() if letter != self.right[n]]
        right = len(chosen) - len(wrong)
        if wrong:
            name = wrong[0]
            reply, misconception = self.confusions.get(
                (name, chosen[name]), ("this definition belongs to another parameter.", "other")
            )
            return Verdict(
                "wrong",
                f"{right} of {len(self.right)} fit. Look at {self._name(name)}: {reply}",
                misconception,
            )
        left = [self._name(n) for n in self.right if n not in chosen]
        if left:
            return Verdict("unanswered", f"right so far; still open: {', '.join(left)}.")
        return Verdict("right", "every parameter has its definition.")

    def _name(self, name: str) -> str:
        return self.written.get(name, name)


def _flat(name: str) -> str:
    return re.sub(r"[^\w]|_", "", name).casefold()


# ---- shared ---------------------------------------------------------------------------------
def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
