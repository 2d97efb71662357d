"""Sliders and choices as plain data: names, labels, ranges whose values print cleanly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlm_helpers.errors import MLMError, suggest

# With these numbers of steps, every position is an exact percentage of the track, and a slider
# whose step is a power of two (or a whole number) announces 2.5 and never 2.4999999999999996.
_COUNTS = (16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200)


@dataclass(frozen=True)
class Slider:
    """A number that can be dragged. Values lie on ``low + k * step``; the state may lie between."""

    name: str
    label: str
    low: float
    high: float
    step: float
    decimals: int = 2
    suffix: str = ""

    def plain(self) -> dict[str, Any]:
        """For the page."""
        return asdict(self)

    def check(self, value: Any) -> float:
        """The value as a number inside the range, or a sentence."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise MLMError(f"{self.name!r} must be a number; got {value!r}.")
        if not self.low <= value <= self.high:
            raise MLMError(
                f"{self.name!r} must lie between {self.low:g} and {self.high:g}; got {value!r}."
            )
        return int(value) if self.decimals == 0 and float(value).is_integer() else float(value)


@dataclass(frozen=True)
class Choice:
    """One of several named possibilities: ``options`` maps what is stored to what is shown."""

    name: str
    label: str
    options: Mapping[str, str]

    def plain(self) -> dict[str, Any]:
        """For the page; the options as pairs, in order."""
        return {"name": self.name, "label": self.label, "options": list(self.options.items())}

    def check(self, value: Any) -> str:
        """The value if it is one of the options, else a sentence."""
        if value not in self.options:
            raise MLMError(
                f"{self.name!r} must be one of {', '.join(map(repr, self.options))}; got {value!r}."
                + suggest(str(value), self.options)
            )
        return str(value)


Control = Slider | Choice


def ranged(
    name: str, label: str, center: float, reach: float, decimals: int = 2, steps: int = 40
) -> Slider:
    """A slider from about ``center - reach`` to ``center + reach`` with clean steps."""
    step = clean_step(2 * reach / steps)
    low = round((center - reach) / step) * step
    count = next((c for c in _COUNTS if c * step >= 2 * reach * (1 - 1e-9)), _COUNTS[-1])
    shift = math.floor((count - 2 * reach / step) / 2) * step
    low -= max(shift, 0.0)
    return Slider(name, label, low, low + count * step, step, decimals)


def positive(name: str, label: str, reach: float, decimals: int = 2, steps: int = 40) -> Slider:
    """A slider from 0 to about ``reach``."""
    step = clean_step(reach / steps)
    count = next((c for c in _COUNTS if c * step >= reach * (1 - 1e-9)), _COUNTS[-1])
    return Slider(name, label, 0.0, count * step, step, decimals)


def clean_step(wanted: float) -> float:
    """The largest of ..., 1/4, 1/2, 1, 2, 5, 10, 20, ... that is not above ``wanted``."""
    if not wanted > 0 or not math.isfinite(wanted):
        return 1.0
    if wanted < 1:
        return 2.0 ** math.floor(math.log2(wanted))
    power = 10.0 ** math.floor(math.log10(wanted))
    return power * max(m for m in (1, 2, 5) if m * power <= wanted)
