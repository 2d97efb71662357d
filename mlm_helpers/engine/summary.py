"""A fit as text in the layout of lmerTest's summary, and as accessible HTML tables."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlm_helpers.engine.names import r_name, r_order
from mlm_helpers.engine.rformat import abbreviate, coefficient_cells, r_format, stars, zapsmall

if TYPE_CHECKING:
    from mlm_helpers.engine.compare import Comparison
    from mlm_helpers.engine.result import MLMFit

_LEGEND = "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"
_HEAD = ["Estimate", "Std. Error", "df", "t value", "Pr(>|t|)"]


def summary_text(fit: MLMFit, correlation: bool = False) -> str:
    """The summary as lmerTest prints it, with digits chosen by R's rules."""
    parts = [_title(fit), *_criterion_lines(fit), ""]
    if fit.design.keeps_rows:
        parts += [*_residual_lines(fit), ""]
    parts.append("Random effects:")
    parts += _left(random_cells(fit), ["Groups", "Name", "Variance", "Std.Dev."])
    parts.append(f"Number of obs: {fit.nobs}, groups:  {fit.design.formula.group}, {fit.ngroups}")
    if fit.design.columns:
        parts += ["", "Fixed effects:", *_fixed_lines(fit)]
    else:
        parts += ["", "No fixed effect coefficients"]
    if correlation and len(fit.design.columns) > 1:
        parts += ["", "Correlation of Fixed Effects:", *_correlation_lines(fit)]
    for message in fit.messages:
        parts += ["", message]
    return "\n".join(parts)


def _title(fit: MLMFit) -> str:
    how = "REML" if fit.reml else "maximum likelihood "
    lines = [
        f"Linear mixed model fit by {how}. t-tests use Satterthwaite's method ['mlm_helpers']",
        f"Formula: {fit.formula}",
    ]
    if fit.data_name:
        lines.append(f"   Data: {fit.data_name}")
    return "\n".join([*lines, ""])


def _criterion_lines(fit: MLMFit) -> list[str]:
    if fit.reml:
        value = r_format([round(fit.criterion, 1)])[0]
        return [f"REML criterion at convergence: {value}"]
    values = [fit.aic, fit.bic, fit.loglik, fit.criterion]
    cells = r_format([*(round(v, 1) for v in values), float(fit.df_resid)])
    cells[-1] = str(fit.df_resid)
    names = ["AIC", "BIC", "logLik", "deviance", "df.resid"]
    width = max(len(text) for text in [*names, *cells])  # R prints a vector in one width
    return [" ".join(text.rjust(width) for text in row) for row in (names, cells)]


def residual_quantiles(fit: MLMFit) -> list[str]:
    """Min, 1Q, Median, 3Q and Max of the scaled residuals, formatted as R prints them."""
    quantiles = np.quantile(fit.scaled_residuals, [0, 0.25, 0.5, 0.75, 1])
    return r_format(zapsmall(quantiles.tolist(), 5), 4)


def _residual_lines(fit: MLMFit) -> list[str]:
    names = ["Min", "1Q", "Median", "3Q", "Max"]
    return ["Scaled residuals: ", *_named_vector(names, residual_quantiles(fit))]


def _named_vector(names: list[str], cells: list[str]) -> list[str]:
    """Names over values, all of one width, as R prints a named vector."""
    width = max(len(c) for c in [*names, *cells])
    return [" ".join(c.rjust(width) for c in row) + " " for row in (names, cells)]


def random_cells(fit: MLMFit) -> list[list[str]]:
    """Rows of the random-effects table: group, name, variance, SD, correlations."""
    t = fit.T.to_numpy()
    sd = np.sqrt(np.diag(t))
    variances = r_format([*(sd**2), fit.sigma2], 4)
    sds = r_format([*sd, fit.sigma], 4)
    group = fit.design.formula.group
    rows: list[list[str]] = []
    for number, block in enumerate(fit.design.blocks):
        label = group if number == 0 else f"{group}.{number}"
        for i, a in enumerate(block):
            with np.errstate(invalid="ignore", divide="ignore"):
                r = [t[a, b] / (sd[a] * sd[b]) for b in block[:i]]
            correlations = [f"{v:.2f}" if math.isfinite(v) else "NaN" for v in r]
            name = r_name(fit.design.parts[fit.design.random[a]])
            rows.append([label if i == 0 else "", name, variances[a], sds[a], *correlations])
    rows.append(["Residual", "", variances[-1], sds[-1]])
    return rows


