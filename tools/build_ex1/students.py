"""Stage 3: students inside the schools.

A school's likelihood knows its students only through n, S, a and b, and all of them through W. So
the students are free to be drawn as one likes, as long as within each school

    Σ famsesc = 0,  Σ famsesc² = S_j,  Σ e = 0,  Σ e·famsesc = 0,   and over all  Σ e² = W,

with g1rscore = a_j + b_j famsesc + e. What remains of the deck are the five quantiles of the
scaled residuals of Models 2 and 3: two students each hold the extremes, a gentle bending of the
distribution of e brings the quartiles near, and a handful of students on the border are nudged by
a few hundredths of a point to bring them home.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from school_model import Spec, design, eb_residuals, values_only
from school_solver import M2, M3, Schools, State
from targets import Interval, printed, read_numbers


@dataclass
class Students:
    school: np.ndarray  # (N,) index of the school
    x: np.ndarray  # (N,) famsesc
    e: np.ndarray  # (N,) level-1 residual around the school's own OLS line


def draw_within_ses(d: Schools, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Family SES around the school's mean: a little right-skewed, with the school's exact S."""
    school = np.repeat(np.arange(len(d.n)), d.n.astype(int))
    z = rng.standard_normal(len(school))
    raw = z + 0.08 * (z**2 - 1)
    x = raw - (np.bincount(school, raw) / d.n)[school]
    size = np.bincount(school, x**2)
    return school, x * np.sqrt(np.exp(d.log_s) / size)[school]


def project(s: Students, d: Schools, e: np.ndarray) -> np.ndarray:
    """e made orthogonal to 1 and famsesc within each school."""
    e = e - (np.bincount(s.school, e) / d.n)[s.school]
    slope = np.bincount(s.school, e * s.x) / np.exp(d.log_s)
    return e - slope[s.school] * s.x


def shifts(state: State, spec: Spec, s: Students) -> tuple[np.ndarray, float]:
    """What the model's level-1 residual adds to e, and σ̂."""
    d, psi = state.schools, state.psi[spec.name]
    gamma = values_only(spec, d, psi)["estimate"]
    u = eb_residuals(spec, d, psi, gamma)
    xa = design(spec, d)
    left = xa[:, :, -1] - np.einsum("jap,p->ja", xa[:, :, :-1], gamma) - u
    return left[s.school, 0] + left[s.school, 1] * s.x, float(np.sqrt(psi[-1]))


@dataclass
class Quantiles:
    """One model's scaled residuals: r = (e + shift) / sigma, and where the deck wants them."""

    shift: np.ndarray
    sigma: float
    goal: dict[str, Interval]

    def scaled(self, e: np.ndarray) -> np.ndarray:
        return (e + self.shift) / self.sigma


KEYS = ("min", "q1", "median", "q3", "max")
INNER = ("q1", "median", "q3")
LOWEST, HIGHEST = 30, 163  # scores


def quantile_goals(state: State, s: Students) -> list[Quantiles]:
    out = []
    for spec, name in ((M2, "model2"), (M3, "model3")):
        shift, sigma = shifts(state, spec, s)
        row = read_numbers()[name]["scaled_residuals"]
        out.append(Quantiles(shift, sigma, {k: printed(row[k]) for k in KEYS}))
    return out


def quantiles(r: np.ndarray) -> np.ndarray:
    """R's type 7."""
    return np.quantile(r, [0.0, 0.25, 0.5, 0.75, 1.0])


def set_one(s: Students, d: Schools, e: np.ndarray, i: int, value: float) -> None:
    """Give student i the residual `value`; the schoolmates make room by the least change."""
    mates = np.flatnonzero(s.school == s.school[i])
    others = mates[mates != i]
    basis = np.stack([np.ones(len(others)), s.x[others]])
    need = -np.array([value, value * s.x[i]]) - basis @ e[others]
    e[others] += basis.T @ np.linalg.solve(basis @ basis.T, need)
    e[i] = value


