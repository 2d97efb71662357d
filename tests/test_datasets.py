"""The shipped data: what is loaded is what the codebook says, byte for byte what was shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.data import datasets
from mlm_helpers.data.centering import is_group_level
from mlm_helpers.errors import MLMError

FOLDER = Path(datasets.__file__).parent
NAMES = [name for name in datasets.dataset_names() if (FOLDER / f"{name}.md").exists()]


@pytest.fixture
def copy_of_datasets(tmp_path, monkeypatch):
    """The data folder as a copy that a test may damage."""
    folder = tmp_path / "datasets"
    shutil.copytree(FOLDER, folder)
    monkeypatch.setattr(datasets, "_HERE", folder)
    for cached in (datasets._load, datasets._codebook):
        cached.cache_clear()
    yield folder
    for cached in (datasets._load, datasets._codebook):
        cached.cache_clear()


def test_hsb_has_its_published_size(hsb):
    assert hsb.shape == (7185, 10)
    assert hsb["school"].nunique() == 160
    assert hsb.drop_duplicates("school")["sector"].value_counts().to_dict() == {0: 90, 1: 70}
    # Raudenbush & Bryk (2002), Table 4.1
    assert hsb["mathach"].mean().round(2) == 12.75
    assert hsb["mathach"].std().round(2) == 6.88
    assert hsb["ses"].std().round(2) == 0.78


@pytest.mark.parametrize("name", NAMES)
def test_loaded_table_and_codebook_agree(name):
    data, variables = mlm.load_dataset(name), mlm.codebook(name).variables
    assert list(variables.columns) == list(datasets.FIELDS)
    assert list(data.columns) == variables["name"].tolist()
    assert [str(t) for t in data.dtypes] == [datasets.TYPES[t] for t in variables["type"]]
    assert not data.isna().any(axis=None)
    assert isinstance(data.index, pd.RangeIndex)
    assert data.attrs["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_levels_in_the_codebook_are_true(name):
    data, variables = mlm.load_dataset(name), mlm.codebook(name).variables
    group = variables.loc[variables["type"].eq("identifier"), "name"].item()
    for variable, level in zip(variables["name"], variables["level"], strict=True):
        assert is_group_level(data, variable, group) == (level == 2), variable


@pytest.mark.parametrize("name", NAMES)
def test_values_in_the_codebook_are_true(name):
    """A range such as '0.5 to 2' and a code such as '0 public' are what the data hold."""
    data, variables = mlm.load_dataset(name), mlm.codebook(name).variables
    for row in variables.itertuples():
        if row.type == "0/1":
            codes = {int(part.split()[0]) for part in str(row.values).split(",")}
            assert codes == set(data[row.name].unique()), row.name
        elif row.type in ("number", "whole number"):
            low, high = (float(part) for part in str(row.values).split(" to "))
            printed = max(len(part.partition(".")[2]) for part in str(row.values).split(" to "))
            assert data[row.name].min() == pytest.approx(low, abs=0.51 * 10**-printed), row.name
            assert data[row.name].max() == pytest.approx(high, abs=0.51 * 10**-printed), row.name


def test_each_call_gives_a_fresh_table():
    first = mlm.load_dataset("hsb82")
    first["ses"] = 0.0
    first.attrs["name"] = "mine"
    second = mlm.load_dataset("hsb82")
    assert second["ses"].std() > 0
    assert second.attrs["name"] == "hsb82"


def test_each_codebook_is_fresh_too():
    variables = mlm.codebook("hsb82").variables
    variables["label"] = "?"
    assert "?" not in mlm.codebook("hsb82").variables["label"].tolist()


def test_numbers_are_read_to_the_last_bit(hsb):
    text = pd.read_csv(FOLDER / "hsb82.csv", dtype=str)
    assert hsb["disclim"].tolist() == [float(v) for v in text["disclim"]]


def test_a_changed_file_is_refused(copy_of_datasets):
    file = copy_of_datasets / "hsb82.csv"
    file.write_bytes(file.read_bytes().replace(b"5.876", b"5.877", 1))
    with pytest.raises(MLMError, match=r"hsb82.csv is not the one .* checksum differs") as raised:
        mlm.load_dataset("hsb82")
    assert "git checkout" in str(raised.value)


def test_a_missing_file_is_a_sentence(copy_of_datasets):
    (copy_of_datasets / "hsb82.csv").unlink()
    with pytest.raises(MLMError, match=r"datasets/hsb82.csv cannot be read"):
        mlm.load_dataset("hsb82")


@pytest.mark.parametrize("ask", [mlm.load_dataset, mlm.codebook])
def test_unknown_name(ask):
    with pytest.raises(MLMError, match=r"'hsb': the data sets are .*hsb82.* mean 'hsb82'"):
        ask("hsb")


def test_ex1_is_centered_as_the_slides_do():
    raw = pd.DataFrame({"schid": [1, 1, 1, 2], "famses": [0.0, 1.0, 2.0, 5.0]})
    made = datasets._derive_ex1(raw.copy())
    assert made["schses"].tolist() == [1, 1, 1, 5]
    assert made["famsesc"].tolist() == [-1, 0, 1, 0]
    assert made["schsesgdm"].tolist() == [-1, -1, -1, 3]  # from the mean over rows, 2


@pytest.mark.parametrize("name", NAMES)
def test_codebook_reads_well_everywhere(name):
    book = mlm.codebook(name)
    printed, page = str(book), book._repr_html_()
    assert printed.startswith(book.title)
    assert repr(book) == printed
    assert max(len(line) for line in printed.splitlines()) < 160
    for variable, label in zip(book.variables["name"], book.variables["label"], strict=True):
        assert variable in printed
        assert label in printed
        assert f">{variable}</th>" in page
    assert page.count('scope="row"') == len(book.variables)
    assert "<caption>" in page
    assert book._repr_markdown_().startswith(f"# {book.title}\n")


def test_html_escapes_what_it_shows():
    assert "High School &amp; Beyond" in mlm.codebook("hsb82")._repr_html_()
