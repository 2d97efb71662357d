"""Stage 2: whole numbers of students.

The degrees of freedom of Model 2's intercept and sector depend on the school sizes almost alone,
to about 1e-7, so sizes cannot simply be rounded. What rounding school j up or down does to the
sums is known exactly (only the step from sums to printed numbers is linearised). Among the 2^742
ways to round, the search looks for one whose effect the other unknowns can undo with small moves:
the effect is measured in the metric of the minimum-norm step that would undo it.
"""

from __future__ import annotations

import numpy as np
from school_model import KINDS, eb_residuals, evaluate, summands
from school_solver import (
    M1,
    SPECS,
    Interval,
    Roles,
    Rows,
    Schools,
    State,
    change_of_basis,
    statistic_rows,
)


def with_sizes(state: State, n: np.ndarray) -> State:
    j = len(n)
    z = state.vector().copy()
    z[4 * j : 5 * j] = n
    return state.replaced(z)


def whitening(rows: Rows, scale: np.ndarray, slack: float = 0.3) -> np.ndarray:
    """Turns a misfit of the rows into the norm of the least move that undoes it.

    `slack` is the part of an interval's half width that a printed number may use up for free.
    """
    basis = change_of_basis(rows.labels)
    jac = basis @ (np.array(rows.jac) * scale)
    norm = np.linalg.norm(jac, axis=1)
    use = norm > 0
    basis, jac = basis[use] / norm[use, None], jac[use] / norm[use, None]
    half = (np.array(rows.high) - np.array(rows.low)) / 2
    free = basis * np.where(np.isfinite(half), slack * half, 1e3)
    value, vector = np.linalg.eigh(jac @ jac.T + free @ free.T)
    return (vector / np.sqrt(np.maximum(value, 1e-16))).T @ basis


def size_effects(state: State, rows: Rows, n: np.ndarray, goal: dict[str, Interval]) -> np.ndarray:
    """(rows, J): what setting school j's size to n[j] alone would add to each row."""
    d = state.schools
    j = len(d.a)
    moved = Schools(
        **{k: (n if k == "n" else getattr(d, k)) for k in KINDS}, sector=d.sector, within=d.within
    )
    out = np.zeros((len(rows.labels), j))
    at = {label: i for i, label in enumerate(rows.labels)}
    gamma_change = np.zeros((2, j))
    for spec in SPECS:
        psi = state.psi[spec.name]
        ev = evaluate(spec, d, psi)
        change = ev.by_sums @ (summands(spec, moved, psi) - summands(spec, d, psi)).T
        m = len(psi)
        spread = np.sqrt(2 * np.abs(np.diag(ev.hessian.reshape(m, m))))
        for i, label in enumerate(ev.labels):
            if ":score:" in label:
                out[at[label]] = change[i] / spread[spec.variances.index(label.split(":")[2])]
            elif label in at:
                out[at[label]] = change[i]
        if spec is M1:
            first = ev.labels.index("m1:estimate:0:1")
            gamma = ev.values[first : first + 2]
            gamma_change = change[first : first + 2]
            before = eb_residuals(M1, d, psi, gamma)
            own = eb_residuals(M1, moved, psi, gamma) - before
            by_gamma = [
                eb_residuals(M1, d, psi, gamma + unit_vector) - before for unit_vector in np.eye(2)
            ]
    for label in dict.fromkeys(x.removesuffix(":rival") for x in rows.labels if x[:3] == "eb:"):
        _, effect, sector, stat = label.split(":")
        c = int(effect == "u1")
        index = np.flatnonzero(d.sector == float(sector == "private"))
        roles = state.roles.setdefault(label, Roles())
        lines = statistic_rows(before[index, c], stat, goal[label], roles)
        places = [i for i, x in enumerate(rows.labels) if x.removesuffix(":rival") == label]
        for place, (_, _, _, gradient) in zip(places, lines, strict=True):
            weight = np.zeros(j)
            weight[index] = gradient
            out[place] = weight * own[:, c] + sum(
                (weight @ by_gamma[k][:, c]) * gamma_change[k] for k in range(2)
            )
    out[at["grand mean of schses"]] = (n - d.n) * d.ses
    out[at["students"]] = n - d.n
    return out


def choose(
    effects_low: np.ndarray,
    effects_high: np.ndarray,
    start: np.ndarray,
    offset: np.ndarray,
    up: int,
    rng: np.random.Generator,
    rounds: int = 60,
) -> tuple[np.ndarray, float]:
    """Which schools to round up (`up` of them), by pair swaps from many starts.

    Effects are in the whitened metric; minimised is the norm of offset + their sum.
    """
    delta = effects_high - effects_low
    base = offset + effects_low.sum(axis=1)
    gram = delta.T @ delta
    diag = np.diag(gram)

    def descend(pick: np.ndarray) -> tuple[np.ndarray, float]:
        r = base + delta @ pick
        while True:
            g = delta.T @ r
            on, off = np.flatnonzero(pick), np.flatnonzero(~pick)
            cost = (diag[off] + 2 * g[off])[:, None] + (diag[on] - 2 * g[on])[None, :]
            cost -= 2 * gram[np.ix_(off, on)]
            k = int(np.argmin(cost))
            i, j = divmod(k, len(on))
            if cost[i, j] >= -1e-9 * (r @ r):
                return pick, float(np.sqrt(r @ r))
            pick[off[i]], pick[on[j]] = True, False
            r = r + delta[:, off[i]] - delta[:, on[j]]

    best, best_norm = descend(start.copy())
    for _ in range(rounds):
        pick = best.copy()
        on, off = np.flatnonzero(pick), np.flatnonzero(~pick)
        k = int(rng.integers(2, 12))
        pick[rng.choice(on, k, replace=False)] = False
        pick[rng.choice(off, k, replace=False)] = True
        pick, norm = descend(pick)
        if norm < best_norm:
            best, best_norm = pick, norm
    assert best.sum() == up
    return best, best_norm
