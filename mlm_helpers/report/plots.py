"""Pictures of a multilevel model, each with a description in words.

A builder such as :func:`lines_table` makes a plain table from a fit; a ``plot_*`` function draws a
table and knows nothing of fits. Every picture carries alt text that says what is to be seen, with
its numbers: :func:`alt_text` reads it, :func:`show` puts picture and text on the page.

A function with one panel takes ``ax=None`` and returns the Axes; one with several panels takes a
sequence of Axes and returns a tuple of them. Without ``ax`` a new Figure is made that pyplot does
not know of. ``labels`` says what columns and codes are called: a mapping such as
``{"famsesc": "family SES", "sector=1": "private"}``, a vocabulary, or the name of a data set whose
vocabulary is shipped. By default it is the vocabulary of the data that were fitted.

Colours are Okabe & Ito's, which colour-blind readers can tell apart; line style, marker or a label
says the same as colour everywhere.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import math
import re
import urllib.parse
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from mlm_helpers.errors import MLMError
from mlm_helpers.words.vocabulary import Vocabulary, load_vocabulary, shipped_vocabularies

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit
    from mlm_helpers.interpret.probing import JohnsonNeyman

Array = NDArray[np.float64]
Labels = Mapping[str, str] | Vocabulary | str | None

__all__ = [
    "COLORS",
    "alt_text",
    "context_table",
    "describe",
    "lines_table",
    "plot_caterpillar",
    "plot_context",
    "plot_eb",
    "plot_eb_by",
    "plot_group_lines",
    "plot_johnson_neyman",
    "plot_level1_residuals",
    "plot_level2_residuals",
    "plot_power",
    "plot_predictions",
    "plot_r2",
    "plot_simple_slopes",
    "plot_variance_explained",
    "residual_table",
    "shared_limits",
    "show",
]

# Okabe & Ito, in the order in which categories take them; each has its own dash and marker too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), "-.", (0, (7, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v")
GREY, INK = "#8C8C8C", "#222222"
_PALE = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
DPI = 100

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 13,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 1.0,
    "axes.unicode_minus": True,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "text.color": INK,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "lines.linewidth": 2.4,
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "mlm_helpers",
    "path.simplify": False,
}

F = TypeVar("F", bound=Callable[..., Any])
_descriptions: weakref.WeakKeyDictionary[Axes, str] = weakref.WeakKeyDictionary()


def _styled(function: F) -> F:
    """Draw with this module's style, whatever the style outside."""

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context(_STYLE):
            return function(*args, **kwargs)

    return inside  # type: ignore[return-value]


# ---- description and display --------------------------------------------------------------
def describe(ax: Axes, text: str) -> None:
    """Give a picture its description, for :func:`alt_text` and :func:`show`."""
    _descriptions[ax] = " ".join(text.split())


def alt_text(picture: Axes | Figure | Sequence[Axes]) -> str:
    """The description of a picture: an Axes, the Axes that a function returned, or a Figure.

    Raises
    ------
    MLMError
        When the picture has none: ``describe(ax, "...")`` gives it one.
    """
    figure = _figure(picture)
    found = [_descriptions[ax] for ax in figure.axes if ax in _descriptions]
    if not found:
        raise MLMError(
            "This picture has no description: say what is to be seen with "
            'plots.describe(ax, "..."), for those who cannot see it.'
        )
    return " ".join(dict.fromkeys(found))


def _figure(picture: Axes | Figure | Sequence[Axes]) -> Figure:
    if isinstance(picture, Figure):
        return picture
    if isinstance(picture, Axes):
        return picture.figure  # type: ignore[return-value]
    axes = list(picture) if isinstance(picture, Iterable) else []
    if not axes or not all(isinstance(ax, Axes) for ax in axes):
        raise MLMError(f"show needs what a plot function returned; got {type(picture).__name__}.")
    return axes[0].figure  # type: ignore[return-value]


def png(picture: Axes | Figure | Sequence[Axes]) -> bytes:
    """The picture as PNG, without date and software, in a palette that keeps it small."""
    from PIL import Image

    buffer = io.BytesIO()
    figure = _figure(picture)
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    out = io.BytesIO()
    image.save(out, format="png", optimize=True)
    return out.getvalue()


