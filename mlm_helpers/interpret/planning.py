"""Power for a cross-level interaction: by simulation with the real estimator, and approximately.

The model is the lecture's: β0j = γ00 + γ01 W_j + u0j and β1j = γ10 + γ11 W_j + u1j, with a level-1
predictor that is centered within groups. Its test is the REML fit's Satterthwaite t test of γ11.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.design import Design, build_design
from mlm_helpers.engine.fit import MLMFit, fit_moments, moments_of, semi_cholesky
from mlm_helpers.engine.formula import parse_formula
from mlm_helpers.engine.inference import p_of_t, satterthwaite, t_interval, t_quantile
from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]
Moderator = Literal["binary", "normal"]
FORMULA = "y ~ 1 + x + w + x:w + (1 + x | school)"
_BATCH = 25


@dataclass(frozen=True)
class Study:
    """A two-level study to be planned.

    Parameters
    ----------
    groups : J, the number of schools
    size : n, the (mean) number of students per school
    gamma11 : the cross-level interaction, in outcome units per unit of x and of W
    T : (2, 2) covariance of intercepts and slopes after W
    sigma2 : level-1 residual variance
    gamma00, gamma10, gamma01 : the other fixed effects (power does not depend on them)
    moderator : ``"binary"`` (a share ``share`` of schools has W = 1) or ``"normal"`` (mean 0, SD 1)
    x_sd : standard deviation of the level-1 predictor within schools
    size_cv : coefficient of variation of school sizes; 0 for equal sizes
    """

    groups: int
    size: int
    gamma11: float
    T: tuple[tuple[float, float], tuple[float, float]]
    sigma2: float
    gamma00: float = 0.0
    gamma10: float = 0.0
    gamma01: float = 0.0
    moderator: Moderator = "binary"
    share: float = 0.5
    x_sd: float = 1.0
    size_cv: float = 0.0

    def __post_init__(self) -> None:
        for name, low in (("groups", 4), ("size", 2)):
            value = getattr(self, name)
            if not _is_whole(value) or value < low:
                raise MLMError(f"{name} must be a whole number of at least {low}; got {value!r}.")
        _check_covariance(np.asarray(self.T, dtype=float))
        for name in ("gamma11", "gamma00", "gamma10", "gamma01", "sigma2", "x_sd", "size_cv"):
            if not _is_finite(getattr(self, name)):
                raise MLMError(f"{name} must be a finite number; got {getattr(self, name)!r}.")
        for name in ("sigma2", "x_sd"):
            if not getattr(self, name) > 0:
                raise MLMError(f"{name} must be positive; got {getattr(self, name)!r}.")
        if self.moderator not in ("binary", "normal"):
            raise MLMError(f"moderator must be 'binary' or 'normal'; got {self.moderator!r}.")
        if self.moderator == "binary":
            self._check_share()
        if self.size_cv < 0:
            raise MLMError(f"size_cv must not be negative; got {self.size_cv!r}.")

    def _check_share(self) -> None:
        inside = _is_finite(self.share) and 0 < self.share < 1
        if not inside or not 1 <= round(self.share * self.groups) <= self.groups - 1:
            raise MLMError(
                f"With share={self.share} of {self.groups} schools, one of the two kinds has no "
                "school: choose a share between 0 and 1 that gives both some."
            )


def _is_finite(value: Any) -> bool:
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return _is_finite(value) and int(value) == value


def _check_covariance(t: Array) -> None:
    if t.shape != (2, 2) or not np.isfinite(t).all() or abs(t[0, 1] - t[1, 0]) > 1e-12:
        raise MLMError("T must be a symmetric 2 x 2 matrix, such as [[51.3, -1.8], [-1.8, 3.9]].")
    if np.linalg.eigvalsh(t)[0] < -1e-10 * max(1.0, np.abs(t).max()):
        raise MLMError(
            "T is no covariance matrix: variances must not be negative and the correlation "
            "must lie between -1 and 1."
        )


@dataclass(frozen=True)
class PowerResult:
    """``table``: one row per design; ``draws``: one row per replication (when kept).

    Columns of ``table``: the design, then ``power`` (share with p < alpha), ``power_se`` (its
    Monte-Carlo standard error), ``coverage`` of the 1 - alpha interval, ``mean_estimate``,
    ``sd_estimate``, ``mean_se``, ``singular`` (share of fits on the boundary), ``failed`` (number
    of samples without a fit; they count as not significant), ``approximate`` (the classical
    formula) and ``replications``.
    """

    table: pd.DataFrame
    draws: pd.DataFrame | None = field(default=None, repr=False)


def power(
    *,
    groups: int | Sequence[int],
    size: int | Sequence[int],
    gamma11: float | Sequence[float],
    T: Any,
    sigma2: float,
    replications: int = 1000,
    alpha: float = 0.05,
    seed: int = 1,
    n_jobs: int = 1,
    keep_draws: bool = False,
    progress: bool = False,
    **others: Any,
) -> PowerResult:
    """Power to detect a cross-level interaction, by simulation with the real estimator.

    Each replication draws a study, fits it by REML and tests γ11 with Satterthwaite df.

    Parameters
    ----------
    groups, size, gamma11 : a number, or several for a curve (all combinations are run)
    T, sigma2, others : see :class:`Study`
    replications : samples per design; the Monte-Carlo error of a power near .8 is .013 at 1000
    seed : the result depends on the seed alone, not on ``n_jobs``
    n_jobs : parallel workers, by joblib; inside ``joblib.parallel_config(backend=...)`` the work
        goes to that backend, a Dask cluster for example, unchanged
    keep_draws : also return estimate, SE, df and p of each replication
    progress : show a bar

    Raises
    ------
    MLMError
        When a number of the design is not possible, or no sample of it can be fitted: with two
        students a school, say, there are as many random effects as students.
    """
    _check_run(replications, alpha, seed, others)
    covariance, replications = _matrix(T), int(replications)
    studies = [
        Study(int_of(j), int_of(n), g, covariance, sigma2, **others)
        for j, n, g in itertools.product(_several(groups), _several(size), _several(gamma11))
    ]
    for study in studies:
        _check_can_work(study, seed)
    jobs = [
        (k, study, seed, start, min(start + _BATCH, replications))
        for k, study in enumerate(studies)
        for start in range(0, replications, _BATCH)
    ]
    done = _run(jobs, n_jobs, progress)
    draws = pd.concat(done, ignore_index=True)
    rows = [_summary(study, draws[draws["design"] == k], alpha) for k, study in enumerate(studies)]
    return PowerResult(pd.DataFrame(rows), draws if keep_draws else None)


def int_of(value: Any) -> Any:
    """A whole number, 10.0 too, as int; anything else unchanged for the check that follows."""
    return int(value) if _is_whole(value) else value


def _several(value: Any) -> list[Any]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        out = list(value)
        if not out:
            raise MLMError("A list of designs is empty: give at least one number.")
        return out
    return [value]


def _matrix(t: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    try:
        a = np.asarray(t, dtype=float)
    except (TypeError, ValueError):
        a = np.empty(0)
    if a.shape != (2, 2):
        raise MLMError("T must be a symmetric 2 x 2 matrix, such as [[51.3, -1.8], [-1.8, 3.9]].")
    return ((float(a[0, 0]), float(a[0, 1])), (float(a[1, 0]), float(a[1, 1])))


def _check_run(replications: int, alpha: float, seed: int, others: Mapping[str, Any]) -> None:
    if not _is_whole(replications) or replications < 1:
        raise MLMError(f"replications must be a whole number above 0; got {replications!r}.")
    if not _is_whole(seed) or seed < 0:
        raise MLMError(f"seed must be a whole number from 0 up, such as 1; got {seed!r}.")
    if not _is_finite(alpha) or not 0 < alpha < 1:
        raise MLMError(f"alpha must lie between 0 and 1, such as 0.05; got {alpha!r}.")
    known = {"gamma00", "gamma10", "gamma01", "moderator", "share", "x_sd", "size_cv"}
    for name in others:
        if name not in known:
            raise MLMError(f"power has no argument {name!r}; it knows {', '.join(sorted(known))}.")


def _check_can_work(study: Study, seed: int) -> None:
    """Refuse a design of which no sample can be fitted, with the fit's own reason."""
    reasons = []
    for k in range(5):
        try:
            _fitted(study, (seed, 0, k))
        except MLMError as error:
            reasons.append(str(error))
        else:
            return
    raise MLMError(
        f"A study of {study.groups} schools with {study.size} students each cannot be fitted, so "
        f"it has no power: take more students a school, or more schools. The fit says: {reasons[0]}"
    )


