"""Fits to chunks give the numbers of the fit to the whole frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dask.dataframe as dd
import distributed
import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.engine.chunks import group_means, with_centering
from mlm_helpers.errors import MLMError

M3 = "mathach ~ meanses * cses + sector * cses + (1 + cses | school)"


@pytest.fixture(scope="module")
def hsb() -> pd.DataFrame:
    data = mlm.load_dataset("hsb82")
    data["meanses"] = mlm.group_mean(data, "ses", "school")
    data["cses"] = mlm.center_within(data, "ses", "school")
    data["kind"] = data["sector"].map({0: "public", 1: "Catholic"})
    return data.sample(frac=1, random_state=3)  # schools are split over chunks


def pieces(data: pd.DataFrame, size: int = 611) -> Iterator[pd.DataFrame]:
    for start in range(0, len(data), size):
        yield data.iloc[start : start + size]


def same(chunked: mlm.MLMFit, whole: mlm.MLMFit) -> None:
    assert chunked.nobs == whole.nobs
    assert chunked.criterion == pytest.approx(whole.criterion, rel=1e-12)
    for name in ("fixed_effects", "vcov", "T", "random_effects", "fixed_effects_kr"):
        ours, theirs = getattr(chunked, name), getattr(whole, name)
        assert list(ours.columns) == list(theirs.columns)
        assert list(ours.index) == list(theirs.index)
        size = np.abs(theirs.to_numpy()).max(axis=0)
        assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-10 * size), name
    assert chunked.sigma2 == pytest.approx(whole.sigma2, rel=1e-10)
    assert chunked.structure == whole.structure
    pd.testing.assert_frame_equal(chunked.group_table, whole.group_table, check_dtype=False)
    assert np.allclose(chunked.coefficients, whole.coefficients, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda d, _: list(pieces(d)),
        lambda d, _: pieces(d),
        lambda d, _: lambda: pieces(d, 97),
    ],
    ids=["list", "iterator", "function"],
)
def test_chunks_of_frames(hsb: pd.DataFrame, make: Callable, tmp_path: Path) -> None:
    same(mlm.fit_mlm(M3, make(hsb, tmp_path)), mlm.fit_mlm(M3, hsb))


def test_parquet_file_and_folder(hsb: pd.DataFrame, tmp_path: Path) -> None:
    whole = mlm.fit_mlm(M3, hsb)
    hsb.to_parquet(tmp_path / "one.parquet")
    same(mlm.fit_mlm(M3, tmp_path / "one.parquet"), whole)
    folder = tmp_path / "many files"
    folder.mkdir()
    for k, piece in enumerate(pieces(hsb, 2000)):
        piece.to_parquet(folder / f"part-{k}.parquet")
    same(mlm.fit_mlm(M3, str(folder)), whole)


def test_dask_sends_cross_products(hsb: pd.DataFrame) -> None:
    same(mlm.fit_mlm(M3, dd.from_pandas(hsb, npartitions=5, sort=False)), mlm.fit_mlm(M3, hsb))


@pytest.mark.parametrize("size", [13, 611])
def test_chunks_merged_again_and_again(
    hsb: pd.DataFrame, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with millions of groups: merges in between, first with new groups, then without."""
    monkeypatch.setattr("mlm_helpers.engine.chunks._TOGETHER", 40)
    holed = hsb.copy()
    holed.iloc[1300:2000, holed.columns.get_loc("cses")] = np.nan
    for frame in (holed, holed.assign(school=holed["school"].map("school {}".format))):
        same(mlm.fit_mlm(M3, pieces(frame, size)), mlm.fit_mlm(M3, frame))


def test_two_dask_workers_give_the_numbers_of_one_process(
    hsb: pd.DataFrame, tmp_path: Path
) -> None:
    raw = hsb[["school", "ses", "sector", "kind", "mathach"]]
    far = raw.assign(mathach=raw["mathach"] + raw["school"])  # needs one pass more
    studies = (
        (raw, "mathach ~ kind * cses + (1 + cses | school)", 1e-10),
        (far, "mathach ~ kind + cses + (1 | school)", 1e-7),
    )

    def centered(data: object) -> object:
        return with_centering(data, "school", center_within={"cses": "ses"})

    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster),
    ):
        for frame, formula, level in studies:
            whole = mlm.fit_mlm(formula, centered(lambda frame=frame: pieces(frame)))
            parts = dd.from_pandas(frame, npartitions=7, sort=False)
            there = mlm.fit_mlm(formula, centered(parts))
            assert there.structure == whole.structure
            for name in ("fixed_effects", "T", "random_effects"):
                ours, theirs = getattr(there, name), getattr(whole, name)
                size = np.abs(theirs.to_numpy()).max(axis=0)
                assert np.allclose(ours, theirs, rtol=level, atol=level * size), name


def test_categories_are_those_of_all_chunks(hsb: pd.DataFrame) -> None:
    formula = "mathach ~ kind * cses + (1 + cses | school)"
    ordered = hsb.sort_values("kind")  # the first chunks hold one category only
    same(mlm.fit_mlm(formula, lambda: pieces(ordered)), mlm.fit_mlm(formula, ordered))


