"""What things are called in the questions, hints and replies of an exercise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlm_helpers.engine.structure import Structure
    from mlm_helpers.words.vocabulary import Code, Predictor, Vocabulary


@dataclass(frozen=True)
class Terms:
    """The words of a data set in the places of the lecture's: ``low`` and ``high`` are the kinds of
    school coded 0 and 1, ``context`` the school mean of SES, ``within`` the student's own."""

    school: str
    schools: str
    student: str
    mean: str
    score: str
    points: str
    low: str
    high: str
    sector: str
    context: str
    slope: str
    within: str
    one_low: str = ""  # "a public school"
    one_high: str = ""
    many_low: str = ""  # "public schools"
    many_high: str = ""
    students: str = ""
    # further phrases of these data, and what they are in the lecture's words
    phrases: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name, usual in (
            ("many_low", f"{self.low} {self.schools}"),
            ("many_high", f"{self.high} {self.schools}"),
            ("students", f"{self.student}s"),
        ):
            if not getattr(self, name):
                object.__setattr__(self, name, usual)

    @classmethod
    def of(cls, structure: Structure, vocabulary: Vocabulary) -> Terms:
        """The words for a model like Model 3: one level-1 predictor, a 0/1 predictor of schools
        and a numeric one."""
        x, (w, z) = structure.level1_predictors[0], structure.level2_predictors[:2]
        px, pw, pz = (vocabulary.predictor(name) for name in (x, w, z))
        zero, one = pw.code(0), pw.code(1)
        return cls(
            school=vocabulary.group.one,
            schools=vocabulary.group.many,
            student=vocabulary.unit.one,
            mean=vocabulary.outcome.mean,
            score=vocabulary.outcome.label,
            points=vocabulary.outcome.units,
            low=zero.name if zero else f"{pw.label} 0",
            high=one.name if one else f"{pw.label} 1",
            sector=pw.label,
            context=pz.label,
            slope=px.slope or f"slope of {px.label}",
            within=px.label,
            one_low=zero.one if zero else f"a {vocabulary.group.one} with {pw.label} 0",
            one_high=one.one if one else f"a {vocabulary.group.one} with {pw.label} 1",
            many_low=zero.many if zero else f"{vocabulary.group.many} with {pw.label} 0",
            many_high=one.many if one else f"{vocabulary.group.many} with {pw.label} 1",
            students=vocabulary.unit.many,
            phrases=_phrases(vocabulary, px, pz, zero, one),
        )


def _phrases(
    v: Vocabulary, x: Predictor, z: Predictor, zero: Code | None, one: Code | None
) -> tuple[tuple[str, str], ...]:
    out = [
        (v.unit.many, "students"),
        (z.unit, "unit of school mean SES"),
        (x.unit, "unit of family SES"),
    ]
    if zero and one:
        out += [(zero.many, "public schools"), (zero.one, "a public school")]
        out += [(one.many, "private schools"), (one.one, "a private school")]
    if x.higher:
        out.append((x.higher, "the student from the better-off family"))
    return tuple(out)