def place_extremes(
    s: Students, d: Schools, e: np.ndarray, goals: list[Quantiles], fitted: np.ndarray
) -> np.ndarray:
    """Let four students be the extremes of the two models; returns the schools they sit in.

    The largest (and smallest) residual of each model belongs to another student, in a school
    where that student's residual in the other model stays inside the other model's extreme.
    """
    held: list[int] = []
    for side, key in ((-1, "min"), (1, "max")):
        ends = [np.mean([g.goal[key].low, g.goal[key].high]) for g in goals]
        for mine in (0, 1):
            target = ends[mine] * goals[mine].sigma - goals[mine].shift  # e that meets the goal
            other = (target + goals[1 - mine].shift) / goals[1 - mine].sigma
            room = side * (ends[1 - mine] - other)  # > 0: inside the other model's extreme
            score = target + fitted
            fine = (room > 0.02) & (room < 0.25) & (d.n[s.school] >= 14) & (np.abs(s.x) < 0.8)
            fine &= (score > LOWEST) & (score < HIGHEST) & ~np.isin(s.school, s.school[held])
            pick = np.flatnonzero(fine)
            i = int(pick[np.argmax(side * e[pick])])
            set_one(s, d, e, i, float(target[i]))
            held.append(i)
    return np.unique(s.school[held])


def rein_in(s: Students, e: np.ndarray, goals: list[Quantiles], fixed: np.ndarray) -> None:
    """Pull in whoever else outdoes an extreme."""
    loose = ~np.isin(s.school, fixed)
    for g in goals:
        r = g.scaled(e)
        high = loose & (r > g.goal["max"].low - 0.05)
        low = loose & (r < g.goal["min"].high + 0.05)
        e[high] -= (r[high] - g.goal["max"].low + 0.15) * g.sigma
        e[low] += (g.goal["min"].high + 0.15 - r[low]) * g.sigma


def rescale(e: np.ndarray, loose: np.ndarray, within: float) -> None:
    """Meet W by scaling the residuals of the loose students."""
    e[loose] *= np.sqrt((within - e[~loose] @ e[~loose]) / (e[loose] @ e[loose]))


def bend(
    s: Students, d: Schools, e: np.ndarray, goals: list[Quantiles], loose: np.ndarray, within: float
) -> np.ndarray:
    """Bring the quartiles of both models near by smooth, broad changes of e."""
    middles = np.array([[np.mean([g.goal[k].low, g.goal[k].high]) for k in INNER] for g in goals])
    r = [g.scaled(e) for g in goals]
    bumps = [np.exp(-0.5 * ((r[0] - centre) / 0.35) ** 2) for centre in middles.mean(axis=0)]
    # Narrow bumps move one model's quartile without the other's: few students are near both.
    for k in (0, 1):
        bumps += [np.exp(-0.5 * ((r[k] - centre) / 0.12) ** 2) for centre in middles[k]]
    shapes = np.stack(bumps, axis=1) * goals[0].sigma

    def bent(c: np.ndarray) -> np.ndarray:
        out = e.copy()
        out[loose] += (shapes @ c)[loose]
        out[loose] = project(s, d, out)[loose]
        rescale(out, loose, within)
        return out

    def miss(c: np.ndarray) -> np.ndarray:
        trial = bent(c)
        got = np.array([quantiles(g.scaled(trial))[1:4] for g in goals])
        return (got - middles).ravel()

    c = np.zeros(shapes.shape[1])
    for _ in range(6):
        now = miss(c)
        if np.abs(now).max() < 1e-3:
            break
        h = 0.02
        jac = np.stack([(miss(c + h * u) - miss(c - h * u)) / (2 * h) for u in np.eye(len(c))], 1)
        c = c - jac.T @ np.linalg.solve(jac @ jac.T + 0.02 * np.eye(len(now)), now)
    return bent(c)


def nudge(s: Students, e: np.ndarray, i: int, by: float, calm: np.ndarray) -> None:
    """Move student i's residual by a little; calm schoolmates keep every sum, and Σ e² too."""
    mates = np.flatnonzero((s.school == s.school[i]) & calm)
    mates = mates[mates != i]
    basis = np.stack([np.ones(len(mates)), s.x[mates], e[mates]])
    need = -by * np.array([1.0, s.x[i], e[i]])
    e[mates] += basis.T @ np.linalg.solve(basis @ basis.T, need)
    e[i] += by