def fixed_cells(fit: MLMFit) -> tuple[list[str], list[list[str]]]:
    """R's row names and the cells of the fixed-effects table."""
    table = fit.fixed_effects
    names = r_order(fit.design.parts, fit.design.columns, fit.design.formula.variables)
    rows = [tuple(float(v) for v in row) for row in table.to_numpy()]
    return names, coefficient_cells(rows)  # type: ignore[arg-type]


def _fixed_lines(fit: MLMFit) -> list[str]:
    names, cells = fixed_cells(fit)
    # R formats estimates, SEs and df together, so the df are as wide as the widest of them
    width = max(len(cell) for row in cells for cell in row[:3])
    cells = [[*(cell.rjust(width) for cell in row[:3]), *row[3:]] for row in cells]
    # R formats the first three columns together, so that their cells have one width
    width = max(len(c) for row in cells for c in row[:3])
    cells = [[*(c.rjust(width) for c in row[:3]), *row[3:]] for row in cells]
    marks = [stars(p) for p in fit.fixed_effects["p"]]
    starred = any(p < 0.1 for p in fit.fixed_effects["p"])
    lines = _right(cells, _HEAD, labels=names)
    if not starred:
        return lines
    width = max(len(m) for m in marks)
    lines = [lines[0] + " " * (width + 1)] + [
        f"{line} {mark.ljust(width)}" for line, mark in zip(lines[1:], marks, strict=True)
    ]
    return [*lines, "---", _LEGEND]


def _correlation_lines(fit: MLMFit) -> list[str]:
    names = r_order(fit.design.parts, fit.design.columns, fit.design.formula.variables)
    v = fit.vcov.to_numpy()
    sd = np.sqrt(np.diag(v))
    r = v / np.outer(sd, sd)
    short = [abbreviate(n, 6) for n in names]
    cells = [
        [f"{r[i, j]:.3f}" if j < i else "" for j in range(len(names) - 1)]
        for i in range(1, len(names))
    ]
    return _right(cells, short[:-1], labels=[abbreviate(n, 11) for n in names[1:]])


def _right(cells: list[list[str]], head: list[str], labels: Sequence[str]) -> list[str]:
    """Right-aligned columns under ``head`` with left-aligned row labels."""
    first = max(len(label) for label in labels)
    widths = [max(len(head[k]), *(len(row[k]) for row in cells)) for k in range(len(head))]
    lines = [" ".join([" " * first, *(h.rjust(w) for h, w in zip(head, widths, strict=True))])]
    for label, row in zip(labels, cells, strict=True):
        shown = [c.rjust(w) for c, w in zip(row, widths, strict=True)]
        lines.append(" ".join([label.ljust(first), *shown]))
    return lines


