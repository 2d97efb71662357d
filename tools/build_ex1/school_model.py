"""The likelihood of a two-level model written in school summaries, and its exact derivatives.

With the level-1 predictor centered within school, school j enters the likelihood only through
n_j, S_j = Σ famsesc², its mean a_j and its OLS slope b_j, plus one total W, the pooled
within-school residual sum of squares: (a_j, b_j) has covariance

    V_j = T + σ² diag(1/n_j, 1/S_j),

    log|V| = Σ_j [(n_j − 2) log σ² + log n_j + log S_j + log|V_j|].

Everything a fit prints is a function of sums over schools of products of M_j = V_j⁻¹ and
K_kj = ∂V_j/∂ψ_k. The derivatives that the builder wants are with respect to the DATA. They are
taken by the complex step (exact to rounding): first of each school's summands with respect to
that school's own five numbers, then of the printed quantities with respect to the sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

STEP = 1e-30  # complex step: no cancellation, so it may be as small as we like
KINDS = ("a", "b", "log_s", "ses", "n")  # what is known of a school


@dataclass(frozen=True)
class Spec:
    """One fit: which level-2 predictors, which random effects, REML or ML."""

    name: str
    predictors: tuple[str, ...]  # of both the intercept and the slope; "1", "sector", "ses"
    slope_random: bool = True
    reml: bool = True

    @property
    def variances(self) -> tuple[str, ...]:
        return ("tau00", "tau01", "tau11", "sigma2") if self.slope_random else ("tau00", "sigma2")

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Intercept coefficients first, then slope coefficients."""
        return tuple(f"0:{z}" for z in self.predictors) + tuple(f"1:{z}" for z in self.predictors)


@dataclass
class Schools:
    """School summaries, each an array over schools (sector never changes)."""

    a: np.ndarray
    b: np.ndarray
    log_s: np.ndarray
    ses: np.ndarray
    n: np.ndarray
    sector: np.ndarray
    within: float = field(default=0.0)  # W

    def nudged(self, kind: str) -> Schools:
        """A copy with one kind of number moved by the complex step in every school."""
        parts = {k: getattr(self, k) for k in (*KINDS, "sector", "within")}
        parts[kind] = parts[kind] + 1j * STEP
        return Schools(**parts)


def design(spec: Spec, d: Schools) -> np.ndarray:
    """(J, 2, p + 1): the rows of intercept and slope, X beside (a, b)."""
    z = [{"1": np.ones_like(d.a), "sector": d.sector, "ses": d.ses}[k] for k in spec.predictors]
    q = len(z)
    out = np.zeros((len(d.a), 2, 2 * q + 1), dtype=np.result_type(d.a, d.b, d.ses))
    for k, column in enumerate(z):
        out[:, 0, k] = column
        out[:, 1, q + k] = column
    out[:, 0, -1] = d.a
    out[:, 1, -1] = d.b
    return out


