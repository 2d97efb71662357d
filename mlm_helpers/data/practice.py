"""A made-up study with the flaws that real files have, to practise on."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["messy_example"]


def messy_example(seed: int = 7) -> pd.DataFrame:
    """A made-up study of homework and test scores, with the flaws that real files have.

    Columns: ``school`` (text), ``student``, ``score`` (points), ``homework`` (hours a week),
    ``rural`` (1 no, 2 yes), ``support`` (of the teachers, 1 to 5). No row is a real student.

    Planted: a school spelt in two ways, a row without school, rows entered twice, -99 for "no
    answer" and blanks in homework, a score with one digit too many, one student with another
    ``rural`` than the rest of the school, ``support`` blank for a whole school and for some rows of
    another, one school with a single student.
    """
    rng = np.random.default_rng(seed)
    sizes = np.r_[1, 4, rng.integers(9, 33, 58)]
    of = np.repeat(np.arange(len(sizes)), sizes)
    n = len(of)
    rural = (rng.permutation(len(sizes)) < 22).astype(int)
    support = np.clip(rng.normal(3.2, 0.7, len(sizes)), 1, 5).round(1)
    diligence = rng.normal(0, 0.8, len(sizes)) + 0.3 * (support - 3.2)
    homework = np.clip(np.round((4 + diligence[of] + rng.normal(0, 1.6, n)) * 2) / 2, 0, 14) + 0.0
    mean = 500 + 14 * (support - 3.2) - 12 * rural + 8 * diligence + rng.normal(0, 20, len(sizes))
    slope = 13 - 6 * rural + 2 * (support - 3.2) + rng.normal(0, 4, len(sizes))
    within = homework - np.bincount(of, homework)[of] / sizes[of]
    score = np.round(mean[of] + slope[of] * within + rng.normal(0, 40, n))
    data = pd.DataFrame(
        {
            "school": [f"S{j + 1:02d}" for j in of],
            "student": np.arange(1001, 1001 + n),
            "score": score,
            "homework": homework,
            "rural": 1.0 + rural[of],
            "support": support[of],
        }
    )
    return _spoil(data, rng)


def _spoil(data: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    def rows(school: str) -> pd.Index:
        return data.index[data["school"] == school]

    data.loc[rows("S07")[:5], "school"] = "s07 "
    data.loc[rows("S31")[3], "school"] = None
    silent = rng.choice(data.index, 30, replace=False)
    data.loc[silent[:18], "homework"] = -99.0
    data.loc[silent[18:], "homework"] = np.nan
    data.loc[rows("S15")[2], "score"] *= 10
    odd = rows("S12")[4]
    data.loc[odd, "rural"] = 3.0 - data.loc[odd, "rural"]
    data.loc[rows("S20"), "support"] = np.nan
    data.loc[rows("S05")[1:4], "support"] = np.nan
    return pd.concat([data, data.loc[rows("S09")[:3]]], ignore_index=True)
