"""Whatever type, category or name a column has, its model is the one of plain numbers and names."""

from __future__ import annotations

import datetime as dt
import pathlib

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.engine.chunks import with_centering
from mlm_helpers.errors import MLMError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(71)
    groups, size = 26, 9
    g = np.repeat(np.arange(groups), size)
    n = len(g)
    u = rng.normal(size=(groups, 2))[g]
    frame = pd.DataFrame(
        {
            "points": rng.integers(60, 127, n),
            "pages": rng.integers(40, 120, n),
            "grade": rng.integers(1990, 2024, n),
            "bused": rng.random(n) < 0.4,
            "lunch": rng.random(n) < 0.6,
            "size": rng.integers(90, 120, groups)[g],
            "track": np.array(["low", "middle", "top"])[rng.integers(0, 3, n)],
            "g": g,
        }
    )
    y = 3 + 0.02 * frame["points"] + 0.3 * frame["bused"] + u[:, 0] + rng.normal(size=n)
    return frame.assign(y=y + 0.5 * (frame["track"] == "top"))


FORMULAS = (
    "y ~ points * pages + (1 | g)",
    "y ~ points * size + (1 + points | g)",
    "y ~ pages + I(pages^2) + (1 | g)",
    "y ~ grade + I(grade**2) + (1 | g)",
    "y ~ I(points - pages) + (1 | g)",
    "y ~ I(points * pages * size) + (1 | g)",
    "I(y + points * pages) ~ size + (1 | g)",
    "y ~ pages + (0 + I(pages - 80) | g) + (1 | g)",
)
SMALL = ["points", "pages", "size"]


