"""Reading other people's files, and the checks before a fit: each planted flaw is found, and
clean data raise no alarm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import mlm_helpers as mlm
from mlm_helpers.data.inspection import Inspection, inspect_data
from mlm_helpers.data.practice import messy_example
from mlm_helpers.data.reading import read_data
from mlm_helpers.errors import MLMError


def clean(groups: int = 30, size: int = 12, seed: int = 1) -> pd.DataFrame:
    """Data without a flaw: x centered within groups, so nothing is left to say about it."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), size)
    w = np.tile([0, 1], groups)[:groups]
    x = rng.uniform(-1, 1, groups * size)
    x -= np.bincount(of, x)[of] / size
    y = 50 + 3 * rng.normal(size=groups)[of] + x + rng.uniform(-5, 5, groups * size)
    return pd.DataFrame({"g": of, "y": y, "x": x, "w": w[of]})


def look(data: pd.DataFrame, **changes: object) -> Inspection:
    roles: dict = {"group": "g", "outcome": "y", "level1": ["x"], "level2": ["w"]}
    return inspect_data(data, **(roles | changes))


def texts(report: Inspection, name: str) -> str:
    return " ".join(f.text for f in report.about(name))


def test_clean_data_have_no_findings() -> None:
    report = look(clean())
    assert report.findings == ()
    assert str(report).count("- All fine.") == 6


# ---- each check ---------------------------------------------------------------------------------
def test_sizes() -> None:
    data = clean()
    report = look(pd.concat([data, data.iloc[[0]].assign(g=99)], ignore_index=True))
    row = report.tables["sizes"].iloc[0]
    assert (row["groups"], row["rows"], row["smallest"], row["largest"]) == (31, 361, 1, 12)
    assert row["with_one_row"] == 1
    assert "1 group has 2 rows or fewer" in texts(report, "sizes")
    assert "19 groups are few" in texts(look(clean(19)), "sizes")
    assert look(data.assign(g=1)).urgent[0].text.startswith("'g' has one group")
    assert "is this the right column" in texts(look(data.assign(g=range(len(data)))), "sizes")


def test_missing_values_by_level() -> None:
    data = clean()
    data.loc[data["g"] == 3, "w"] = np.nan  # a whole school
    data.loc[data.index[data["g"] == 5][:4], "w"] = np.nan  # some students of another
    data.loc[data.index[:6], "x"] = np.nan
    data.loc[data["g"] == 7, "x"] = np.nan
    data["g"] = data["g"].astype(float)
    data.loc[data.index[-1], "g"] = np.nan
    report = look(data)
    table = report.tables["missing"]
    assert table.loc["x"].tolist() == [1, 18, 18 / 360, 2, 1]
    assert table.loc["w"].tolist() == [2, 16, 16 / 360, 2, 1]
    assert table.loc["y", "rows"] == 0
    assert table.loc["g", "rows"] == 1
    assert "'x' is missing in 18 rows (5%), among them all rows of 1 group" in texts(report, "x")
    assert "missing in some rows of 1 group" in texts(report, "w")
    assert "1 row has no 'g'" in texts(report, "g")
    complete = data.dropna()
    said = texts(report, "missing")
    assert f"{len(complete)} of 360 rows" in said
    assert f"{30 - complete['g'].nunique()} groups would be lost" in said
    whole = clean()
    whole.loc[whole["g"] == 3, "w"] = np.nan
    assert "missing for 1 whole group, which costs 12 rows" in texts(look(whole), "w")


def test_levels() -> None:
    data = clean()
    data.loc[data.index[data["g"] == 4][0], "w"] = 1 - data.loc[data["g"] == 4, "w"].iloc[1]
    report = look(data)
    assert report.tables["levels"].loc["w", "groups_where_it_varies"] == 1
    [finding] = [f for f in report.about("w") if f.check == "levels"]
    assert finding.urgent
    assert "varies within 1 group (g 4 has" in finding.text
    swapped = look(clean(), level1=["w"], level2=["x"])
    assert "it is a level-2 variable" in texts(swapped, "w")
    assert "varies within 30 groups" in texts(swapped, "x")


