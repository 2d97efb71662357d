"""An interval for anything computed from fits: draw the data again, fit and compute again.

A fit needs the data only as sums over groups, so a sample costs new sums of the outcome (parametric
and residual bootstrap) or a new selection of the groups' sums (cases), and a refit that starts at
the estimates. Every sample has its own random stream: the numbers hang on ``seed`` alone, not on
``n_jobs`` or the joblib backend.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.fit import MLMFit, fit_moments, semi_cholesky
from mlm_helpers.engine.likelihood import thin_product
from mlm_helpers.engine.moments import Moments, group_regressions
from mlm_helpers.errors import MLMError, needed
from mlm_helpers.interpret.influence import group_products, leave_out
from mlm_helpers.text import count

Array = NDArray[np.float64]
Kind = Literal["parametric", "cases", "residual"]
Statistic = Callable[..., Any]
_BATCH = 20


@dataclass(frozen=True)
class Bootstrap:
    """The bootstrap distribution of a statistic.

    Attributes
    ----------
    estimate : the statistic of the data themselves, one or more named numbers
    replicates : one row per sample, one column per number; NaN where it could not be computed
    failed : samples that could not be fitted or whose statistic could not be computed
    singular : samples in which a fit lay on the boundary of T
    kind, seed : how the samples were drawn
    """

    estimate: pd.Series
    replicates: pd.DataFrame
    failed: int
    singular: int
    kind: str
    seed: int
    _jackknife: Callable[[], pd.DataFrame] = field(repr=False)

    @property
    def std_error(self) -> pd.Series:
        """SD over the samples."""
        return self.replicates.std()

    @property
    def bias(self) -> pd.Series:
        """Mean over the samples minus the estimate."""
        return self.replicates.mean() - self.estimate

    @cached_property
    def _acceleration(self) -> pd.Series:
        left_out = self._jackknife()
        away = left_out.mean() - left_out
        square = (away**2).sum()
        return (away**3).sum() / (6 * square**1.5).where(square > 0, np.nan)

    def confint(
        self, level: float = 0.95, method: Literal["percentile", "bca"] = "percentile"
    ) -> pd.DataFrame:
        """Intervals, columns ``estimate lower upper``.

        ``"percentile"``: the middle ``level`` of the samples. ``"bca"``: corrected for bias and for
        a spread that changes with the value (Efron 1987); the change is measured by leaving out
        one group at a time. ``attrs["notes"]`` says how many samples failed or were singular.
        """
        if not 0 < level < 1:
            raise MLMError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
        if method not in ("percentile", "bca"):
            raise MLMError(f"method must be 'percentile' or 'bca'; got {method!r}.")
        rows = {}
        for name, values in self.replicates.items():
            kept = values.dropna().to_numpy()
            tails = np.array([0.5 - level / 2, 0.5 + level / 2])
            if method == "bca" and len(kept):
                tails = self._bca(str(name), kept, tails)
            known = len(kept) > 0 and bool(np.isfinite(tails).all())
            low, high = np.quantile(kept, tails) if known else (np.nan, np.nan)
            rows[name] = (self.estimate[name], low, high)
        out = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])
        out.attrs |= {"level": level, "method": method, "notes": self.notes}
        return out

    def _bca(self, name: str, kept: Array, tails: Array) -> Array:
        estimate, a = float(self.estimate[name]), float(self._acceleration[name])
        share = ((kept < estimate).sum() + (kept == estimate).sum() / 2) / len(kept)
        z0, z = float(special.ndtri(share)), special.ndtri(tails)
        return np.asarray(special.ndtr(z0 + (z0 + z) / (1 - a * (z0 + z))))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the intervals should know."""
        n, out = len(self.replicates), []
        if self.failed:
            out.append(f"{self.failed} of {count(n, 'sample')} gave no number and are left out.")
        if self.singular:
            out.append(
                f"In {self.singular} of {n} samples a variance was estimated as 0 or a correlation "
                "as ±1; they are kept."
            )
        return tuple(out)

    def describe(self, level: float = 0.95) -> str:
        """One sentence for each number, and what the samples were."""
        table = self.confint(level)
        said = [
            f"{name}: {row['estimate']:.4g}, {level:.0%} interval {row['lower']:.4g} to "
            f"{row['upper']:.4g}"
            for name, row in table.iterrows()
        ]
        drawn = f"{self.kind} bootstrap, {count(len(self.replicates), 'sample')}, percentile"
        return " ".join(["; ".join(said) + f" ({drawn}).", *self.notes])


