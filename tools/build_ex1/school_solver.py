"""Stage 1: school summaries whose fits print the deck.

About 80 printed numbers against some 2,900 unknowns: a smooth, under-determined system. Each fit
contributes "its score is zero at ψ" as equations, with ψ itself unknown inside what the deck
prints, so that nothing is ever refitted. The step is Levenberg's damped minimum-norm step in
scaled unknowns, so that the schools move as little as the deck allows from where the simulation
put them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from school_model import KINDS, Evaluation, Schools, Spec, eb_residuals, evaluate
from scipy.optimize import lsq_linear
from targets import (
    Interval,
    chisq_interval,
    deviance_interval,
    fixed_intervals,
    printed,
    read_numbers,
    variance_intervals,
)

STUDENTS, SCHOOLS, PRIVATE = 11091, 742, 70

M1 = Spec("m1", ("1",))
M2 = Spec("m2", ("1", "sector"))
M3 = Spec("m3", ("1", "sector", "ses"))
M1_ML = Spec("m1_ml", ("1",), reml=False)
M1_ML_RI = Spec("m1_ml_ri", ("1",), slope_random=False, reml=False)
M3_ML = Spec("m3_ml", ("1", "sector", "ses"), reml=False)
M3_ML_RI = Spec("m3_ml_ri", ("1", "sector", "ses"), slope_random=False, reml=False)
SPECS = (M1, M2, M3, M1_ML, M1_ML_RI, M3_ML, M3_ML_RI)

COEFFICIENT = {  # lmer's names to this module's
    "(Intercept)": "0:1",
    "sector": "0:sector",
    "schsesgdm": "0:ses",
    "famsesc": "1:1",
    "famsesc:sector": "1:sector",
    "sector:famsesc": "1:sector",
    "schsesgdm:famsesc": "1:ses",
}


def without_t(of: dict[str, Interval]) -> dict[str, Interval]:
    """Estimate, standard error and df, with what t says folded into the standard error.

    t is the ratio of the two: as a third row it would leave the system without full rank.
    """
    estimate = of["estimate"].inner(0.6)
    ends = [e / t for e in (estimate.low, estimate.high) for t in (of["t"].low, of["t"].high)]
    # the ratios that fit whichever end of the estimate's interval is met
    by_t = Interval(*sorted(ends)[1:3])
    return {"estimate": estimate, "std_error": of["std_error"] & by_t, "df": of["df"]}


def split_chisq(small: Interval, large: Interval, chisq: Interval) -> tuple[Interval, Interval]:
    """Narrower intervals of two deviances, so that any pair of them has its χ² inside `chisq`."""
    short = max(chisq.low - (small.low - large.high), 0.0)
    long = max((small.high - large.low) - chisq.high, 0.0)
    widths = small.high - small.low, large.high - large.low
    mine, theirs = widths[0] / sum(widths), widths[1] / sum(widths)
    return (
        Interval(small.low + short * mine, small.high - long * mine),
        Interval(large.low + long * theirs, large.high - short * theirs),
    )


def targets() -> dict[str, Interval]:
    """Every printed number that depends on school summaries, by row label."""
    numbers = read_numbers()
    out: dict[str, Interval] = {}
    for name in ("model2", "model3"):
        short = "m" + name[-1]
        for key, interval in variance_intervals(numbers[name]["random"]).items():
            out[f"{short}:{key}"] = interval
        out[f"{short}:criterion"] = printed(numbers[name]["reml_criterion"])
        for coef, row in numbers[name]["fixed"].items():
            for key, interval in without_t(fixed_intervals(row)).items():
                out[f"{short}:{key}:{COEFFICIENT[coef]}"] = interval
    out["m1:tau00"] = printed(numbers["model1"]["tau00"])
    # Model 2 explains 17.3% of Model 1's slope variance and Model 3 17.2%, unrounded too: whichever
    # values these intervals take, (4.67 - 3.86) / 4.67 is below 17.35% and (4.67 - 3.869) / 4.67
    # above 17.15%.
    out["m1:tau11"] = Interval(4.66995, 4.6702)
    out["m2:tau11"] &= Interval(0.8265 * 4.6702, np.inf)
    out["m3:tau11"] &= Interval(-np.inf, 0.8285 * 4.66995)
    for short, name in (("m1", "model1"), ("m3", "model3")):
        rows = numbers[name]["slope_variance_test_ml"]
        out[f"{short}_ml_ri:criterion"], out[f"{short}_ml:criterion"] = split_chisq(
            deviance_interval(rows[0], STUDENTS),
            deviance_interval(rows[1], STUDENTS),
            chisq_interval(rows[1]),
        )
    for effect, sectors in numbers["model1"]["eb_by_sector"].items():
        for sector, row in sectors.items():
            for stat, text in row.items():
                out[f"eb:{effect}:{sector}:{stat}"] = printed(text)
        # EB residuals of Model 1 sum to 0, so the private mean is implied by the public one.
        implied = out.pop(f"eb:{effect}:private:mean").scaled(-PRIVATE / (SCHOOLS - PRIVATE))
        out[f"eb:{effect}:public:mean"] &= implied
    return out


# Some printed numbers nearly determine each other (the REML criterion of Model 3 and its ML
# deviance, given the standard errors): there the deck's own data must lie near an edge of what was
# printed, and so must the twin. All else aims at the middle, where rounding can do no harm.
NEAR_AN_EDGE = ("m3:criterion", "m3_ml:", "m3_ml_ri:", "m1_ml:", "m1_ml_ri:", "eb:", ":std_error:")


def aims(goal: dict[str, Interval], middle: float, edge: float) -> dict[str, Interval]:
    """The part of each interval that the solver aims at."""
    return {
        label: interval.inner(edge if any(k in label for k in NEAR_AN_EDGE) else middle)
        for label, interval in goal.items()
    }


@dataclass
class Roles:
    """Who holds a minimum or maximum, who must stay inside it, who moves with a median.

    Set once and kept: roles that change hands at each step never settle.
    """

    holder: int = -1
    rivals: set[int] = field(default_factory=set)
    window: np.ndarray | None = None
    ranks: np.ndarray | None = None


@dataclass
class State:
    """The unknowns: school summaries (with W) and each fit's variances ψ."""

    schools: Schools
    psi: dict[str, np.ndarray]
    roles: dict[str, Roles] = field(default_factory=dict)

    def vector(self) -> np.ndarray:
        d = self.schools
        return np.concatenate(
            [getattr(d, k) for k in KINDS]
            + [np.array([d.within])]
            + [self.psi[s.name] for s in SPECS]
        )

    def replaced(self, z: np.ndarray) -> State:
        j = len(self.schools.a)
        parts = {k: z[i * j : (i + 1) * j] for i, k in enumerate(KINDS)}
        at = len(KINDS) * j
        schools = Schools(**parts, sector=self.schools.sector, within=float(z[at]))
        at += 1
        psi = {}
        for spec in SPECS:
            m = len(spec.variances)
            psi[spec.name] = z[at : at + m]
            at += m
        return State(schools, psi, self.roles)