def svg(picture: Axes | Figure | Sequence[Axes]) -> str:
    """The picture as SVG with its description, coordinates to a tenth of a point.

    The rounding makes the text the same on machines whose arithmetic differs in the last digits.
    """
    buffer = io.StringIO()
    figure = _figure(picture)
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<=[\s"])(d|x|y|x1|x2|y1|y2|width|height|points)="([^"]*)"', _tenths, text)
    text = re.sub(r"translate\(([^)]*)\)", _tenths_in_translate, text)
    # matplotlib names clip paths and markers by a hash of unrounded coordinates
    hashed = re.findall(r'id="([^"]*[0-9a-f]{10})"', text)
    for k, name in enumerate(dict.fromkeys(hashed)):
        text = re.sub(rf'(?<=["#]){re.escape(name)}(?=[")])', f"i{k}", text)
    return re.sub(r"\n\s*", "\n", text)


def _round_all(text: str) -> str:
    def tenth(match: re.Match[str]) -> str:
        value = f"{float(match.group()):.1f}".removesuffix(".0")
        return "0" if value == "-0" else value

    return re.sub(r"-?\d+\.\d+(?:e-?\d+)?", tenth, text)


def _tenths(match: re.Match[str]) -> str:
    return f'{match.group(1)}="{" ".join(_round_all(match.group(2)).split())}"'


def _tenths_in_translate(match: re.Match[str]) -> str:
    return f"translate({_round_all(match.group(1))})"


def bundle(picture: Axes | Figure | Sequence[Axes]) -> tuple[dict[str, str], dict[str, Any]]:
    """What :func:`show` puts on the page, as Jupyter's data and metadata.

    ``text/html`` is an ``<img>`` with ``alt``, which is the only way to alt text in JupyterLab;
    ``image/png`` with ``alt`` in its metadata is for pages that take no HTML; ``text/plain`` is the
    description. All are the same on every machine but the PNG, which notebook tests leave out.
    """
    text = alt_text(picture)
    figure = _figure(picture)
    width, height = (round(float(inches) * DPI) for inches in figure.get_size_inches())
    # ' instead of " lets most of the SVG stand as it is inside the attribute
    source = urllib.parse.quote(svg(figure).replace('"', "'"), safe=" =:/;,'()!*$@+?&[]\n")
    source = source.replace("&", "%26").replace("\n", " ")
    data = {
        "text/html": f'<img src="data:image/svg+xml,{source}" alt="{html.escape(text)}" '
        f'width="{width}" height="{height}" style="max-width:100%;height:auto">',
        "image/png": base64.b64encode(png(figure)).decode("ascii"),
        "text/plain": text,
    }
    return data, {"image/png": {"alt": text, "width": width, "height": height}}


def show(picture: Axes | Figure | Sequence[Axes]) -> None:
    """Put a picture and its description into a notebook's output."""
    from IPython.display import display

    data, metadata = bundle(picture)
    display(data, metadata=metadata, raw=True)


# ---- canvas, words, numbers ---------------------------------------------------------------
def _new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr, call-arg]
    return figure


def _one(ax: Axes | None, width: float = 8.0, height: float = 4.5) -> Axes:
    return _new_figure(width, height).subplots() if ax is None else ax


def _several(
    ax: Sequence[Axes] | None, n: int, width: float = 10.0, height: float = 4.5, **options: Any
) -> tuple[Axes, ...]:
    if ax is None:
        return tuple(_new_figure(width, height).subplots(1, n, squeeze=False, **options)[0])
    axes = (ax,) if isinstance(ax, Axes) else tuple(ax)
    if len(axes) != n:
        raise MLMError(f"This picture has {n} panels: give ax {n} Axes; got {len(axes)}.")
    return axes


class _Words:
    """What columns, codes and units are called."""

    def __init__(self, labels: Labels, data_name: str = ""):
        if labels is None and data_name in shipped_vocabularies():
            labels = data_name
        if isinstance(labels, str):
            labels = load_vocabulary(labels)
        if isinstance(labels, Vocabulary):
            self._given = _labels_of(labels)
        else:
            self._given = {str(k): str(v) for k, v in (labels or {}).items()}
        self.codes = frozenset(k for k in self._given if "=" in k)

    def name(self, column: str) -> str:
        return self._given.get(column, column)

    def inline(self, column: str) -> str:
        """A column's name within a sentence, with the way it is centered."""
        return self._given.get(f"{column}:axis", self.name(column))

    def axis(self, column: str) -> str:
        """The same to stand at an axis."""
        text = self.inline(column)
        return text[:1].upper() + text[1:]

    def code(self, column: str, value: Any) -> str:
        plain = f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)
        return self._given.get(f"{column}={plain}", f"{column} = {_g(value)}")

    def label(self, text: str) -> str:
        """A label of a table, such as ``"sector = 1, meanses = 0.4 (mean + SD)"``, in words."""
        return ", ".join(self._part(part) for part in text.split(", "))

    def _part(self, part: str) -> str:
        column, _, rest = part.partition(" = ")
        value, _, what = rest.partition(" (")
        known = self._given.get(f"{column}={value}")
        if known:
            return known
        if what:
            return f"{self.name(column)} at {what.rstrip(')')}"
        return f"{self.name(column)} = {rest}" if rest else part

    def short(self, text: str) -> str:
        """A label without the names that :meth:`header` gives once."""
        parts = []
        for part in text.split(", "):
            column, _, rest = part.partition(" = ")
            value, _, what = rest.partition(" (")
            parts.append(self._given.get(f"{column}={value}") or what.rstrip(")") or rest or part)
        return ", ".join(parts)

    def header(self, text: str) -> str:
        """The names of the variables whose values :meth:`short` leaves bare."""
        columns = [part.partition(" = ")[0] for part in text.split(", ") if " = " in part]
        coded = all(
            f"{c}={part.partition(' = ')[2]}" in self._given
            for c, part in zip(columns, text.split(", "), strict=False)
        )
        if coded:
            return ""
        return ", ".join(self.name(c) for c in columns)

    def groups(self, column: str) -> str:
        return self._given.get(f"{column}:many", "groups")

    def group(self, column: str) -> str:
        return self._given.get(f"{column}:one", "group")

    def level1(self, column: str) -> str:
        """A level-1 predictor without its centering: ``"Family SES of a student"``."""
        name = self.name(column)
        unit = self._given.get(":unit")
        return name[:1].upper() + name[1:] + (f" of a {unit}" if unit else "")


def _labels_of(v: Vocabulary) -> dict[str, str]:
    out = {v.outcome.column: v.outcome.label, f"{v.group_column}:many": v.group.many}
    out[f"{v.group_column}:one"] = v.group.one
    out[":unit"] = v.unit.one
    for p in v.predictors.values():
        out[p.column] = p.label
        if p.centered == "group":
            out[f"{p.column}:axis"] = f"{p.label}, from the {v.group.one}'s mean"
        elif p.centered.startswith("grand"):
            out[f"{p.column}:axis"] = f"{p.label}, from the grand mean"
        out |= {f"{p.column}={c.value}": c.name for c in p.codes}
    return out


def _words(labels: Labels, table: Any = None) -> _Words:
    name = getattr(table, "data_name", None) or getattr(table, "attrs", {}).get("data_name", "")
    return _Words(labels, str(name))


def _g(value: Any, digits: int = 3) -> str:
    """A number for reading: significant digits, no exponent for ordinary sizes, a real minus."""
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        return str(value)
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value and 1e-4 <= abs(value) < 10**digits:
        decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text and value == round(value) else text
    else:
        text = f"{value:.{digits}g}" if abs(value) < 1e-4 and value else f"{value:.0f}"
    return text.replace("-", "−")


def _pct(share: float) -> str:
    text = f"{100 * share:.1f}%"
    return "0.0%" if text == "-0.0%" else text.replace("-", "−")


def _need(table: pd.DataFrame, columns: Iterable[str], made_by: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise MLMError(f"This picture is drawn from a table; got {type(table).__name__}.")
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise MLMError(
            f"The table has no column {missing[0]!r}; {made_by} makes a table with what is needed."
        )


def _spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions as near as possible to the wanted ones, at least ``gap`` apart."""
    order = np.argsort(wanted, kind="stable")
    blocks: list[list[float]] = []  # [mean of wanted centres, how many]
    for k in order:
        blocks.append([float(wanted[k]), 1.0])
        while len(blocks) > 1:
            (a, na), (b, nb) = blocks[-2], blocks[-1]
            if b - a >= gap * (na + nb) / 2:
                break
            blocks[-2:] = [[(a * na + b * nb) / (na + nb), na + nb]]
    placed = [c + gap * (i - (n - 1) / 2) for c, n in blocks for i in range(int(n))]
    out = [0.0] * len(order)
    for k, value in zip(order, placed, strict=True):
        out[int(k)] = value
    return out


def _end_labels(
    ax: Axes,
    x: Sequence[float],
    y: Sequence[float],
    texts: Sequence[str],
    colors: Sequence[str],
    size: float = 13,
    lines: int = 1,
) -> None:
    """Labels to the right of the ends of lines, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    height = _figure(ax).get_size_inches()[1] * 0.78 * ax.get_position().height / 0.77
    gap = (high - low) * (size * 1.25 * lines / 72) / height
    right = max(x)
    span = ax.get_xlim()[1] - ax.get_xlim()[0]
    for at, text, color, x_end, y_end in zip(_spread(y, gap), texts, colors, x, y, strict=True):
        if abs(at - y_end) > gap / 4 or x_end < right - 0.01 * span:
            ax.plot(
                [x_end, right + 0.018 * span],
                [y_end, at],
                color=color,
                lw=0.8,
                clip_on=False,
                solid_capstyle="butt",
            )
        ax.text(
            right + 0.025 * span,
            at,
            text,
            color=color,
            va="center",
            ha="left",
            fontsize=size,
            fontweight="bold",
            clip_on=False,
        )


def _segments(ax: Axes, x: Array, y: Array, **style: Any) -> PathPatch:
    """Many separate lines, x and y (n, 2), as one path: a small picture however many there are."""
    vertices = np.stack([x, y], axis=2).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
    patch = PathPatch(Path(vertices, codes), fill=False, **style)
    ax.add_patch(patch)
    ax.update_datalim(vertices)
    ax.autoscale_view()
    return patch


# ---- the groups' fitted lines -------------------------------------------------------------
def lines_table(
    fit: MLMFit,
    predictor: str | None = None,
    by: str | None = None,
    data: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Each group's fitted (EB) line, for :func:`plot_group_lines`.

    ``predictor`` is a level-1 predictor of the model (default: the first). ``by`` names a level-2
    variable with categories, from ``data`` when it is not in the model.

    Returns
    -------
    DataFrame, index group; columns ``intercept``, ``slope``, ``low``, ``high`` (the predictor's
    range in the group), ``n`` and ``by``.
    """
    from mlm_helpers.interpret.residuals import level2_values

    s = fit.structure
    if not s.level1_predictors:
        raise MLMError("The model has no level-1 predictor, so the groups have means and no lines.")
    predictor = s.level1_predictors[0] if predictor is None else predictor
    if predictor not in s.level1_predictors or predictor not in fit.data.columns:
        raise MLMError(
            f"{predictor!r} is not a level-1 predictor of the model; it has "
            f"{', '.join(s.level1_predictors)}."
        )
    p = s.level1_predictors.index(predictor) + 1
    b = fit.coefficients
    x = fit.data[predictor].groupby(fit.data[s.group])
    out = pd.DataFrame(
        {"intercept": b["b0"], "slope": b[f"b{p}"], "low": x.min(), "high": x.max(), "n": x.size()}
    )
    if by is not None:
        out[by] = level2_values(fit, by, data)
    out.attrs |= {
        "predictor": predictor, "outcome": s.outcome, "group": s.group, "by": by,
        "data_name": fit.data_name,
    }  # fmt: skip
    return out


@_styled
def plot_group_lines(
    table: pd.DataFrame, *, ax: Axes | Sequence[Axes] | None = None, labels: Labels = None
) -> Any:
    """Every group's line over its own range of the predictor, and the mean of the lines.

    ``table`` as from :func:`lines_table`. With categories (``by``) there is one panel each and a
    tuple of Axes is returned, else one Axes.
    """
    _need(table, ["intercept", "slope", "low", "high"], "lines_table(fit)")
    words, by = _words(labels, table), table.attrs.get("by")
    x_name = table.attrs.get("predictor", "predictor")
    y_name = table.attrs.get("outcome", "outcome")
    many = words.groups(table.attrs.get("group", ""))
    panels = list(table.groupby(by, observed=True)) if by else [(None, table)]
    if by:
        given = (ax,) if isinstance(ax, Axes) else ax
        axes = _several(given, len(panels), 10.0, 4.5, sharex=True, sharey=True)
    else:
        axes = (_one(ax if isinstance(ax, Axes) or ax is None else ax[0]),)
    span = float(table["low"].min()), float(table["high"].max())
    alts = []
    for k, ((value, part), panel) in enumerate(zip(panels, axes, strict=True)):
        color = COLORS[k % len(COLORS)]
        x = part[["low", "high"]].to_numpy(dtype=float)
        y = part[["intercept"]].to_numpy() + part[["slope"]].to_numpy() * x
        # in layers, so that lines on top of each other add up to a darker tone
        layers = min(len(part), 30)
        for layer in range(layers):
            _segments(panel, x[layer::layers], y[layer::layers], edgecolor=color, lw=1.0,
                      alpha=min(0.6, max(0.22, 4 / math.sqrt(len(part)))))  # fmt: skip
        mean = part[["intercept", "slope"]].mean()
        at = np.array(span)
        panel.plot(at, mean["intercept"] + mean["slope"] * at, color="white", lw=6, zorder=4)
        panel.plot(at, mean["intercept"] + mean["slope"] * at, color=INK, lw=3, zorder=5)
        title = f"{len(part)} {many}"
        if value is not None:
            title = f"{words.code(by, value)}: {title}"
        panel.set_title(title[:1].upper() + title[1:])
        rises = mean["slope"] >= 0
        panel.text(
            0.98,
            0.04 if rises else 0.96,
            f"— average line, slope {_g(mean['slope'])}",
            transform=panel.transAxes,
            ha="right",
            va="bottom" if rises else "top",
            fontweight="bold",
            bbox=_PALE,
            zorder=6,
        )
        panel.set_xlabel(words.axis(x_name))
        rising = float((part["slope"] > 0).mean())
        name = f"{words.code(by, value)}: " if value is not None else ""
        alts.append(
            f"{name}{len(part)} lines, one per {words.group(table.attrs.get('group', ''))}; their "
            f"heights where the predictor is 0 run from {_g(part['intercept'].min())} to "
            f"{_g(part['intercept'].max())}, their slopes from {_g(part['slope'].min())} to "
            f"{_g(part['slope'].max())}; {_rising(rising)}. The average line has height "
            f"{_g(mean['intercept'])} and slope {_g(mean['slope'])}."
        )
    axes[0].set_ylabel(words.axis(y_name))
    describe(
        axes[0],
        f"Fitted lines of {words.name(y_name)} on {words.inline(x_name)}. " + " ".join(alts),
    )
    return axes if by else axes[0]


def _rising(share: float) -> str:
    if share == 1:
        return "all of them rise"
    return "all of them fall" if share == 0 else f"{_pct(share)} of them rise"


# ---- EB residuals -------------------------------------------------------------------------
def shared_limits(*tables: pd.DataFrame, pad: float = 0.14) -> tuple[tuple, tuple]:
    """x and y limits that hold the EB residuals of all tables, and the ellipses of their T, so that
    their pictures can be compared: ``plot_eb(t1, limits=shared_limits(t1, t3))``."""
    reach = []
    for name, k in (("u0", 0), ("u1", 1)):
        far = 0.0
        for table in tables:
            _need(table, ["u0", "u1"], "eb_table(fit)")
            far = max(far, float(table[name].abs().max()))
            if "T" in table.attrs:
                far = max(far, math.sqrt(5.991464547107979 * table.attrs["T"][k][k]))
        reach.append((-far * (1 + pad), far * (1 + pad)))
    return reach[0], reach[1]


@_styled
def plot_eb(
    table: pd.DataFrame,
    *,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    labels: Labels = None,
) -> Axes:
    """EB residuals of intercept and slope, with the ellipse that holds 95% of the true residuals.

    ``table`` as from ``eb_table(fit)``: columns ``u0``, ``u1``; ``attrs["T"]`` gives the ellipse of
    the normal distribution N(0, T). EB residuals are shrunken, so they fill less than the ellipse.
    """
    _need(table, ["u0", "u1"], "eb_table(fit)")
    words, ax = _words(labels, table), _one(ax, 7.2, 4.8)
    u0, u1 = table["u0"].to_numpy(dtype=float), table["u1"].to_numpy(dtype=float)
    many = words.groups(table.attrs.get("group", ""))
    ax.axhline(0, color=GREY, lw=0.8)
    ax.axvline(0, color=GREY, lw=0.8)
    ax.scatter(u0, u1, s=20, color=COLORS[0], alpha=0.45, linewidths=0)
    low_high = limits or shared_limits(table)
    ax.set_xlim(low_high[0])
    ax.set_ylim(low_high[1])
    told = ""
    if "T" in table.attrs:
        t = np.array(table.attrs["T"], dtype=float)[:2, :2]
        _ellipse(ax, t)
        inside = _inside_ellipse(u0, u1, t)
        rho = t[0, 1] / math.sqrt(t[0, 0] * t[1, 1]) if t[0, 0] * t[1, 1] > 0 else float("nan")
        told = (
            f"A dashed ellipse shows where 95% of the true residuals lie by the model, with "
            f"standard deviations √τ00 = {_g(math.sqrt(t[0, 0]))} and √τ11 = "
            f"{_g(math.sqrt(t[1, 1]))} and correlation {_g(rho, 2)}; {_pct(inside)} of the points "
            "are inside it, because EB residuals are shrunken."
        )
    ax.set_xlabel("EB residual of the intercept, u0j")
    ax.set_ylabel("EB residual of the slope, u1j")
    ax.set_title(title or f"{len(table)} {many}: intercept and slope")
    describe(
        ax,
        f"{title + ': ' if title else ''}Scatter plot of {len(table)} {many}: EB residual of the "
        f"intercept u0j against that of the slope u1j. The intercept residuals run from "
        f"{_g(u0.min())} to {_g(u0.max())} with SD {_g(u0.std(ddof=1))}, the slope residuals from "
        f"{_g(u1.min())} to {_g(u1.max())} with SD {_g(u1.std(ddof=1))}; their correlation is "
        f"{_g(np.corrcoef(u0, u1)[0, 1], 2)}. {told}",
    )
    return ax


def _ellipse(ax: Axes, t: Array) -> None:
    values, vectors = np.linalg.eigh(t)
    values = np.clip(values, 0.0, None)
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    width, height = 2 * np.sqrt(5.991464547107979 * values[::-1])
    ax.add_patch(
        Ellipse((0, 0), width, height, angle=angle, fill=False, edgecolor=COLORS[1], lw=2.2,
                linestyle=(0, (6, 2)), zorder=4)
    )  # fmt: skip
    top = math.sqrt(5.991464547107979 * t[1, 1])
    at = top * t[0, 1] / t[1, 1] if t[1, 1] > 0 else 0.0
    ax.annotate(
        "95% by the model, N(0, T)", (at, top), xytext=(0, 3), textcoords="offset points",
        ha="center", va="bottom", color=COLORS[1], fontsize=12, fontweight="bold",
        bbox=_PALE,
    )  # fmt: skip


def _inside_ellipse(u0: Array, u1: Array, t: Array) -> float:
    u = np.column_stack([u0, u1])
    return float((np.einsum("ij,jk,ik->i", u, np.linalg.pinv(t), u) <= 5.991464547107979).mean())


@_styled
def plot_eb_by(
    table: pd.DataFrame,
    by: str | None = None,
    *,
    ax: Sequence[Axes] | None = None,
    labels: Labels = None,
) -> tuple[Axes, ...]:
    """EB residuals within the categories of a level-2 variable: one panel for u0, one for u1.

    ``table`` as from ``eb_table(fit, by="sector")``. Each category has its own row: the
    distribution, a dot for the mean, a bar for the middle half.
    """
    by = by or table.attrs.get("by")
    if by is None:
        raise MLMError("Say by which categories: eb_table(fit, by='sector') or by='sector' here.")
    residuals = [c for c in table.columns if re.fullmatch(r"u\d+", str(c))]
    _need(table, [by, *residuals], f"eb_table(fit, by={by!r})")
    words = _words(labels, table)
    parts = list(table.groupby(by, observed=True))
    if len(parts) > 7:
        raise MLMError(f"{by!r} has {len(parts)} categories, too many for one picture.")
    axes = _several(ax, len(residuals), 10.0, 1.9 + 1.1 * len(parts), sharey=True)
    told = []
    for name, panel in zip(residuals, axes, strict=True):
        panel.axvline(0, color=GREY, lw=0.9, zorder=1)
        means = []
        for k, (value, part) in enumerate(parts):
            mean = _ridge(panel, part[name].to_numpy(dtype=float), len(parts) - 1 - k, k)
            means.append((words.code(by, value), mean, part[name].std(), len(part)))
        what = "intercept" if name == "u0" else "slope"
        panel.set_title(f"{what.capitalize()}, {name}j")
        panel.set_xlabel(f"EB residual of the {what}")
        panel.set_ylim(-0.28, len(parts) - 0.02)
        told.append(
            f"EB residuals of the {what}: "
            + "; ".join(f"{c} ({n}) mean {_g(m)}, SD {_g(s)}" for c, m, s, n in means)
            + "."
        )
        if len(means) == 2:
            told[-1] += f" The second mean minus the first is {_g(means[1][1] - means[0][1])}."
    axes[0].set_yticks(
        [len(parts) - 1 - k for k in range(len(parts))],
        [f"{words.code(by, v)}\n({len(p)})" for v, p in parts],
    )
    for tick, k in zip(axes[0].get_yticklabels(), range(len(parts)), strict=True):
        tick.set_color(COLORS[k])
        tick.set_fontweight("bold")
        tick.set_fontsize(14)
    for panel in axes:
        panel.spines["left"].set_visible(False)
        panel.tick_params(axis="y", length=0)
    describe(axes[0], f"Distributions by {words.name(by)}. " + " ".join(told))
    return axes


def _ridge(ax: Axes, values: Array, base: float, k: int) -> float:
    """One distribution standing on its line; returns its mean."""
    from scipy.stats import gaussian_kde

    mean = float(values.mean())
    color = COLORS[k % len(COLORS)]
    if len(values) > 2 and np.ptp(values) > 0:
        pad = 0.12 * np.ptp(values)
        x = np.linspace(values.min() - pad, values.max() + pad, 161)
        height = gaussian_kde(values)(x)
        height = 0.72 * height / height.max()
        ax.fill_between(x, base, base + height, color=color, alpha=0.25, lw=0)
        ax.plot(x, base + height, color=color, lw=2.2, linestyle=DASHES[k % len(DASHES)])
    low, high = np.quantile(values, [0.25, 0.75])
    ax.plot([low, high], [base - 0.09] * 2, color=color, lw=5, solid_capstyle="butt")
    ax.plot([mean], [base - 0.09], marker=MARKERS[k % len(MARKERS)], ms=10, mfc="white",
            mec=color, mew=2.4)  # fmt: skip
    ax.annotate(
        f"mean {_g(mean)}", (mean, base + 0.08), ha="center", va="bottom", fontsize=12,
        fontweight="bold", bbox=_PALE,
    )  # fmt: skip
    return mean


@_styled
def plot_caterpillar(
    table: pd.DataFrame,
    *,
    level: float = 0.95,
    ax: Sequence[Axes] | None = None,
    labels: Labels = None,
) -> tuple[Axes, ...]:
    """EB residuals in order, each with its interval; those whose interval leaves 0 out stand out.

    ``table`` as from ``eb_table(fit)`` or ``fit.random_effects``: columns ``u0``, ``u0_sd``, ...
    The interval is the EB residual ± z conditional SDs, for one group at a time.
    """
    from scipy.special import ndtri

    residuals = [c for c in table.columns if re.fullmatch(r"u\d+", str(c))]
    _need(table, [f"{r}_sd" for r in residuals], "eb_table(fit)")
    if not residuals:
        raise MLMError("The table has no EB residuals (u0, u1): eb_table(fit) makes one.")
    words = _words(labels, table)
    many = words.groups(table.attrs.get("group", ""))
    axes = _several(ax, len(residuals), 10.0, 4.8)
    z = float(ndtri(0.5 + level / 2))
    told = []
    for name, panel in zip(residuals, axes, strict=True):
        part = table.sort_values(name, kind="stable")
        u, half = part[name].to_numpy(dtype=float), z * part[f"{name}_sd"].to_numpy(dtype=float)
        rank = np.arange(1, len(u) + 1)
        below, above = u + half < 0, u - half > 0
        middle = ~(below | above)
        for keep, color, width, alpha in (
            (middle, GREY, 0.7, 0.55),
            (below, COLORS[1], 1.1, 0.9),
            (above, COLORS[0], 1.1, 0.9),
        ):
            if keep.any():
                x = np.column_stack([rank[keep]] * 2)
                y = np.column_stack([u[keep] - half[keep], u[keep] + half[keep]])
                _segments(panel, x, y, edgecolor=color, lw=width, alpha=alpha)
        panel.plot(rank, u, color=INK, lw=2.2)
        panel.axhline(0, color=INK, lw=1.0, linestyle=(0, (4, 3)))
        panel.margins(x=0.02)
        what = "intercept" if name == "u0" else "slope"
        panel.set_title(f"{what.capitalize()}, {name}j")
        panel.set_xlabel(f"{many} in order")
        panel.set_ylabel(f"EB residual, {level:.0%} interval")
        for count, color, side, sign in (
            (int(below.sum()), COLORS[1], "below", "▼"),
            (int(above.sum()), COLORS[0], "above", "▲"),
        ):
            low = side == "below"
            panel.text(
                0.03 if not low else 0.97, 0.97 if not low else 0.03,
                f"{sign} interval {side} 0: {count} of {len(u)}",
                transform=panel.transAxes, color=color, fontweight="bold",
                ha="left" if not low else "right", va="top" if not low else "bottom",
            )  # fmt: skip
        told.append(
            f"{what.capitalize()} residuals {name}j from {_g(u[0])} to {_g(u[-1])}; the "
            f"{level:.0%} interval leaves 0 out for {int(below.sum() + above.sum())} of {len(u)} "
            f"{many}: {int(below.sum())} below and {int(above.sum())} above."
        )
    describe(
        axes[0],
        f"Caterpillar plots of {len(table)} {many}, ordered from the lowest to the highest EB "
        "residual, with an interval each. " + " ".join(told),
    )
    return axes


# ---- predictions --------------------------------------------------------------------------
@_styled
def plot_predictions(
    table: pd.DataFrame,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    labels: Labels = None,
) -> Axes:
    """Predicted lines with confidence bands, labelled at their ends.

    ``table`` as from ``prediction_grid(fit, predictor, by=...)``. The first variable of ``by``
    takes the colour, the second the line style.
    """
    _need(table, ["label"], "prediction_grid(fit, ...)")
    predictor = table.attrs.get("predictor", table.columns[0])
    _need(table, [predictor, "predicted", "lower", "upper"], "prediction_grid(fit, ...)")
    words, ax = _words(labels, table), _one(ax)
    by = list(table.attrs.get("by", ()))
    styles = _line_styles(table, by)
    ends_x, ends_y, texts, colors, told = [], [], [], [], []
    curves = list(table.groupby("label", sort=False))
    for label, part in curves:
        color, dash = styles[label]
        x, y = part[predictor].to_numpy(dtype=float), part["predicted"].to_numpy(dtype=float)
        ax.fill_between(x, part["lower"], part["upper"], color=color, alpha=0.16, lw=0)
        ax.plot(x, y, color=color, linestyle=dash, lw=2.8)
        ends_x.append(x[-1])
        ends_y.append(y[-1])
        texts.append(words.label(str(label)) if label else "")
        colors.append(color)
        told.append(
            f"{words.label(str(label)) + ': ' if label else ''}from {_g(y[0])} at {_g(x[0])} to "
            f"{_g(y[-1])} at {_g(x[-1])}"
        )
    ax.set_xlabel(words.axis(predictor))
    outcome = table.attrs.get("outcome", "outcome")
    ax.set_ylabel(f"Predicted {words.name(outcome)}")
    ax.margins(x=0)
    if title:
        ax.set_title(title)
    if any(texts):
        short = [words.short(str(label)) for label, _ in curves]
        _end_labels(ax, ends_x, ends_y, short, colors, size=13 if len(short) < 5 else 12)
        header = words.header(str(curves[0][0]))
        if header:
            ax.text(1.03, 1.0, header, transform=ax.transAxes, va="bottom", fontsize=12, color=INK)
    level = table.attrs.get("level", 0.95)
    held = ", ".join(
        words.code(n, v) if f"{n}={_plain(v)}" in words.codes else f"{words.name(n)} = {_g(v)}"
        for n, v in table.attrs.get("held", {}).items()
    )
    describe(
        ax,
        f"{title + '. ' if title else ''}Predicted {words.name(outcome)} along "
        f"{words.inline(predictor)}, with {level:.0%} bands. "
        + "; ".join(told)
        + "."
        + (f" Held: {held}." if held else ""),
    )
    return ax


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


def _line_styles(table: pd.DataFrame, by: list[str]) -> dict[str, tuple[str, Any]]:
    """Colour by the first variable, dash by the second; both together when there is one."""
    out: dict[str, tuple[str, Any]] = {}
    first: dict[Any, int] = {}
    second: dict[Any, int] = {}
    for label, part in table.groupby("label", sort=False):
        values = [_g(part[name].iloc[0], 6) for name in by]
        a = first.setdefault(values[0] if by else label, len(first))
        b = second.setdefault(tuple(values[1:]), len(second)) if len(by) > 1 else a
        out[str(label)] = (COLORS[a % len(COLORS)], DASHES[b % len(DASHES)])
    return out


# ---- within, between and contextual -------------------------------------------------------
def context_table(
    fit: MLMFit,
    predictor: str,
    mean: str,
    at: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Within-group lines of four groups with means on a round grid, for :func:`plot_context`.

    ``predictor`` is the level-1 variable, ``mean`` the level-2 variable with its group means;
    ``at`` holds other predictors, as for ``simple_slopes``.

    Returns
    -------
    DataFrame: ``mean`` (of the group), ``height`` (expected outcome of the group's average member),
    ``slope`` (within), ``low`` and ``high`` (1.3 SDs within groups to either side). ``attrs`` holds
    the three ``effects`` and the groups' own means (``points``).
    """
    from mlm_helpers.interpret.probing import contextual_effect, prediction_grid, simple_slopes

    means = fit.group_table[mean].astype(float)
    center, step = _middle_and_step(means)
    where = center + step * np.array([-2.0, -1.0, 1.0, 2.0])
    given = {**dict(at or {}), predictor: 0.0}
    effects = contextual_effect(fit, predictor, mean, {**given, mean: center})
    height = prediction_grid(fit, mean, at={**given, mean: where})["predicted"].to_numpy()
    at_means = {**dict(at or {}), mean: list(where)}
    try:
        slopes = simple_slopes(fit, predictor, by=mean, at=at_means)["estimate"].to_numpy()
    except MLMError:  # no product with the mean: one slope for all
        slopes = np.full(len(where), effects["estimate"]["within"])
    if fit.structure.variables[predictor].centered != "group":
        height = height + slopes * where
    x, groups = fit.data[predictor].astype(float), fit.data[fit.structure.group]
    spread = float((x - x.groupby(groups).transform("mean")).std())
    out = pd.DataFrame({"mean": where, "height": height, "slope": slopes})
    out["low"], out["high"] = out["mean"] - 1.3 * spread, out["mean"] + 1.3 * spread
    y = pd.Series(fit.design.y, index=fit.data.index).groupby(groups).mean().reindex(means.index)
    out.attrs |= {
        "effects": effects["estimate"].to_dict(),
        "points": {"x": means.tolist(), "y": y.tolist()},
        "predictor": predictor,
        "mean": mean,
        "outcome": fit.structure.outcome,
        "group": fit.structure.group,
        "held": effects.attrs["held"],
        "data_name": fit.data_name,
    }
    return out


def _middle_and_step(means: pd.Series) -> tuple[float, float]:
    """A round middle of the groups' means, and a round step of which four cover most of them."""
    low, high = np.quantile(means, [0.02, 0.98])
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = max(k * power for k in (1, 2, 2.5, 5) if k * power <= (high - low) / 4 * 1.25)
    middle = step * round(float(means.median()) / step)
    return middle, step


@_styled
def plot_context(table: pd.DataFrame, *, ax: Axes | None = None, labels: Labels = None) -> Axes:
    """Within slope, between slope and contextual effect in one picture.

    ``table`` as from :func:`context_table`. Solid lines are the relation within groups, the dashed
    line the relation between group means; the vertical arrow is the contextual effect: between two
    members who are alike in the predictor but whose groups are not. After the idea of Raudenbush &
    Bryk (2002, p. 83).
    """
    _need(table, ["mean", "height", "slope", "low", "high"], "context_table(fit, ...)")
    words, ax = _words(labels, table), _one(ax, 8.6, 5.2)
    effects, points = table.attrs["effects"], table.attrs["points"]
    many = words.groups(table.attrs.get("group", ""))
    one = words.group(table.attrs.get("group", ""))
    ax.scatter(points["x"], points["y"], s=12, color=GREY, alpha=0.3, linewidths=0, zorder=1)
    for row in table.itertuples():
        x = np.array([row.low, row.high])
        ax.plot(x, row.height + row.slope * (x - row.mean), color=COLORS[0], lw=2.6, zorder=3)
        ax.plot([row.mean], [row.height], "o", color=COLORS[0], ms=8, zorder=5, mec="white")
    inner = table.iloc[[1, 2]]
    x = np.array([min(points["x"]), max(points["x"])])
    between = inner["height"].mean() + effects["between"] * (x - inner["mean"].mean())
    ax.plot(x, between, color=COLORS[1], lw=3, linestyle=(0, (6, 2)), zorder=4)
    span = float(table["high"].max() - table["low"].min())
    ax.set_xlim(table["low"].min() - 0.03 * span, table["high"].max() + 0.03 * span)
    shown = [*between, *np.quantile(points["y"], [0.005, 0.995])]
    ax.set_ylim(min(shown), max(shown) + 0.1 * (max(shown) - min(shown)))
    gap = float(inner["mean"].iloc[1] - inner["mean"].iloc[0])
    _gap(ax, inner, effects["contextual"], gap)
    top = table.iloc[-1]
    ax.annotate(
        f"within a {one}:\nslope {_g(effects['within'])}",
        (top["high"], top["height"] + top["slope"] * (top["high"] - top["mean"])),
        xytext=(8, 0), textcoords="offset points", color=COLORS[0], fontweight="bold",
        va="center", annotation_clip=False,
    )  # fmt: skip
    ax.annotate(
        f"between {many}:\nslope {_g(effects['between'])}", (x[1], between[1]), xytext=(-10, 0),
        textcoords="offset points", color=COLORS[1], fontweight="bold", va="bottom", ha="right",
        bbox=_PALE, zorder=7,
    )  # fmt: skip
    ax.set_xlabel(f"{words.level1(table.attrs['predictor'])} (lines), {one} mean (dots)")
    ax.set_ylabel(words.axis(table.attrs["outcome"]))
    ax.set_title(f"One predictor, two levels: {len(points['x'])} {many}")
    given = (table.attrs["predictor"], table.attrs["mean"])
    held = ", ".join(words.code(n, v) for n, v in table.attrs["held"].items() if n not in given)
    describe(
        ax,
        f"{len(points['x'])} grey dots: mean {words.name(table.attrs['outcome'])} of each {one} "
        f"against its mean of {words.name(table.attrs['predictor'])}. Four solid, nearly "
        f"parallel lines, each through the mean of one {one}, rise by {_g(effects['within'])} per "
        f"unit: the slope within a {one}. A dashed line through the four means rises by "
        f"{_g(effects['between'])} per unit: the slope between {many}. A vertical arrow joins two "
        f"solid lines whose {one} means are {gap:g} apart, at the same value of the predictor: "
        f"the contextual effect, between minus within, is {_g(effects['contextual'])} per unit."
        + (f" Drawn for {held}." if held else ""),
    )
    return ax


def _gap(ax: Axes, pair: pd.DataFrame, contextual: float, gap: float) -> None:
    """The contextual effect as an arrow between the lines of two groups."""
    at = float(pair["mean"].mean())
    low, high = (row.height + row.slope * (at - row.mean) for row in pair.itertuples())
    ax.annotate(
        "", (at, high), (at, low), zorder=8,
        arrowprops={"arrowstyle": "-|>", "lw": 3.4, "color": INK, "shrinkA": 0, "shrinkB": 0,
                    "mutation_scale": 20},
    )  # fmt: skip
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    per = "" if abs(gap - 1) < 1e-9 else " per unit"
    ax.annotate(
        f"contextual effect {_g(contextual)}{per}\n(means {gap:g} apart)",
        (at, low + 0.62 * (high - low)),
        xytext=(left + 0.05 * (right - left), top - 0.1 * (top - bottom)), textcoords="data",
        color=INK, fontweight="bold", ha="left", va="center", zorder=9, bbox=_PALE,
        arrowprops={"arrowstyle": "-", "color": INK, "lw": 1.2, "shrinkB": 3},
    )  # fmt: skip


# ---- diagnostics --------------------------------------------------------------------------
def residual_table(fit: MLMFit) -> pd.DataFrame:
    """Level-1 residuals for :func:`plot_level1_residuals`: ``fitted``, ``residual``, ``scaled``."""
    out = pd.DataFrame(
        {"fitted": fit.fitted, "residual": fit.residuals, "scaled": fit.scaled_residuals}
    )
    out.attrs |= {"outcome": fit.structure.outcome, "data_name": fit.data_name}
    return out


@_styled
def plot_level1_residuals(
    table: pd.DataFrame, *, ax: Sequence[Axes] | None = None, labels: Labels = None
) -> tuple[Axes, ...]:
    """Are the level-1 residuals even and normal? Scaled residuals against fitted values, with the
    mean and SD in ten slices, and against the quantiles of the normal distribution.

    ``table`` as from :func:`residual_table`.
    """
    _need(table, ["fitted", "scaled"], "residual_table(fit)")
    words, axes = _words(labels, table), _several(ax, 2)
    x, r = table["fitted"].to_numpy(dtype=float), table["scaled"].to_numpy(dtype=float)
    left, right = axes
    _hexagons(left, x, r)
    left.axhline(0, color=GREY, lw=1)
    edges = np.quantile(x, np.linspace(0, 1, 11))
    which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, 9)
    middle = np.array([x[which == k].mean() for k in range(10)])
    mean = np.array([r[which == k].mean() for k in range(10)])
    sd = np.array([r[which == k].std(ddof=1) for k in range(10)])
    left.errorbar(middle, mean, yerr=sd, color=COLORS[1], marker="o", ms=6, lw=2, capsize=3)
    left.set_title("Same spread everywhere?")
    left.set_xlabel(f"Fitted {words.name(table.attrs.get('outcome', 'value'))}")
    left.set_ylabel("Residual / σ")
    left.text(
        0.02, 0.98, "● mean ± SD in ten slices", transform=left.transAxes, va="top",
        color=COLORS[1], fontweight="bold", fontsize=12,
    )  # fmt: skip
    straight = _qq(right, r, COLORS[0])
    right.set_title("Normal?")
    right.set_xlabel("Quantile of the normal distribution")
    right.set_ylabel("Residual / σ")
    describe(
        left,
        f"Two panels on {len(r)} level-1 residuals divided by σ. Left, against fitted values: in "
        f"ten slices of equal size the mean residual stays between {_g(mean.min(), 2)} and "
        f"{_g(mean.max(), 2)} and the SD between {_g(sd.min(), 2)} and {_g(sd.max(), 2)}. Right, "
        f"against normal quantiles: {straight}",
    )
    return axes


def _hexagons(ax: Axes, x: Array, y: Array) -> None:
    """Density as hexagons in six shades, one path a shade so that the picture stays small."""
    found = ax.hexbin(x, y, gridsize=(34, 19), mincnt=1)
    centers, counts = found.get_offsets(), np.asarray(found.get_array(), dtype=float)
    corner = np.asarray(found.get_paths()[0].vertices)[:6]
    limits = ax.get_xlim(), ax.get_ylim()
    found.remove()
    edges = np.geomspace(1, counts.max() + 1, 7)
    codes = [Path.MOVETO, *[Path.LINETO] * 5, Path.CLOSEPOLY]
    shades = matplotlib.colormaps["Blues"](np.linspace(0.18, 0.95, 6))
    for k in range(6):
        mine = np.asarray(centers)[(counts >= edges[k]) & (counts < edges[k + 1])]
        if len(mine):
            shape = np.vstack([corner, corner[:1]])
            vertices = (mine[:, None, :] + shape[None]).reshape(-1, 2)
            path = Path(vertices, np.tile(codes, len(mine)))
            ax.add_patch(PathPatch(path, facecolor=shades[k], edgecolor=shades[k], lw=0.3))
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def _qq(ax: Axes, values: Array, color: str, points: int = 250) -> str:
    """A normal QQ plot; returns in words how far it strays. Many values: their quantiles."""
    from scipy.special import ndtri

    ordered = np.sort(values)
    n = len(ordered)
    theory = ndtri((np.arange(1, n + 1) - 0.5) / n)
    keep = np.unique(np.r_[0:min(20, n), np.linspace(0, n - 1, points).astype(int),
                           max(n - 20, 0):n])  # fmt: skip
    reach = max(abs(theory[0]), theory[-1]) * 1.05
    ax.plot([-reach, reach], [-reach, reach], color=INK, lw=1.4, linestyle=(0, (5, 3)))
    ax.plot(theory[keep], ordered[keep], "o", color=color, ms=5, alpha=0.7, mec="none")
    inner = np.abs(theory) < 1.645
    off = float(np.abs(ordered - theory)[inner].max())
    low, high = ordered[0] - theory[0], ordered[-1] - theory[-1]
    return (
        f"the middle 90% stray at most {_g(off, 2)} from the line; the lowest is {_g(ordered[0])} "
        f"where {_g(theory[0])} is expected, the highest {_g(ordered[-1])} where {_g(theory[-1])} "
        f"is ({_tails(low, high)})."
    )


def _tails(low: float, high: float) -> str:
    long_low, long_high = low < -0.3, high > 0.3
    short_low, short_high = low > 0.3, high < -0.3
    if long_low and long_high:
        return "tails longer than normal"
    if short_low and short_high:
        return "tails shorter than normal"
    return (
        "tails about normal"
        if not (long_low or long_high or short_low or short_high)
        else ("one tail off")
    )


@_styled
def plot_level2_residuals(
    table: pd.DataFrame, *, ax: Sequence[Axes] | None = None, labels: Labels = None
) -> tuple[Axes, ...]:
    """Are the level-2 residuals normal? Each EB residual against normal quantiles, and, for two or
    more random coefficients, their Mahalanobis distances against χ².

    ``table`` as from ``eb_table(fit)``. An EB residual is divided by its own SD under the model,
    √(τ - conditional variance): those of large groups vary more than those of small ones. The
    distances take the correlation of these ratios; at a correlation of ±1 they are left out.
    """
    from scipy.special import chdtri

    residuals = [c for c in table.columns if re.fullmatch(r"u\d+", str(c))]
    _need(table, [f"{r}_sd" for r in residuals], "eb_table(fit)")
    if "T" not in table.attrs or not residuals:
        raise MLMError("The table must come from eb_table(fit), which keeps T.")
    words = _words(labels, table)
    many = words.groups(table.attrs.get("group", ""))
    t = np.array(table.attrs["T"], dtype=float)
    both = len(residuals) > 1 and np.linalg.cond(table[residuals].corr().to_numpy()) < 1e4
    axes = _several(ax, len(residuals) + both, 10.5 if both else 6.0, 4.3)
    told = []
    scaled = []
    for k, name in enumerate(residuals):
        own = t[k, k] - table[f"{name}_sd"].to_numpy(dtype=float) ** 2
        ok = own > 1e-12 * max(t[k, k], 1e-300)
        if not ok.any():
            raise MLMError(f"The variance of {name}j is estimated as 0: it has no residuals.")
        z = table[name].to_numpy(dtype=float)[ok] / np.sqrt(own[ok])
        scaled.append(table[name].to_numpy(dtype=float) / np.sqrt(np.where(ok, own, np.nan)))
        what = "intercept" if name == "u0" else "slope"
        straight = _qq(axes[k], z, COLORS[0])
        axes[k].set_title(f"{what.capitalize()}, {name}j")
        axes[k].set_xlabel("Normal quantile")
        told.append(f"{what} {name}j: {straight}")
    axes[0].set_ylabel("EB residual / its SD")
    if both:
        z = np.column_stack(scaled)
        z = z[np.isfinite(z).all(axis=1)]
        d2 = np.sort(np.einsum("ij,jk,ik->i", z, np.linalg.inv(np.corrcoef(z.T)), z))
        n, q = len(d2), z.shape[1]
        theory = chdtri(q, 1 - (np.arange(1, n + 1) - 0.5) / n)
        last = axes[-1]
        last.plot([0, theory[-1]], [0, theory[-1]], color=INK, lw=1.4, linestyle=(0, (5, 3)))
        last.plot(theory, d2, "o", color=COLORS[2], ms=5, alpha=0.7, mec="none")
        last.set_title("Both together")
        last.set_xlabel(f"χ² quantile ({q} df)")
        last.set_ylabel("Squared distance")
        beyond = int((d2 > chdtri(q, 0.001)).sum())
        told.append(
            f"both together: the largest squared Mahalanobis distance is {_g(d2[-1])} where "
            f"{_g(theory[-1])} is expected, and {beyond} of {n} {many} lie beyond the 99.9% point "
            f"of χ² ({_g(chdtri(q, 0.001))})."
        )
    describe(axes[0], f"EB residuals of {len(table)} {many} against normal quantiles; "
             + " ".join(told))  # fmt: skip
    return axes


# ---- variance -----------------------------------------------------------------------------
@_styled
def plot_variance_explained(
    table: pd.DataFrame,
    *,
    names: tuple[str, str] = ("before", "after"),
    ax: Axes | None = None,
    labels: Labels = None,
) -> Axes:
    """What is left of each variance after predictors were added.

    ``table`` as from ``variance_explained(base, full)``; ``names`` are those of the two models.
    Each bar is the variance left as a share of the first model's.
    """
    _need(table, ["base", "full", "explained"], "variance_explained(base, full)")
    ax = _one(ax, 8.0, 1.7 + 0.8 * len(table))
    told = []
    for k, (parameter, row) in enumerate(table[::-1].iterrows()):
        left = row["full"] / row["base"] if row["base"] > 0 else float("nan")
        ax.barh(k, 1, height=0.62, facecolor="white", edgecolor=GREY, lw=1.2, hatch="///")
        ax.barh(k, left, height=0.62, color=COLORS[0])
        name = _greek(str(parameter))
        what = (
            f"{_pct(row['explained'])} explained" if math.isfinite(left) else "nothing to explain"
        )
        ax.text(
            1.02 if not left > 1 else left + 0.02, k, what, va="center", fontweight="bold",
            fontsize=15,
        )  # fmt: skip
        if left > 0.3:
            ax.text(
                0.015, k, f"{_g(row['base'])} → {_g(row['full'])}", va="center", color="white",
                fontweight="bold",
            )  # fmt: skip
        else:
            ax.text(
                max(left, 0.0) + 0.015, k, f"{_g(row['base'])} → {_g(row['full'])}", va="center",
                bbox=_PALE,
                fontweight="bold",
            )  # fmt: skip
        told.append(f"{name} from {_g(row['base'])} to {_g(row['full'])}, {what}")
    ax.set_yticks(range(len(table)), [_greek(str(p)) for p in table.index[::-1]], fontsize=17)
    ax.set_xlim(0, max(1.34, float((table["full"] / table["base"]).max()) + 0.34))
    ax.set_xticks([0, 0.5, 1], ["0", "half", f"all of\n{names[0]}"])
    ax.set_xlabel("")
    ax.tick_params(axis="y", length=0)
    ax.set_title(f"Variance left: {names[0]} → {names[1]}")
    describe(
        ax,
        f"Bars of the variance left from {names[0]} to {names[1]}: " + "; ".join(told[::-1]) + ".",
    )
    return ax


def _greek(name: str) -> str:
    return name.replace("sigma2", "σ²").replace("tau", "τ")


_PARTS = {
    "f1": ("level-1 predictors (f1)", COLORS[0], ""),
    "f2": ("level-2 predictors (f2)", COLORS[1], "//"),
    "f": ("all predictors (f)", COLORS[0], ""),
    "v": ("random slopes (v)", COLORS[4], ".."),
    "m": ("group means, unexplained (m)", COLORS[5], "\\\\"),
    "sigma2": ("level-1 residual (σ²)", "#D9D9D9", ""),
}


@_styled
def plot_r2(table: pd.DataFrame, *, ax: Axes | None = None, labels: Labels = None) -> Axes:
    """The outcome's variance divided into its sources, in total, within and between groups.

    ``table`` as from ``variance_decomposition(fit)`` (Rights & Sterba 2019).
    """
    _need(table, ["total", "within", "between"], "variance_decomposition(fit)")
    columns = [c for c in ("total", "within", "between") if table[c].notna().any()]
    ax = _one(ax, 9.0, 4.6 if len(columns) > 1 else 4.2)
    told = []
    present = [p for p in _PARTS if p in table.index and table.loc[p, columns].notna().any()]
    for k, column in enumerate(columns):
        shares = table[column].dropna() / table[column].sum()
        base, said = 0.0, []
        for part in present:
            if part not in shares.index:
                continue
            share = float(shares[part])
            name, color, hatch = _PARTS[part]
            ax.bar(k, share, 0.58, bottom=base, color=color, hatch=hatch, edgecolor="white", lw=1)
            if share >= 0.045:
                ax.text(
                    k, base + share / 2, _pct(share), ha="center", va="center", fontsize=14,
                    fontweight="bold",
                    bbox=_PALE,
                )  # fmt: skip
            said.append(f"{name} {_pct(share)}")
            base += share
        told.append(f"{column}: {', '.join(said)}")
    ax.set_xticks(range(len(columns)), columns, fontsize=15)
    ax.set_ylim(0, 1)
    ax.set_xlim(-0.45, len(columns) - 0.55 + 0.02)
    ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    ax.set_ylabel("Share of the variance")
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=_PARTS[p][1], hatch=_PARTS[p][2], edgecolor="white", label=_PARTS[p][0])
        for p in present[::-1]
    ]
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False,
              handleheight=1.6, handlelength=1.8, labelspacing=0.9)  # fmt: skip
    note = table.attrs.get("note", "")
    describe(
        ax, f"Stacked bars of the shares of the variance. {'. '.join(t for t in told)}. {note}"
    )
    return ax