def bootstrap(
    fit: MLMFit | Sequence[MLMFit],
    statistic: Statistic,
    kind: Kind = "parametric",
    n: int = 1000,
    *,
    seed: int = 1,
    n_jobs: int = 1,
    progress: bool = False,
) -> Bootstrap:
    """The bootstrap distribution of a statistic of one fit, or of several fits to the same rows.

    Parameters
    ----------
    fit : a fit, or several, such as ``[m1, m2]``; data are drawn from the last
    statistic : called with the fit (or the fits, one argument each) to a sample; returns a number,
        a mapping, or a Series of numbers:
        ``lambda m1, m2: mlm.variance_explained(m1, m2)["explained"]``
    kind : ``"parametric"`` draws u and r from the fitted normal distributions; ``"residual"`` draws
        the EB and level-1 residuals with replacement, after they were given the estimated
        variances (Carpenter, Goldstein & Rasbash 2003); ``"cases"`` draws whole groups with
        replacement and assumes least (van der Leeden, Meijer & Busing 2008).
    n : number of samples; percentile intervals want 1000 or more
    seed : the numbers depend on it alone
    n_jobs : parallel workers by joblib; inside ``joblib.parallel_config(backend="dask")`` the work
        goes to that cluster
    progress : show a bar

    Raises
    ------
    MLMError
        For fits to chunks or to different rows, a statistic that fails on the data themselves, or
        numbers that are not possible.
    """
    fits = (fit,) if isinstance(fit, MLMFit) else tuple(fit)
    _check(fits, kind, n)
    try:
        estimate = _as_series(statistic(*fits))
    except MLMError:
        raise
    except Exception as error:
        raise MLMError(
            f"The statistic could not be computed from the fit itself: {type(error).__name__}: "
            f"{error}."
        ) from error
    draw = _SAMPLERS[kind](fits)
    jobs = [(seed, start, min(start + _BATCH, n)) for start in range(0, n, _BATCH)]
    results = _run(draw, statistic, jobs, n_jobs, progress)
    nothing = [np.nan] * len(estimate)
    rows = [nothing if row is None else row for batch in results for row, _ in batch]
    replicates = pd.DataFrame(rows, columns=estimate.index).rename_axis("sample")
    return Bootstrap(
        estimate,
        replicates,
        int(replicates.isna().any(axis=1).sum()),
        sum(singular for batch in results for _, singular in batch),
        kind,
        seed,
        lambda: _jackknife(fits, statistic, estimate.index),
    )


def _check(fits: tuple[MLMFit, ...], kind: str, n: int) -> None:
    if not fits or not all(isinstance(f, MLMFit) for f in fits):
        raise MLMError("bootstrap needs a fit, or a list of fits such as [m1, m2].")
    if kind not in _SAMPLERS:
        raise MLMError(f"kind must be 'parametric', 'cases' or 'residual'; got {kind!r}.")
    if isinstance(n, bool) or int(n) != n or n < 1:
        raise MLMError(f"n must be a whole number above 0; got {n!r}.")
    if not all(f.design.keeps_rows for f in fits):
        raise MLMError("The bootstrap needs the rows: fit to a DataFrame, not to chunks.")
    last = fits[-1]
    for f in fits[:-1]:
        if f.nobs != last.nobs or not np.array_equal(f.design.y, last.design.y):
            raise MLMError(
                "The fits use different rows or outcomes: fit all of them to the rows complete for "
                "all."
            )


def _as_series(value: Any) -> pd.Series:
    if isinstance(value, pd.Series):
        out = value
    elif isinstance(value, Mapping):
        out = pd.Series(dict(value))
    elif np.ndim(value) == 0:
        out = pd.Series({"statistic": value})
    else:
        out = pd.Series(np.asarray(value).ravel())
    try:
        return out.astype(float)
    except (TypeError, ValueError):
        raise MLMError(
            "The statistic must return a number, or a mapping or Series of numbers."
        ) from None


# ---- running ------------------------------------------------------------------------------
def _run(
    draw: _Sampler, statistic: Statistic, jobs: list[tuple], n_jobs: int, progress: bool
) -> list[list[tuple[list[float] | None, bool]]]:
    joblib = needed("joblib", "Bootstrap samples in parallel", "parallel")
    work = (joblib.delayed(_batch)(draw, statistic, *job) for job in jobs)
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(work)
    if progress:
        tqdm = needed("tqdm.auto", "A progress bar", "parallel").tqdm
        results = tqdm(results, total=len(jobs), desc="bootstrap", unit=" batches")
    return list(results)