def test_means_that_differ_in_their_last_digits_are_one_value() -> None:
    data = clean()
    data["m"] = mlm.group_mean(data, "y", "g") * (1 + 1e-15 * np.arange(len(data)))
    assert look(data, level2=["w", "m"]).tables["levels"].loc["m", "groups_where_it_varies"] == 0


def test_variance_within_and_between_is_the_anova_estimate() -> None:
    """Balanced data: the textbook formula, and REML agrees with it."""
    data = clean(seed=3)
    table = look(data).tables["within"]
    fit = mlm.fit_mlm("y ~ 1 + (1 | g)", data)
    assert table.loc["y", "sd_within"] ** 2 == pytest.approx(fit.sigma2, rel=1e-6)
    between = fit.variance_components.loc["tau00", "variance"]
    assert table.loc["y", "sd_between"] ** 2 == pytest.approx(between, rel=1e-6)
    assert table.loc["y", "share_between"] == pytest.approx(mlm.icc(fit), rel=1e-6)
    assert table.loc["y", "sd"] == pytest.approx(data["y"].std())


def test_raw_predictors_are_to_be_centered() -> None:
    data = clean()
    data["x"] += data["g"] / 10
    assert "center it within groups" in texts(look(data), "x")
    flat = clean()
    flat.loc[flat["g"] == 2, "x"] = 0.0
    report = look(flat)
    assert report.tables["within"].loc["x", "groups_without"] == 1
    assert "'x' does not vary in 1 group, which therefore says nothing" in texts(report, "x")
    even = clean()
    even["y"] -= mlm.group_mean(even, "y", "g")
    assert "little for level-2 predictors to explain" in texts(look(even), "y")


def test_outliers() -> None:
    data = clean()
    data.index = pd.Index([0] * len(data))  # labels say nothing of position
    row = int(np.flatnonzero(data["g"] == 11)[0])
    data.iloc[row, 1] = 500.0
    report = look(data)
    table = report.tables["outliers"]
    assert table.loc["y", "far_out"] == 1
    assert table.loc["y", "highest"] == 500
    assert "1 row further than 4 robust" in texts(report, "outliers")
    assert "is 500 in g 11" in texts(report, "outliers")
    by_group = clean()
    by_group["w"] = np.random.default_rng(0).uniform(0, 1, 30)[by_group["g"]]
    by_group.loc[by_group["g"] == 8, "w"] = 40.0
    assert "1 group further" in texts(look(by_group), "w")


def test_the_count_of_outliers_is_by_the_robust_rule() -> None:
    data = clean(seed=5)
    data["y"] = np.random.default_rng(2).standard_t(2, len(data))
    values = data["y"]
    spread = 1.4826 * (values - values.median()).abs().median()
    expected = int(((values - values.median()).abs() > 4 * spread).sum())
    assert expected > 3
    assert look(data).tables["outliers"].loc["y", "far_out"] == expected


@pytest.mark.parametrize("code", [-9, -99, 999, -1])
def test_codes_for_no_answer(code: float) -> None:
    data = clean()
    data["x"] = np.abs(data["x"])
    data.loc[data.index[[3, 50, 200]], "x"] = code
    report = look(data)
    [finding] = [f for f in report.about("x") if f.check == "coding"]
    assert finding.urgent
    assert f"has the value {code} in 3 rows" in finding.text
    assert f"replace([{code}], float('nan'))" in finding.text
    assert report.tables["outliers"].loc["x", "far_out"] == 0


SCALES = {
    "1 to 7 and 9": (range(1, 8), [9], True),
    "0 and 1 and 9": (range(2), [9], True),
    "1 to 4 with 8 and 9": (range(1, 5), [8, 9], True),
    "1 to 5 with 99": (range(1, 6), [99], True),
    "ages with 999": (range(20, 66), [999], True),
    "scores with 9999": (range(300, 700), [9999], True),
    "minutes with 88 and 99": (range(0, 31, 5), [88, 99], True),
    "scores to 80 with many 99": (range(80), [99], True),
    "hours with -8 and -9": (range(12), [-8, -9], True),
    "thermometer with -999": (range(-20, 35), [-999], True),
    "1 to 9 all used": (range(1, 9), [9], False),
    "percent to 99": (range(99), [99], False),
    "about 0 with -1": (range(-4, 5), [-1], False),
    "less, the same and more": (range(2), [-1], False),
    "scores about 88": (range(60, 101), [88], False),
    "tens with 77 once among 5 to 95": (range(5, 96, 10), [77], False),
}