def _left(rows: list[list[str]], head: list[str]) -> list[str]:
    """The random-effects table: text left-aligned, numbers padded to a common width as R does."""
    width = max(len(r) for r in rows)
    head = head + (["Corr"] + [""] * (width - 5) if width > 4 else [])
    rows = [r + [""] * (width - len(r)) for r in rows]
    for column in (2, 3):
        size = max(len(r[column]) for r in rows)
        for r in rows:
            r[column] = r[column].rjust(size)
    size = max((len(c) for r in rows for c in r[4:]), default=0)  # correlations share one width
    for r in rows:
        r[4:] = [c.rjust(size) if c else c for c in r[4:]]
    widths = [max(len(head[k]), *(len(r[k]) for r in rows)) for k in range(width)]
    table = [head, *rows]
    return [" " + " ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]


# ---- HTML -----------------------------------------------------------------------------------
def html_table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    marked: Sequence[int] = (),
) -> str:
    """A plain table with a caption and header cells, the first column being row headers.

    Rows in ``marked`` are picked out by an arrow, bold type and a border as well as by colour.
    """
    cells = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in head)
    body = []
    for i, row in enumerate(rows):
        picked = i in marked
        style = (
            ' style="outline:2px solid #0072B2;background:#0072B222;font-weight:bold"'
            if picked
            else ""
        )
        name = ("→ " if picked else "") + row[0]
        tds = "".join(f'<td style="text-align:right">{html.escape(c)}</td>' for c in row[1:])
        body.append(
            f'<tr{style}><th scope="row" style="text-align:left">{html.escape(name)}</th>{tds}</tr>'
        )
    return (
        f'<table><caption style="text-align:left;caption-side:top">{html.escape(caption)}'
        f"</caption><thead><tr>{cells}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def summary_html(fit: MLMFit, marked: Sequence[str] = ()) -> str:
    """The summary as HTML tables. ``marked`` picks out rows by symbol or name: ``"gamma11"``,
    ``"tau00"``, ``"sigma2"`` or a column of ``fixed_effects``."""
    how = "REML" if fit.reml else "maximum likelihood"
    criterion = "REML criterion" if fit.reml else "deviance"
    value = r_format([round(fit.criterion, 1)])[0]
    names, cells = fixed_cells(fit)
    show = [stars(p) for p in fit.fixed_effects["p"]]
    fixed = [[n, *c, s] for n, c, s in zip(names, cells, show, strict=True)]
    random = [
        [f"{r[0]} {r[1]}".strip() if r[0] else f"{fit.design.formula.group} {r[1]}", *r[2:]]
        for r in random_cells(fit)
    ]
    width = max(len(r) for r in random)
    random = [r + [""] * (width - len(r)) for r in random]
    corr = ["Corr"] + [""] * (width - 4) if width > 3 else []
    data = f", data {html.escape(fit.data_name)}" if fit.data_name else ""
    parts = [
        f"<p>Multilevel model fitted by {how}{data}: "
        f"<code>{html.escape(fit.formula)}</code><br>"
        f"{fit.nobs} rows in {fit.ngroups} groups ({html.escape(fit.design.formula.group)}); "
        f"{criterion} {value}</p>",
        html_table(
            "Fixed effects (Satterthwaite df)",
            ["Term", "Estimate", "Std. Error", "df", "t value", "Pr(>|t|)", "Signif."],
            fixed,
            _fixed_marks(fit, marked),
        ),
        html_table(
            "Random effects",
            ["Term", "Variance", "Std.Dev.", *corr],
            random,
            _random_marks(fit, marked),
        ),
    ]
    if fit.design.keeps_rows:
        head = ["", "Min", "1Q", "Median", "3Q", "Max"]
        cells = [["(y - fitted) / σ", *residual_quantiles(fit)]]
        parts.append(html_table("Scaled residuals", head, cells))
    parts += [f"<p>{html.escape(m)}</p>" for m in fit.messages]
    return "\n".join(parts)


def _fixed_marks(fit: MLMFit, marked: Sequence[str]) -> list[int]:
    wanted = [m for m in marked if not m.startswith(("tau", "sigma"))]
    columns = [fit.structure.coefficient(m).column for m in wanted]
    return [fit.design.columns.index(c) for c in columns]


def _random_marks(fit: MLMFit, marked: Sequence[str]) -> list[int]:
    order = [k for block in fit.design.blocks for k in block]
    rows = {f"tau{fit.tau_numbers[k]}{fit.tau_numbers[k]}": i for i, k in enumerate(order)}
    rows["sigma2"] = len(order)
    return [rows[m] for m in marked if m in rows]


# ---- comparisons ----------------------------------------------------------------------------
def _comparison_cells(table) -> list[list[str]]:
    rows = []
    for _, row in table.iterrows():
        first = [f"{int(row['npar'])}"]
        first += [f"{row[c]:.2f}" for c in ("AIC", "BIC", "logLik", "deviance")]
        if math.isnan(row["Df"]):
            first += ["", "", "", ""]
        else:
            first += [
                f"{row['Chisq']:.2f}",
                f"{int(row['Df'])}",
                _p(row["p"]),
                _p(row["p_boundary"]),
            ]
        rows.append(first)
    return rows


def _p(p: float) -> str:
    if math.isnan(p):
        return ""
    return f"{p:.4f}" if p >= 0.0001 else f"{p:.2e}"


_COMPARED = ["npar", "AIC", "BIC", "logLik", "deviance", "Chisq", "Df", "Pr(>Chisq)", "boundary p"]


def comparison_text(comparison: Comparison) -> str:
    """Likelihood-ratio tests as text: the models, R's ``anova`` columns, and the notes."""
    table = comparison.table
    lines = [f"{n}: {f}" for n, f in zip(table.index, comparison.formulas, strict=True)]
    lines += _right(_comparison_cells(table), _COMPARED, labels=[str(i) for i in table.index])
    return "\n".join([*lines, *comparison.notes])


def comparison_html(comparison: Comparison) -> str:
    """Likelihood-ratio tests as an accessible table."""
    table = comparison.table
    rows = [
        [str(name), *cells]
        for name, cells in zip(table.index, _comparison_cells(table), strict=True)
    ]
    models = "<br>".join(
        f"{html.escape(str(n))}: <code>{html.escape(f)}</code>"
        for n, f in zip(table.index, comparison.formulas, strict=True)
    )
    notes = "".join(f"<p>{html.escape(n)}</p>" for n in comparison.notes)
    caption = "Likelihood-ratio test"
    return f"<p>{models}</p>" + html_table(caption, ["Model", *_COMPARED], rows) + notes