# ---- probing ------------------------------------------------------------------------------
@_styled
def plot_simple_slopes(
    table: pd.DataFrame, *, ax: Axes | None = None, labels: Labels = None
) -> Axes:
    """Simple slopes with their intervals, one row each.

    ``table`` as from ``simple_slopes(fit, predictor, by=...)``.
    """
    _need(table, ["label", "estimate", "lower", "upper"], "simple_slopes(fit, ...)")
    words = _words(labels, table)
    ax = _one(ax, 8.0, 1.6 + 0.62 * len(table))
    predictor = table.attrs.get("predictor", "the predictor")
    at = np.arange(len(table))[::-1]
    told = []
    ax.axvline(0, color=INK, lw=1.2, linestyle=(0, (4, 3)))
    for y, row in zip(at, table.itertuples(), strict=True):
        away = row.lower > 0 or row.upper < 0
        color = COLORS[0] if away else GREY
        ax.plot([row.lower, row.upper], [y, y], color=color, lw=3, solid_capstyle="butt")
        ax.plot([row.estimate], [y], "o", ms=11, mfc=color if away else "white", mec=color, mew=2.4)
        ax.annotate(
            _g(row.estimate), (row.estimate, y), xytext=(0, 9), textcoords="offset points",
            ha="center", va="bottom", fontweight="bold",
        )  # fmt: skip
        told.append(
            f"{words.label(row.label)}: {_g(row.estimate)} ({_g(row.lower)} to {_g(row.upper)})"
        )
    ax.set_yticks(at, [words.label(t) for t in table["label"]], fontsize=13)
    ax.set_ylim(-0.5, len(table) - 0.35)
    ax.tick_params(axis="y", length=0)
    low, high = min(0.0, float(table["lower"].min())), max(0.0, float(table["upper"].max()))
    ax.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    ax.set_xlabel(f"Slope of {words.name(predictor)}, with interval")
    describe(
        ax,
        f"Simple slopes of {words.name(predictor)} with intervals, filled dots where the interval "
        f"leaves 0 out. {'; '.join(told)}.",
    )
    return ax


