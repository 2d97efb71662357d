"""The page a picture stands on: theme and palette, its description, and how it is shown."""

from __future__ import annotations

import base64
import functools
import html
import io
import re
import urllib.parse
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from mlm_helpers.errors import MLMError

# Okabe & Ito, in the order in which categories take them; each has its own dash and marker too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("", (5, 1.6), (1.2, 1.2), (6.4, 1.6, 1, 1.6), (7, 1.5, 1, 1.5, 1, 1.5))
MARKERS = ("o", "s", "^", "D", "v")
GREY, INK = "#767676", "#222222"
PALE = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
DPI = 100

# seaborn's "ticks" in the "notebook" context, with type that can be read from the last row.
THEME: Any = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("notebook"),
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 13,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1.0,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "text.color": INK,
    "lines.linewidth": 2.4,
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "mlm_helpers",
    "path.simplify": False,
}

F = TypeVar("F", bound=Callable[..., Any])
_descriptions: weakref.WeakKeyDictionary[Axes, str] = weakref.WeakKeyDictionary()


def styled(function: F) -> F:
    """Draw in this theme, whatever the style outside."""

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context(THEME):
            return function(*args, **kwargs)

    return inside  # type: ignore[return-value]


def dash(k: int) -> Any:
    """matplotlib's line style for the k-th dash, which seaborn writes without an offset."""
    pattern = DASHES[k % len(DASHES)]
    return (0, pattern) if pattern else "-"


# ---- figures ------------------------------------------------------------------------------
def new_figure(width: float, height: float) -> Figure:
    """A figure that pyplot does not know of."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr, call-arg]
    return figure


def one(ax: Axes | None, width: float = 8.0, height: float = 4.5) -> Axes:
    """The panel that was given, or a new one."""
    return new_figure(width, height).subplots() if ax is None else ax


def several(
    ax: Sequence[Axes] | None, n: int, width: float = 10.0, height: float = 4.5, **options: Any
) -> tuple[Axes, ...]:
    """The n panels that were given, or new ones side by side."""
    if ax is None:
        return tuple(new_figure(width, height).subplots(1, n, squeeze=False, **options)[0])
    axes = (ax,) if isinstance(ax, Axes) else tuple(ax)
    if len(axes) != n:
        raise MLMError(f"This picture has {n} panels: give ax {n} Axes; got {len(axes)}.")
    return axes


def figure_of(picture: Axes | Figure | Sequence[Axes]) -> Figure:
    """The figure of what a plot function returned."""
    if isinstance(picture, Figure):
        return picture
    if isinstance(picture, Axes):
        return picture.figure  # type: ignore[return-value]
    axes = list(picture) if isinstance(picture, Iterable) else []
    if not axes or not all(isinstance(ax, Axes) for ax in axes):
        raise MLMError(f"show needs what a plot function returned; got {type(picture).__name__}.")
    return axes[0].figure  # type: ignore[return-value]


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
    figure = figure_of(picture)
    found = [_descriptions[ax] for ax in figure.axes if ax in _descriptions]
    if not found:
        raise MLMError(
            "This picture has no description: say what is to be seen with "
            'plots.describe(ax, "..."), for those who cannot see it.'
        )
    return " ".join(dict.fromkeys(found))


def png(picture: Axes | Figure | Sequence[Axes]) -> bytes:
    """The picture as PNG, without date and software, in a palette that keeps it small."""
    from PIL import Image

    buffer = io.BytesIO()
    figure = figure_of(picture)
    with matplotlib.rc_context(THEME):
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
    figure = figure_of(picture)
    with matplotlib.rc_context(THEME):
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
    figure = figure_of(picture)
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