@pytest.mark.parametrize("scale", list(SCALES))
def test_codes_are_told_from_answers(scale: str) -> None:
    answers, codes, are_codes = SCALES[scale]
    data = clean()
    rng = np.random.default_rng(3)
    data["x"] = np.r_[list(answers), rng.choice(list(answers), len(data))][: len(data)] * 1.0
    if len(list(answers)) > len(data):
        data["x"] = rng.choice(list(answers), len(data)) * 1.0
    for k, code in enumerate(codes):
        data.loc[data.index[[130 + k, 200 + k, 300 + k]], "x"] = float(code)
    found = [f.text for f in look(data).about("x") if "no answer" in f.text]
    assert bool(found) == are_codes, found
    for code in codes if are_codes else ():
        assert str(code) in found[0]


@pytest.mark.parametrize(
    "forms",
    [
        ("Oak Street", "oak street"),
        ("Oak Street", "Oak  Street "),
        ("São Paulo", "Sao Paulo"),
        ("Zürich", "Zu\u0308rich"),
        ("St. Mary's", "St Mary’s"),
        ("oak-street", "Oak Street"),
        ("S07", "s7"),
        ("12", "12.0"),
        ("Weiß", "WEISS"),
    ],
)
def test_a_group_spelt_in_two_ways_is_one(forms: tuple[str, str]) -> None:
    data = clean()
    data["g"] = [f"school {chr(97 + g % 26)}{chr(97 + g // 26)}" for g in data["g"]]
    data.iloc[:9, 0], data.iloc[9:12, 0] = forms
    [finding] = [f for f in look(data).about("g") if f.check == "coding"]
    assert finding.urgent
    assert f"replace({{{forms[1]!r}: {forms[0]!r}}})" in finding.text


def test_groups_that_differ_are_left_alone() -> None:
    data = clean()
    data["g"] = [f"{1 + g // 10}-{1 + g % 10}" for g in data["g"]]  # 1-10 and 11-0 are two
    data.loc[data["g"] == "1-2", "g"] = "1.20"
    assert not [f for f in look(data).about("g") if f.check == "coding"]


def test_a_group_that_means_no_group_is_named() -> None:
    data = clean()
    data.loc[data.index[:4], "g"] = -9
    assert "4 rows belong to g -9" in texts(look(data), "g")
    words = clean()
    words["g"] = words["g"].map(lambda g: f"class {g}")
    words.loc[words.index[:4], "g"] = "missing"
    assert "has 'missing' in 4 rows" in texts(look(words), "g")
    mixed = clean()
    mixed["g"] = mixed["g"].astype(object)
    mixed.loc[mixed.index[:3], "g"] = "0"
    assert "mixes text and numbers" in texts(look(mixed), "g")


@pytest.mark.parametrize("named", ["g", "x", "y"])
def test_an_index_may_have_the_name_of_a_column(named: str) -> None:
    plain, same = clean(), clean().set_index(named, drop=False)
    assert str(look(same)) == str(look(plain))
    twice = clean().set_index(["g", "x"], drop=False)
    assert str(look(twice)) == str(look(plain))
    centered = mlm.with_centering([same], "g", center_within={"xc": "x"})
    np.testing.assert_allclose(
        mlm.fit_mlm("y ~ xc + (1 | g)", centered).gamma,
        mlm.fit_mlm("y ~ xc + (1 | g)", plain.assign(xc=mlm.center_within(plain, "x", "g"))).gamma,
    )
    explorer = mlm.explore_centering(same.assign(x=same.x + 2.0 * (same.g % 3)).rename_axis(named),
                                     outcome="y", predictor="x", group="g")  # fmt: skip
    assert explorer.sentence


def test_values_among_the_others_are_no_codes() -> None:
    data = clean()
    data["y"] = np.arange(len(data)) % 100.0  # 7, 8, 9, 77, 88 and 99 are ordinary scores
    data["x"] = data["x"] * 10  # from -10 to 10: -9 is ordinary
    data.loc[data.index[0], "x"] = -9.0
    assert not any("no answer" in f.text for f in look(data).findings)


