"""Lesson files: which data a lecture is about, and which parts their columns play.

A lesson file is TOML. It names a data file and says in words what its columns are; everything else
of the course follows from it. The shipped ``lessons/ex1.toml`` and ``lessons/hsb82.toml`` show the
short form for data of the course, INSTRUCTORS.md the form for data of your own.

``read_lesson`` turns the file into a :class:`Lesson` and refuses, in sentences, what cannot
become a lecture. What it does to the data on the way is little, and said in ``about``: rows without
a value are left out, two-valued columns become 0/1, columns are centered, and column names that a
formula could not hold are changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.lesson.names import identifier, safe_names
from mlm_helpers.lesson.settings import (
    check_words,
    read_settings,
    read_table,
    read_words,
    shipped_lessons,
)
from mlm_helpers.words.vocabulary import Predictor, Vocabulary, join_words

if TYPE_CHECKING:
    import pandas as pd

LESSON_FILE = "lesson.toml"
FEWEST_GROUPS = 10
FEWEST_OF_A_KIND = 3

_FIRST_AND_LAST = ("course", "title", "topic", "next_step")
_NEXT_STEP = (
    "Do it yourself, one step at a time, with the notebook in the folder `walkthroughs`. Then the "
    "exercises of this lecture answer you at once: open the folder `exercises`."
)
# Names that the notebooks use themselves, and names that mean something in a formula.
_TAKEN = frozenset(
    [
        *["mlm", "plots", "show", "lesson", "words", "ex", "board", "np", "pd", "gamma", "tau"],
        *["m1", "m2", "m3", "m1_ri", "m3_ri", "null", "ri", "both", "fixed", "groups", "grid"],
        *["lines", "context", "region", "same", "eb1", "eb3", "by_kind", "slope_variance", "test"],
    ]
)


# ---- public ------------------------------------------------------------------------------------
def open_lesson(where: str | Path | None = None) -> Lesson:
    """The lesson of the course that a notebook belongs to.

    Parameters
    ----------
    where : a lesson file, a folder that holds ``lesson.toml``, or the name of a shipped lesson;
        by default the nearest ``lesson.toml`` in this folder or above it.

    Raises
    ------
    MLMError
        If there is none, or with the first thing that is wrong in it.
    """
    return read_lesson(lesson_path(where))


def lesson_path(where: str | Path | None = None) -> Path:
    """The lesson file that :func:`open_lesson` reads for ``where``."""
    if where is None:
        found = find_lesson_file(Path.cwd())
        if found is None:
            raise MLMError(
                f"There is no {LESSON_FILE} in this folder or above it: open the notebook from "
                "the folder of its course."
            )
        return found
    path = Path(where)
    if str(where) in shipped_lessons() and not path.exists():
        return _shipped_path(str(where))
    return path / LESSON_FILE if path.is_dir() else path


def lesson_sources(path: Path) -> dict[str, Path]:
    """The files that a lesson file names, by key: ``data`` and ``words``, where they are files."""
    from mlm_helpers.data.datasets import dataset_names
    from mlm_helpers.words.vocabulary import shipped_vocabularies

    settings, shipped = read_settings(path), (*dataset_names(), *shipped_vocabularies())
    named = {k: settings[k] for k in ("data", "words") if k in settings}
    return {k: path.parent / name for k, name in named.items() if name not in shipped}


def find_lesson_file(folder: Path) -> Path | None:
    """The nearest lesson file in a folder or above it."""
    for place in (folder.resolve(), *folder.resolve().parents):
        if (place / LESSON_FILE).is_file():
            return place / LESSON_FILE
    return None


def _shipped_path(name: str) -> Path:
    return Path(str(resources.files("mlm_helpers").joinpath("lesson", "lessons", f"{name}.toml")))


def read_lesson(path: str | Path, data: pd.DataFrame | None = None) -> Lesson:
    """Read a lesson file with its data (``data`` takes the place of the table it names).

    Raises
    ------
    MLMError
        With the first thing that is wrong; :func:`lesson_problems` lists them all.
    """
    draft = _Draft.read(Path(path), data)
    for problem in draft.problems():
        raise MLMError(problem)
    return draft.lesson()


def lesson_problems(where: str | Path) -> list[str]:
    """What is wrong with a lesson file, one sentence each; an empty list is good."""
    try:
        draft = _Draft.read(lesson_path(where))
        found = list(draft.problems())
        if not found:
            draft.lesson()
    except MLMError as error:
        return [str(error)]
    return found


# ---- reading the file --------------------------------------------------------------------------
@dataclass
class _Draft:
    """A lesson on its way from file to notebook: the settings, the words, and the table, which
    ``_complete_model`` prepares as far as what is there allows."""

    path: Path
    settings: Mapping[str, Any]
    vocabulary: Vocabulary
    data: pd.DataFrame
    shipped: str
    in_file: tuple[str, ...] = ()
    left_out: int = 0

    @classmethod
    def read(cls, path: Path, data: pd.DataFrame | None = None) -> _Draft:
        settings = read_settings(path)
        words = read_words(path, settings)
        check_words(words, path.name)
        shipped, table = read_table(path, settings, data)
        draft = cls(path, settings, words, table, shipped, tuple(map(str, table.columns)))
        draft._complete_model()
        return draft

    @property
    def model(self) -> dict[str, Any]:
        return dict(self.settings["model"])

    @property
    def roles(self) -> dict[str, str]:
        return {k: self.model[k] for k in ("predictor", "moderator", "second") if k in self.model}

    def _complete_model(self) -> None:
        """Leave rows out, recode and center, as far as what is there allows."""
        if not list(self._role_problems()) and not list(self._column_problems()):
            self._leave_out_rows()
            if len(self.data):
                self._recode()
                self._derive()

    # ---- what is wrong ----
    def problems(self) -> Iterator[str]:
        """Everything that keeps this from becoming a lecture."""
        early = [*self._role_problems(), *self._column_problems()]
        if early:
            yield from early
            return
        if not len(self.data):
            yield "No row of the data has a value in every column that the lesson uses."
            return
        of_words = self.vocabulary.problems(self.data)
        yield from of_words
        if not of_words:
            yield from self._shape_problems()

    def _role_problems(self) -> Iterator[str]:
        known = self.vocabulary.predictors
        for role, column in self.roles.items():
            if column not in known:
                yield (
                    f"[model] names {column!r} as {role}, but there is no [predictors.{column}] "
                    f"that says what it is.{suggest(column, known)}"
                )
                continue
            wanted = 1 if role == "predictor" else 2
            if known[column].level != wanted:
                noun = self.vocabulary.unit.many if wanted == 1 else self.vocabulary.group.many
                yield (
                    f"The {role} {column!r} has level = {known[column].level}; it has to be a "
                    f"level-{wanted} predictor, one of {noun}."
                )
        w = known.get(self.model["moderator"])
        if w is not None and not w.codes:
            yield (
                f"The moderator {w.column!r} has no codes: Model 2 compares kinds of "
                f"{self.vocabulary.group.many}, so name them under [predictors.{w.column}.codes]."
            )
        if len(set(self.roles.values())) < len(self.roles):
            yield "[model] uses the same column twice: predictor, moderator and second must differ."

    def _column_problems(self) -> Iterator[str]:
        columns = [str(c) for c in self.data.columns]
        for column in self._raw_columns():
            if column not in columns:
                yield f"The data have no column {column!r}.{suggest(column, columns)}"
        doubled = sorted({c for c in columns if columns.count(c) > 1})
        if doubled:
            yield f"The data have several columns called {doubled[0]!r}: rename all but one."

    def _raw_columns(self) -> list[str]:
        """The columns that the file has to have: what the roles come from."""
        v = self.vocabulary
        out = [v.outcome.column, v.group_column]
        present = {str(c) for c in self.data.columns}
        for column in (c for c in self.roles.values() if c in v.predictors):
            while column not in present and column in v.predictors:
                p = v.predictors[column]
                source = p.of or p.mean_of
                if source is None or source == column:
                    break
                column = source
            out.append(column)
        return list(dict.fromkeys(out))

    def _shape_problems(self) -> Iterator[str]:
        v, data = self.vocabulary, self.data
        group, many = v.group_column, v.group.many
        n = data[group].nunique()
        if n < FEWEST_GROUPS:
            yield (
                f"The data have {n} {many}: a level-2 model needs more ({FEWEST_GROUPS} at the "
                "very least, better 30)."
            )
            return
        w = v.predictors[self.roles["moderator"]]
        kinds = data.groupby(group, observed=True)[w.column].first().map(w.code)
        for code in w.codes:
            few = int((kinds == code).sum())
            if few < FEWEST_OF_A_KIND:
                yield (
                    f"Only {few} {v.group.one if few == 1 else many} in the data: {code.many}. "
                    f"Each kind needs at least {FEWEST_OF_A_KIND}; join it with another one."
                )
        if "second" in self.roles and not self.vocabulary.predictors[self.roles["second"]].codes:
            column = self.roles["second"]
            if column in data and data.groupby(group, observed=True)[column].first().nunique() < 3:
                yield f"{column!r} has fewer than three values; it has to be a number."
        elif "second" in self.roles:
            yield (
                f"The second predictor {self.roles['second']!r} has codes; the lecture needs a "
                "number there. Leave it out to get the group mean of the level-1 predictor."
            )

    # ---- what is done to the data ----
    def _leave_out_rows(self) -> None:
        complete = self.data[self._raw_columns()].notna().all(axis=1)
        self.left_out = int((~complete).sum())
        kept = self.data[complete].reset_index(drop=True)
        kept.attrs.update(self.data.attrs)
        self.data = kept

    def _recode(self) -> None:
        """Two-valued predictors as 0/1, more values as categories in the order of the codes."""
        for column in {self.roles["moderator"], self._base(self.roles["predictor"])}:
            p = self.vocabulary.predictors.get(column)
            if p is None or not p.codes or column not in self.data:
                continue
            if {c.number for c in p.codes} == {0.0, 1.0}:
                continue
            if set(self.data[column].map(p.code)) != set(p.codes):
                continue  # a code is missing or without a name: the vocabulary's check says so
            if len(p.codes) == 2:
                self._to_numbers(p)
            else:
                self._to_categories(p)

    def _base(self, column: str) -> str:
        p = self.vocabulary.predictors[column]
        return p.of if p.of and p.of in self.vocabulary.predictors else column

    def _to_numbers(self, p: Predictor) -> None:
        high = p.codes[1]
        self.data[p.column] = (self.data[p.column].map(p.code) == high).astype("int64")
        coded = [replace(c, value=str(k)) for k, c in enumerate(p.codes)]
        self._put(replace(p, codes=tuple(coded)))

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
        self._put(replace(p, codes=tuple(replace(c, value=c.name) for c in p.codes)))

    def _put(self, p: Predictor) -> None:
        predictors = {**self.vocabulary.predictors, p.column: p}
        self.vocabulary = replace(self.vocabulary, predictors=predictors)

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

    # ---- the lesson ----
    def lesson(self) -> Lesson:
        """The finished lesson."""
        predictor = self._within(self.roles["predictor"])
        second = self._second(predictor)
        vocabulary, data, renamed = safe_names(self.vocabulary, self.data, self._used(second))
        at = dict(renamed)
        renamed = tuple((old, new) for old, new in renamed if old in self.in_file)
        texts = {k: self.settings[k] for k in _FIRST_AND_LAST if k in self.settings}
        texts.setdefault("next_step", _NEXT_STEP)
        moderator = at.get(self.roles["moderator"], self.roles["moderator"])
        lesson = Lesson(
            name=self._table_name(),
            data=data,
            vocabulary=vocabulary,
            loading=self._loading(),
            predictor=at.get(predictor, predictor),
            moderator=moderator,
            second=at.get(second, second),
            about=self._about(renamed),
            words="" if self.shipped else "words",
            notes={int(k): str(t) for k, t in self.settings.get("notes", {}).items()},
            left_out=self.left_out,
            renamed=renamed,
            compare=self._compare(vocabulary.predictor(moderator)),
            **texts,
        )
        _check_fits(lesson)
        if lesson.pair() is not lesson:
            _check_fits(lesson.pair(), "the kinds that the exercises compare")
        return lesson

    def _within(self, column: str) -> str:
        """The predictor centered within groups; made where the column is not."""
        from mlm_helpers.data.centering import center_within
        from mlm_helpers.engine.variables import is_centered_within

        p, keys = self.vocabulary.predictors[column], self.data[self.vocabulary.group_column]
        if is_centered_within(self.data[column].astype(float), keys):
            return column
        made = self._free(f"{column}_c")
        self.data[made] = center_within(self.data, column, self.vocabulary.group_column)
        centered = replace(p, column=made, of=column, centered="group", codes=())
        self._put(replace(centered, unit=_step(p), higher=_higher(p)))
        return made

    def _second(self, predictor: str) -> str:
        """The second moderator, by default the group mean of the level-1 predictor; centered on
        its grand mean unless the lesson says otherwise or 0 is its mean already."""
        from mlm_helpers.data.centering import center_grand, group_mean

        column = self.roles.get("second")
        if column is None:
            x = self.vocabulary.predictors[predictor]
            base, group = x.base, self.vocabulary.group
            column = self._free(f"{base}_mean")
            self.data[column] = group_mean(self.data, base, self.vocabulary.group_column)
            label = f"{group.one} mean of {x.label}"
            self._put(
                Predictor(column, label, 2, f"{x.symbol}_mean", f"unit of {label}", mean_of=base)
            )
        values = self.data[column].astype(float)
        wanted = self.model.get("center_second", abs(values.mean()) > 0.05 * values.std())
        p = self.vocabulary.predictors[column]
        if not wanted or p.centered == "grand":
            return column
        made = self._free(f"{column}_gdm")
        self.data[made] = center_grand(self.data, column, over="rows")
        self._put(replace(p, column=made, of=column, centered="grand", zero=f"average {p.label}"))
        return made

    def _free(self, name: str) -> str:
        while name in self.data or name in self.vocabulary.predictors:
            name += "_"
        return name

    def _used(self, second: str) -> list[str]:
        """Columns worth keeping: those of the words."""
        v = self.vocabulary
        wanted = {v.group_column, v.outcome.column, *v.predictors, second}
        return [c for c in self.data.columns if c in wanted]

    def _table_name(self) -> str:
        name = self.settings.get("name") or identifier(Path(self.settings["data"]).stem)
        return f"{name}_data" if name in _TAKEN else name

    def _loading(self) -> str:
        name = self._table_name()
        if not self.shipped:
            return f"lesson = mlm.open_lesson()\n{name}, words = lesson.data, lesson.vocabulary"
        lines = [f'{name} = mlm.load_dataset("{self.shipped}")']
        for column in self._made_for_shipped():
            p = self.vocabulary.predictors[column]
            call = (
                f'mlm.center_within({name}, "{p.of}", "{self.vocabulary.group_column}")'
                if p.centered == "group"
                else f'mlm.center_grand({name}, "{p.of}", over="rows")'
            )
            lines.append(f'{name}["{column}"] = {call}')
        return "\n".join(lines)

    def _made_for_shipped(self) -> list[str]:
        from mlm_helpers.data.datasets import load_dataset

        there = load_dataset(self.shipped).columns
        return [c for c in self.vocabulary.predictors if c in self.data and c not in there]

    def _about(self, renamed: tuple[tuple[str, str], ...]) -> str:
        parts = [self.settings.get("about", "").strip()]
        if self.left_out:
            n = self.left_out
            parts.append(
                f"{n} {'row' if n == 1 else 'rows'} of the file without a value in one of the "
                f"columns used {'is' if n == 1 else 'are'} left out."
            )
        if renamed:
            pairs = [f"{_as_code(old)} is called `{new}` here" for old, new in renamed]
            parts.append(f"{join_words(pairs)}.")
        return " ".join(p for p in parts if p)

    def _compare(self, w: Predictor) -> tuple[str, str] | None:
        given = self.model.get("compare")
        if given is None:
            return None
        codes = [p.name for p in w.codes]
        for name in given:
            if name not in codes:
                raise MLMError(
                    f"'compare' in [model] names {name!r}, which is no code of {w.column!r}; they "
                    f"are {join_words(codes)}.{suggest(name, codes)}"
                )
        return given[0], given[1]


def _as_code(column: str) -> str:
    """A column's name for Markdown: code is neither typeset nor made italic."""
    fence = "``" if "`" in column else "`"
    return f"{fence} {column} {fence}" if "`" in column else f"`{column}`"