def _batch(
    draw: _Sampler, statistic: Statistic, seed: int, start: int, stop: int
) -> list[tuple[list[float] | None, bool]]:
    return [_one(draw, statistic, np.random.default_rng([seed, k])) for k in range(start, stop)]


def _one(
    draw: _Sampler, statistic: Statistic, rng: np.random.Generator
) -> tuple[list[float] | None, bool]:
    """The statistic of one sample (NaN where there is none), and whether a fit is singular."""
    try:
        fits = draw(rng)
        return list(_as_series(statistic(*fits))), any(f.singular for f in fits)
    except (MLMError, np.linalg.LinAlgError, ValueError, ZeroDivisionError, KeyError):
        return None, False


def _jackknife(fits: tuple[MLMFit, ...], statistic: Statistic, names: pd.Index) -> pd.DataFrame:
    """The statistic without each group in turn."""
    own = [group_products(f) for f in fits]
    rows = []
    for j in range(fits[-1].ngroups):
        try:
            without = [
                fit_moments(
                    leave_out(f.moments, products, j), _rows_of(f, f.design.codes != j), f.reml,
                    f.data_name, f.optimum.theta,
                )
                for f, products in zip(fits, own, strict=True)
            ]  # fmt: skip
            rows.append(list(_as_series(statistic(*without))))
        except (MLMError, np.linalg.LinAlgError, ValueError):
            continue
    return pd.DataFrame(rows, columns=names)


def _rows_of(fit: MLMFit, kept: Any, codes: Any = None, labels: Any = None) -> Any:
    """The design for some of its rows, in this order; ``codes`` and ``labels`` if they change."""
    design, group = copy.copy(fit.design), fit.structure.group
    if codes is None:
        there = np.unique(design.codes[kept])
        codes, labels = np.searchsorted(there, design.codes[kept]), design.labels[there]
    data = fit.design.data.loc[kept] if kept.dtype == bool else fit.design.data.iloc[kept]
    structure = fit.structure
    for stale in ("first_rows", "group_frame"):
        design.__dict__.pop(stale, None)
    design.__dict__.update(
        x=design.x[kept], z=design.z[kept], y=design.y[kept], codes=codes, labels=labels,
        structure=structure,
        data=data.reset_index(drop=True).assign(**{group: labels[codes]}),
    )  # fmt: skip
    return design


def _refit(fit: MLMFit, moments: Moments, design: Any) -> MLMFit:
    """The model of ``fit`` for a sample, from the estimates on."""
    return fit_moments(moments, design, fit.reml, fit.data_name, fit.optimum.theta, thorough=False)


# ---- drawing ------------------------------------------------------------------------------
class _Sampler:
    """Draws a sample and returns the fits to it."""

    def __init__(self, fits: tuple[MLMFit, ...]):
        self.fits = fits

    def __call__(self, rng: np.random.Generator) -> list[MLMFit]:
        raise NotImplementedError