@_styled
def plot_johnson_neyman(
    region: JohnsonNeyman, *, ax: Axes | None = None, labels: Labels = None
) -> Axes:
    """The simple slope along its moderator, with band, region of significance and observed values.

    ``region`` as from ``johnson_neyman(fit, ...)``. Hatched: where the slope differs from zero. The
    ticks below are the observed values of the moderator; the picture ends where they end.
    """
    words, ax = _words(labels, region), _one(ax, 8.4, 4.8)
    t, w = region.table, region.moderator
    m = t[w].to_numpy(dtype=float)
    slope = t["slope"].to_numpy(dtype=float)
    lower, upper = t["lower"].to_numpy(dtype=float), t["upper"].to_numpy(dtype=float)
    ax.fill_between(m, lower, upper, color=GREY, alpha=0.22, lw=0)
    for low, high in region.regions:
        inside = (m >= low) & (m <= high)
        ax.fill_between(
            m[inside], lower[inside], upper[inside], facecolor="#0072B240", edgecolor=COLORS[0],
            hatch="///", lw=0,
        )  # fmt: skip
    ax.plot(m, slope, color=INK, lw=3)
    ax.axhline(0, color=INK, lw=1.2, linestyle=(0, (4, 3)))
    floor, ceiling = min(float(lower.min()), 0.0), max(float(upper.max()), 0.0)
    span = ceiling - floor
    ax.set_ylim(floor - 0.16 * span, ceiling + 0.12 * span)
    values = region.values.to_numpy(dtype=float)
    base = floor - 0.15 * span
    _segments(ax, np.column_stack([values] * 2),
              np.tile([base, base + 0.05 * span], (len(values), 1)),
              edgecolor=INK, lw=0.9, alpha=0.55)  # fmt: skip
    for bound in region.bounds:
        ax.axvline(bound, color=COLORS[1], lw=2, linestyle=(0, (5, 2)))
        ax.annotate(
            _g(bound), (bound, ceiling + 0.1 * span), xytext=(5, 0), textcoords="offset points",
            color=COLORS[1], fontweight="bold", va="top",
        )  # fmt: skip
    for low, high in region.regions or [region.observed]:
        text = "differs from 0" if region.regions else "does not differ from 0"
        if high - low > 0.25 * (m[-1] - m[0]):
            middle = (low + high) / 2
            y = float(np.interp(middle, m, upper))
            ax.annotate(
                text, (middle, y), xytext=(0, 12), textcoords="offset points", ha="center",
                fontweight="bold", color=COLORS[0] if region.regions else INK,
                bbox=_PALE,
            )  # fmt: skip
    ax.set_xlim(*region.observed)
    ax.margins(x=0.01)
    ax.set_xlabel(words.axis(w))
    ax.set_ylabel(f"Slope of {words.name(region.predictor)}")
    held = ", ".join(words.code(n, v) for n, v in region.held.items())
    ax.set_title(f"Where the slope differs from zero{f' ({held})' if held else ''}")
    names = {c: words.name(c) for c in (region.predictor, w, *region.held)}
    names |= {f"{n}={_plain(v)}": words.code(n, v) for n, v in region.held.items()
              if f"{n}={_plain(v)}" in words.codes}  # fmt: skip
    describe(
        ax,
        f"Simple slope of {words.name(region.predictor)} along {words.name(w)} with a "
        f"{region.level:.0%} band: from {_g(slope[0])} at {_g(m[0])} to {_g(slope[-1])} at "
        f"{_g(m[-1])}. {region.describe(names)}",
    )
    return ax