def _run(jobs: list[tuple], n_jobs: int, progress: bool) -> list[pd.DataFrame]:
    from joblib import Parallel, delayed

    work = (delayed(_batch)(*job) for job in jobs)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(work)
    if progress:
        from tqdm.auto import tqdm

        results = tqdm(results, total=len(jobs), desc="power", unit=" batches")
    return list(results)


def _batch(design: int, study: Study, seed: int, start: int, stop: int) -> pd.DataFrame:
    """Replications start..stop of one design; each has its own random stream."""
    rows = [one_sample(study, (seed, design, k)) for k in range(start, stop)]
    out = pd.DataFrame(rows, columns=["estimate", "std_error", "df", "p", "singular"])
    return out.assign(design=design, replication=range(start, stop))


def one_sample(study: Study, stream: Sequence[int]) -> tuple[float, float, float, float, bool]:
    """γ̂11, its standard error, df and p, and whether the fit is singular, in one sample (NaN
    where the sample cannot be fitted)."""
    fit = fit_sample(study, stream)
    if fit is None:
        return math.nan, math.nan, math.nan, math.nan, False
    weights = np.array([[0.0, 0.0, 0.0, 1.0]])
    estimate = float(fit.gamma[3])
    se = math.sqrt(float(fit.vcov.to_numpy()[3, 3]))
    df = float(satterthwaite(fit, weights)[0])
    p = float(p_of_t(np.array([estimate / se]), np.array([df]))[0])
    return estimate, se, df, p, fit.singular