def test_coding() -> None:
    data = clean()
    data["w"] += 1
    assert "coded 1 and 2" in texts(look(data), "w")
    assert "(data['w'] == 2).astype(int)" in texts(look(data), "w")
    text = clean()
    text["y"] = text["y"].round(2).astype(str)
    text.loc[text.index[0], "y"] = "absent"
    report = look(text)
    assert "numbers that were read as text, except 'absent'" in texts(report, "y")
    assert report.tables["coding"].loc["y", "kind"] == "text"
    same = clean().assign(x=1.5)
    assert "same value in every row" in texts(look(same), "coding")
    endless = clean()
    endless.loc[endless.index[0], "x"] = np.inf
    assert "infinite" in texts(look(endless), "x")
    words = clean()
    words["w"] = np.where(words["w"] == 1, "Rural", "urban")
    words.loc[words["g"] == 1, "w"] = "rural "
    assert "'Rural'" in texts(look(words), "coding")
    assert "look like one category" in texts(look(words), "coding")
    twice = pd.concat([clean(), clean().iloc[:2]], ignore_index=True)
    assert "2 rows are copies" in texts(look(twice), "coding")


def test_nothing_is_changed() -> None:
    data = messy_example()
    before = data.copy()
    inspect_data(data, group="school", outcome="score", level1=["homework"], level2=["rural"])
    pd.testing.assert_frame_equal(data, before)


# ---- the example ---------------------------------------------------------------------------
def test_each_flaw_of_the_example_is_found() -> None:
    report = inspect_data(
        messy_example(),
        group="school",
        outcome="score",
        level1=["homework"],
        level2=["rural", "support"],
    )
    said = str(report)
    for words in (
        "1 group has 2 rows or fewer",
        "1 row has no 'school'",
        "'homework' is missing in 12 rows",
        "'homework' has the value -99 in",
        "'support' is missing in some rows of 1 group",
        "'support' is missing for 1 whole group",
        "varies within 1 group (school 'S12' has",
        "'score' has 1 row further than",
        "in school 'S15'",
        "'s07 '",
        "'rural' is coded 1 and 2",
        "3 rows are copies",
    ):
        assert words in said, words


def test_the_report_is_an_accessible_page_and_a_text() -> None:
    data = messy_example()
    report = inspect_data(data, group="school", outcome="score", level1=["homework"])
    page = report._repr_html_()
    assert page.count("<caption") == 6
    assert page.count('scope="row"') == sum(len(t) for t in report.tables.values())
    assert "Put right: " in page  # not by colour alone
    assert "'" in str(report)
    odd = data.rename(columns={"homework": "<b>&"})
    shown = inspect_data(odd, group="school", outcome="score", level1=["<b>&"])._repr_html_()
    assert "<b>" not in shown
    with pytest.raises(MLMError, match=r"no column 'homwork'.* Did you mean 'homework'"):
        report.about("homwork")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outcome": "Y"}, "no column 'Y' in the data. Did you mean 'y'"),
        ({"level1": "x"}, r"must be a list of columns, such as \['x'\]"),
        ({"level1": ["x", "y"]}, "'y' is named twice"),
    ],
)
def test_wrong_columns_get_one_sentence(change: dict, words: str) -> None:
    with pytest.raises(MLMError, match=words):
        look(clean(), **change)


def test_empty_data_get_one_sentence() -> None:
    with pytest.raises(MLMError, match="no rows"):
        look(clean().iloc[:0])
    with pytest.raises(MLMError, match="missing in every row"):
        look(clean().assign(g=np.nan))
    with pytest.raises(MLMError, match="2 columns named 'x'"):
        look(pd.concat([clean(), clean()[["x"]]], axis=1))


# ---- files ---------------------------------------------------------------------------------
LABELS = {"school": "school", "score": "reading test"}
VALUES = {"rural": {1: "no", 2: "yes"}}


def _sav(data: pd.DataFrame, path: Path) -> None:
    pyreadstat.write_sav(data, str(path), column_labels=LABELS, variable_value_labels=VALUES)


