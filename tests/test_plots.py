"""Pictures say what the tables say, stay the same, and do not overlap."""

from __future__ import annotations

import base64
import io
import re
import urllib.parse
from collections.abc import Callable
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.report import plots
from mlm_helpers.report.plots.canvas import figure_of
from mlm_helpers.report.plots.labels import ColumnLabels, short_number
from mlm_helpers.report.plots.marks import spread


@cache
def hsb() -> pd.DataFrame:
    d = mlm.load_dataset("hsb82")
    d["meanses"] = mlm.group_mean(d, "ses", "school")
    d["cses"] = mlm.center_within(d, "ses", "school")
    d["region"] = pd.Categorical.from_codes(d["school"] % 3, ["north", "middle", "south"])
    return d


@cache
def model(k: int) -> Any:
    return mlm.fit_mlm(
        {
            1: "mathach ~ cses + (1 + cses | school)",
            2: "mathach ~ cses * sector + (1 + cses | school)",
            3: "mathach ~ sector + meanses + sector * cses + meanses * cses + (1 + cses | school)",
            4: "mathach ~ ses * sector + meanses + (1 + ses | school)",
        }[k],
        hsb(),
    )


# Each picture: the table it is drawn from, and the function that draws it.
PICTURES: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "lines": (lambda: plots.lines_table(model(1)), plots.plot_group_lines),
    "lines_by": (lambda: plots.lines_table(model(1), by="sector", data=hsb()),
                 plots.plot_group_lines),
    "eb": (lambda: mlm.eb_table(model(1)), plots.plot_eb),
    "eb_by": (lambda: mlm.eb_table(model(1), "sector", hsb()), plots.plot_eb_by),
    "eb_by_three": (lambda: mlm.eb_table(model(1), "region", hsb()), plots.plot_eb_by),
    "caterpillar": (lambda: mlm.eb_table(model(3)), plots.plot_caterpillar),
    "predictions": (lambda: mlm.prediction_grid(model(2), "cses", by="sector"),
                    plots.plot_predictions),
    "predictions_ses": (lambda: mlm.prediction_grid(model(3), "cses", by="meanses"),
                        plots.plot_predictions),
    "predictions_six": (lambda: mlm.prediction_grid(model(3), "cses", by=["sector", "meanses"]),
                        plots.plot_predictions),
    "predictions_one": (lambda: mlm.prediction_grid(model(1), "cses"), plots.plot_predictions),
    "context": (lambda: plots.context_table(model(3), "cses", "meanses"), plots.plot_context),
    "context_raw": (lambda: plots.context_table(model(4), "ses", "meanses"), plots.plot_context),
    "echo": (lambda: plots.echo_table(model(1)), plots.plot_echo),
    "echo_by": (lambda: plots.echo_table(model(1), "sector", hsb()), plots.plot_echo),
    "level1": (lambda: plots.residual_table(model(3)), plots.plot_level1_residuals),
    "level2": (lambda: mlm.eb_table(model(3)), plots.plot_level2_residuals),
    "explained": (lambda: mlm.variance_explained(model(1), model(2)),
                  plots.plot_variance_explained),
    "r2": (lambda: mlm.variance_decomposition(model(3)), plots.plot_r2),
    "r2_raw": (lambda: mlm.variance_decomposition(model(4)), plots.plot_r2),
    "slopes": (lambda: mlm.simple_slopes(model(3), "cses"), plots.plot_simple_slopes),
    "region": (lambda: mlm.johnson_neyman(model(3), "cses", "meanses", at={"sector": 1}),
               plots.plot_johnson_neyman),
}  # fmt: skip
each = pytest.mark.parametrize("name", PICTURES)


@cache
def drawn(name: str) -> Any:
    table, draw = PICTURES[name]
    return draw(table())


@cache
def shown(name: str) -> tuple[dict[str, str], dict[str, Any]]:
    return plots.bundle(drawn(name))


# ---- every picture ------------------------------------------------------------------------
@each
def test_leaves_the_table_and_the_style_outside_alone(name: str) -> None:
    import matplotlib.pyplot as plt

    table, draw = PICTURES[name]
    given = table()
    before = given.copy() if isinstance(given, pd.DataFrame) else given.table.copy()
    rc, figures = dict(matplotlib.rcParams), plt.get_fignums()
    draw(given)
    pd.testing.assert_frame_equal(given if isinstance(given, pd.DataFrame) else given.table, before)
    assert dict(matplotlib.rcParams) == rc
    assert plt.get_fignums() == figures


