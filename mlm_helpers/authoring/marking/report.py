"""The CSV of marks, a page for each student, and a page for the class."""

from __future__ import annotations

import csv
import hashlib
import html
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_helpers.exercises.misconceptions import title
from mlm_helpers.exercises.session import label

if TYPE_CHECKING:
    from mlm_helpers.authoring.marking.mark import Mark, Marked

STATES = {
    "right": ("✓", "right"),
    "wrong": ("✗", "not right"),
    "unclear": ("?", "needs another digit"),
    "unreadable": ("?", "cannot be read"),
    "unanswered": ("–", "not answered"),
    "stopped": ("!", "the cell did not finish"),
    "spoiled": ("!", "cannot be taken"),
}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111}
table{border-collapse:collapse;width:100%;margin:1em 0}
caption{text-align:left;font-weight:bold;padding:.3em 0}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #999;padding:.3em .6em}
td.n{text-align:right;white-space:nowrap}
code{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85em}
.bar{display:inline-block;height:.8em;background:#0072B2}
@media print{body{margin:0;font-size:11px}}
"""


def write_reports(out: Path, marked: Sequence[Marked]) -> Path:
    """Write the CSV and the pages; returns the folder of the pages."""
    from mlm_helpers.authoring.marking.mark import pages_folder

    folder = pages_folder(out)
    (folder / "students").mkdir(parents=True, exist_ok=True)
    ordered = sorted(marked, key=lambda m: (m.student.casefold(), m.exercise))
    _write_csv(out, ordered)
    links = {}
    for m in ordered:
        name = _file_name(m)
        links[m.student, m.exercise] = f"students/{name}"
        (folder / "students" / name).write_text(student_page(m), encoding="utf-8")
    (folder / "class.html").write_text(class_page(ordered, links), encoding="utf-8")
    return folder


# ---- CSV ----------------------------------------------------------------------------------------
def _write_csv(out: Path, marked: Sequence[Marked]) -> None:
    questions = list(dict.fromkeys(m.question for x in marked for m in x.marks))
    head = ["student", "exercise", "right", "questions", "misconceptions", "problem", *questions]
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for x in marked:
            states = {m.question: STATES[m.state][1] for m in x.marks}
            found = "; ".join(dict.fromkeys(title(k) for k in misconceptions(x)))
            row = [x.student, x.exercise, x.right, len(x.marks), found, x.problem]
            writer.writerow([_harmless(v) for v in [*row, *(states.get(q, "") for q in questions)]])


def _harmless(value: object) -> str:
    """Text that a spreadsheet does not take for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def misconceptions(x: Marked) -> list[str]:
    """The misconceptions found in a submission, in the order of its questions."""
    return [m.misconception for m in x.marks if m.misconception not in ("", "other")]


# ---- one student --------------------------------------------------------------------------------
def student_page(x: Marked) -> str:
    """The page of one submission."""
    if x.problem:
        body = f"<p>This notebook could not be marked. {html.escape(x.problem)}</p>"
        return _page(f"{x.student}: {_name(x.exercise)}", body)
    found = list(dict.fromkeys(misconceptions(x)))
    parts = [f"<p>{x.right} of {len(x.marks)} answers are right.</p>"]
    if found:
        items = "".join(f"<li>{html.escape(title(k))}</li>" for k in found)
        parts.append(f"<h2>What to talk about</h2><ul>{items}</ul>")
    rows = "".join(_mark_row(m) for m in x.marks)
    parts.append(
        "<table><caption>Answers</caption><thead><tr>"
        '<th scope="col">Question</th><th scope="col">Verdict</th>'
        '<th scope="col">Reply</th><th scope="col">Answer cell</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return _page(f"{x.student}: {_name(x.exercise)}", "".join(parts))


def _mark_row(m: Mark) -> str:
    sign, words = STATES[m.state]
    source = m.source if len(m.source) <= 600 else m.source[:600] + " …"
    reply = "" if m.state == "right" else m.message[:1].upper() + m.message[1:]
    return (
        f'<tr><th scope="row">{html.escape(label(m.question))}</th>'
        f"<td>{sign} {words}</td><td>{html.escape(reply)}</td>"
        f"<td><code>{html.escape(source)}</code></td></tr>"
    )


# ---- the class ----------------------------------------------------------------------------------
def class_page(marked: Sequence[Marked], links: dict[tuple[str, str], str]) -> str:
    """Which misconceptions are common, how each question went, and who could not be marked."""
    good = [m for m in marked if not m.problem]
    parts = [f"<p>{len(marked)} notebooks, {len(good)} marked. {_closed_sentence(good)}</p>"]
    parts.append(_misconception_table(good))
    for exercise in sorted({m.exercise for m in good}):
        parts.append(_question_table(exercise, [m for m in good if m.exercise == exercise]))
    parts.append(_student_table(marked, links))
    return _page("Class page", "".join(parts))


def _misconception_table(good: Sequence[Marked]) -> str:
    who: dict[str, set[str]] = {}
    where: dict[str, Counter[str]] = {}
    asked: dict[str, set[str]] = {}
    for x in good:
        for m in x.marks:
            if m.misconception and m.state != "right":
                who.setdefault(m.misconception, set()).add(x.student)
                place = f"{_name(x.exercise)}, {label(m.question)}"
                asked.setdefault(m.misconception, set()).add(x.exercise)
                where.setdefault(m.misconception, Counter())[place] += 1
    rows = []
    for key in sorted(who, key=lambda k: (k == "other", -len(who[k]), k)):
        share = len(who[key]) / len({x.student for x in good if x.exercise in asked[key]})
        places = "; ".join(f"{p} ({n})" for p, n in where[key].most_common(4))
        rows.append(
            f'<tr><th scope="row">{html.escape(title(key))}</th>'
            f'<td class="n">{len(who[key])} ({share:.0%})</td>'
            f'<td><span class="bar" style="width:{share * 8:.2f}em"></span></td>'
            f"<td>{html.escape(places)}</td></tr>"
        )
    if not rows:
        return "<p>No wrong answer was recognised.</p>"
    return (
        "<table><caption>Misconceptions, the most common first (share of those who did an exercise "
        "in which it was found)</caption><thead><tr>"
        '<th scope="col">Misconception</th><th scope="col">Students</th><th scope="col">Share</th>'
        '<th scope="col">Where</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _question_table(exercise: str, good: Sequence[Marked]) -> str:
    questions = list(dict.fromkeys(m.question for x in good for m in x.marks))
    states = {q: Counter(m.state for x in good for m in x.marks if m.question == q)
              for q in questions}  # fmt: skip
    shown = [s for s in STATES if any(states[q][s] for q in questions)]
    head = "".join(f'<th scope="col">{STATES[s][0]} {STATES[s][1]}</th>' for s in shown)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(label(q))}</th>'
        + "".join(f'<td class="n">{states[q][s]}</td>' for s in shown)
        + "</tr>"
        for q in questions
    )
    return (
        f"<table><caption>{_name(exercise)}: {len(good)} notebooks</caption><thead><tr>"
        f'<th scope="col">Question</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _student_table(marked: Sequence[Marked], links: dict[tuple[str, str], str]) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="{html.escape(links[x.student, x.exercise])}">'
        f"{html.escape(x.student)}</a></th><td>{_name(x.exercise)}</td>"
        + (
            f"<td>{html.escape(x.problem)}</td>"
            if x.problem
            else f"<td>{x.right} of {len(x.marks)}</td>"
        )
        + "</tr>"
        for x in marked
    )
    return (
        "<table><caption>Notebooks</caption><thead><tr>"
        '<th scope="col">Student</th><th scope="col">Exercise</th><th scope="col">Right</th>'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _closed_sentence(good: Sequence[Marked]) -> str:
    """What was closed to the students' code on this system, said honestly."""
    if not good:
        return ""
    closed = set.intersection(*(set(x.closed) for x in good))
    network = {"network"} & closed or ({"tcp"} & closed)
    said = {
        "no network": bool(network),
        "no writing outside a private folder": "files" in closed,
        "no signals to other processes": bool(closed & {"signals", "processes"}),
        "limited memory": "memory" in closed,
    }
    done = [what for what, there in said.items() if there]
    open_ = [what for what, there in said.items() if not there]
    text = f"Each notebook ran in its own process with {', '.join(done)}." if done else ""
    if open_:
        text += f" This system did not allow: {', '.join(open_)}."
    return html.escape(text)


# ---- both ---------------------------------------------------------------------------------------
def _page(heading: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(heading)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(heading)}</h1>{body}</main></body></html>\n"
    )


def _name(exercise: str) -> str:
    """``part2`` as students know it."""
    return html.escape(exercise.replace("part", "Exercise ")) if exercise else "unknown exercise"


def _file_name(x: Marked) -> str:
    plain = re.sub(r"[^\w-]+", "_", x.student)[:60] or "student"
    mark = hashlib.sha256(f"{x.student}\0{x.exercise}".encode()).hexdigest()[:6]
    return f"{plain}_{x.exercise or 'unmarked'}_{mark}.html"
