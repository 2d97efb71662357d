"""What the pages have in common, and the page of one student."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Sequence

from mlm_helpers.authoring.marking.points import Result, Scored
from mlm_helpers.authoring.marking.tables import misconceptions, number, state
from mlm_helpers.exercises.misconceptions import title
from mlm_helpers.exercises.session import label

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em;color:#111;
background:#fff}
table{border-collapse:collapse;width:100%;margin:1em 0}
caption{text-align:left;font-weight:bold;padding:.3em 0}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #999;padding:.3em .6em}
td.n{text-align:right;white-space:nowrap}
code,pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85em}
fieldset{border:1px solid #999;margin:1em 0;padding:.5em 1em}
legend{font-weight:bold} label{margin-right:1.2em}
input[type=text]{width:24em;max-width:100%;font:inherit} button{font:inherit;padding:.4em 1em}
.bar{display:inline-block;height:.8em;background:#0072B2}
@media print{body{margin:0;font-size:11px}}
"""


def page(heading: str, body: str) -> str:
    """A whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(heading)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(heading)}</h1>{body}</main></body></html>\n"
    )


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first cell of each row heads it. Cells are HTML."""
    columns = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(_cell(c) for c in rest) + "</tr>"
        for first, *rest in rows
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cell(content: str) -> str:
    count = re.fullmatch(r"[\d.]+( of [\d.]+)?( \(\d+%\))?", content)
    return f'<td class="n">{content}</td>' if count else f"<td>{content}</td>"


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{html.escape(s)}</li>" for s in sentences) + "</ul>"


def exercise_name(exercise: str) -> str:
    """``part2`` as students know it."""
    return exercise.replace("part", "Exercise ") if exercise else "Unknown exercise"


def file_stem(student: str) -> str:
    """The name of a student's page: readable, and never the same for two."""
    plain = re.sub(r"[^\w-]+", "_", student)[:60] or "student"
    return f"{plain}_{hashlib.sha256(student.encode()).hexdigest()[:6]}"


# ---- one student --------------------------------------------------------------------------------
def student_page(student: str, results: Sequence[Result]) -> str:
    """All that one student handed in, answer by answer. It names no right answer, and of an error
    only the kind and the line: its text is the student's own."""
    parts = []
    found = misconceptions(results)
    if found:
        parts.append("<h2>What to talk about</h2>" + bullets(title(key) for key in found))
    for r in results:
        parts.append(f"<h2>{html.escape(exercise_name(r.marked.exercise))}</h2>")
        if r.marked.problem:
            sentence = html.escape(r.marked.problem)
            parts.append(f"<p>This notebook could not be marked. {sentence}</p>")
            continue
        parts.append(f"<p>{html.escape(_summary(r))}</p>")
        head = ["Question", "Verdict", "Points", "Reply", "Answer cell"]
        parts.append(table("Answers", head, (_row(x) for x in r.scored)))
    return page(student, "".join(parts))


def _summary(r: Result) -> str:
    text = f"{r.marked.right} of {len(r.scored)} answers are right: {number(r.points)} of "
    text += f"{number(r.of)} points."
    if r.open:
        text += f" {r.open} more will be read by your instructor."
    if r.marked.submission.name.late:
        text += " It was handed in late."
    return text


def _row(x: Scored) -> list[str]:
    m = x.mark
    sign, words = state(m.state)
    if x.by in ("decision", "override"):
        words = f"{words}; read by your instructor" if m.state != "unclear" else "read"
    source = m.source if len(m.source) <= 600 else m.source[:600] + " …"
    reply = "" if m.state == "right" or x.by == "decision" else m.message
    reply = " ".join(filter(None, (reply[:1].upper() + reply[1:], x.comment)))
    points = number(x.points) if x.by != "open" else "–"
    return [
        html.escape(label(m.question)),
        f"{sign} {html.escape(words)}",
        f"{points} of {number(x.of)}",
        html.escape(reply),
        f"<code>{html.escape(source)}</code>",
    ]