@each
def test_has_alt_text_with_numbers(name: str) -> None:
    text = plots.alt_text(drawn(name))
    assert len(text) > 60
    assert len(re.findall(r"\d", text)) > 5
    assert "nan" not in text.split()
    assert "  " not in text


@each
def test_nothing_is_cut_off(name: str) -> None:
    figure = figure_of(drawn(name))
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text.axes is not None:
            box = text.get_window_extent(renderer)
            where = f"{text.get_text()!r} at {box}"
            if text.get_clip_on() or not _is_drawn(text):
                continue
            assert box.x0 > -1, where
            assert box.y0 > -1, where
            assert box.x1 < page.x1 + 1, where
            assert box.y1 < page.y1 + 1, where


def _is_drawn(text: Text) -> bool:
    """Tick labels beyond the limits of an axis are kept by matplotlib but not drawn."""
    for axis in (text.axes.xaxis, text.axes.yaxis):  # type: ignore[union-attr]
        for tick in axis.get_major_ticks():
            if text in (tick.label1, tick.label2):
                low, high = sorted(axis.get_view_interval())
                return low <= tick.get_loc() <= high
    return True


@each
def test_bundle_is_an_img_with_alt(name: str) -> None:
    data, metadata = shown(name)
    text = plots.alt_text(drawn(name))
    assert data["text/plain"] == text
    assert metadata["image/png"]["alt"] == text
    found = re.fullmatch(r'<img src="data:image/svg\+xml,([^"]*)" alt="([^"]*)" .*>',
                         data["text/html"])  # fmt: skip
    assert found
    svg = urllib.parse.unquote(found[1])
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    size = metadata["image/png"]["width"], metadata["image/png"]["height"]
    assert picture.size == size
    assert not picture.info.keys() & {"Software", "Creation Time", "date:create"}
    assert len(data["image/png"]) < 130_000
    assert len(data["text/html"]) < 330_000


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "region"])  # a table each
def test_is_the_same_when_arithmetic_differs_in_the_last_digits(name: str) -> None:
    make, draw = PICTURES[name]
    table = make()
    rng = np.random.default_rng(5)
    other = table.copy()
    for column in other.columns:
        if pd.api.types.is_float_dtype(other[column]):
            other[column] *= 1 + rng.choice([-1e-13, 0, 1e-13], len(other))
    other.attrs = table.attrs
    first, second = draw(table), draw(other)
    assert plots.svg(first) == plots.svg(second)
    assert plots.alt_text(first) == plots.alt_text(second)


@each
def test_draws_on_axes_that_are_given(name: str) -> None:
    make, draw = PICTURES[name]
    made = drawn(name)
    figure = Figure(figsize=(11, 5))
    if isinstance(made, Axes):
        ax = figure.subplots()
        assert draw(make(), ax=ax) is ax
    else:
        axes = figure.subplots(1, len(made))
        assert draw(make(), ax=axes) == tuple(axes)
        with pytest.raises(MLMError, match=f"give ax {len(made)} Axes"):
            draw(make(), ax=tuple(axes)[1:])


# ---- what the descriptions say ------------------------------------------------------------
def test_caterpillar_counts() -> None:
    eb = mlm.eb_table(model(3))
    far = eb["u0"].abs() > 1.959963984540054 * eb["u0_sd"]
    low, high = int((far & (eb["u0"] < 0)).sum()), int((far & (eb["u0"] > 0)).sum())
    assert low
    assert f"for {low + high} of 160 schools: {low} below and {high} above" in plots.alt_text(
        drawn("caterpillar")
    )
    wide = plots.plot_caterpillar(eb, level=0.5)
    assert "50% interval" in plots.alt_text(wide)
    assert plots.alt_text(wide) != plots.alt_text(drawn("caterpillar"))


def test_eb_by_says_the_means_of_slide_5s_table() -> None:
    table = mlm.eb_by(model(1), "sector", hsb())
    text = plots.alt_text(drawn("eb_by"))
    for code, name in ((0, "public (90)"), (1, "Catholic (70)")):
        mean = f"{table.loc[('u0', code), 'mean']:.2f}".replace("-", "−")
        assert f"{name} mean {mean}" in text


def test_ellipse_and_shrinkage() -> None:
    text = plots.alt_text(drawn("eb"))
    t = model(1).T.to_numpy()
    assert f"√τ00 = {np.sqrt(t[0, 0]):.2f}" in text
    eb = mlm.eb_table(model(1))
    u = eb[["u0", "u1"]].to_numpy()
    inside = (np.einsum("ij,jk,ik->i", u, np.linalg.inv(t), u) < 5.9915).mean()
    assert f"{100 * inside:.1f}% of the points" in text
    patch = drawn("eb").patches[0]
    assert patch.width * patch.height == pytest.approx(4 * 5.991464547 * np.sqrt(np.linalg.det(t)))


