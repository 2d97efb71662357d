"""The catalogue of reference fits and the values that R gave for them.

``cases.json`` is read by ``make_reference.R`` and by the tests, so both fit the same models to
the same files.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

import mlm_helpers as mlm

HERE = Path(__file__).parent
CATALOGUE = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
FITS: dict[str, dict[str, Any]] = {case["name"]: case for case in CATALOGUE["fits"]}
COMPARISONS: dict[str, list[str]] = {c["name"]: c["fits"] for c in CATALOGUE["comparisons"]}


@cache
def data(name: str) -> pd.DataFrame:
    """A data set of the catalogue, High School & Beyond with the centered columns of the fits."""
    if name != "hsb82":
        return pd.read_csv(HERE / "data" / f"{name}.csv")
    frame = pd.read_csv(
        Path(mlm.__file__).parent / "data" / "datasets" / "hsb82.csv"
    )  # as R reads it
    mean_ses = frame.groupby("school")["ses"].transform("mean")
    return frame.assign(
        mean_ses=mean_ses, cses=frame["ses"] - mean_ses, cses_file=frame["ses"] - frame["meanses"]
    )


@cache
def values(name: str) -> SimpleNamespace:
    """What R says (numbers as in the JSON file)."""
    text = (HERE / "values" / f"{name}.json").read_text(encoding="utf-8")
    return SimpleNamespace(**json.loads(text))


@cache
def fit(name: str) -> Any:
    """Our fit of a case; fitted once a session, since fits are never changed."""
    case = FITS[name]
    return mlm.fit_mlm(case["formula"], data=data(case["data"]), reml=case.get("reml", True))


def as_list(value: Any) -> list[Any]:
    """R's JSON writes a vector of one as a scalar."""
    return value if isinstance(value, list) else [value]


def plain_name(name: str) -> str:
    """One spelling for a coefficient: ``kind[T.town]`` is R's ``kindtown``, products sorted."""
    bare = re.sub(r"\[(?:T\.)?([^\]]*)\]", r"\1", name).replace("(Intercept)", "Intercept")
    return ":".join(sorted(bare.split(":")))