def _step(p: Predictor) -> str:
    """The unit of a centered predictor; for a coded one, the step from one code to the other."""
    if len(p.codes) != 2 or not p.unit.startswith("unit of "):
        return p.unit
    low, high = sorted(p.codes, key=lambda c: c.number or 0.0)
    return f"step from {low.name} to {high.name}"


def _higher(p: Predictor) -> str | None:
    """The one of two units that has more of a coded predictor: "the patient with ..."."""
    if p.higher or len(p.codes) != 2:
        return p.higher
    high = max(p.codes, key=lambda c: c.number or 0.0)
    return re.sub(r"^an? ", "the ", high.one)


def _check_fits(lesson: Lesson, among: str = "these data") -> None:
    """Refuse data in which the lecture's first model has nothing to explain."""
    try:
        m1 = lesson.fit("m1")
        lesson.fit("m3")
    except MLMError as error:
        raise MLMError(f"The lecture's models cannot be fitted to {among}. {error}") from None
    t, many = m1.T.to_numpy(), lesson.vocabulary.group.many
    for k, what in ((1, "slopes"), (0, "means")):
        if t[k, k] <= 1e-10 * m1.sigma2:  # 0 up to rounding
            raise MLMError(
                f"In {among} the {what} of {many} do not differ (τ{k}{k} is estimated as 0 in "
                "Model 1), so there would be nothing to explain: choose another predictor"
                f"{'' if among == 'these data' else ', or other kinds in compare'}."
            )