def scales(state: State, free: dict[str, float]) -> np.ndarray:
    """How far each unknown may reasonably move; 0 holds it fixed."""
    j = len(state.schools.a)
    kinds = [np.full(j, free[k]) for k in KINDS]
    psi = []
    for spec in SPECS:
        size = {"tau00": 0.01, "tau01": 0.3, "tau11": 0.01, "sigma2": 0.01}
        if spec.name in ("m3_ml_ri", "m1_ml_ri", "m1_ml", "m3_ml"):
            size = {"tau00": 0.05, "tau01": 0.3, "tau11": 0.1, "sigma2": 0.1}
        if spec.name == "m1":
            size["sigma2"] = 0.1
        if spec.name in ("m2", "m3"):
            size = {"tau00": 0.002, "tau01": 0.03, "tau11": 0.0003, "sigma2": 0.0005}
        psi.append(np.array([size[k] for k in spec.variances]))
    return np.concatenate([*kinds, [free["within"]], *psi])


@dataclass
class Rows:
    """The system at one state: labels, values, intervals (low = high for equations), Jacobian."""

    labels: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    jac: list[np.ndarray] = field(default_factory=list)

    def add(self, label: str, value: float, low: float, high: float, row: np.ndarray) -> None:
        self.labels.append(label)
        self.values.append(float(value))
        self.low.append(low)
        self.high.append(high)
        self.jac.append(row)


