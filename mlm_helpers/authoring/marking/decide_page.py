"""The page on which the instructor reads what the checks could not judge, and decides.

It needs no server: the button stores a decisions file in which only the credits and comments that
were chosen have changed. The same file can be edited by hand.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from difflib import SequenceMatcher

from mlm_helpers.authoring.marking.decisions import Alike, Decision, Decisions
from mlm_helpers.authoring.marking.pages import exercise_name, page
from mlm_helpers.authoring.marking.tables import number
from mlm_helpers.exercises.session import label

ALIKE = 0.8  # share of words in common from which two answers stand together
_CREDITS = ((0.0, "nothing"), (0.5, "half"), (1.0, "all points"))
_SCRIPT = """
const file = JSON.parse(document.getElementById("file").textContent);
document.getElementById("save").addEventListener("click", () => {
  const blocks = file.text.split(/^(?=\\[\\[)/m).map(block => {
    const id = /^id = "(\\w+)"$/m.exec(block);
    const box = id && document.getElementById("answer-" + id[1]);
    if (!box) return block;
    const chosen = box.querySelector("input[type=radio]:checked");
    const comment = box.querySelector("input[type=text]").value;
    const credit = chosen ? chosen.value : '""';
    return block.replace(/^credit = .*$/m, () => "credit = " + credit)
                .replace(/^comment = .*$/m, () => "comment = " + JSON.stringify(comment));
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([blocks.join("")], {type: "text/plain"}));
  link.download = file.name;
  link.click();
  document.getElementById("said").textContent =
    "Saved as " + file.name + ": put it beside the table, in place of the old one, and mark again.";
});
"""


def decide_page(alike: Sequence[Alike], decisions: Decisions, name: str, text: str) -> str:
    """``name`` and ``text`` are those of the decisions file."""
    waiting = [a for a in alike if decisions.answers.get(a.key, Decision()).credit is None]
    parts = [
        f"<p>Answers that the checks could not judge: {len(alike)}, not decided yet: "
        f"{len(waiting)}. The same words stand once, similar ones beside each other. Choose, "
        f"press the button, and put the file that it stores in the place of <code>"
        f"{html.escape(name)}</code>; or edit that file. Then run the same command again.</p>"
    ]
    place = ""
    for group in groups(alike):
        here = f"{exercise_name(group[0].exercise)}, {label(group[0].question)}"
        parts.append(f"<h2>{html.escape(here)}</h2>" if here != place else "<hr>")
        place = here
        parts += [_box(a, decisions.answers.get(a.key, Decision())) for a in group]
    parts.append('<p><button id="save" type="button">Store the decisions</button></p>')
    parts.append('<p id="said" role="status"></p>')
    # nothing that a student wrote may look like an element inside the script element
    about = json.dumps({"name": name, "text": text}).replace("<", "\\u003c")
    parts.append(f'<script type="application/json" id="file">{about}</script>')
    parts.append(f"<script>{_SCRIPT}</script>")
    return page("Answers to decide", "".join(parts))


def _box(a: Alike, decision: Decision) -> str:
    choices = list(_CREDITS)
    if decision.credit is not None and decision.credit not in dict(choices):
        choices.append((decision.credit, number(decision.credit)))
    radios = "".join(
        f'<label><input type="radio" name="credit-{a.key}" value="{number(value)}"'
        f"{' checked' if decision.credit == value else ''}> {words}</label>"
        for value, words in choices
    )
    who = ", ".join(a.students[:5]) + (" and others" if len(a.students) > 5 else "")
    return (
        f'<fieldset id="answer-{a.key}"><legend>{len(a.students)} '
        f"{'student' if len(a.students) == 1 else 'students'}: {html.escape(who)}</legend>"
        f"<p>{html.escape(a.text)}</p>{radios}"
        f'<label>Comment <input type="text" value="{html.escape(decision.comment)}"></label>'
        "</fieldset>"
    )


def groups(alike: Sequence[Alike]) -> list[list[Alike]]:
    """Similar answers to the same question together, the most common first."""
    out: list[list[Alike]] = []
    for a in sorted(alike, key=lambda a: (a.exercise, a.question, -len(a.students), a.key)):
        home = next((g for g in out if _similar(g[0], a)), None)
        if home is None:
            out.append([a])
        else:
            home.append(a)
    return out


def _similar(a: Alike, b: Alike) -> bool:
    if (a.exercise, a.question) != (b.exercise, b.question):
        return False
    first, second = a.text.casefold().split()[:200], b.text.casefold().split()[:200]
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= ALIKE