def test_shared_limits_hold_both_models() -> None:
    one, three = mlm.eb_table(model(1)), mlm.eb_table(model(3))
    limits = plots.shared_limits(one, three)
    first, second = plots.plot_eb(one, limits=limits), plots.plot_eb(three, limits=limits)
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()
    assert limits[0][1] > max(one["u0"].abs().max(), three["u0"].abs().max())


def test_context_gap_is_the_contextual_effect() -> None:
    for k, x in ((3, "cses"), (4, "ses")):
        table = plots.context_table(model(k), x, "meanses")
        effect = mlm.contextual_effect(model(k), x, "meanses", by=())
        low, high = table.iloc[1], table.iloc[2]
        at = (low["mean"] + high["mean"]) / 2
        ends = [r["height"] + r["slope"] * (at - r["mean"]) for r in (low, high)]
        gap = high["mean"] - low["mean"]
        assert ends[1] - ends[0] == pytest.approx(
            effect.loc["contextual", "estimate"] * gap, rel=1e-9
        )
        rise = (high["height"] - low["height"]) / gap
        assert rise == pytest.approx(effect.loc["between", "estimate"], rel=1e-9)


def test_region_says_bound_and_warning() -> None:
    text = plots.alt_text(drawn("region"))
    assert "−0.6888" in text
    assert "compared with zero" in text
    assert "sector = Catholic" in text
    hatched = [c for c in drawn("region").collections if c.get_hatch()]
    assert len(hatched) == 1


def test_variance_explained_says_percentages() -> None:
    table = mlm.variance_explained(model(1), model(2))
    text = plots.alt_text(drawn("explained"))
    assert f"{100 * table.loc['tau11', 'explained']:.1f}% explained" in text
    assert "−0.0%" not in text


def test_lines_table_is_the_fit() -> None:
    table = plots.lines_table(model(1))
    np.testing.assert_array_equal(table["slope"], model(1).coefficients["b1"])
    x = hsb().groupby("school")["cses"]
    np.testing.assert_array_equal(table["low"], x.min())
    assert table["n"].sum() == len(hsb())


# ---- labels -------------------------------------------------------------------------------
def test_labels_of_lines_do_not_overlap() -> None:
    ax = drawn("predictions_six")
    figure = figure_of(ax)
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in ax.texts]
    assert len(boxes) == 7  # six lines and the heading
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert not (a.overlaps(b) and min(a.y1, b.y1) - max(a.y0, b.y0) > 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9), st.floats(0.1, 20))
def test_spread_keeps_order_and_distance(wanted: list[float], gap: float) -> None:
    placed = spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap * (1 - 1e-9)).all()
    assert np.mean(placed) == pytest.approx(np.mean(wanted), abs=1e-6)


def test_labels_may_be_a_mapping_a_vocabulary_or_a_name() -> None:
    grid = mlm.prediction_grid(model(2), "cses", by="sector")
    own = plots.plot_predictions(grid, labels={"sector=1": "church school", "cses": "wealth"})
    assert {"church school", "sector = 0"} <= {t.get_text() for t in own.texts} | {
        ColumnLabels({"sector=1": "church school"}).label("sector = 0")
    }
    assert own.get_xlabel() == "Wealth"
    by_name = plots.plot_predictions(grid, labels="hsb82")
    by_words = plots.plot_predictions(grid, labels=mlm.load_vocabulary("hsb82"))
    assert (
        plots.alt_text(by_name) == plots.alt_text(by_words) == plots.alt_text(drawn("predictions"))
    )
    plain = plots.alt_text(plots.plot_predictions(grid, labels={}))
    assert "sector = 1" in plain
    assert "Catholic" not in plain


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.345, "12.3"), (-0.5, "−0.500"), (742, "742"), (95.1707, "95.2"),
     (1234.5, "1234"), (3.0, "3"), (2e-7, "2e−07"), (float("nan"), "nan")],
)  # fmt: skip
def test_numbers_for_reading(value: float, text: str) -> None:
    assert short_number(value) == text


# ---- sentences ----------------------------------------------------------------------------
def test_a_picture_without_description_is_not_shown() -> None:
    ax = Figure().subplots()
    with pytest.raises(MLMError, match="no description"):
        plots.show(ax)
    plots.describe(ax, "An empty\n  frame, as an example.")
    assert plots.alt_text(ax) == plots.alt_text(ax.figure) == "An empty frame, as an example."


