"""Where along a moderator a simple slope's test changes: the search behind Johnson-Neyman."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from mlm_helpers.engine.inference import p_of_t, t_quantile
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.scenes import Df, Probe

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]
Stretch = tuple[float, float]


@dataclass(frozen=True)
class SlopeLine:
    """The simple slope as a linear function of the moderator: weights w(m) = a + m b of the γ̂'s.

    ``low`` and ``high`` are the ends of the observed range.
    """

    fit: MLMFit
    a: Array
    b: Array
    low: float
    high: float
    held: dict[str, Any]

    @classmethod
    def through(
        cls, probe: Probe, predictor: str, moderator: str, at: Mapping[str, Any]
    ) -> SlopeLine:
        """The line of a predictor's slope, from its weights at three values of the moderator."""
        observed = probe.spread(moderator)
        low, high = float(observed.min()), float(observed.max())
        where = [low, (low + high) / 2, high]
        relevant = probe.moderators(predictor)
        scene = probe.scene([moderator], {**at, moderator: where}, relevant, free=(predictor,))
        w = probe.slopes(scene.frame, predictor)
        if np.abs(w[0] - 2 * w[1] + w[2]).max() > 1e-8 * np.abs(w).max():
            raise MLMError(
                f"The slope of {predictor} is not a straight line in {moderator}, which enters the "
                "model transformed: make the transformed values a column and use that one."
            )
        b = (w[2] - w[0]) / (high - low)
        held = {n: v for n, v in scene.attrs["held"].items() if n != moderator}
        return cls(probe.fit, w[0] - low * b, b, low, high, held)

    @property
    def center(self) -> float:
        """The middle of the observed range."""
        return (self.low + self.high) / 2

    @property
    def scale(self) -> float:
        """Half of the observed range."""
        return (self.high - self.low) / 2

    @cached_property
    def basis(self) -> Array:
        """(2, p) the weights at the middle, and their change over half of the range."""
        return np.vstack([self.a + self.center * self.b, self.scale * self.b])

    @cached_property
    def one_test(self) -> bool:
        """Whether all slopes are multiples of one coefficient, so that one test holds for all: the
        model has no coefficient for the predictor alone."""
        size = np.linalg.svd(self.basis, compute_uv=False)
        return bool(size[1] < 1e-10 * size[0])

    @cached_property
    def nothing_at(self) -> float:
        """Where such a slope is 0 by construction."""
        k = int(np.abs(self.b).argmax())
        return float(-self.a[k] / self.b[k]) + 0.0  # no minus before a 0

    def weights(self, m: Array) -> Array:
        """Weights (k, p) of the slope at values m."""
        return self.a + np.asarray(m)[:, None] * self.b

    def p_values(self, m: Array, df: Df) -> Array:
        """Two-sided p of the slope at values m."""
        table = self.fit.contrast(self.weights(m))
        freedom = np.full(len(table), np.inf) if df == "z" else table["df"].to_numpy()
        return p_of_t(table["t"].to_numpy(), freedom)

    def regions(self, bounds: tuple[float, ...], level: float, df: Df) -> tuple[Stretch, ...]:
        """The significant stretches of the observed range, which ``bounds`` divide."""
        low, high = self.low, self.high
        if self.one_test:
            heights = self._excess(np.ones(2), np.array([low, high]), level, df)
            return ((low, high),) if np.nanmax(heights) > 0 else ()
        edges = [low, *bounds, high]
        middle = np.array([(a + b) / 2 for a, b in itertools.pairwise(edges)])
        inside = self._excess(np.ones_like(middle), middle, level, df) > 0
        out: list[Stretch] = []
        for a, b, significant in zip(edges[:-1], edges[1:], inside, strict=True):
            if significant and out and out[-1][1] == a:
                out[-1] = (out[-1][0], b)
            elif significant:
                out.append((a, b))
        return tuple(out)

    def _excess(self, c: Array, s: Array, level: float, df: Df) -> Array:
        """t² minus its critical value for the direction c·a + s·b of weights: positive where
        significant. The direction and its negative say the same, so c and s span the whole line
        of moderator values with infinity as one point."""
        weights = np.asarray(c)[:, None] * self.a + np.asarray(s)[:, None] * self.b
        table = self.fit.contrast(weights)
        freedom = np.full(len(weights), np.inf) if df == "z" else table["df"].to_numpy()
        return table["t"].to_numpy() ** 2 - t_quantile(level, freedom) ** 2

    def roots(self, level: float, df: Df) -> tuple[float, ...]:
        """All values of the moderator at which significance changes, on the whole line."""
        if self.one_test:
            return ()
        return self._roots_z(level) if df == "z" else self._roots_t(level, df)

    def _roots_z(self, level: float) -> tuple[float, ...]:
        """Where the slope is exactly z standard errors from 0: a quadratic equation."""
        z2 = float(t_quantile(level, np.array(np.inf))) ** 2
        v, gamma = self.fit.vcov.to_numpy(), self.fit.gamma
        # at the middle of the range, where the coefficients are well scaled
        a, b = self.basis
        ga, gb = a @ gamma, b @ gamma
        c0 = ga**2 - z2 * (a @ v @ a)
        c1 = 2 * (ga * gb - z2 * (a @ v @ b))
        c2 = gb**2 - z2 * (b @ v @ b)
        found = np.roots([c2, c1, c0]) if abs(c2) > 1e-14 * (abs(c0) + abs(c1)) else np.array([])
        real = np.real(found[np.abs(np.imag(found)) < 1e-10 * (1 + np.abs(found))])
        return tuple(sorted(self.center + self.scale * float(r) for r in real))

    def _roots_t(self, level: float, df: Df) -> tuple[float, ...]:
        """By search, because the df change along the line.

        The line is scanned by angle, m = center + scale tan φ, which reaches every value; where t²
        is 0 and where it is largest are added, so that no narrow region is stepped over.
        """
        angles = np.linspace(-np.pi / 2, np.pi / 2, 361)[:-1]
        angles = np.unique(np.concatenate([angles, self._turning_angles()]))
        values = self._excess_at(angles, level, df)
        around = np.append(angles, angles[0] + np.pi)
        heights = np.append(values, values[0])
        turns = np.flatnonzero(np.sign(heights[:-1]) != np.sign(heights[1:]))
        found = [self._bisect(around[k], around[k + 1], level, df) for k in turns]
        return tuple(sorted(r for r in found if math.isfinite(r)))

    def _excess_at(self, angles: Array, level: float, df: Df) -> Array:
        c, s = np.cos(angles), np.sin(angles)
        # m = center + scale s/c, multiplied by c
        return self._excess(c, self.center * c + self.scale * s, level, df)

    def _bisect(self, left: float, right: float, level: float, df: Df) -> float:
        def height(angle: float) -> float:
            return float(self._excess_at(np.array([angle]), level, df)[0])

        angle = brentq(height, left, right, xtol=1e-14, rtol=1e-14)
        if abs(math.cos(angle)) < 1e-9:
            return math.inf
        return self.center + self.scale * math.tan(angle)

    def _turning_angles(self) -> Array:
        """Angles at which t² is 0 and at which it is largest."""
        v, gamma = self.fit.vcov.to_numpy(), self.fit.gamma
        g = self.basis @ gamma
        best = np.linalg.solve(self.basis @ v @ self.basis.T, g)
        angles = np.array([math.atan2(-g[0], g[1]), math.atan2(best[1], best[0])])
        return (angles + np.pi / 2) % np.pi - np.pi / 2


def largest_p(p: Array, alpha: float) -> float:
    """The p below which tests count, with the false discovery rate of all held at ``alpha``: the
    largest of the sorted p_(i) with p_(i) ≤ α i / m sets it to α i / m (Benjamini & Hochberg 1995);
    α / m when there is none."""
    ordered = np.sort(p[np.isfinite(p)])
    steps = alpha * np.arange(1, len(ordered) + 1) / len(ordered)
    passed = np.flatnonzero(ordered <= steps)
    return float(steps[passed[-1]] if len(passed) else steps[0])