def narrow(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    if kind == "arrow":
        return frame.astype(dict.fromkeys(SMALL, "int8[pyarrow]"))
    return frame.astype({**dict.fromkeys(SMALL, kind), "grade": "int16"})


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "Int8", "UInt8", "arrow"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_small_integers_give_the_fit_of_floats(frame, formula, kind):
    numbers = [*SMALL, "grade"]
    expected = mlm.fit_mlm(formula, frame.astype(dict.fromkeys(numbers, float)))
    found = mlm.fit_mlm(formula, narrow(frame, kind))
    np.testing.assert_allclose(found.gamma, expected.gamma, rtol=1e-12)
    assert found.criterion == pytest.approx(expected.criterion, rel=1e-13)


@pytest.mark.parametrize("kind", ["float32", "float16", "Float32", "float[pyarrow]"])
def test_narrow_floats_are_computed_with_in_full(frame, kind):
    given = frame.assign(points=frame["points"].astype(kind), pages=frame["pages"].astype(kind))
    formula = "y ~ points * pages + I(points^2) + (1 | g)"
    expected = mlm.fit_mlm(formula, frame)
    np.testing.assert_allclose(mlm.fit_mlm(formula, given).gamma, expected.gamma, rtol=1e-10)


@pytest.mark.parametrize("how", ["list", "parquet", "function", "dask", "once"])
def test_small_integers_give_the_fit_of_floats_in_chunks(frame, how, tmp_path: pathlib.Path):
    small = narrow(frame, "int8")
    pieces = [small.iloc[:100], small.iloc[100:]]
    if how == "parquet":
        small.to_parquet(tmp_path / "a.parquet")
        data = tmp_path / "a.parquet"
    elif how == "dask":
        import dask.dataframe as dd

        data = dd.from_pandas(small, npartitions=3)
    else:
        data = {"list": pieces, "once": iter(pieces), "function": lambda: iter(pieces)}[how]
    formula = "y ~ points * pages + I(grade^2) + (1 | g)"
    expected = mlm.fit_mlm(formula, frame)
    np.testing.assert_allclose(mlm.fit_mlm(formula, data).gamma, expected.gamma, rtol=1e-9)


def test_centering_in_chunks_does_not_wrap(frame):
    small = narrow(frame, "int8")
    source = with_centering(
        [small.iloc[:100], small.iloc[100:]],
        "g",
        center_within={"points_c": "points"},
        group_mean={"points_m": "points"},
    )
    whole = frame.assign(
        points_c=mlm.center_within(frame, "points", "g"),
        points_m=mlm.group_mean(frame, "points", "g"),
    )
    formula = "y ~ points_c * points_m + (1 | g)"
    expected = mlm.fit_mlm(formula, whole)
    np.testing.assert_allclose(mlm.fit_mlm(formula, source).gamma, expected.gamma, rtol=1e-9)


def test_new_rows_of_a_small_type_are_predicted_in_full(frame):
    fit = mlm.fit_mlm("y ~ points * pages + I(size^2) + (1 + points | g)", frame)
    expected = fit.predict(frame.head(7))
    np.testing.assert_allclose(fit.predict(narrow(frame, "int8").head(7)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "formula",
    ["y ~ I(bused + lunch) + (1 | g)", "y ~ I(bused - lunch) + (1 | g)",
     "y ~ I(2 * bused + lunch) + (1 | g)", "y ~ bused * lunch + (1 + bused | g)",
     "y ~ I((bused + lunch)^2) + (1 | g)", "I(y + bused + lunch) ~ points + (1 | g)"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["bool", "boolean", "bool[pyarrow]"])
def test_truth_values_count_as_0_and_1(frame, formula, kind):
    given = frame.assign(bused=frame["bused"].astype(kind), lunch=frame["lunch"].astype(kind))
    numbers = frame.assign(bused=frame["bused"] * 1.0, lunch=frame["lunch"] * 1.0)
    found, expected = mlm.fit_mlm(formula, given), mlm.fit_mlm(formula, numbers)
    assert found.design.columns == expected.design.columns
    np.testing.assert_allclose(found.gamma, expected.gamma, rtol=1e-12)


def test_codes_of_categories_keep_their_names(frame):
    for kind in ("int16", "float64", "Int64"):
        given = frame.assign(band=(frame["grade"] % 3).astype(kind))
        fit = mlm.fit_mlm("y ~ C(band) + (1 | g)", given)
        assert fit.design.columns == ("Intercept", "C(band)[T.1]", "C(band)[T.2]")
    fit = mlm.fit_mlm("y ~ C(bused) + (1 | g)", frame)
    assert fit.design.columns == ("Intercept", "C(bused)[T.True]")


# ---- categories -----------------------------------------------------------------------------
TEXTS = ["object", "str", "string", "string[pyarrow]", "category", "arrow dictionary"]


@pytest.mark.parametrize("kind", TEXTS)
def test_text_of_any_kind_is_categories(frame, kind):
    if kind == "arrow dictionary":
        import pyarrow as pa

        kind = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    fit = mlm.fit_mlm("y ~ points * track + (1 | g)", frame.assign(track=frame.track.astype(kind)))
    expected = mlm.fit_mlm("y ~ points * track + (1 | g)", frame)
    assert fit.design.columns == expected.design.columns
    np.testing.assert_allclose(fit.gamma, expected.gamma)


@pytest.mark.parametrize(
    "days",
    [
        lambda n: [dt.date(2024, 1, 1) + dt.timedelta(days=k % 9) for k in range(n)],
        lambda n: [dt.datetime(2024, 1, 1 + k % 9) for k in range(n)],
        lambda n: [dt.time(k % 9) for k in range(n)],
        lambda n: pd.to_timedelta(np.arange(n) % 9, unit="D"),
        lambda n: pd.period_range("2001-01", periods=n, freq="M"),
        lambda n: pd.date_range("2001-01-01", periods=n, tz="UTC"),
    ],
)
def test_dates_and_durations_are_refused_with_one_sentence(frame, days):
    with pytest.raises(MLMError, match="Column 'day' holds dates: turn them into numbers first"):
        mlm.fit_mlm("y ~ day + (1 | g)", frame.assign(day=days(len(frame))))


@pytest.mark.parametrize("left_out", ["low", "middle", "top"])
def test_a_category_that_no_row_has_is_dropped(frame, left_out):
    given = frame.assign(track=frame["track"].astype("category"))
    some = given[given["track"] != left_out]
    fit = mlm.fit_mlm("y ~ points * track + (1 | g)", some)
    expected = mlm.fit_mlm(
        "y ~ points * track + (1 | g)", some.assign(track=some.track.astype(str))
    )
    assert fit.design.columns == expected.design.columns
    assert fit.structure.variables["track"].binary
    missing = given.assign(y=given["y"].where(given["track"] != left_out))
    again = mlm.fit_mlm("y ~ points * track + (1 | g)", missing)
    assert again.design.columns == expected.design.columns


@pytest.mark.parametrize("new", [["other"], ["top", "other"], ["TOP"], ["top "], [""]])
@pytest.mark.parametrize("formula", ["y ~ points * track + (1 | g)", "y ~ C(track) + (1 | g)"])
def test_a_category_that_was_not_fitted_is_not_predicted(frame, formula, new):
    fit = mlm.fit_mlm(formula, frame)
    rows = frame.head(len(new)).assign(track=new)
    with pytest.raises(MLMError, match=r"Column 'track' .* which no row of the fit had"):
        fit.predict(rows, random=False)
    with pytest.raises(MLMError, match=r"Column 'track' .* which no row of the fit had"):
        fit.predict(rows.assign(track=pd.Categorical(new)))


def test_a_new_code_and_a_new_category_of_the_random_part_are_not_predicted(frame):
    fit = mlm.fit_mlm("y ~ C(size) + (1 | g)", frame.assign(size=frame["size"] % 3))
    with pytest.raises(MLMError, match="Column 'size' of the new data holds '7'"):
        fit.predict(frame.head(2).assign(size=[1, 7]), random=False)
    fit = mlm.fit_mlm("y ~ 1 + (0 + track | g)", frame)
    with pytest.raises(MLMError, match="Column 'track' of the new data holds 'none'"):
        fit.predict(frame.head(1).assign(track="none"))


LABELS = [
    ("Treatment", "Control"), ("T.", "T.T"), ("a]b", "a[b"), ("a:b", "b:a"), ("[0, 1)", "[1, 2)"),
    ("(1, 2]", "(2, 3]"), ("x y", "x:y z"), (":", "]"), ("S.a", "P.b"), ("[T.a]", "[T.b]"),
]  # fmt: skip


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("level", [1, 2])
def test_a_category_may_have_any_name(frame, labels, level):
    which = (frame["g"] if level == 2 else frame["points"]) % 2
    plain = frame.assign(arm=np.array(["a1", "a2"])[which])
    order = sorted(range(2), key=lambda k: labels[k])  # the reference is the first in the alphabet
    plain["arm"] = np.array(["a1", "a2"])[np.array(order)[which]]
    named = frame.assign(arm=np.array(labels)[np.array(order)[np.array(order)[which]]])
    named["arm"] = plain["arm"].map({"a1": sorted(labels)[0], "a2": sorted(labels)[1]})
    for formula in ("y ~ 0 + arm + points:arm + (1 + points | g)", "y ~ points * arm + (1 | g)"):
        found, expected = mlm.fit_mlm(formula, named), mlm.fit_mlm(formula, plain)
        np.testing.assert_allclose(found.gamma, expected.gamma)
        np.testing.assert_allclose(found.coefficients, expected.coefficients)
        assert [c.symbol for c in found.structure.coefficients] == [
            c.symbol for c in expected.structure.coefficients
        ]
        text = str(found).split("Fixed effects:")[1]
        assert f"arm{sorted(labels)[1]}" in text
        assert len(mlm.simple_slopes(found, "points", by="arm")) == 2
        assert found._repr_html_()


@pytest.mark.parametrize("right", [True, False])
def test_bands_of_pd_cut_are_categories_like_any(frame, right):
    band = pd.cut(frame["size"], 3, right=right)
    named = frame.assign(band=band.cat.rename_categories(["one", "two", "three"]))
    found = mlm.fit_mlm("y ~ points * band + (1 + points | g)", frame.assign(band=band))
    expected = mlm.fit_mlm("y ~ points * band + (1 + points | g)", named)
    np.testing.assert_allclose(found.coefficients, expected.coefficients)
    table = mlm.simple_slopes(found, "points", by="band")
    np.testing.assert_allclose(
        table["estimate"], mlm.simple_slopes(expected, "points", by="band")["estimate"]
    )
    assert found.predict(frame.assign(band=band).head(3)).notna().all()


NAMES = ["pre-test", "read:score", "a*b", "a,b", "my var", "1st", "x.1", "50%", "a~b", "u|v", "(z",
         "a+b", "x^2", "no 1", "T.x", "w[1]"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_backticks_is_a_name(frame, name):
    plain = frame.rename(columns={"size": "plain"})
    named = frame.rename(columns={"size": name})
    for formula in ("y ~ points * {} + (1 | g)", "y ~ I({}^2) + {}:points + (1 | g)",
                    "y ~ points + (1 + {} || g)", "y ~ track * {} + (1 | g)"):  # fmt: skip
        expected = mlm.fit_mlm(formula.format(*["plain"] * 2), plain)
        found = mlm.fit_mlm(formula.format(*[f"`{name}`"] * 2), named)
        np.testing.assert_allclose(found.gamma, expected.gamma)
        np.testing.assert_allclose(found.coefficients, expected.coefficients)
        assert found._repr_html_()
        assert f"`{name}`" in found.formula
        again = found.refit(formula=found.formula)
        np.testing.assert_allclose(again.gamma, expected.gamma)


@pytest.mark.parametrize("name", NAMES)
def test_the_group_and_the_outcome_may_have_any_name(frame, name):
    expected = mlm.fit_mlm("y ~ points + (1 | g)", frame)
    fit = mlm.fit_mlm(f"y ~ points + (1 | `{name}`)", frame.rename(columns={"g": name}))
    assert fit.criterion == pytest.approx(expected.criterion)
    fit = mlm.fit_mlm(f"`{name}` ~ points + (1 | g)", frame.rename(columns={"y": name}))
    assert fit.criterion == pytest.approx(expected.criterion)


# ---- chunks ---------------------------------------------------------------------------------
@pytest.mark.parametrize("first", [["low"], ["top", "low"], ["middle", "top", "low"]])
def test_chunks_keep_the_order_of_categories(frame, first):
    order = [*first, *sorted({"low", "middle", "top"} - set(first))]
    given = frame.assign(track=pd.Categorical(frame["track"], categories=order, ordered=True))
    whole = mlm.fit_mlm("y ~ track + (1 | g)", given)
    for cut in (100, 233):
        pieces = [given.iloc[:cut], given.iloc[cut:]]
        assert mlm.fit_mlm("y ~ track + (1 | g)", pieces).design.columns == whole.design.columns
    used = [p.assign(track=p["track"].cat.remove_unused_categories()) for p in pieces]
    assert mlm.fit_mlm("y ~ track + (1 | g)", used).design.columns == whole.design.columns


def test_chunks_drop_categories_that_no_chunk_has(frame):
    given = frame.assign(track=frame["track"].astype("category"))
    some = given[given["track"] != "middle"]
    fit = mlm.fit_mlm("y ~ track + (1 | g)", [some.iloc[:60], some.iloc[60:]])
    assert fit.design.columns == ("Intercept", "track[T.top]")


def test_chunks_with_categories_in_different_orders_are_refused(frame):
    one = frame.assign(track=pd.Categorical(frame["track"], categories=["low", "middle", "top"]))
    two = frame.assign(track=pd.Categorical(frame["track"], categories=["top", "middle", "low"]))
    with pytest.raises(MLMError, match="'track' in different orders"):
        mlm.fit_mlm("y ~ track + (1 | g)", [one, two])