STATS = ("mean", "sd", "median", "min", "max")


def median_window(u: np.ndarray, goal: float) -> np.ndarray:
    """The schools that are moved together to move a median.

    The median's true gradient sits on one or two schools; pushed alone they soon change places
    with others.
    """
    order, n = np.argsort(u), len(u)
    at = sorted((int(np.searchsorted(u[order], goal)), n // 2))
    wide = max(4, n // 20)
    return order[max(0, at[0] - wide) : at[1] + wide]


def median_rows(
    u: np.ndarray, goal: Interval, roles: Roles
) -> list[tuple[float, float, float, np.ndarray]]:
    """Rows of a median: from afar a window moves; once near, the middle schools are named.

    Then those two are to sit in the interval, the lower half below it, the upper half above.
    """
    n, order = len(u), np.argsort(u)
    aim, value = (goal.low + goal.high) / 2, float(np.median(u))
    if roles.window is None:
        roles.window = median_window(u, aim)
    spacing = (u[order[n // 2 + 3]] - u[order[n // 2 - 3]]) / 6
    if roles.ranks is None and abs(value - aim) < max(3 * spacing, goal.high - goal.low):
        roles.ranks = order
    if roles.ranks is None:
        grad = np.zeros(n)
        grad[roles.window] = 1 / len(roles.window)
        return [(value, goal.low, goal.high, grad)]
    first, last = (n - 1) // 2, n // 2
    out = [(u[i], goal.low, goal.high, unit(n, i)) for i in roles.ranks[first : last + 1]]
    lower, upper = roles.ranks[:first], roles.ranks[last + 1 :]
    roles.rivals |= set(lower[u[lower] > goal.low].tolist())
    roles.rivals |= set(upper[u[upper] < goal.high].tolist())
    step = goal.high - goal.low
    for i in sorted(roles.rivals):
        below = i in lower
        limits = (-np.inf, goal.low - step) if below else (goal.high + step, np.inf)
        out.append((u[i], *limits, unit(n, i)))
    return out


def unit(n: int, at: int) -> np.ndarray:
    out = np.zeros(n)
    out[at] = 1
    return out


def statistic_rows(
    u: np.ndarray, stat: str, goal: Interval, roles: Roles
) -> list[tuple[float, float, float, np.ndarray]]:
    """(value, low, high, gradient in u) of one of the deck's five statistics, and of rivals."""
    n = len(u)
    if stat == "mean":
        return [(u.mean(), goal.low, goal.high, np.full(n, 1 / n))]
    if stat == "sd":
        sd = u.std(ddof=1)
        return [(sd, goal.low, goal.high, (u - u.mean()) / ((n - 1) * sd))]
    if stat == "median":
        return median_rows(u, goal, roles)
    if roles.holder < 0:
        roles.holder = int(np.argmax(u) if stat == "max" else np.argmin(u))
    out = [(float(u[roles.holder]), goal.low, goal.high, unit(n, roles.holder))]
    room = 2 * (goal.high - goal.low)
    outdone = u > goal.low - room if stat == "max" else u < goal.high + room
    roles.rivals |= set(np.flatnonzero(outdone).tolist()) - {roles.holder}
    for i in sorted(roles.rivals):
        limits = (-np.inf, goal.low - room) if stat == "max" else (goal.high + room, np.inf)
        out.append((float(u[i]), *limits, unit(n, i)))
    return out


def eb_rows(
    state: State,
    ev: Evaluation,
    offset: int,
    size: int,
    goal: dict[str, Interval],
) -> list[tuple]:
    """The statistics of Model 1's EB residuals by sector, with derivatives in all unknowns."""
    d, psi = state.schools, state.psi["m1"]
    j, p = len(d.a), 2
    at = ev.labels.index("m1:estimate:0:1")
    gamma = ev.values[at : at + p]
    u = eb_residuals(M1, d, psi, gamma)
    own = np.stack(
        [eb_residuals(M1, d.nudged(k), psi, gamma).imag / 1e-30 for k in KINDS]
    )  # (5, J, 2)
    by_gamma = []
    for k in range(p):
        moved = gamma.astype(complex)
        moved[k] += 1e-30j
        by_gamma.append(eb_residuals(M1, d, psi, moved).imag / 1e-30)
    by_psi = []
    for k in range(4):
        moved = psi.astype(complex)
        moved[k] += 1e-30j
        by_psi.append(eb_residuals(M1, d, moved, gamma).imag / 1e-30)
    out = []
    for c, effect in enumerate(("u0", "u1")):
        for sector, flag in (("public", 0.0), ("private", 1.0)):
            index = np.flatnonzero(d.sector == flag)
            for stat in STATS:
                label = f"eb:{effect}:{sector}:{stat}"
                if label not in goal:
                    continue
                mine = u[index, c]
                roles = state.roles.setdefault(label, Roles())
                for i, (value, low, high, g) in enumerate(
                    statistic_rows(mine, stat, goal[label], roles)
                ):
                    full = np.zeros(j)
                    full[index] = g
                    row = np.zeros(size)
                    row[: 5 * j] = (own[:, :, c] * full).ravel()
                    for k in range(p):
                        weight = full @ by_gamma[k][:, c]
                        row[: 5 * j] += weight * ev.by_school[at + k].ravel()
                        row[offset : offset + 4] += weight * ev.by_psi[at + k]
                    for k in range(4):
                        row[offset + k] += full @ by_psi[k][:, c]
                    out.append((label if i == 0 else f"{label}:rival", value, low, high, row))
    return out


def system(state: State, goal: dict[str, Interval]) -> Rows:
    """All rows of the system at a state."""
    d = state.schools
    j = len(d.a)
    size = len(state.vector())
    rows = Rows()
    at = len(KINDS) * j + 1
    offsets: dict[str, int] = {}
    by_label: dict[str, tuple[float, np.ndarray]] = {}
    for spec in SPECS:
        psi = state.psi[spec.name]
        m = len(psi)
        offsets[spec.name] = at
        ev = evaluate(spec, d, psi)
        spread = np.sqrt(2 * np.abs(np.diag(ev.hessian.reshape(m, m))))
        for i, label in enumerate(ev.labels):
            row = np.zeros(size)
            row[: 5 * j] = ev.by_school[i].ravel()
            row[5 * j] = ev.by_within[i]
            row[at : at + m] = ev.by_psi[i]
            if ":score:" in label:
                k = spec.variances.index(label.split(":")[2])
                rows.add(label, ev.values[i] / spread[k], 0.0, 0.0, row / spread[k])
            else:
                by_label[label] = (ev.values[i], row)
        for k, name in enumerate(spec.variances):
            row = np.zeros(size)
            row[at + k] = 1
            by_label[f"{spec.name}:{name}"] = (psi[k], row)
        if spec.slope_random:
            row = np.zeros(size)
            corr = psi[1] / np.sqrt(psi[0] * psi[2])
            row[at : at + 3] = [-corr / 2 / psi[0], corr / psi[1], -corr / 2 / psi[2]]
            by_label[f"{spec.name}:corr"] = (corr, row)
        if spec is M1:
            for line in eb_rows(state, ev, at, size, goal):
                rows.add(*line)
        at += m
    for label, interval in goal.items():
        if label.startswith("eb:"):
            continue
        value, row = by_label[label]
        rows.add(label, value, interval.low, interval.high, row)

    row = np.zeros(size)
    row[3 * j : 4 * j], row[4 * j : 5 * j] = d.n, d.ses
    rows.add("grand mean of schses", float(d.n @ d.ses), 0.0, 0.0, row)
    row = np.zeros(size)
    row[4 * j : 5 * j] = 1
    rows.add("students", float(d.n.sum()), STUDENTS, STUDENTS, row)
    return rows


def shortfall(rows: Rows) -> np.ndarray:
    """Signed distance of each value to its interval, zero inside."""
    v, low, high = (np.array(x) for x in (rows.values, rows.low, rows.high))
    return np.where(v < low, v - low, np.where(v > high, v - high, 0.0))


def missed(rows: Rows, goal: dict[str, Interval]) -> dict[str, float]:
    """Printed numbers outside their full interval: distance in units of its half width."""
    out = {}
    for label, value in zip(rows.labels, rows.values, strict=True):
        if label in goal:
            g = goal[label]
            half = (g.high - g.low) / 2
            gap = max(g.low - value, value - g.high)
            if gap > 0:
                out[label] = gap / half
    return out


def tethered_point(
    rows: Rows, scale: np.ndarray, away: np.ndarray, lam: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the linearised system would go: min λ‖y‖² + ‖misfit‖², y = distance from the start.

    `away` is today's distance. A printed number may land anywhere in its interval, so the targets
    are chosen together with the point: a bounded least-squares problem in as many variables as
    there are intervals. Returns y, those targets, and the weights of the misfit.
    """
    value, low, high = (np.array(x) for x in (rows.values, rows.low, rows.high))
    jac = np.array(rows.jac) * scale
    value = value - jac @ away  # what the rows would be at the start, were they linear
    basis = change_of_basis(rows.labels)
    jac = basis @ jac
    norm = np.linalg.norm(jac, axis=1)
    use = norm > 0
    basis, jac = basis[use] / norm[use, None], jac[use] / norm[use, None]
    u, size, vt = np.linalg.svd(jac, full_matrices=False)
    loose = np.flatnonzero(high > low)
    reach = np.abs(basis[:, loose]).max(axis=0)
    whiten = (u / np.sqrt(size**2 + lam)).T @ basis
    target = np.clip(value, low, high)
    # t = target + x / reach, bounded; equations stay at their target
    fit = lsq_linear(
        whiten[:, loose] / reach,
        whiten @ (value - target),
        ((low - target)[loose] * reach - 1e-15, (high - target)[loose] * reach + 1e-15),
        method="bvls",
        tol=1e-12,
    )
    target[loose] += fit.x / reach
    along = u.T @ (basis @ (value - target))
    return -vt.T @ (along * size / (size**2 + lam)), target, basis


def change_of_basis(labels: list[str]) -> np.ndarray:
    """Replaces nearly parallel rows by their differences.

    The criteria of different fits of one data set move almost together; their differences carry
    the information.
    """
    out = np.eye(len(labels))
    at = {label: i for i, label in enumerate(labels)}
    pairs = [
        ("m1_ml_ri:criterion", "m1_ml:criterion"),
        ("m3_ml_ri:criterion", "m3_ml:criterion"),
        ("m3:criterion", "m3_ml:criterion"),
        ("m2:criterion", "m1_ml:criterion"),
        ("m3_ml:criterion", "m1_ml:criterion"),
    ]
    for variance in ("tau00", "tau01", "tau11", "sigma2"):
        for fit, reference in (("m1_ml", "m1"), ("m1_ml_ri", "m1"), ("m3_ml", "m3"),
                               ("m3_ml_ri", "m3"), ("m2", "m1")):  # fmt: skip
            pairs.append((f"{fit}:score:{variance}", f"{reference}:score:{variance}"))
    for minuend, subtrahend in pairs:
        if minuend in at and subtrahend in at:
            out[at[minuend], at[subtrahend]] = -1
    return out


def solve(
    state: State,
    free: dict[str, float],
    steps: int = 60,
    goal: dict[str, Interval] | None = None,
    anchor: np.ndarray | None = None,
    stiff: np.ndarray | None = None,
    radius: float = 1.0,
    damping: tuple[float, float, float] = (1.0, 0.3, 1e-18),
    report: int = 5,
) -> tuple[State, Rows]:
    """The nearest school summaries that print the deck, by continuation in the damping.

    `damping` is first value, factor per full step, last value. A step longer than `radius`
    (scaled units, any one unknown) is cut and the damping kept. Distance is measured from
    `anchor` (default: where it starts), in scales divided by `stiff`.
    """
    goal = targets() if goal is None else goal
    scale = scales(state, free) / (1.0 if stiff is None else stiff)
    start = state.vector() if anchor is None else anchor
    rows = system(state, goal)
    lam, factor, last = damping
    for step in range(steps):
        norm = np.linalg.norm(np.array(rows.jac) * scale, axis=1)
        gap = np.abs(shortfall(rows)) / np.where(norm > 0, norm, np.inf)
        if gap.max() < 1e-12:
            break
        away = np.where(scale > 0, (state.vector() - start) / np.where(scale > 0, scale, 1), 0)
        point, target, weights = tethered_point(rows, scale, away, lam)
        move = point - away
        longest = np.abs(move).max()
        if report and step % report == 0:
            worst = [rows.labels[i] for i in np.argsort(-gap)[:4]]
            print(
                f"  {step:3d} damping {lam:.0e} gap {gap.max():.2e} move {longest:.2e} "
                f"away {np.sqrt(np.mean(away**2)):.2f} {np.abs(away).max():.1f} "
                f"missed {len(missed(rows, goal))} {worst}",
                flush=True,
            )
        share_of_step = min(1.0, radius / longest)
        before = merit(rows, target, weights, away, lam)
        for _ in range(6):
            trial = state.replaced(state.vector() + scale * move * share_of_step)
            trial_rows = system(trial, goal)
            after = merit(trial_rows, target, weights, away + share_of_step * move, lam)
            if after < before:
                break
            share_of_step /= 3
        state, rows = trial, trial_rows
        if share_of_step > 0.3:
            lam = max(lam * factor, last)
        elif share_of_step < 0.1:
            lam = lam * 2
    return state, rows


def merit(
    rows: Rows, target: np.ndarray, weights: np.ndarray, away: np.ndarray, lam: float
) -> float:
    """What the continuation descends: λ‖y‖² + ‖misfit‖² at fixed targets."""
    if len(rows.values) != len(target):  # a rival came or went
        return -np.inf
    misfit = weights @ (np.array(rows.values) - target)
    return float(lam * away @ away + misfit @ misfit)


def start_psi() -> dict[str, np.ndarray]:
    """Each fit's variances where the deck puts them (what it does not print, near by)."""
    goal = targets()

    def middle(label: str) -> float:
        return (goal[label].low + goal[label].high) / 2

    out = {"m1": np.array([middle("m1:tau00"), -3.0, middle("m1:tau11"), 233.8])}
    for short in ("m2", "m3"):
        t00, t11 = middle(f"{short}:tau00"), middle(f"{short}:tau11")
        t01 = middle(f"{short}:corr") * np.sqrt(t00 * t11)
        out[short] = np.array([t00, t01, t11, middle(f"{short}:sigma2")])
    out["m1_ml"] = out["m1"] * np.array([0.998, 1, 0.985, 1])
    out["m3_ml"] = out["m3"] * np.array([0.99, 1, 0.95, 1])
    out["m1_ml_ri"] = np.array([54.7, 235.7])
    out["m3_ml_ri"] = np.array([16.5, 235.2])
    return out