def _dta(data: pd.DataFrame, path: Path) -> None:
    data.to_stata(path, write_index=False, variable_labels=LABELS, value_labels=VALUES)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": lambda d, p: d.to_csv(p, index=False),
    ".tsv": lambda d, p: d.to_csv(p, index=False, sep="\t"),
    ".txt": lambda d, p: d.to_csv(p, index=False, sep=";", decimal=","),
    ".xlsx": lambda d, p: d.to_excel(p, index=False),
    ".parquet": lambda d, p: d.to_parquet(p),
    ".dta": _dta,
    ".sav": _sav,
}


@pytest.mark.parametrize("ending", list(WRITERS))
def test_every_kind_of_file_gives_the_same_table(tmp_path: Path, ending: str) -> None:
    data = messy_example().dropna().reset_index(drop=True)
    WRITERS[ending](data, tmp_path / f"study{ending.upper()}")
    read = read_data(tmp_path / f"study{ending.upper()}")
    assert list(read.columns) == list(data.columns)
    for name in data.columns:
        if name == "school":
            # SPSS pads text with blanks, so blanks at the end do not survive
            assert read[name].str.strip().tolist() == data[name].str.strip().tolist()
        else:
            np.testing.assert_array_equal(read[name].to_numpy(float), data[name].to_numpy(float))
    if ending in (".dta", ".sav"):
        assert read.attrs["labels"]["score"] == "reading test"
        assert read.attrs["value_labels"]["rural"] == {1: "no", 2: "yes"}


@pytest.mark.parametrize("ending", list(WRITERS))
def test_missing_values_survive_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    data = messy_example()
    WRITERS[ending](data, tmp_path / f"study{ending}")
    read = read_data(tmp_path / f"study{ending}")
    assert read["support"].isna().sum() == data["support"].isna().sum()
    assert read["homework"].isna().sum() == data["homework"].isna().sum()


def test_a_comma_inside_quotes_is_not_a_separator(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('school,y\n"Oak, North",1.5\n"Elm",2.5\n', encoding="utf-8")
    assert read_data(tmp_path / "a.csv")["y"].tolist() == [1.5, 2.5]
    (tmp_path / "one.csv").write_text("y\n1\n2\n", encoding="utf-8")
    assert read_data(tmp_path / "one.csv")["y"].tolist() == [1, 2]
    (tmp_path / "bom.csv").write_text("\ufeffy,x\n1,2\n", encoding="utf-8")
    assert list(read_data(tmp_path / "bom.csv").columns) == ["y", "x"]


def test_unreadable_files_get_one_sentence_without_a_path(tmp_path: Path) -> None:
    (tmp_path / "study.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "latin.csv").write_bytes("schule,y\nGrün,1\n".encode("cp1252"))
    (tmp_path / "empty.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / "nothing.csv").write_text("", encoding="utf-8")
    for kind in ("xlsx", "dta", "sav", "parquet", "sas7bdat"):
        (tmp_path / f"broken.{kind}").write_bytes(b"this is not what its name says" * 20)
    wrong = {
        "study.rds": "write.csv",
        "study.xls": "save it as .xlsx",
        "study.pdf": "its name has to end in",
        "study": "its name has to end in",
        "studi.csv": "Did you mean 'study.csv'",
        "latin.csv": "encoding='cp1252'",
        "empty.csv": "has no rows",
        "nothing.csv": "could not be read as csv",
        **{f"broken.{k}": f"could not be read as {k}" for k in ("xlsx", "dta", "sav", "parquet")},
    }
    for name, words in wrong.items():
        with pytest.raises(MLMError) as error:
            read_data(tmp_path / name)
        assert words in str(error.value), name
        assert str(tmp_path) not in str(error.value)
        assert "\n" not in str(error.value)
    assert read_data(tmp_path / "latin.csv", encoding="cp1252")["schule"].tolist() == ["Grün"]


def test_options_reach_pandas(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        clean().to_excel(book, sheet_name="grade 1", index=False)
        clean(seed=9).to_excel(book, sheet_name="grade 2", index=False)
    read = read_data(tmp_path / "two.xlsx", sheet_name="grade 2")
    np.testing.assert_allclose(read["y"], clean(seed=9)["y"])