class _NewOutcome(_Sampler):
    """Keeps the predictors and draws the outcome."""

    def __init__(self, fits: tuple[MLMFit, ...]):
        super().__init__(fits)
        last = fits[-1]
        self.expected = last.design.x @ last.gamma
        self.sums = [_OutcomeSums(f) for f in fits]

    def residuals(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """u (J, q) of the groups and r (n,) of the rows."""
        raise NotImplementedError

    def __call__(self, rng: np.random.Generator) -> list[MLMFit]:
        design = self.fits[-1].design
        u, r = self.residuals(rng)
        y = self.expected + np.einsum("ij,ij->i", design.z, u[design.codes]) + r
        return [
            _refit(f, sums.moments(y), _with_outcome(f, y))
            for f, sums in zip(self.fits, self.sums, strict=True)
        ]


class _Parametric(_NewOutcome):
    def __init__(self, fits: tuple[MLMFit, ...]):
        super().__init__(fits)
        self.root = semi_cholesky(fits[-1].T.to_numpy())

    def residuals(self, rng: np.random.Generator) -> tuple[Array, Array]:
        last = self.fits[-1]
        u = rng.normal(size=(last.ngroups, len(self.root))) @ self.root.T
        return u, rng.normal(size=last.nobs) * last.sigma


class _Residual(_NewOutcome):
    """EB residuals are shrunken: before they are drawn they get the covariance T̂, and the level-1
    residuals the variance σ̂²."""

    def __init__(self, fits: tuple[MLMFit, ...]):
        super().__init__(fits)
        last = fits[-1]
        t = last.T.to_numpy()
        u = last.random_effects[[f"u{k}" for k in last.tau_numbers]].to_numpy()
        u = u - u.mean(axis=0)
        values, vectors = np.linalg.eigh(u.T @ u / len(u))
        kept = values > 1e-10 * max(float(values[-1]), 1e-300)
        whitened = u @ (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
        self.u = whitened @ semi_cholesky(t).T
        r = last.residuals.to_numpy()
        r = r - r.mean()
        self.r = r * last.sigma / np.sqrt(np.mean(r**2))

    def residuals(self, rng: np.random.Generator) -> tuple[Array, Array]:
        return (
            self.u[rng.integers(len(self.u), size=len(self.u))],
            self.r[rng.integers(len(self.r), size=len(self.r))],
        )


class _Cases(_Sampler):
    """Draws whole groups with replacement; a group drawn twice counts as two."""

    def __init__(self, fits: tuple[MLMFit, ...]):
        super().__init__(fits)
        self.own = [group_products(f) for f in fits]
        codes = fits[-1].design.codes
        order = np.argsort(codes, kind="stable")
        self.rows = np.split(order, np.cumsum(np.bincount(codes))[:-1])

    def __call__(self, rng: np.random.Generator) -> list[MLMFit]:
        groups = self.fits[-1].ngroups
        drawn = rng.integers(groups, size=groups)
        rows = np.concatenate([self.rows[j] for j in drawn])
        labels = np.arange(groups)
        codes = np.repeat(labels, [len(self.rows[j]) for j in drawn])
        out = []
        for f, own in zip(self.fits, self.own, strict=True):
            m = f.moments
            ww = own[drawn].sum(axis=0)
            within = ww - np.tensordot(m.zw[drawn], m.ols[drawn], axes=([0, 1], [0, 1]))
            moments = Moments(
                labels, m.n[drawn], m.zz[drawn], m.zw[drawn], ww, m.basis, m.ols[drawn], within
            )
            design = _rows_of(f, rows, codes, labels)
            out.append(_refit(f, moments, design))
        return out


_SAMPLERS: dict[str, type[_Sampler]] = {
    "parametric": _Parametric, "cases": _Cases, "residual": _Residual,
}  # fmt: skip


class _OutcomeSums:
    """The cross-products of a design for any outcome: only the last columns are new."""

    def __init__(self, fit: MLMFit):
        design, self.m = fit.design, fit.moments
        self.z, self.x, _ = self.m.basis.apply(design.x, design.z, design.y)
        self.order = np.argsort(design.codes, kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(self.m.n)[:-1]])
        self.z_sorted = self.z[self.order]
        self.inverse = group_regressions(
            self.m.zz, np.broadcast_to(np.eye(self.m.q), self.m.zz.shape)
        )

    def moments(self, y: Array) -> Moments:
        """:class:`Moments` with this outcome."""
        m, basis = self.m, self.m.basis
        ys = (y - basis.y_shift) / basis.y_scale
        zw, ww, ols = m.zw.copy(), m.ww.copy(), m.ols.copy()
        zw[:, :, -1] = np.add.reduceat(self.z_sorted * ys[self.order, None], self.starts, axis=0)
        ww[:-1, -1] = ww[-1, :-1] = thin_product(self.x, ys[:, None])[:, 0]
        ww[-1, -1] = (ys * ys).sum()  # no BLAS thread to wait for
        ols[:, :, -1] = (self.inverse * zw[:, None, :, -1]).sum(axis=2)
        within = m.within.copy()
        within[:, -1] = ww[:, -1] - np.tensordot(zw, ols[:, :, -1], axes=([0, 1], [0, 1]))
        within[-1, :] = within[:, -1]
        return Moments(m.labels, m.n, m.zz, zw, ww, basis, ols, within)


def _with_outcome(fit: MLMFit, y: Array) -> Any:
    design, outcome = copy.copy(fit.design), fit.structure.outcome
    design.__dict__["structure"] = fit.structure
    design.__dict__["y"] = y
    if outcome in design.data.columns:
        design.__dict__["data"] = design.data.assign(**{outcome: y})
    return design
