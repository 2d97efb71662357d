"""A lesson: the data of a lecture, the words for them, and the parts that their columns play."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.lesson.roles import Roles
from mlm_helpers.words.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OwnSlides:
    """Slides of an instructor's own: the file's name, its text, and the slide they follow."""

    file: str
    text: str
    after: int


@dataclass(frozen=True)
class Slides:
    """What becomes of the lecture's slides: those left out, those that take each other's places,
    and those of an instructor's own."""

    leave_out: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    own: tuple[OwnSlides, ...] = ()


@dataclass(frozen=True)
class OwnQuestion:
    """A question of an instructor's own: ``key`` and the first of each pair in ``wrong`` are
    expressions on the fits; the second is the reply."""

    id: str
    task: str
    key: str
    decimals: int = 2
    hints: tuple[str, ...] = ()
    wrong: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Lesson:
    """The data of a lecture and the parts that their columns play.

    Parameters
    ----------
    name : of the table in the notebook, a Python name such as ``ex1``.
    data : the table, with the centered columns in it.
    vocabulary : the words for its columns.
    loading : lines of code that make ``name`` in the notebook, after ``import mlm_helpers as mlm``.
    predictor : the level-1 predictor, centered within groups (``famsesc``).
    moderator : the level-2 predictor that Model 2 adds: coded, categorical or continuous
        (``sector``).
    second : the continuous level-2 predictor that Model 3 adds (``schsesgdm``); None ends the
        lecture with Model 2.
    about : a sentence or two on where the data come from.
    words : the notebook's name for the vocabulary, ``""`` when the package ships it.
    institution, course, title, topic, author, date : for the first slide.
    next_step : Markdown for the last slide, where students go from here.
    notes : further sentences for the instructor, by slide number.
    left_out : rows of the file without a value in a column that is used.
    renamed : columns of the file and the names that stand for them.
    compare : the two kinds of the exercises, where the moderator has more than two.
    controls, beside, beside_varies : see :class:`Roles`.
    alpha : the level of the tests.
    half : the column that splits the groups at the median of a moderator that is a number, for
        pictures and exercises.
    starts_at : ``"intercepts"`` where the lecture begins with a random intercept alone.
    balanced : the predictor has the same mean in all groups, so that this mean adds nothing.
    is_pair : these are the data of the exercises, cut down to two kinds.
    """

    name: str
    data: pd.DataFrame
    vocabulary: Vocabulary
    loading: str
    predictor: str
    moderator: str
    second: str | None
    about: str
    words: str = ""
    institution: str = ""
    course: str = "Multilevel analysis"
    title: str = "Lecture 6"
    topic: str = "Cross-Level Interactions"
    author: str = ""
    date: str = ""
    next_step: str = ""
    notes: dict[int, str] = field(default_factory=dict)
    left_out: int = 0
    renamed: tuple[tuple[str, str], ...] = ()
    compare: tuple[str, str] | None = None
    controls: tuple[str, ...] = ()
    beside: str | None = None
    beside_varies: bool = True
    alpha: float = 0.05
    half: str | None = None
    starts_at: str = "slopes"
    slides: Slides = field(default_factory=Slides)
    questions: tuple[OwnQuestion, ...] = ()
    balanced: bool = False
    is_pair: bool = False

    @property
    def roles(self) -> Roles:
        """Which column plays which part."""
        v = self.vocabulary
        return Roles(
            v.outcome.column,
            v.group_column,
            self.predictor,
            self.moderator,
            self.second,
            self.controls,
            self.beside,
            self.beside_varies,
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The lecture's models: ``"m1"``, ``"m2"`` and, with a second moderator, ``"m3"``."""
        return ("m1", "m2") if self.second is None else ("m1", "m2", "m3")

    @property
    def last(self) -> str:
        """The lecture's last model: ``"m3"``, or ``"m2"`` without a second moderator."""
        return self.models[-1]

    @property
    def formulas(self) -> dict[str, str]:
        """The formulas of the lecture's models, see :attr:`Roles.formulas`."""
        return self.roles.formulas

    def fit(self, name: str) -> MLMFit:
        """One of the lecture's models (``"m0"`` to ``"m3"``, ``"m1_ri"`` ...), fitted once."""
        if name not in self._fits:
            self._fits[name] = fit_mlm(self.formulas[name], self.data)
        return self._fits[name]

    @cached_property
    def _fits(self) -> dict[str, MLMFit]:
        return {}

    @property
    def by(self) -> str:
        """The column with kinds of groups: the moderator, or the halves of one that is a number."""
        return self.half or self.moderator

    def pair(self) -> Lesson:
        """The lesson of the exercises: the same where the moderator has two kinds; else with the
        groups of two kinds only, coded 0 and 1: those of ``compare``, or the reference and the
        largest other kind, or the two halves of a moderator that is a number."""
        codes = self.vocabulary.predictor(self.moderator).codes
        return self if len(codes) == 2 else self._of_two_kinds()

    def _of_two_kinds(self) -> Lesson:
        w = self.vocabulary.predictor(self.by)
        kinds = self.data[w.column].astype(str)
        groups = self.data[self.vocabulary.group_column]
        if self.compare is not None:
            low, high = (next(c for c in w.codes if c.name == n) for n in self.compare)
        else:
            low = w.codes[0]
            high = max(w.codes[1:], key=lambda c: int(groups[kinds == c.value].nunique()))
        keep = kinds.isin([low.value, high.value])
        data = self.data[keep].reset_index(drop=True)
        data[w.column] = (kinds[keep].reset_index(drop=True) == high.value).astype("int64")
        for column in (*((self.second,) if self.second else ()), *self.controls):
            if self.vocabulary.predictor(column).centered == "grand":
                data[column] = data[column] - data[column].mean()
        coded = (replace(low, value="0"), replace(high, value="1"))
        predictors = {**self.vocabulary.predictors, w.column: replace(w, codes=coded)}
        words = replace(self.vocabulary, predictors=predictors)
        return replace(
            self,
            data=data,
            vocabulary=words,
            moderator=w.column,
            half=None,
            compare=None,
            is_pair=True,
        )