def covariances(spec: Spec, d: Schools, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V_j (J, 2, 2) and K_kj = ∂V_j/∂ψ_k (m, J, 2, 2)."""
    n, s = d.n, np.exp(d.log_s)
    m = len(psi)
    k = np.zeros((m, len(n), 2, 2), dtype=np.result_type(n, s, psi))
    k[0, :, 0, 0] = 1
    if spec.slope_random:
        k[1, :, 0, 1] = k[1, :, 1, 0] = 1
        k[2, :, 1, 1] = 1
    k[-1, :, 0, 0] = 1 / n
    k[-1, :, 1, 1] = 1 / s
    return np.einsum("k,kjab->jab", psi, k), k


def _inverse2(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    det = v[:, 0, 0] * v[:, 1, 1] - v[:, 0, 1] * v[:, 1, 0]
    out = np.empty_like(v)
    out[:, 0, 0], out[:, 1, 1] = v[:, 1, 1] / det, v[:, 0, 0] / det
    out[:, 0, 1], out[:, 1, 0] = -v[:, 0, 1] / det, -v[:, 1, 0] / det
    return out, det


def summands(spec: Spec, d: Schools, psi: np.ndarray) -> np.ndarray:
    """(J, size): what each school adds to the sums, flattened in the order `Sums` reads.

    log-determinant part; N; tr(M K_k); tr(M K_k M K_l); X'MX; X'M K_k M X; X'M K_k M K_l M X
    for k ≤ l, with X standing for [X, (a, b)].
    """
    xa = design(spec, d)
    v, k = covariances(spec, d, psi)
    inv, det = _inverse2(v)
    mk = inv @ k  # (m, J, 2, 2)
    mx = inv @ xa  # (J, 2, P)
    kmx = k @ mx  # (m, J, 2, P)
    m, j = len(psi), len(d.a)
    trace1 = np.einsum("kjaa->jk", mk)
    trace2 = np.einsum("kjab,ljba->jkl", mk, mk)
    h0 = np.swapaxes(xa, 1, 2) @ mx
    h1 = np.moveaxis(np.swapaxes(mx, 1, 2) @ kmx, 0, 1)
    kmx_t, mkmx = np.swapaxes(kmx, 2, 3), inv @ kmx
    h2 = np.stack([kmx_t[r] @ mkmx[c] for r, c in zip(*np.triu_indices(m), strict=True)], axis=1)
    logdet = np.log(det) + np.log(d.n) + d.log_s
    parts = [logdet, d.n, trace1, trace2, h0, h1, h2]
    return np.concatenate([np.asarray(p).reshape(j, -1) for p in parts], axis=1)


def printed_quantities(
    spec: Spec, sums: np.ndarray, schools: int, psi: np.ndarray, within: np.ndarray
) -> dict[str, np.ndarray]:
    """Everything a fit prints, from its sums; `sums` (..., size) may carry leading axes.

    Keys: score (m), criterion, estimate, std_error, t, df (p each). The score is the derivative
    of the criterion with respect to the variances ψ; df is Satterthwaite's,
    2 v² / (g' A g) with g = ∂v/∂ψ and A = 2 H⁻¹, H the observed Hessian of the criterion.
    """
    m, p = psi.shape[-1], len(spec.coefficients)
    width = p + 1
    lead = sums.shape[:-1]
    at = 0

    def take(*shape: int) -> np.ndarray:
        nonlocal at
        size = int(np.prod(shape)) if shape else 1
        out = sums[..., at : at + size].reshape(lead + shape)
        at += size
        return out

    logdet, big_n = take(), take()
    trace1, trace2 = take(m), take(m, m)
    h0, h1 = take(width, width), take(m, width, width)
    upper = np.triu_indices(m)
    packed = take(len(upper[0]), width, width)
    h2 = np.empty((*lead, m, m, width, width), dtype=packed.dtype)
    h2[..., upper[1], upper[0], :, :] = np.swapaxes(packed, -1, -2)
    h2[..., upper[0], upper[1], :, :] = packed
    sigma2 = psi[..., -1]

    xx, xy, yy = h0[..., :p, :p], h0[..., :p, p], h0[..., p, p]
    c = np.linalg.inv(xx)
    gamma = np.einsum("...ab,...b->...a", c, xy)
    r = np.concatenate([-gamma, np.ones_like(gamma[..., :1])], axis=-1)  # residual = [X, y] r
    quad = yy - np.einsum("...a,...a->...", xy, gamma)
    rr1 = np.einsum("...p,...kpq,...q->...k", r, h1, r)
    rr2 = np.einsum("...p,...klpq,...q->...kl", r, h2, r)
    xr1 = np.einsum("...kpq,...q->...kp", h1[..., :p, :], r)
    f1, f2 = h1[..., :p, :p], h2[..., :p, :p]
    cf = np.einsum("...ab,...kbc->...kac", c, f1)

    score = trace1 - rr1
    hess = -trace2 + 2 * (rr2 - np.einsum("...kp,...pq,...lq->...kl", xr1, c, xr1))
    criterion = logdet + (big_n - 2 * schools) * np.log(sigma2) + quad + within / sigma2
    constant = big_n
    if spec.reml:
        score = score - np.einsum("...kaa->...k", cf)
        hess = hess - (
            -2 * np.einsum("...ab,...klba->...kl", c, f2)
            + np.einsum("...kab,...lba->...kl", cf, cf)
        )
        criterion = criterion + np.log(np.linalg.det(xx))
        constant = big_n - p
    score = score + 0 * within  # complex if W is
    score[..., -1] += (big_n - 2 * schools) / sigma2 - within / sigma2**2
    hess = hess + 0 * within
    hess[..., -1, -1] += -(big_n - 2 * schools) / sigma2**2 + 2 * within / sigma2**3
    criterion = criterion + constant * np.log(2 * np.pi)

    v = np.einsum("...aa->...a", c)
    g = np.einsum("...kab,...ba->...ka", cf, c)  # ∂v/∂ψ = C F C
    a_g = np.linalg.solve(hess, g)
    df = v**2 / np.einsum("...ka,...ka->...a", g, a_g)
    se = np.sqrt(v)
    return {
        "score": score,
        "criterion": criterion[..., None],
        "estimate": gamma,
        "std_error": se,
        "t": gamma / se,
        "df": df,
        "hessian": hess.reshape(*lead, -1),
    }


KEYS = ("score", "criterion", "estimate", "std_error", "t", "df")


@dataclass
class Evaluation:
    """Printed quantities of one fit and their derivatives."""

    values: np.ndarray  # (rows,)
    labels: list[str]
    by_school: np.ndarray  # (rows, 5, J)
    by_within: np.ndarray  # (rows,)
    by_psi: np.ndarray  # (rows, m)
    hessian: np.ndarray
    by_sums: np.ndarray  # (rows, size)


def _stack(q: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([q[k] for k in KEYS], axis=-1)


def values_only(spec: Spec, d: Schools, psi: np.ndarray) -> dict[str, np.ndarray]:
    sums = summands(spec, d, psi).sum(axis=0)
    return printed_quantities(spec, sums, len(d.a), psi, np.asarray(d.within))


def evaluate(spec: Spec, d: Schools, psi: np.ndarray) -> Evaluation:
    """Values and first derivatives of one fit's printed quantities."""
    j = len(d.a)
    within = np.asarray(d.within)
    sums = summands(spec, d, psi).sum(axis=0)
    q = printed_quantities(spec, sums, j, psi, within)
    values = _stack(q)
    labels = [f"{spec.name}:score:{k}" for k in spec.variances] + [f"{spec.name}:criterion"]
    for key in KEYS[2:]:
        labels += [f"{spec.name}:{key}:{k}" for k in spec.coefficients]

    batch = sums[None, :] + 1j * STEP * np.eye(len(sums))
    by_sums = _stack(printed_quantities(spec, batch, j, psi, within)).imag.T / STEP

    by_school = np.empty((len(values), len(KINDS), j))
    for i, kind in enumerate(KINDS):
        change = summands(spec, d.nudged(kind), psi).imag / STEP  # (J, size)
        by_school[:, i, :] = by_sums @ change.T

    by_psi = np.empty((len(values), len(psi)))
    for k in range(len(psi)):
        moved = psi.astype(complex)
        moved[k] += 1j * STEP
        moved_sums = summands(spec, d, moved).sum(axis=0)
        by_psi[:, k] = _stack(printed_quantities(spec, moved_sums, j, moved, within)).imag / STEP
    by_within = _stack(printed_quantities(spec, sums, j, psi, within + 1j * STEP)).imag / STEP
    return Evaluation(values, labels, by_school, by_within, by_psi, q["hessian"], by_sums)


def fit(spec: Spec, d: Schools, start: np.ndarray, steps: int = 60) -> np.ndarray:
    """Newton's method with step halving for the variances ψ of an interior optimum."""
    psi = np.array(start, dtype=float)
    for _ in range(steps):
        q = values_only(spec, d, psi)
        m = len(psi)
        hess = q["hessian"].reshape(m, m)
        low = np.linalg.eigvalsh(hess).min()
        if low <= 0:
            hess = hess + (1e-6 - low) * np.eye(m)
        step = -np.linalg.solve(hess, q["score"])
        size, base = 1.0, q["criterion"][0]
        while size > 1e-8:
            trial = psi + size * step
            ok = trial[0] > 0 and trial[-1] > 0
            ok = ok and (m == 2 or trial[0] * trial[2] > trial[1] ** 2)
            if ok and values_only(spec, d, trial)["criterion"][0] <= base + 1e-9:
                break
            size /= 2
        else:
            return psi
        psi = trial
        if np.all(np.abs(step) <= 1e-12 * (1 + np.abs(psi))):
            break
    return psi


def eb_residuals(spec: Spec, d: Schools, psi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """(J, 2): û_j = T V_j⁻¹ ((a_j, b_j) − X_j γ), the empirical Bayes residuals."""
    xa = design(spec, d)
    v, _ = covariances(spec, d, psi)
    inv, _ = _inverse2(v)
    t = np.array([[psi[0], psi[1]], [psi[1], psi[2]]])
    resid = xa[:, :, -1] - np.einsum("jap,p->ja", xa[:, :, :-1], gamma)
    return np.einsum("ab,jbc,jc->ja", t, inv, resid)