def settle(s: Students, e: np.ndarray, goals: list[Quantiles], loose: np.ndarray) -> None:
    """Put the quartiles exactly home by nudging students on the border.

    An order statistic is at home when as many students as it takes are below it and one or two
    sit on it.
    """
    size = len(e)
    for _ in range(40):
        worst = 0.0
        for g in goals:
            r = g.scaled(e)
            for key, share in zip(INNER, (0.25, 0.5, 0.75), strict=True):
                goal = g.goal[key]
                middle, half = (goal.low + goal.high) / 2, (goal.high - goal.low) / 2
                got = float(np.quantile(r, share))
                if abs(got - middle) < 0.35 * half:
                    continue
                worst = max(worst, abs(got - middle))
                at = (size - 1) * share
                places = sorted({int(np.floor(at)), int(np.ceil(at))})
                order = np.argsort(r)
                calm = loose.copy()
                for h in goals:
                    rh = h.scaled(e)
                    for k in INNER:
                        calm &= np.abs(rh - h.goal[k].low) > 0.004
                below = int(np.sum(r < middle))
                movers = list(order[places])
                if below > places[-1]:  # too many below: lift those nearest the border
                    movers += list(order[places[-1] + 1 : below])
                if below < places[0]:
                    movers += list(order[below : places[0]])
                for m in movers:
                    if loose[m] and calm[s.school == s.school[m]].sum() > 5:
                        extra = 0.0 if m in order[places] else 2e-4 * np.sign(middle - r[m])
                        nudge(s, e, int(m), (middle - r[m] + extra) * g.sigma, calm)
                r = g.scaled(e)
        if worst == 0.0:
            return


def draw_residuals(s: Students, d: Schools, rng: np.random.Generator) -> np.ndarray:
    """Residuals with quartiles a little far apart and a longer left tail, as the deck's are."""
    z = rng.standard_normal(len(s.x))
    e = project(s, d, z + 0.07 * z * np.exp(-(z**2) / 2) - 0.022 * (z**2 - 1))
    rescale(e, np.ones(len(e), dtype=bool), d.within)
    return e


def best_draw(
    s: Students,
    d: Schools,
    goals: list[Quantiles],
    fitted: np.ndarray,
    rng: np.random.Generator,
    draws: int = 1500,
) -> np.ndarray:
    """The draw in which the quartiles of the two models differ most nearly as the deck's do.

    How the quartiles of Model 3 differ from those of Model 2 is chance, and bending the
    distribution of e to force it would show. So draw until chance has done nearly all of it, and
    no score is out of the ordinary.
    """
    want = np.diff([[g.goal[k].low for k in INNER] for g in goals], axis=0).ravel()

    def miss(e: np.ndarray) -> float:
        score = fitted + e
        if score.min() < LOWEST or score.max() > HIGHEST:
            return np.inf
        got = np.diff([quantiles(g.scaled(e))[1:4] for g in goals], axis=0).ravel()
        return float(np.abs(got - want).max())

    seeds = rng.integers(2**32, size=draws)
    misses = [miss(draw_residuals(s, d, np.random.default_rng(k))) for k in seeds]
    best = int(np.argmin(misses))
    print(f"quartile differences of the best draw are off by {misses[best]:.4f}")
    return draw_residuals(s, d, np.random.default_rng(seeds[best]))


def populate(state: State, seed: int) -> Students:
    """Students for the schools, with the deck's scaled-residual quantiles."""
    d = state.schools
    rng = np.random.default_rng(seed)
    school, x = draw_within_ses(d, rng)
    everyone = np.ones(len(x), dtype=bool)
    s = Students(school, x, np.zeros(len(x)))
    goals = quantile_goals(state, s)
    fitted = d.a[school] + d.b[school] * x
    e = best_draw(s, d, goals, fitted, rng)
    for _ in range(6):
        rein_in(s, e, goals, np.array([], dtype=int))
        e = project(s, d, e)
        rescale(e, everyone, d.within)
    fixed = place_extremes(s, d, e, goals, fitted)
    loose = ~np.isin(school, fixed)
    rescale(e, loose, d.within)
    for _ in range(4):
        e = bend(s, d, e, goals, loose, d.within)
        rein_in(s, e, goals, fixed)
        e[loose] = project(s, d, e)[loose]
        rescale(e, loose, d.within)
    settle(s, e, goals, loose)
    s.e = e
    return s
