"""The fitted model, and the way to it from cross-products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine import joint, robust
from mlm_helpers.engine.design import Design, build_design, new_columns
from mlm_helpers.engine.formula import parse_formula
from mlm_helpers.engine.identified import (
    Unidentified,
    better_basis,
    check_columns_differ,
    unidentified,
    without_df,
)
from mlm_helpers.engine.likelihood import (
    Deviance,
    Optimum,
    Template,
    group_solutions,
)
from mlm_helpers.engine.moments import Basis, Moments, choose_basis, cross_products
from mlm_helpers.engine.predict import predicted_intervals
from mlm_helpers.engine.search import optimise, semi_cholesky
from mlm_helpers.engine.structure import INTERCEPT, Structure
from mlm_helpers.errors import MLMError
from mlm_helpers.text import join_words

if TYPE_CHECKING:
    from statsmodels.regression.mixed_linear_model import MixedLMResults

Array = NDArray[np.float64]

# A relative standard deviation (in units of σ, on a predictor of spread near 1) below which a
# random coefficient counts as not there; lme4's isSingular uses the same number.
SINGULAR = 1e-4


def check_reml(reml: Any) -> bool:
    """Refuse ``reml="ML"``, which would count as true."""
    if not isinstance(reml, (bool, np.bool_)):
        raise MLMError(
            "reml must be True (restricted maximum likelihood) or False (maximum likelihood); got "
            f"{reml!r}."
        )
    return bool(reml)


def fit_design(design: Design, reml: bool, data_name: str) -> MLMFit:
    """Fit to a design that keeps its rows."""
    _check_outcome(design)
    return fit_moments(moments_of(design), design, reml, data_name)


def fit_moments(
    moments: Moments,
    design: Design,
    reml: bool,
    data_name: str = "",
    start: Array | None = None,
    *,
    thorough: bool = True,
) -> MLMFit:
    """Fit to cross-products, after the checks that they allow; ``start`` is a θ to begin at.

    One of many samples from a known model, as a bootstrap draws them, needs no search among local
    optima unless it lies on the boundary: ``thorough=False``.
    """
    _check_moments(moments, design)
    if not _left_by_own_regressions(moments) > 1e-10 * moments.nobs:  # y has variance 1 here
        raise _nothing_left(design)
    try:
        with np.errstate(all="ignore"):
            optimum = optimise(moments, design.blocks, reml, start, thorough)
            fit = MLMFit(moments, design, reml, data_name, optimum)
    except (np.linalg.LinAlgError, ValueError):  # log of a residual variance of 0
        raise _nothing_left(design) from None
    if not fit.optimum.point.rss > 1e-10 * moments.nobs:  # on the scale where y has variance 1
        raise _nothing_left(design)
    return fit


def _left_by_own_regressions(moments: Moments) -> float:
    """Sum of squares of y that the predictors, and Z in each group by itself, leave over."""
    w, p = moments.within, moments.p
    explained = w[:p, -1] @ np.linalg.pinv(w[:p, :p], rcond=1e-12, hermitian=True) @ w[:p, -1]
    return float(w[-1, -1] - explained)


def _nothing_left(design: Design) -> MLMError:
    """The sentence for a model without level-1 residuals: its likelihood has no maximum."""
    outcome = design.formula.outcome
    return MLMError(
        f"The predictors and the groups determine {outcome!r} exactly, so no level-1 variance is "
        "left to estimate: look for a predictor that was computed from the outcome."
    )


def moments_of(design: Design) -> Moments:
    """The cross-products of a design, in a well-conditioned basis."""
    rows = design.x, design.z, design.y, design.codes, design.labels
    moments = cross_products(*rows, basis_of(design))
    better = better_basis(moments)
    return moments if better is None else cross_products(*rows, better)


def basis_of(design: Design) -> Basis:
    """Shifts and scales for the columns of a design (of all rows, or of the first chunk)."""
    return choose_basis(
        design.x,
        design.z,
        design.y,
        x_intercept=design.columns.index(INTERCEPT) if INTERCEPT in design.columns else None,
        z_blocks=design.blocks,
        z_intercept=design.random.index(INTERCEPT) if INTERCEPT in design.random else None,
    )


def _check_moments(moments: Moments, design: Design) -> None:
    group, n, groups = design.formula.group, moments.nobs, len(moments.labels)
    if groups < 2:
        raise MLMError(
            f"The grouping factor {group!r} has one group, {moments.labels[0]!r}: a multilevel "
            "model needs several groups."
        )
    if groups == n:
        raise MLMError(
            f"Each group of {group!r} has one row, so variation within and between groups cannot "
            "be told apart: check that this is the right grouping factor."
        )
    q = len(design.random)
    if n <= groups * q:
        raise MLMError(
            f"{groups} groups with {q} random coefficients each are {groups * q} random effects, "
            f"but there are only {n} rows: leave a random coefficient out."
        )
    if n <= len(design.columns) + 1:
        raise MLMError(
            f"{n} rows are too few for {len(design.columns)} fixed effects: use a smaller model."
        )
    check_columns_differ(moments, design)


def _check_outcome(design: Design) -> None:
    if not np.ptp(design.y) > 0:
        raise MLMError(
            f"The outcome {design.formula.outcome!r} has the same value in every row: there is "
            "nothing to explain."
        )
    if len(design.labels) < len(design.y):
        first = np.empty(len(design.labels))
        first[design.codes] = design.y
        if (first[design.codes] == design.y).all():
            raise MLMError(
                f"The outcome {design.formula.outcome!r} is the same for every row of a group of "
                f"{design.formula.group!r}: a two-level model needs an outcome that varies within "
                "groups."
            )


class table:
    """A table computed on first use; each reader gets a copy, so that changing it does not change
    the fit."""

    def __init__(self, compute: Callable[[Any], Any]):
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"_table_{name}"

    def __get__(self, fit: Any, owner: type) -> Any:
        if fit is None:
            return self
        kept = fit.__dict__.get(self.name)
        if kept is None:
            kept = fit.__dict__[self.name] = self.compute(fit)
        return kept.copy(deep=False)  # pandas copies what is changed, and only that


class MLMFit:
    """A fitted two-level model. Tables are computed on first use and carry unrounded numbers."""

    def __init__(
        self,
        moments: Moments,
        design: Design,
        reml: bool,
        data_name: str = "",
        optimum: Optimum | None = None,
    ):
        self.moments, self.design = moments, design
        self.reml, self.data_name = bool(reml), data_name
        self.formula = design.formula.text
        self.template = Template.of_blocks(design.blocks)
        self.optimum = optimum or optimise(moments, design.blocks, reml)
        self._deviance = Deviance(moments, reml)

    # ---- size and criterion -------------------------------------------------------------
    @property
    def nobs(self) -> int:
        """Rows used."""
        return self.moments.nobs

    @property
    def ngroups(self) -> int:
        """Groups used."""
        return len(self.moments.labels)

    @property
    def npar(self) -> int:
        """Fixed effects + variances and covariances + 1 for σ²."""
        return self.moments.p + len(self.template) + 1

    @property
    def df_resid(self) -> int:
        """Rows minus parameters, as lme4 counts them."""
        return self.nobs - self.npar

    @property
    def criterion(self) -> float:
        """REML criterion, or the deviance -2 log-likelihood under ML."""
        return float(self.optimum.point.value)

    @property
    def loglik(self) -> float:
        """(Restricted) log-likelihood."""
        return -self.criterion / 2

    @property
    def aic(self) -> float:
        """Akaike's criterion; under REML from the REML criterion, as lme4 does."""
        return self.criterion + 2 * self.npar

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of rows, as lme4 does."""
        return self.criterion + float(np.log(self.nobs)) * self.npar

    # ---- variance components ------------------------------------------------------------
    @property
    def sigma_dof(self) -> int:
        """What σ² is divided by: rows, under REML less the fixed effects."""
        return self._deviance.dof

    @property
    def sigma2(self) -> float:
        """Level-1 residual variance σ², in squared units of the outcome."""
        return self.optimum.point.rss / self._deviance.dof * self.moments.basis.y_scale**2

    @property
    def sigma(self) -> float:
        """Level-1 residual standard deviation σ."""
        return float(np.sqrt(self.sigma2))

    @cached_property
    def relative_covariance(self) -> Array:
        """D = T/σ² in the user's columns (q, q)."""
        factor = self.template.factor(self.optimum.theta)
        back = np.linalg.solve(self.moments.basis.to_z, factor)
        return back @ back.T

    @table
    def T(self) -> pd.DataFrame:
        """Covariance matrix of the random coefficients (q, q)."""
        names = list(self.design.random)
        return pd.DataFrame(self.relative_covariance * self.sigma2, index=names, columns=names)

    @cached_property
    def theta(self) -> Array:
        """lme4's θ: the lower triangle of the relative Cholesky factor, in the user's columns."""
        factor = np.zeros_like(self.relative_covariance)
        for block in self.design.blocks:
            at = np.ix_(block, block)
            factor[at] = semi_cholesky(self.relative_covariance[at])
        return self.template.theta(factor)

    @cached_property
    def tau_numbers(self) -> tuple[int, ...]:
        """The p of each random coefficient, as in τ_pp, u_pj and β_pj: 0 for the intercept."""
        p_of = {e.level1 or INTERCEPT: e.p for e in self.structure.equations}
        return tuple(p_of[r] for r in self.design.random)

    @table
    def variance_components(self) -> pd.DataFrame:
        """τ's and σ². Index tau00, tau01, ..., sigma2; columns group, term, term2, variance, sd,
        corr (``variance`` is the covariance where ``term2`` is set)."""
        t, names, number = self.T.to_numpy(), self.design.random, self.tau_numbers
        rows: dict[str, tuple] = {}
        sd = np.sqrt(np.diag(t))
        group = self.design.formula.group
        for block in self.design.blocks:
            for i, a in enumerate(block):
                rows[_tau(number[a], number[a])] = (group, names[a], None, t[a, a], sd[a], np.nan)
                for b in block[:i]:
                    r = t[a, b] / (sd[a] * sd[b]) if sd[a] * sd[b] > 0 else np.nan
                    low, high = sorted((a, b), key=lambda c: number[c])
                    key = _tau(number[low], number[high])
                    rows[key] = (group, names[low], names[high], t[a, b], np.nan, r)
        ordered = dict(sorted(rows.items()))
        ordered["sigma2"] = ("Residual", None, None, self.sigma2, self.sigma, np.nan)
        return pd.DataFrame.from_dict(
            ordered, orient="index", columns=["group", "term", "term2", "variance", "sd", "corr"]
        ).rename_axis("parameter")

    # ---- fixed effects ------------------------------------------------------------------
    @cached_property
    def to_user(self) -> Array:
        """β = to_user @ (βs scaled by y): from the fitted basis to the user's columns."""
        back = np.linalg.inv(self.moments.basis.to_x) * self.moments.basis.y_scale
        return np.asarray(back, dtype=np.float64)

    @cached_property
    def gamma(self) -> Array:
        """The fixed effects γ̂ (p,)."""
        basis = self.moments.basis
        out = self.to_user @ self.optimum.point.beta
        if basis.x_intercept is not None:
            out[basis.x_intercept] += basis.y_shift
        out.flags.writeable = False
        return out

    @table
    def vcov(self) -> pd.DataFrame:
        """Covariance matrix of γ̂: σ²(X'V⁻¹X)⁻¹ (p, p)."""
        point = self.optimum.point
        scaled = point.sxx_inverse * (point.rss / self._deviance.dof)
        v = self.to_user @ scaled @ self.to_user.T
        names = list(self.design.columns)
        return pd.DataFrame((v + v.T) / 2, index=names, columns=names)

    @table
    def fixed_effects(self) -> pd.DataFrame:
        """γ̂ with standard error, Satterthwaite df, t and two-sided p. Index term."""
        from mlm_helpers.engine.inference import t_table

        identity = np.eye(self.moments.p)
        return t_table(self, identity, list(self.design.columns)).rename_axis("term")

    @table
    def fixed_effects_kr(self) -> pd.DataFrame:
        """γ̂ with Kenward-Roger standard error, df, t and p (REML fits)."""
        from mlm_helpers.engine.inference import kenward_roger

        return kenward_roger(self)

    def contrast(self, weights: Any, index: Sequence[str] | None = None) -> pd.DataFrame:
        """Test linear combinations Σ w_k γ_k with Satterthwaite df.

        Parameters
        ----------
        weights : a mapping from column (or γ symbol) to weight, a DataFrame with such columns and
            one row per combination, or an array (k, p) in the order of ``fixed_effects``.
        index : names of the rows.
        """
        from mlm_helpers.engine.inference import t_table

        rows, names = self._weights(weights)
        return t_table(self, rows, list(index) if index is not None else names)

    def anova(
        self, type: int = 3, ddf: Literal["satterthwaite", "kr"] = "satterthwaite"
    ) -> pd.DataFrame:
        """F tests of the terms of the fixed part: ``sum_sq mean_sq num_df den_df F p``.

        ``type`` 3 (default) or 2, ``ddf`` ``"satterthwaite"`` or ``"kr"`` (Kenward-Roger), as
        lmerTest's ``anova``.
        """
        return joint.anova(self, type, ddf)

    def test(
        self, what: Any, ddf: Literal["satterthwaite", "kr"] = "satterthwaite"
    ) -> pd.DataFrame:
        """One F test that several combinations of γ are 0: ``fit.test("sector:cses")``.

        ``what`` names a term, a coefficient or several, or holds weights as for ``contrast``.
        """
        return joint.joint_test(self, what, ddf)

    def robust(self, kind: Literal["CR0", "CR1", "CR2"] = "CR2") -> pd.DataFrame:
        """γ̂ with cluster-robust standard errors: ``estimate std_error df t p ratio``."""
        return robust.robust(self, kind)

    def _weights(self, weights: Any) -> tuple[Array, list[Any]]:
        columns = list(self.design.columns)
        if isinstance(weights, Mapping):
            weights = pd.DataFrame([weights])
        if isinstance(weights, pd.DataFrame):
            out = np.zeros((len(weights), len(columns)))
            for name in weights.columns:
                at = columns.index(self.structure.coefficient(str(name)).column)
                out[:, at] = weights[name].to_numpy(dtype=float)
            return out, list(weights.index)
        out = np.atleast_2d(np.asarray(weights, dtype=float))
        if out.shape[1] != len(columns):
            raise MLMError(
                f"The weights have {out.shape[1]} columns, but the model has {len(columns)} fixed "
                f"effects ({', '.join(columns)})."
            )
        return out, list(range(len(out)))

    def confint(
        self, level: float = 0.95, method: Literal["wald", "profile"] = "wald", **options: Any
    ) -> pd.DataFrame:
        """Confidence intervals, columns ``estimate lower upper``.

        ``"wald"``: fixed effects, with Satterthwaite t quantiles (``df="z"`` for lme4's normal
        ones). ``"profile"``: fixed effects, SDs, correlations and σ from the likelihood profile.
        """
        from mlm_helpers.engine.inference import wald_intervals
        from mlm_helpers.engine.profiles import profile_intervals

        if not 0 < level < 1:
            raise MLMError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
        if method == "wald":
            return wald_intervals(self, level, **options)
        if method == "profile":
            return profile_intervals(self, level, **options)
        raise MLMError(f"method must be 'wald' or 'profile'; got {method!r}.")

    # ---- groups and rows ----------------------------------------------------------------
    @property
    def structure(self) -> Structure:
        """The level-2 equations and variables of the model."""
        return self.design.structure

    @property
    def data(self) -> pd.DataFrame:
        """The rows used, with the columns that the formula names."""
        return self.design.data.copy(deep=False)

    @cached_property
    def _eb(self) -> tuple[Array, Array]:
        """EB residuals (J, q) and their conditional covariances (J, q, q), user's columns."""
        factor = self.template.factor(self.optimum.theta)
        d = factor @ factor.T
        basis = self.moments.basis
        _, e, p = group_solutions(self.moments, d)
        beta = self.optimum.point.beta
        u = (e[:, :, -1] - e[:, :, :-1] @ beta) @ d * basis.y_scale
        conditional = (d - d @ p @ d) * self.sigma2
        back = np.asarray(np.linalg.inv(basis.to_z), dtype=np.float64)
        return u @ back.T, np.asarray(back @ conditional @ back.T, dtype=np.float64)

    @table
    def random_effects(self) -> pd.DataFrame:
        """EB residuals û_j and their conditional SDs: columns u0, u0_sd, u1, u1_sd, ... by group.

        The conditional SD treats γ as known, as lme4's ``ranef(condVar = TRUE)`` does.
        """
        u, conditional = self._eb
        columns = {}
        for k, number in enumerate(self.tau_numbers):
            columns[f"u{number}"] = u[:, k]
            columns[f"u{number}_sd"] = np.sqrt(np.clip(conditional[:, k, k], 0.0, None))
        index = pd.Index(self.moments.labels, name=self.design.formula.group)
        return pd.DataFrame(columns, index=index)

    @table
    def fitted(self) -> pd.Series:
        """Xγ̂ + Zû for each row used."""
        u, _ = self._eb
        d = self.design
        values = d.x @ self.gamma + np.einsum("ij,ij->i", d.z, u[d.codes])
        return pd.Series(values, index=d.data.index, name="fitted")

    @table
    def residuals(self) -> pd.Series:
        """Level-1 residuals y - Xγ̂ - Zû."""
        return (self.design.y - self.fitted).rename("residual")

    @table
    def scaled_residuals(self) -> pd.Series:
        """Level-1 residuals divided by σ̂."""
        return (self.residuals / self.sigma).rename("scaled_residual")

    @table
    def group_table(self) -> pd.DataFrame:
        """One row per group: ``n`` and the values of the level-2 variables (a variable named ``n``
        as ``n_value``)."""
        index = pd.Index(self.design.labels, name=self.design.formula.group)
        out = pd.DataFrame({"n": self.moments.n}, index=index)
        for name, values in self.design.group_frame.items():
            out["n_value" if name == "n" else name] = values.to_numpy()
        return out

    @table
    def coefficients(self) -> pd.DataFrame:
        """EB coefficients of each group, β_pj = γ_p0 + Σ γ_pq W_qj + û_pj: columns b0, b1, ..."""
        d, u = self.design, self._eb[0]
        out = {}
        for equation in self.structure.equations:
            total = np.zeros(len(d.labels))
            for c in equation.coefficients:
                value = self.gamma[d.columns.index(c.column)]
                total += value * (d.level2_values(c.level2) if c.level2 else 1.0)
            name = equation.level1 or INTERCEPT
            if name in d.random:
                total += u[:, d.random.index(name)]
            out[f"b{equation.p}"] = total
        return pd.DataFrame(out, index=pd.Index(d.labels, name=d.formula.group))

    # ---- state and messages -------------------------------------------------------------
    @property
    def converged(self) -> bool:
        """True when no digit of the deviance is left to gain."""
        return self.optimum.converged

    @property
    def singular(self) -> bool:
        """True when T is on the boundary: a variance is 0 or a correlation is ±1."""
        diagonal = self.template.rows == self.template.cols
        return bool((np.abs(self.optimum.theta[diagonal]) < SINGULAR).any())

    @cached_property
    def messages(self) -> tuple[str, ...]:
        """What the reader of this fit should know: rows left out, a singular T, no convergence."""
        out = []
        d = self.design
        if d.n_dropped:
            detail = ", ".join(f"{n} in {c}" for c, n in d.dropped.items())
            rows = "row" if d.n_dropped == 1 else "rows"
            out.append(f"{d.n_dropped} {rows} left out for missing values ({detail}).")
        if len(self.unidentified.directions):
            out.append(self._unidentified_sentence())
        if self.singular:
            out.append(self._singular_sentence())
        if not self.converged:
            out.append(
                "The fit did not reach the optimum: the data may not identify this random part; "
                "leave a random coefficient out."
            )
        return tuple(out)

    @cached_property
    def unidentified(self) -> Unidentified:
        """Directions of T that the likelihood does not see, beside this fixed part."""
        return unidentified(self.moments, self.design)

    def without_df(self, weights: Array) -> NDArray[np.bool_]:
        """(k,) which combinations (k, p) of γ have a standard error that rests on such a direction,
        so that no df and no p can be given."""
        scaled = weights @ self.to_user / self.moments.basis.y_scale
        return without_df(self.moments, self.unidentified, scaled)

    def _unidentified_sentence(self) -> str:
        loose = np.abs(self.unidentified.directions).max(axis=0)
        names = [r for r, size in zip(self.design.random, np.diag(loose), strict=True) if size > 0]
        without = self.without_df(np.eye(self.moments.p))
        effects = [c for c, gone in zip(self.design.columns, without, strict=True) if gone]
        group = self.design.formula.group
        return (
            f"Not identified: the fixed part leaves nothing of the {self.ngroups} groups of "
            f"{group!r} from which the variance of {join_words(names)} between groups could be "
            f"estimated, so that the value shown is arbitrary, and so are the standard errors of "
            f"{join_words(effects) or 'no effect'}; they have no df and no p. Leave group-level "
            "predictors out: there must be fewer of them than groups."
        )

    def _singular_sentence(self) -> str:
        t, names = self.T.to_numpy(), self.design.random
        z_sd = np.sqrt(np.diag(t) * self._z_square)
        zero = [names[k] for k in range(len(names)) if z_sd[k] < SINGULAR * self.sigma]
        if zero:
            what = f"the variance of {' and '.join(zero)} between groups is estimated as 0"
        else:
            what = "some random coefficients are estimated as perfectly correlated"
        return (
            f"Singular fit: {what}, the edge of what is possible. Standard errors and df of the "
            "fixed effects rest on this edge: read them with care. Keep the slope of a cross-level "
            "interaction random all the same; other random coefficients may be left out."
        )

    @property
    def _z_square(self) -> Array:
        """Mean square of each random-coefficient column, from the cross-products."""
        k = self.moments.basis.to_z
        total = k.T @ self.moments.zz.sum(axis=0) @ k
        return np.diag(total) / self.nobs

    # ---- again, elsewhere, and in print ---------------------------------------------------
    def refit(self, reml: bool | None = None, formula: str | None = None) -> MLMFit:
        """Fit again by REML or ML, or with another formula on the same rows' data."""
        chosen = self.reml if reml is None else check_reml(reml)
        if formula is None:
            return MLMFit(self.moments, self.design, chosen, self.data_name)
        design = build_design(parse_formula(formula), self.data)
        if design.given is None:  # how a column was centered is judged on all rows, as before
            design = replace(design, given=self.design.given)
        return fit_design(design, chosen, self.data_name)

    def to_statsmodels(self) -> MixedLMResults:
        """A genuine statsmodels ``MixedLMResults`` at this optimum."""
        from mlm_helpers.engine.bridge import to_statsmodels

        return to_statsmodels(self)

    def predict(
        self,
        newdata: pd.DataFrame | None = None,
        random: bool = True,
        interval: Literal["confidence", "prediction"] | None = None,
        level: float = 0.95,
    ) -> Any:
        """Predicted outcomes for rows of ``newdata`` (default: the rows used), as a Series.

        ``random=True`` adds the EB residuals of the row's group; a group that was not in the data
        gets the average, 0. ``random=False`` uses the fixed part alone.

        With ``interval`` a DataFrame is returned: ``predicted std_error df lower upper``.
        ``"confidence"`` is for the expected outcome: in the row's group, which may be a new one, or
        with ``random=False`` over all groups. ``"prediction"`` is for the outcome of one more
        student there; with ``random=False``, of a student in a group not yet seen. The errors of
        γ̂ and û are taken together (see :mod:`mlm_helpers.engine.predict`); that of the estimated
        variances by Satterthwaite df, except in known groups.

        Raises
        ------
        MLMError
            When a column is missing, or ``interval`` is neither of the two.
        """
        if interval not in (None, "confidence", "prediction"):
            raise MLMError(f"interval must be 'confidence' or 'prediction'; got {interval!r}.")
        if newdata is None:
            x, z, codes, index = self.design.x, self.design.z, self.design.codes, self.data.index
        else:
            index, group = newdata.index, self.structure.group
            if interval == "prediction" and not random and group not in newdata:
                newdata = newdata.assign(**{group: self.design.labels[0]})  # it has no say
            with_group = random or interval == "prediction"
            x, z, codes = new_columns(self.design, newdata, with_group)
        if interval is not None:
            table = predicted_intervals(self, x, z, codes, random, interval, level)
            return table.set_index(index)
        values = x @ self.gamma
        if random:
            u = np.vstack([self._eb[0], np.zeros(z.shape[1])])
            values = values + np.einsum("ij,ij->i", z, u[codes])
        return pd.Series(values, index=index, name="predicted")

    def summary(self, correlation: bool = False) -> str:
        """The text of lmerTest's summary; ``correlation=True`` adds the correlations of γ̂."""
        from mlm_helpers.engine.summary import summary_text

        return summary_text(self, correlation)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        kind = "REML" if self.reml else "ML"
        return f"<MLMFit by {kind}: {self.formula}, {self.nobs} rows in {self.ngroups} groups>"

    def _repr_html_(self) -> str:
        from mlm_helpers.engine.summary import summary_html

        return summary_html(self)


def _tau(a: int, b: int) -> str:
    return f"tau{a}{b}" if max(a, b) < 10 else f"tau{a},{b}"
