"""A lesson on its way from file to notebook: settings, words, and the table made ready.

What is done to the data is little: rows without a value are left out, two-valued columns become
0/1, more values become categories, and columns that the words describe and the file does not have
are centered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.lesson.settings import check_words, read_settings, read_table, read_words
from mlm_helpers.words.vocabulary import Code, Predictor, Vocabulary, with_article

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Draft:
    """The settings, the words, and the table, which :meth:`prepare` makes ready."""

    path: Path
    settings: Mapping[str, Any]
    vocabulary: Vocabulary
    data: pd.DataFrame
    shipped: str
    in_file: tuple[str, ...] = ()
    left_out: int = 0

    @classmethod
    def read(cls, path: Path, data: pd.DataFrame | None = None) -> Draft:
        """Read a lesson file, its words and its table (or take ``data`` for the table)."""
        settings = read_settings(path)
        words = read_words(path, settings)
        check_words(words, path.name)
        shipped, table = read_table(path, settings, data)
        draft = cls(path, settings, words, table, shipped, tuple(map(str, table.columns)))
        draft._take_out_codes()
        draft._use_value_labels()
        return draft

    # ---- which columns ----
    @property
    def model(self) -> Mapping[str, Any]:
        """The settings of [model]."""
        return dict(self.settings["model"])

    @property
    def roles(self) -> dict[str, str]:
        """The column of each role that is named."""
        roles = ("predictor", "moderator", "second", "beside")
        return {k: self.model[k] for k in roles if self.model.get(k)}

    @property
    def controls(self) -> list[str]:
        """The control variables."""
        return list(self.model.get("controls", []))

    @property
    def has_second(self) -> bool:
        """Whether there is a Model 3."""
        return self.model.get("second") is not False

    def raw_columns(self) -> list[str]:
        """The columns that the file has to have: what the roles come from."""
        v = self.vocabulary
        out = [v.outcome.column, v.group_column]
        present = {str(c) for c in self.data.columns}
        for column in (*self.roles.values(), *self.controls):
            while column not in present and column in v.predictors:
                p = v.predictors[column]
                source = p.of or p.mean_of
                if source is None or source == column:
                    break
                column = source
            out.append(column)
        return list(dict.fromkeys(out))

    def put(self, p: Predictor) -> None:
        """Take a predictor's words into the vocabulary, in place of those it has."""
        predictors = {**self.vocabulary.predictors, p.column: p}
        self.vocabulary = replace(self.vocabulary, predictors=predictors)

    def free(self, name: str) -> str:
        """A column name that is not taken."""
        while name in self.data or name in self.vocabulary.predictors:
            name += "_"
        return name

    # ---- what is done to the data ----
    def prepare(self) -> None:
        """Leave rows out, recode and center."""
        complete = self.data[self.raw_columns()].notna().all(axis=1)
        self.left_out = int((~complete).sum())
        kept = self.data[complete].reset_index(drop=True)
        kept.attrs.update(self.data.attrs)
        self.data = kept
        if len(self.data):
            self._recode()
            self._derive()

    def _take_out_codes(self) -> None:
        """Make the values of [missing] missing."""
        for column, values in self.settings.get("missing", {}).items():
            if column not in self.data:
                raise MLMError(
                    f"[missing] of {self.path.name} names {column!r}, which is no column of the "
                    f"data.{suggest(column, list(self.in_file))}"
                )
            listed = values if isinstance(values, list) else [values]
            self.data[column] = self.data[column].mask(self.data[column].isin(listed))

    def _use_value_labels(self) -> None:
        """Codes of columns that have none, from the value labels of an SPSS or Stata file."""
        labels = self.data.attrs.get("value_labels", {})
        for column, p in self.vocabulary.predictors.items():
            if p.codes or column not in labels or column not in self.data:
                continue
            seen = sorted(self.data[column].dropna().unique())
            named = {_plain(k): str(text).strip() for k, text in labels[column].items()}
            if len(seen) > 1 and all(_plain(value) in named for value in seen):
                codes = [_labelled(_plain(s), named[_plain(s)], p, self.vocabulary) for s in seen]
                self.put(replace(p, codes=tuple(codes)))

    def _coded(self) -> Iterator[Predictor]:
        """Predictors with codes, of columns in the table that have just these codes."""
        for column in dict.fromkeys((*self.roles.values(), *self.controls)):
            p = self.vocabulary.predictors[self._base(column)]
            if not p.codes or p.column not in self.data:
                continue
            # where a code is missing or without a name, the vocabulary's check says so
            if set(self.data[p.column].map(p.code)) == set(p.codes):
                yield p

    def _recode(self) -> None:
        """Two-valued predictors as 0/1, more values as categories in the order of the codes."""
        for p in list(self._coded()):
            if {c.number for c in p.codes} == {0.0, 1.0}:
                self.data[p.column] = self.data[p.column].map(lambda v, p=p: p.code(v).number)
                whole = replace(p, codes=tuple(replace(c, value=f"{c.number:g}") for c in p.codes))
                self._as_integers(whole)
            elif len(p.codes) == 2:
                high = p.codes[1]
                self.data[p.column] = self.data[p.column].map(p.code) == high
                coded = tuple(replace(c, value=str(k)) for k, c in enumerate(p.codes))
                self._as_integers(replace(p, codes=coded))
            else:
                self._to_categories(p)

    def _as_integers(self, p: Predictor) -> None:
        self.data[p.column] = self.data[p.column].astype("int64")
        self.put(p)

    def _base(self, column: str) -> str:
        p = self.vocabulary.predictors[column]
        return p.of if p.of and p.of in self.vocabulary.predictors else column

    def _to_categories(self, p: Predictor) -> None:
        import pandas as pd

        names = [c.name for c in p.codes]
        bad = next((n for n in names if re.search(r"[\[\]:|]", n)), None)
        if bad is not None:
            raise MLMError(
                f"The code name {bad!r} of {p.column!r} has a bracket, colon or bar in it, which "
                "would break the names of coefficients: choose another name."
            )
        values = self.data[p.column].map(p.code).map(lambda code: code.name)
        self.data[p.column] = pd.Categorical(values, categories=names)
        self.put(replace(p, codes=tuple(replace(c, value=c.name) for c in p.codes)))

    def _derive(self) -> None:
        """Make the columns that the words describe and the file does not have."""
        for _ in range(3):  # a centered mean needs the mean first
            for p in self.vocabulary.predictors.values():
                if p.column not in self.data:
                    self._make(p)

    def _make(self, p: Predictor) -> None:
        from mlm_helpers.data.centering import center_grand, center_within, group_mean

        data, group = self.data, self.vocabulary.group_column
        try:
            if p.of in data and p.centered == "group":
                data[p.column] = center_within(data, str(p.of), group)
            elif p.of in data and p.centered == "grand":
                data[p.column] = center_grand(data, str(p.of), over="rows")
            elif not p.of and p.mean_of in data:
                data[p.column] = group_mean(data, str(p.mean_of), group)
        except MLMError:
            return  # the vocabulary's check has a sentence for it


def _plain(value: object) -> str:
    """A code as text: ``1`` and ``1.0`` are one."""
    text = str(value).strip()
    return text.removesuffix(".0")


def _labelled(value: str, label: str, p: Predictor, v: Vocabulary) -> Code:
    noun = v.group if p.level == 2 else v.unit
    return Code(value, label, with_article(f"{label} {noun.one}"), f"{label} {noun.many}")
