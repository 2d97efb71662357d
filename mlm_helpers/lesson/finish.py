"""From a draft without problems to the lesson: columns centered, names made safe, fits tried."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mlm_helpers.data.centering import center_grand, center_within, group_mean
from mlm_helpers.engine.variables import is_centered_within
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.lesson.draft import Draft
from mlm_helpers.lesson.expressions import evaluate
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.lesson.names import identifier, safe_names
from mlm_helpers.lesson.own import questions_of, slides_of
from mlm_helpers.text import join_words
from mlm_helpers.words.vocabulary import Code, Predictor, with_article

TEXTS = ("institution", "course", "title", "topic", "author", "date", "next_step")
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


def finished(draft: Draft) -> Lesson:
    """The lesson of a draft in which nothing is wrong.

    Raises
    ------
    MLMError
        If the lecture's models cannot be fitted, or have nothing to explain.
    """
    predictor = _within(draft, draft.roles["predictor"])
    beside = draft.roles.get("beside")
    beside = _within(draft, beside) if beside else None
    moderator = _moderator(draft)
    second = _second(draft, predictor)
    controls = tuple(_control(draft, c) for c in draft.controls)
    half = _half(draft, moderator)
    vocabulary, data, renamed = safe_names(draft.vocabulary, draft.data, _used(draft))
    names = dict(renamed)

    def at(column: str) -> str:
        return names.get(column, column)

    renamed = tuple((old, new) for old, new in renamed if old in draft.in_file)
    texts = {k: draft.settings[k] for k in TEXTS if k in draft.settings}
    lesson = Lesson(
        name=_table_name(draft),
        data=data,
        vocabulary=vocabulary,
        loading=_loading(draft),
        predictor=at(predictor),
        moderator=at(moderator),
        second=at(second) if second else None,
        half=at(half) if half else None,
        controls=tuple(map(at, controls)),
        beside=at(beside) if beside else None,
        beside_varies=draft.model.get("beside_varies", True),
        alpha=draft.model.get("alpha", 0.05),
        about=_about(draft, renamed),
        words="" if draft.shipped else "words",
        notes={int(k): str(t) for k, t in draft.settings.get("notes", {}).items()},
        starts_at=draft.model.get("start", "slopes"),
        slides=slides_of(draft),
        questions=questions_of(draft),
        balanced=second is None and draft.has_second,
        left_out=draft.left_out,
        renamed=renamed,
        compare=_compare(draft, vocabulary.predictor(at(moderator))),
        **{"next_step": _NEXT_STEP, **texts},
    )
    _check_fits(lesson)
    for q in lesson.questions:
        for expression in (q.key, *(value for value, _ in q.wrong)):
            evaluate(expression, lesson)
    if lesson.second and lesson.pair() is not lesson:
        _check_fits(lesson.pair(), "the kinds that the exercises compare")
    return lesson


# ---- columns -----------------------------------------------------------------------------------
def _within(draft: Draft, column: str) -> str:
    """A level-1 predictor centered within groups; made where the column is not."""
    group = draft.vocabulary.group_column
    p = draft.vocabulary.predictors[column]
    if is_centered_within(draft.data[column].astype(float), draft.data[group]):
        return column
    made = draft.free(f"{column}_c")
    draft.data[made] = center_within(draft.data, column, group)
    centered = replace(p, column=made, of=column, centered="group", codes=())
    draft.put(replace(centered, unit=_step(p), higher=_higher(p)))
    return made


def _grand(draft: Draft, column: str, wanted: bool | None) -> str:
    """A numeric column centered on its grand mean, unless that is not ``wanted`` or (None: not
    said) 0 is its mean already."""
    p = draft.vocabulary.predictors[column]
    values = draft.data[column].astype(float)
    if wanted is None:
        wanted = abs(values.mean()) > 0.05 * values.std()
    if not wanted or p.centered == "grand":
        return column
    made = draft.free(f"{column}_gdm")
    draft.data[made] = center_grand(draft.data, column, over="rows")
    draft.put(replace(p, column=made, of=column, centered="grand", zero=f"average {p.label}"))
    return made


def _moderator(draft: Draft) -> str:
    """The moderator of Model 2; a number is centered on its grand mean."""
    column = draft.roles["moderator"]
    if draft.vocabulary.predictors[column].codes:
        return column
    return _grand(draft, column, draft.model.get("center_moderator"))


def _half(draft: Draft, moderator: str) -> str | None:
    """The groups split at the median of a moderator that is a number: kinds to look at."""
    import pandas as pd

    p, v = draft.vocabulary.predictors[moderator], draft.vocabulary
    if p.codes:
        return None
    each = draft.data.groupby(v.group_column, observed=True)[moderator].first()
    middle = float(each.median())
    high = draft.data[moderator] > middle
    if not high.any():  # half of the groups have the largest value
        high = draft.data[moderator] >= middle
    made = draft.free(f"{p.base}_half")
    names = ["lower", "higher"]
    draft.data[made] = pd.Categorical(high.map({False: "lower", True: "higher"}), names)
    codes = [
        Code(
            n,
            n,
            f"{with_article(v.group.one)} with {n} {p.label}",
            f"{v.group.many} with {n} {p.label}",
        )
        for n in names
    ]
    label = f"{p.label} (half)"
    draft.put(Predictor(made, label, 2, made, f"unit of {label}", codes=tuple(codes)))
    return made


def _second(draft: Draft, predictor: str) -> str | None:
    """The second moderator, by default the group mean of the level-1 predictor; None where the
    lesson does without, or where this mean is the same in all groups."""
    if not draft.has_second:
        return None
    column = draft.roles.get("second")
    if column is None:
        x = draft.vocabulary.predictors[predictor]
        base, group = x.base, draft.vocabulary.group
        means = group_mean(draft.data, base, draft.vocabulary.group_column)
        if means.std() <= 1e-6 * draft.data[base].astype(float).std():
            return None
        column = draft.free(f"{base}_mean")
        draft.data[column] = means
        label = f"{group.one} mean of {x.label}"
        draft.put(Predictor(column, label, 2, f"{x.symbol}_mean", f"unit of {label}", mean_of=base))
    return _grand(draft, column, draft.model.get("center_second"))


def _control(draft: Draft, column: str) -> str:
    """A control variable, centered as the lesson says."""
    p = draft.vocabulary.predictors[column]
    usual = "group" if p.level == 1 else "none" if p.codes else "grand"
    how = draft.model.get("center_controls", {}).get(column, usual)
    if len(p.codes) > 2 and (how != "none" or p.level == 1):
        if column in draft.model.get("center_controls", {}):
            raise MLMError(f"The control {column!r} has several kinds, so it cannot be centered.")
        how = "none"
    if how == "group" and p.level == 2:
        raise MLMError(
            f"The control {column!r} belongs to {draft.vocabulary.group.many}, so it cannot be "
            'centered within them: "grand" or "none".'
        )
    if how == "group":
        return _within(draft, column)
    return _grand(draft, column, True) if how == "grand" else column


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


def _used(draft: Draft) -> list[str]:
    """Columns worth keeping: those of the words."""
    v = draft.vocabulary
    wanted = {v.group_column, v.outcome.column, *v.predictors}
    return [c for c in draft.data.columns if c in wanted]


def _compare(draft: Draft, w: Predictor) -> tuple[str, str] | None:
    given = draft.model.get("compare")
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


# ---- what the notebooks say of the table -------------------------------------------------------
def _table_name(draft: Draft) -> str:
    name = draft.settings.get("name") or identifier(Path(draft.settings["data"]).stem)
    return f"{name}_data" if name in _TAKEN else name


def _loading(draft: Draft) -> str:
    name = _table_name(draft)
    if not draft.shipped:
        return f"lesson = mlm.open_lesson()\n{name}, words = lesson.data, lesson.vocabulary"
    lines = [f'{name} = mlm.load_dataset("{draft.shipped}")']
    for column in _made_for_shipped(draft):
        p = draft.vocabulary.predictors[column]
        call = (
            f'mlm.center_within({name}, "{p.of}", "{draft.vocabulary.group_column}")'
            if p.centered == "group"
            else f'mlm.center_grand({name}, "{p.of}", over="rows")'
        )
        lines.append(f'{name}["{column}"] = {call}')
    return "\n".join(lines)


def _made_for_shipped(draft: Draft) -> list[str]:
    from mlm_helpers.data.datasets import load_dataset

    there = load_dataset(draft.shipped).columns
    return [c for c in draft.vocabulary.predictors if c in draft.data and c not in there]


def _about(draft: Draft, renamed: tuple[tuple[str, str], ...]) -> str:
    parts = [draft.settings.get("about", "").strip()]
    if draft.left_out:
        n = draft.left_out
        parts.append(
            f"{n} {'row' if n == 1 else 'rows'} of the file without a value in one of the "
            f"columns used {'is' if n == 1 else 'are'} left out."
        )
    if renamed:
        pairs = [f"{_as_code(old)} is called `{new}` here" for old, new in renamed]
        parts.append(f"{join_words(pairs)}.")
    return " ".join(p for p in parts if p)


def _as_code(column: str) -> str:
    """A column's name for Markdown: code is neither typeset nor made italic."""
    fence = "``" if "`" in column else "`"
    return f"{fence} {column} {fence}" if "`" in column else f"`{column}`"


# ---- the fits ----------------------------------------------------------------------------------
def _check_fits(lesson: Lesson, among: str = "these data") -> None:
    """Refuse data in which the lecture's first model has nothing to explain."""
    try:
        m1 = lesson.fit("m1")
        lesson.fit(lesson.last)
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