def test_categories_need_a_second_pass(hsb: pd.DataFrame) -> None:
    with pytest.raises(MLMError, match=r"'kind' is categorical.*function"):
        mlm.fit_mlm("mathach ~ kind + (1 | school)", pieces(hsb))


def test_missing_values_are_counted_over_chunks(hsb: pd.DataFrame) -> None:
    holed = hsb.copy()
    holed.iloc[:700, holed.columns.get_loc("cses")] = np.nan  # more than a whole chunk
    holed.iloc[3000:3005, holed.columns.get_loc("sector")] = np.nan
    chunked, whole = mlm.fit_mlm(M3, list(pieces(holed))), mlm.fit_mlm(M3, holed)
    same(chunked, whole)
    assert chunked.messages == whole.messages
    assert "705 rows left out" in chunked.messages[0]


def test_far_apart_groups_get_a_second_pass(hsb: pd.DataFrame) -> None:
    far = hsb.assign(mathach=hsb["mathach"] + hsb["school"])
    whole = mlm.fit_mlm("mathach ~ cses + (1 | school)", far)
    chunked = mlm.fit_mlm("mathach ~ cses + (1 | school)", lambda: pieces(far))
    assert chunked.moments.cancels
    assert chunked.sigma2 == pytest.approx(whole.sigma2, rel=1e-9)
    assert np.allclose(chunked.fixed_effects, whole.fixed_effects, rtol=1e-7)


def test_centering_in_chunks_is_centering(hsb: pd.DataFrame) -> None:
    source = with_centering(
        lambda: pieces(hsb[["school", "ses", "sector", "mathach"]]),
        "school",
        group_mean={"meanses": "ses"},
        center_within={"cses": "ses"},
        center_grand={"meanses_c": "meanses", "ses_c": "ses"},
    )
    made = pd.concat(source.chunks(None))
    assert np.allclose(made["meanses"], hsb["meanses"], rtol=1e-12, atol=1e-12)
    assert np.allclose(made["cses"], hsb["cses"], rtol=1e-12, atol=1e-12)
    grand = mlm.center_grand(hsb, "meanses", over="rows")
    assert np.allclose(made["meanses_c"], grand, rtol=1e-12, atol=1e-12)
    assert abs(made["ses_c"].mean()) < 1e-12
    same(mlm.fit_mlm(M3, source), mlm.fit_mlm(M3, hsb))


def test_group_means_match(hsb: pd.DataFrame) -> None:
    table = group_means(lambda: pieces(hsb), ["ses", "mathach"], "school")
    expected = hsb.groupby("school")[["ses", "mathach"]].mean()
    assert np.allclose(table[["ses", "mathach"]], expected, rtol=1e-12)
    assert (table["n"] == hsb.groupby("school").size()).all()


def test_rows_are_not_kept(hsb: pd.DataFrame) -> None:
    fit = mlm.fit_mlm(M3, list(pieces(hsb)))
    with pytest.raises(MLMError, match="keeps no rows"):
        _ = fit.residuals
    expected = mlm.fit_mlm(M3, hsb).fitted
    assert np.allclose(fit.predict(hsb), expected, rtol=1e-10)
    assert str(fit).count("Scaled residuals") == 0
    assert "0.3181" in str(fit)
    assert fit.refit(reml=False).reml is False


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (3, "must be a pandas DataFrame, a Parquet file"),
        ([1, 2], "A chunk must be a pandas DataFrame"),
        ([], "no complete rows"),
        ("nowhere.parquet", "There is no file or folder"),
    ],
)
def test_what_is_no_data(data: object, sentence: str) -> None:
    with pytest.raises(MLMError, match=sentence):
        mlm.fit_mlm(M3, data)


def test_missing_column_in_a_later_chunk(hsb: pd.DataFrame) -> None:
    frames = [*[*pieces(hsb)][:3], hsb.iloc[2000:2100].drop(columns="sector")]
    with pytest.raises(MLMError, match="no column 'sector'"):
        mlm.fit_mlm(M3, frames)


def test_stateful_functions_are_refused(hsb: pd.DataFrame) -> None:
    with pytest.raises(MLMError, match=r"'center\(ses\)' needs a whole column"):
        mlm.fit_mlm("mathach ~ center(ses) + (1 | school)", list(pieces(hsb)))


def test_centering_twice_is_refused(hsb: pd.DataFrame) -> None:
    once = with_centering(lambda: pieces(hsb), "school", group_mean={"m": "ses"})
    with pytest.raises(MLMError, match="centered already"):
        with_centering(once, "school", group_mean={"n": "mathach"})


def test_second_pass_over_an_iterator_is_refused(hsb: pd.DataFrame) -> None:
    with pytest.raises(MLMError, match="needs two passes"):
        with_centering(pieces(hsb), "school", group_mean={"m": "ses"})