def fit_sample(study: Study, stream: Sequence[int]) -> MLMFit | None:
    """Draw one sample of a study and fit it; None when it cannot be fitted."""
    try:
        return _fitted(study, stream)
    except MLMError:
        return None


def _fitted(study: Study, stream: Sequence[int]) -> MLMFit:
    x, w, y, codes = draw_sample(study, np.random.default_rng(list(stream)))
    design = drawn_design(x, w, y, codes, study.groups)
    return fit_moments(moments_of(design), design, reml=True, thorough=False)


def draw_sample(
    study: Study, rng: np.random.Generator
) -> tuple[Array, Array, Array, NDArray[np.intp]]:
    """One sample: x, w and y of each student, and the school of each as a number."""
    j = study.groups
    sizes = _sizes(study, rng)
    codes = np.repeat(np.arange(j), sizes)
    if study.moderator == "binary":
        w = (np.arange(j) < round(study.share * j)).astype(float)
    else:
        w = rng.normal(size=j)
    u = rng.normal(size=(j, 2)) @ semi_cholesky(np.array(study.T)).T
    x = rng.normal(size=len(codes)) * study.x_sd
    x = x - (np.bincount(codes, weights=x) / sizes)[codes]
    b0 = study.gamma00 + study.gamma01 * w + u[:, 0]
    b1 = study.gamma10 + study.gamma11 * w + u[:, 1]
    noise = rng.normal(size=len(codes)) * math.sqrt(study.sigma2)
    return x, w[codes], b0[codes] + b1[codes] * x + noise, codes


def _sizes(study: Study, rng: np.random.Generator) -> NDArray[np.int64]:
    if study.size_cv == 0:
        return np.full(study.groups, study.size)
    shape = 1 / study.size_cv**2
    drawn = rng.gamma(shape, study.size / shape, size=study.groups)
    return np.maximum(np.rint(drawn), 2).astype(np.int64)


@lru_cache(maxsize=1)
def _template() -> Design:
    """The design of the formula, read once from a few made-up rows."""
    rows = pd.DataFrame(
        {
            "school": np.repeat(np.arange(4), 3),
            "w": np.repeat([0.0, 1.0, 0.0, 1.0], 3),
            "x": np.tile([-1.0, 0.0, 1.0], 4),
            "y": np.arange(12.0) ** 1.5,
        }
    )
    return build_design(parse_formula(FORMULA), rows)


def drawn_design(x: Array, w: Array, y: Array, codes: NDArray[np.intp], groups: int) -> Design:
    """The design of a drawn sample: its columns in the place of the template's, so that neither
    the formula nor pandas costs time in a simulation. Every group must have rows."""
    columns = np.column_stack([np.ones_like(x), x, w, x * w])
    z, labels = columns[:, :2].copy(), np.arange(groups)
    design = replace(_template(), x=columns, z=z, y=y, codes=codes, labels=labels)
    # who is who in the model does not depend on the draw
    design.__dict__["structure"] = _template().structure
    return design


def _summary(study: Study, draws: pd.DataFrame, alpha: float) -> dict[str, Any]:
    n = len(draws)
    hits = float((draws["p"] < alpha).sum()) / n
    low, high = t_interval(draws["estimate"], draws["std_error"], draws["df"], 1 - alpha)
    inside = (low <= study.gamma11) & (study.gamma11 <= high)
    fitted = draws["estimate"].notna()
    return {
        "groups": study.groups,
        "size": study.size,
        "gamma11": study.gamma11,
        "power": hits,
        "power_se": math.sqrt(hits * (1 - hits) / n),
        "coverage": float(inside[fitted].mean()) if fitted.any() else math.nan,
        "mean_estimate": float(draws["estimate"].mean()),
        "sd_estimate": float(draws["estimate"].std()),
        "mean_se": float(draws["std_error"].mean()),
        "singular": float(draws["singular"].mean()),
        "failed": int((~fitted).sum()),
        "approximate": approximate_power(study, alpha),
        "replications": n,
    }


def approximate_power(study: Study, alpha: float = 0.05) -> float:
    """Power by the classical formula for equal school sizes and known variances.

    Var(γ̂11) = (τ11 + σ²/(n s_x²)) / (J s_W²), tested with J - 2 df by the noncentral t
    (Raudenbush & Liu 2000 for a level-2 moderator of a slope; Snijders & Bosker 2012, ch. 11). It
    takes the variances as known and the schools as equally large and equally informative.
    """
    # s_x² is the variance within schools as drawn; n - 1 of the n deviations are free
    within = study.x_sd**2 * (study.size - 1) / study.size
    share = round(study.share * study.groups) / study.groups
    spread = share * (1 - share) if study.moderator == "binary" else 1.0
    variance = (study.T[1][1] + study.sigma2 / (study.size * within)) / (study.groups * spread)
    shift = abs(study.gamma11) / math.sqrt(variance)
    df = study.groups - 2
    limit = float(t_quantile(1 - alpha, np.array(df)))
    upper = 1 - float(special.nctdtr(df, shift, limit))
    lower = float(special.nctdtr(df, shift, -limit))
    return upper + lower