@_styled
def plot_power(table: pd.DataFrame, *, ax: Axes | None = None, aim: float = 0.8) -> Axes:
    """Power against the number of schools, one line for each school size and interaction.

    ``table`` as in ``power(...).table``. Bands are 95% limits of the simulation's own error, the
    thin dotted lines the classical approximation, the dashed line the power aimed at.
    """
    _need(table, ["groups", "size", "gamma11", "power", "power_se", "approximate"], "power(...)")
    ax = _one(ax, 8.0, 5.0)
    by = [c for c in ("size", "gamma11") if table[c].nunique() > 1] or ["size"]
    told = []
    for k, (values, part) in enumerate(table.sort_values("groups").groupby(by)):
        color = COLORS[k % len(COLORS)]
        name = ", ".join(
            f"n = {v:g}" if c == "size" else f"γ₁₁ = {v:g}" for c, v in zip(by, values, strict=True)
        )
        x, y = part["groups"].to_numpy(), part["power"].to_numpy(dtype=float)
        error = 1.96 * part["power_se"].to_numpy(dtype=float)
        ax.fill_between(x, y - error, y + error, color=color, alpha=0.18, lw=0)
        ax.plot(
            x, y, color=color, linestyle=DASHES[k % len(DASHES)], marker=MARKERS[k % len(MARKERS)],
            label=name,
        )  # fmt: skip
        ax.plot(x, part["approximate"], color=color, lw=1.2, linestyle=(0, (1, 2)))
        told.append(f"{name}: " + ", ".join(f"{p:.2f} at {j}" for j, p in zip(x, y, strict=True)))
    ax.axhline(aim, color=GREY, lw=1.2, linestyle=(0, (6, 4)))
    ax.set(ylim=(0, 1.02), xlabel="J, number of schools", ylabel="Power")
    ax.set_xticks(sorted(table["groups"].unique()))
    ax.legend(frameon=False, loc="lower right")
    ax.set_title("Power to find the cross-level interaction")
    describe(
        ax,
        f"Power against the number of schools, by simulation; a dashed line marks {_pct(aim)}, "
        f"thin dotted lines the approximation. {'; '.join(told)}.",
    )
    return ax
