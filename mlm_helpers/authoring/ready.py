"""What ``adapt --check`` says of a lesson in which nothing is wrong: what it is about, what a
careful look at the data and the fits shows, and what the course leaves out, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mlm_helpers.authoring.handouts import HandoutContext
from mlm_helpers.lesson.files import lesson_findings
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.text import join_words
from mlm_helpers.words.vocabulary import pretty_symbol

FEW = 2  # findings of one kind about one column that are said in full
_QUESTIONS = 11  # answers in sentences: ten definitions and question 6b


def ready(lesson: Lesson, where: str | Path) -> str:
    """What the lesson of a file is about, and what to look at before it is used."""
    context = HandoutContext(lesson)
    parts = ["\n".join(_about(lesson, context))]
    for title, lines in (
        ("Look at these first:", _advice(list(_findings(where)))),
        ("The fits:", list(_fits(lesson))),
        ("Left out:", list(_left_out(lesson, context))),
    ):
        if lines:
            parts.append("\n".join([title, *(f"  - {line}" for line in lines)]))
    return "\n".join(parts)


def _about(lesson: Lesson, context: HandoutContext) -> Iterator[str]:
    names, v = context.names, lesson.vocabulary
    yield (
        f"The lesson is ready: {names['n_rows']:,} {v.unit.many} in {names['n_groups']:,} "
        f"{v.group.many} ({names['w_counts']})."
    )
    yield f"  outcome           {v.outcome.column} ({v.outcome.label})"
    yield f"  level 1           {lesson.predictor} ({context.x.label})"
    if lesson.beside:
        varies = "varies" if lesson.beside_varies else "the same"
        of = f"its slope {varies} {'between' if lesson.beside_varies else 'in all'} {v.group.many}"
        yield f"  beside it         {lesson.beside} ({v.predictor(lesson.beside).label}; {of})"
    for column in lesson.controls:
        yield f"  control           {column} ({v.predictor(column).label})"
    yield f"  Model 2 adds      {lesson.moderator} ({context.w.label})"
    if lesson.second:
        yield f"  Model 3 adds      {lesson.second} ({context.m.label})"
    if lesson.left_out:
        yield f"  rows left out     {lesson.left_out} with a missing value"
    if lesson.alpha != 0.05:
        yield f"  tests at          {lesson.alpha:g}"
    pair = lesson.pair()
    if pair.is_pair and lesson.second:
        low, high = HandoutContext(pair).w.codes
        yield f"  exercises         compare {low.many} with {high.many}"
    if lesson.questions:
        yield f"  of your own       {join_words([q.id for q in lesson.questions])}"


def _findings(where: str | Path) -> Iterator[str]:
    """What an inspection of the file's data says, the urgent first, no kind at length."""
    # predictors are centered for the lecture whatever their file has
    found = [f for f in lesson_findings(where) if "center it within groups" not in f.text]
    found = sorted(found, key=lambda f: not f.urgent)
    for _, same in groupby(found, key=lambda f: (f.urgent, f.check, f.column)):
        findings = list(same)
        yield from (f.text for f in findings[:FEW])
        if len(findings) > FEW:
            more = len(findings) - FEW
            yield f"{findings[0].column!r} has {more} more like {'this' if more == 1 else 'these'}."


def _advice(lines: list[str]) -> list[str]:
    """The lines, with the lesson file's way of making codes missing where one speaks of them."""
    if any("if it means 'no answer'" in line for line in lines):
        lines.append("In a lesson file, [missing] and a line such as score = [-99, 999] does that.")
    return lines


def _fits(lesson: Lesson) -> Iterator[str]:
    """What the fits say of themselves, above all that one is singular."""
    names = {"m1": "Model 1", "m2": "Model 2", "m3": "Model 3"}
    for k in ("m1", "m2", *(("m3",) if lesson.second else ())):
        for message in lesson.fit(k).messages:
            yield f"{names[k]}: {message}"


def _left_out(lesson: Lesson, context: HandoutContext) -> Iterator[str]:
    """What these data leave out of the course, and why."""
    v = lesson.vocabulary
    if lesson.second is None:
        why = (
            "the lesson says second = false"
            if not lesson.balanced
            else f"every {v.group.one} has the same mean of {context.x.label}, and the lesson "
            "names no other 'second'"
        )
        yield (
            f"Model 3, because {why}; with it parts 1, 2 and 4 of the exercises, which ask about "
            "Model 3."
        )
        return
    exercises = HandoutContext(lesson.pair())
    asked = (*exercises.definitions, "q6b")
    unread = [s for s in asked if not exercises.reads(s)]
    if unread:
        named = join_words([pretty_symbol(s) if s != "q6b" else "question 6b" for s in unread])
        yield (
            f"the check of {len(unread)} of {_QUESTIONS} answers in sentences ({named}): the "
            "checks would refuse a right answer in your words, so these go to the group work. "
            "Shorter labels without 'and', 'of' or 'between' in them often help."
        )
    yield from (f"in part 4, {text}" for text in exercises.reasons())