def test_show_displays_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display

    seen: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: seen.append((a, k)))
    plots.show(drawn("slopes"))
    ((data,), options) = seen[0]
    assert data["text/html"] == shown("slopes")[0]["text/html"]
    assert options["raw"] is True
    assert options["metadata"]["image/png"]["alt"] == data["text/plain"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plots.plot_eb(pd.DataFrame({"a": [1]})), r"eb_table\(fit\)"),
        (lambda: plots.plot_predictions({"a": 1}), "drawn from a table"),
        (lambda: plots.show("x"), "what a plot function returned"),
        (lambda: plots.plot_eb_by(mlm.eb_table(model(1))), "by which categories"),
        (lambda: plots.lines_table(model(1), "sector"), "not a level-1 predictor"),
        (lambda: plots.lines_table(mlm.fit_mlm("mathach ~ 1 + (1 | school)", hsb())), "no lines"),
        (lambda: plots.plot_eb(mlm.eb_table(model(1)), labels="hsb"), "no vocabulary 'hsb'"),
    ],
)
def test_sentences(call: Callable[[], Any], said: str) -> None:
    with pytest.raises((MLMError, AttributeError), match=said):
        call()


def test_singular_fit_is_drawn() -> None:
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(30), 8)
    x = rng.normal(size=240)
    u = rng.normal(size=30)[g]
    d = pd.DataFrame({"y": u + (1 + u) * x + rng.normal(0, 1, 240), "x": x, "g": g})
    m = mlm.fit_mlm("y ~ x + (1 + x | g)", d)
    assert m.singular
    for draw in (plots.plot_eb, plots.plot_caterpillar, plots.plot_level2_residuals):
        assert plots.alt_text(draw(mlm.eb_table(m)))


# ---- random coefficients are matched by number, in any order ------------------------------
@cache
def two_slopes() -> pd.DataFrame:
    rng = np.random.default_rng(31)
    g = np.repeat(np.arange(50), 15)
    x, c = rng.normal(size=(2, 750))
    u = rng.normal(size=(50, 3)) * [1.2, 0.7, 0.2]
    y = 2 + 0.5 * x + 0.3 * c + u[g, 0] + u[g, 1] * x + u[g, 2] * c + rng.normal(size=750)
    return pd.DataFrame({"y": y, "x": x, "c": c, "g": g})


@pytest.mark.parametrize(
    ("random", "first", "second"),
    [
        ("(1 + x | g)", "Intercept", "x"),
        ("(0 + x | g) + (1 | g)", "Intercept", "x"),
        ("(1 + x + c | g)", "Intercept", "x"),
        ("(1 + c + x | g)", "Intercept", "x"),
        ("(1 + c | g)", "Intercept", "c"),
        ("(0 + c + x | g)", "x", "c"),
    ],
)
def test_the_ellipse_is_that_of_the_residuals_drawn(random: str, first: str, second: str) -> None:
    fit = mlm.fit_mlm(f"y ~ x + c + {random}", two_slopes())
    ax = plots.plot_eb(mlm.eb_table(fit))
    t = fit.T.loc[[first, second], [first, second]].to_numpy()
    patch = ax.patches[0]
    area = 4 * 5.991464547 * np.sqrt(np.linalg.det(t))
    assert patch.width * patch.height == pytest.approx(area)
    assert f"= {short_number(np.sqrt(t[1, 1]))} and correlation" in plots.alt_text(ax)


@pytest.mark.parametrize("random", ["(1 | g)", "(0 + x | g)"])
def test_one_random_coefficient_is_refused_by_the_scatter_plot(random: str) -> None:
    table = mlm.eb_table(mlm.fit_mlm(f"y ~ x + {random}", two_slopes()))
    with pytest.raises(MLMError, match="the model has one"):
        plots.plot_eb(table)
    assert plots.alt_text(plots.plot_caterpillar(table))
    assert plots.alt_text(plots.plot_level2_residuals(table))


def test_several_slopes_are_called_by_their_predictors() -> None:
    table = mlm.eb_table(mlm.fit_mlm("y ~ x + c + (1 + c + x | g)", two_slopes()))
    for draw in (plots.plot_caterpillar, plots.plot_level2_residuals):
        titles = [ax.get_title(loc="left") for ax in draw(table)]
        assert titles[:3] == ["Intercept, û0j", "Slope of x, û1j", "Slope of c, û2j"]
