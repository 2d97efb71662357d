"""What keeps a draft from becoming a lecture, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from mlm_helpers.errors import suggest
from mlm_helpers.lesson.draft import Draft
from mlm_helpers.text import join_words

FEWEST_GROUPS = 10
FEWEST_OF_A_KIND = 3


def problems(draft: Draft) -> Iterator[str]:
    """Everything that is wrong; makes the draft's table ready on the way, where nothing is."""
    early = [*_role_problems(draft), *_column_problems(draft)]
    yield from early
    if early:
        return
    draft.prepare()
    if not len(draft.data):
        yield "No row of the data has a value in every column that the lesson uses."
        return
    of_words = draft.vocabulary.problems(draft.data)
    yield from of_words
    if not of_words:
        yield from _shape_problems(draft)


def _role_problems(draft: Draft) -> Iterator[str]:
    known = draft.vocabulary.predictors
    named = {
        role: (column, 2 - (role in ("predictor", "beside")))
        for role, column in draft.roles.items()
    }
    for role, (column, wanted) in named.items():
        if column not in known:
            yield _unknown(column, f"[model] names {column!r} as {role}", known)
        elif known[column].level != wanted:
            v = draft.vocabulary
            noun = v.unit.many if wanted == 1 else v.group.many
            yield (
                f"The {role} {column!r} has level = {known[column].level}; it has to be a "
                f"level-{wanted} predictor, one of {noun}."
            )
    for column in draft.controls:
        if column not in known:
            yield _unknown(column, f"[model] names {column!r} as control", known)
    for role in ("predictor", "beside"):
        column = draft.roles.get(role, "")
        if column in known and len(known[column].codes) > 2:
            names = join_words([c.name for c in known[column].codes])
            yield (
                f"The {role} {column!r} has {len(known[column].codes)} codes ({names}), but a "
                "slope belongs to a number or to two kinds: join kinds in the data, or make a "
                "column that is 1 for one of them and 0 for all others."
            )
    used = [*draft.roles.values(), *draft.controls]
    doubled = sorted({c for c in used if used.count(c) > 1})
    if doubled:
        yield (
            f"[model] uses the same column twice, {doubled[0]!r}: predictor, moderator, second, "
            "beside and controls must differ."
        )


def _unknown(column: str, what: str, known: object) -> str:
    return (
        f"{what}, but there is no [predictors.{column}] that says what it is."
        f"{suggest(column, list(known))}"  # type: ignore[call-overload]
    )


def _column_problems(draft: Draft) -> Iterator[str]:
    columns = [str(c) for c in draft.data.columns]
    for column in draft.raw_columns():
        if column not in columns:
            yield f"The data have no column {column!r}.{suggest(column, columns)}"
    doubled = sorted({c for c in columns if columns.count(c) > 1})
    if doubled:
        yield f"The data have several columns called {doubled[0]!r}: rename all but one."


def _shape_problems(draft: Draft) -> Iterator[str]:
    v, data = draft.vocabulary, draft.data
    group, many = v.group_column, v.group.many
    n = data[group].nunique()
    if n < FEWEST_GROUPS:
        yield (
            f"The data have {n} {many}: a level-2 model needs more ({FEWEST_GROUPS} at the "
            "very least, better 30)."
        )
        return
    w = v.predictors[draft.roles["moderator"]]
    by_group = data.groupby(group, observed=True)
    kinds = by_group[w.column].first().map(w.code)
    for code in w.codes:
        few = int((kinds == code).sum())
        if few < FEWEST_OF_A_KIND:
            yield (
                f"Only {few} {v.group.one if few == 1 else many} in the data: {code.many}. "
                f"Each kind needs at least {FEWEST_OF_A_KIND}; join it with another one."
            )
    if not w.codes and by_group[w.column].first().nunique() < 3:
        yield (
            f"The moderator {w.column!r} has two values and no codes: name them under "
            f"[predictors.{w.column}.codes]."
        )
    yield from _second_problems(draft)


def _second_problems(draft: Draft) -> Iterator[str]:
    v, data = draft.vocabulary, draft.data
    by_group = data.groupby(v.group_column, observed=True)
    column = draft.roles.get("second")
    if column is not None and v.predictors[column].codes:
        yield (
            f"The second predictor {column!r} has codes; the lecture needs a "
            "number there. Leave it out to get the group mean of the level-1 predictor."
        )
    elif column is not None and by_group[column].first().nunique() < 3:
        yield f"{column!r} has fewer than three values; it has to be a number."
