"""The page for the class: misconceptions, questions, students, and what protected the marking."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlm_helpers.authoring.marking.collect import Collected
from mlm_helpers.authoring.marking.pages import bullets, exercise_name, page, table
from mlm_helpers.authoring.marking.points import Result
from mlm_helpers.authoring.marking.tables import by_student, notes, number, state
from mlm_helpers.exercises.misconceptions import title
from mlm_helpers.exercises.session import label


@dataclass(frozen=True)
class Protection:
    """What was tried at the start of this run: what was refused, and what was not."""

    way: str
    refused: tuple[str, ...]
    allowed: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Both, as they are claimed on the page."""
        with_what = {"bubble": "bubblewrap", "own": "the system's own means"}.get(self.way)
        if with_what is None:
            return (
                "There was no protection in this run (--unsafe): whatever you can do on this "
                "computer, a submission could do too, also change marks."
            )
        text = f"Each notebook ran in a process of its own, closed in by {with_what}. Tried at the "
        text += f"start of this run and refused: to {'; to '.join(self.refused)}."
        if self.allowed:
            text += f" Not refused: to {'; to '.join(self.allowed)}."
        return text


def class_page(
    results: Sequence[Result],
    collected: Collected,
    links: Mapping[str, str],
    protection: Protection,
    waiting: str,
) -> str:
    """Which misconceptions are common, how each question went, and who could not be marked.
    ``links`` are the students' pages, ``waiting`` a piece of HTML on what is to be decided."""
    good = [r for r in results if not r.marked.problem]
    parts = [f"<p>{len(results)} notebooks, {len(good)} marked.</p>", waiting]
    parts.append(_misconceptions(good))
    for exercise in sorted({r.marked.exercise for r in good}):
        parts.append(_questions(exercise, [r for r in good if r.marked.exercise == exercise]))
    parts.append(_students(results, collected, links))
    if collected.left:
        rows = [[html.escape(name), html.escape(why)] for name, why in collected.left]
        parts.append(table("Files that were not marked", ["File", "Why"], rows))
    if collected.unknown:
        parts.append("<h2>Not in the list of the class</h2>" + bullets(collected.unknown))
    parts.append(f"<h2>Protection</h2><p>{html.escape(protection.sentence)}</p>")
    return page("Class page", "".join(parts))


def _misconceptions(good: Sequence[Result]) -> str:
    who: dict[str, set[str]] = {}
    where: dict[str, Counter[str]] = {}
    asked: dict[str, set[str]] = {}
    for r in good:
        for m in r.marked.marks:
            if m.misconception and m.state != "right":
                who.setdefault(m.misconception, set()).add(r.marked.student)
                asked.setdefault(m.misconception, set()).add(r.marked.exercise)
                place = f"{exercise_name(r.marked.exercise)}, {label(m.question)}"
                where.setdefault(m.misconception, Counter())[place] += 1
    if not who:
        return "<p>No wrong answer was recognised.</p>"
    rows = []
    for key in sorted(who, key=lambda k: (k == "other", -len(who[k]), k)):
        share = len(who[key]) / len(
            {r.marked.student for r in good if r.marked.exercise in asked[key]}
        )
        places = "; ".join(f"{p} ({n})" for p, n in where[key].most_common(4))
        bar = f'<span class="bar" style="width:{share * 8:.2f}em"></span>'
        count = f"{len(who[key])} ({share:.0%})"
        rows.append([html.escape(title(key)), count, bar, html.escape(places)])
    return table(
        "Misconceptions, the most common first (share of those who did an exercise in which it was "
        "found)",
        ["Misconception", "Students", "Share", "Where"],
        rows,
    )


def _questions(exercise: str, good: Sequence[Result]) -> str:
    questions = list(dict.fromkeys(m.question for r in good for m in r.marked.marks))
    states = {
        q: Counter(m.state for r in good for m in r.marked.marks if m.question == q)
        for q in questions
    }
    shown = list(dict.fromkeys(name for q in questions for name in states[q]))
    head = ["Question", *(" ".join(state(name)) for name in shown)]
    rows = [[html.escape(label(q)), *(str(states[q][name]) for name in shown)] for q in questions]
    return table(f"{exercise_name(exercise)}: {len(good)} notebooks", head, rows)


def _students(results: Sequence[Result], collected: Collected, links: Mapping[str, str]) -> str:
    rows = []
    for student, own in by_student(results, collected.students).items():
        name = html.escape(student)
        if student in links:
            name = f'<a href="{html.escape(links[student])}">{name}</a>'
        points = "; ".join(
            f"{exercise_name(r.marked.exercise)}: "
            + ("not marked" if r.marked.problem else f"{number(r.points)} of {number(r.of)}")
            for r in own
        )
        said = " ".join(notes(own))
        rows.append([name, html.escape(points or "Nothing handed in."), html.escape(said)])
    return table("Students", ["Student", "Points", "Notes"], rows)
