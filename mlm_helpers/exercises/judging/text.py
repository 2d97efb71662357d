"""A question answered by a sentence: which ideas are there, and how sure the judge can be.

The judge does not understand sentences. It calls one right when the ideas that it needs are there
and nothing speaks against them, and wrong when it says something else in words that the judge
knows. Everything between is ``unclear``: it says what it could not find, the group decides, and
marking leaves the answer to the instructor. Refusing a right definition is the worse mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlm_helpers.exercises.judging.denials import affirmed
from mlm_helpers.exercises.judging.everyday import plain_flags
from mlm_helpers.exercises.judging.notions import flags, has_all, unread
from mlm_helpers.exercises.judging.phrases import canonical
from mlm_helpers.exercises.judging.plain import Plain
from mlm_helpers.exercises.judging.rules import ABOUT_MEANS, RULES, Against, Rules
from mlm_helpers.exercises.judging.verdict import Verdict, not_an_answer
from mlm_helpers.exercises.terms import Terms

LONGEST_ANSWER = 1200  # letters; whoever names everything defines nothing
# Who and what a denied phrase names may still be what the rest of the sentence is about.
_NAMED = frozenset(["private", "public", "sector", "schses", "ses", "schoolj", "cond"])
_LEFT_NEGATION = re.compile(
    r"\b(?:not|never|nothing|no|none|hardly|wrong|false|opposite|nonsense|unlike|"
    r"or (?:maybe|perhaps|possibly|the (?:SLOPE|MEAN|variance)))\b"
    r"(?! (?:matter|only|just|significant|necessarily|yet|(?:a |the )?same|as|(?:\w+ ){0,2}REMAIN))"
)


@dataclass(frozen=True)
class TextQuestion:
    """A question answered by a sentence and judged by its ideas."""

    id: str
    rules: Rules
    words: Terms
    hints: tuple[str, ...] = ()

    def judge(self, answer: Plain) -> Verdict:
        """Judge one answer."""
        early = not_an_answer(answer, "a sentence")
        if early:
            return early
        if answer.kind != "text":
            what = {"number": "a number", "truth": "True or False"}.get(answer.kind, "not a text")
            return Verdict("unreadable", f"your answer is {what}: write a sentence.")
        text = answer.text.strip()
        if len(re.findall(r"[^\W\d_]{2,}", text)) < 2 and not re.search(
            r"[βγτδ∂]", text.casefold()
        ):
            return Verdict("unreadable", "write a whole sentence.")
        if len(text) > LONGEST_ANSWER:
            return Verdict("unreadable", "that is too long for a definition: one or two sentences.")
        return judge_text(text, self.rules, self.words)


# ---- from a sentence to a verdict ---------------------------------------------------------------
def judge_text(text: str, rules: Rules, words: Terms) -> Verdict:
    """Say which ideas are there, which could not be found, and what contradicts the definition."""
    missing, against = _read(text, rules, words)
    said = _fill(words)
    jargon = [w for w in rules.jargon if re.search(rf"(?<!\w){re.escape(w)}", text.casefold())]
    if jargon:
        return Verdict("wrong", f"somebody without statistics would not know “{jargon[0]}”.")
    doubtful = not any(a.sure for a in against) and unread(affirmed(text, rules.symbol), words)
    if against and (against[0].sure or missing) and not doubtful:
        reply = f"Contradicted: {said(against[0].reply).rstrip('.')}."
        reply = reply.replace("?.", "?")
        if missing:
            reply += f" Not found: {'; '.join(map(said, missing))}."
        return Verdict("wrong", reply, against[0].misconception)
    if against:
        return Verdict(
            "unclear", f"the ideas it needs are there, but {said(against[0].reply)}. {_GROUP}"
        )
    if missing:
        return _incomplete(text, rules, words, [said(m) for m in missing])
    doubt = _doubt(text, rules, words)
    if doubt:
        return Verdict("unclear", f"{doubt} {_GROUP}")
    return Verdict(
        "right",
        "the ideas it needs are present. Whether the sentence as a whole says it is for your group "
        "to discuss.",
    )


_GROUP = "Let your group decide; when it is marked, your instructor does."


def _read(text: str, rules: Rules, words: Terms) -> tuple[list[str], list[Against]]:
    """The names of the ideas that were not found, and what contradicts."""
    look = plain_flags if rules.jargon else flags
    found = look(text if rules.jargon else affirmed(text, rules.symbol), words)
    named = found | (look(text, words) & _NAMED)
    missing = [i.name for i in rules.needs if not has_all(named, i.when)]
    return missing, [a for a in rules.against if has_all(found, a.when)]


def _incomplete(text: str, rules: Rules, words: Terms, missing: list[str]) -> Verdict:
    there = len(rules.needs) - len(missing)
    what = "; ".join(missing)
    if there and unread(affirmed(text, rules.symbol), words):
        return Verdict(
            "unclear",
            f"found {there} of {len(rules.needs)} ideas, but not this, at least not in words that "
            f"can be recognised here: {what}. Does your sentence say it? {_GROUP}",
        )
    counted = f" ({there} of {len(rules.needs)} ideas are present.)" if there else ""
    return Verdict("wrong", f"Missing: {what}.{counted}", "other")


def _doubt(text: str, rules: Rules, words: Terms) -> str:
    """Why a sentence that holds all ideas may still not say it; empty if nothing speaks so."""
    kept = affirmed(text, rules.symbol)
    left = _LEFT_NEGATION.search(canonical(kept, words))
    if left and not rules.jargon:
        return f"all ideas are there, but what does “{left.group()}” deny?"
    if not rules.jargon and _fits_much(text, rules, words):
        return "all ideas are there, but the sentence could define several parameters."
    return ""


def _fits_much(text: str, rules: Rules, words: Terms) -> bool:
    """Whether the sentence would also pass for a parameter about the other thing (means, slopes),
    or for three others."""
    others = [
        r.symbol for r in RULES.values() if r is not rules and _read(text, r, words) == ([], [])
    ]
    return len(others) > 2 or any(
        (o in ABOUT_MEANS) != (rules.symbol in ABOUT_MEANS) for o in others
    )


def _fill(words: Terms):
    def said(text: str) -> str:
        return text.format(**vars(words))

    return said


def explain(text: str, words: Terms) -> dict[str, object]:
    """What the judge sees in a sentence, for whoever tends the rules."""
    kept = affirmed(text)
    return {
        "tokens": canonical(kept, words),
        "flags": sorted(flags(kept, words)),
        "unread": unread(kept, words),
    }
