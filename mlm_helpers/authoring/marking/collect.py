"""From files to submissions: whose each is, which of several attempts counts, and what is left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlm_helpers.authoring.marking.handed import Handed, files_in
from mlm_helpers.authoring.marking.names import names
from mlm_helpers.authoring.marking.people import People, flat
from mlm_helpers.authoring.marking.submissions import Pristine, Submission, read_submission
from mlm_helpers.authoring.marking.texts import shown
from mlm_helpers.errors import MLMError


@dataclass(frozen=True)
class Collected:
    """What counts of what was handed in. ``left`` are files that are no notebooks, with a sentence
    each; ``missing`` names students of the list from whom there is nothing; ``unknown`` are
    sentences on submissions whose student is not in the list."""

    submissions: list[Submission]
    left: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def students(self) -> list[str]:
        """Everybody, also those who handed in nothing."""
        known = {s.student for s in self.submissions} | set(self.missing)
        return sorted(known, key=lambda name: (name.casefold(), name))


def collect(
    place: Path,
    pristine: Mapping[str, Pristine],
    *,
    pattern: re.Pattern[str] | None = None,
    roster: People | None = None,
    groups: Mapping[str, tuple[str, ...]] | None = None,
) -> Collected:
    """Read a folder or an archive.

    Raises
    ------
    MLMError
        If there is nothing to read, or no notebook in it.
    """
    handed = files_in(place)
    notebooks = [h for h in handed if h.is_notebook]
    if not notebooks:
        raise MLMError(f"There are no notebooks in {shown(place.as_posix())!r}.")
    stems = {p.stem for p in pristine.values()}
    whose = names(notebooks, stems, pattern)
    found = [read_submission(h, n, pristine) for h, n in zip(notebooks, whose, strict=True)]
    left = [(shown(h.path.as_posix()), _left(h)) for h in handed if _is_left(h)]
    found, unknown = _known_names(found, roster)
    found = _last_of_each(found)
    if groups:
        found = _for_all_members(found, groups)
    there = {s.student for s in found}
    missing = [p.name for p in roster.people if p.name not in there] if roster else []
    return Collected(found, left, missing, unknown)


def _is_left(h: Handed) -> bool:
    """Whether a file is to be listed; Blackboard's note on each attempt and nbgrader's are not."""
    note = h.path.name == "timestamp.txt" or re.search(r"_attempt_[\d-]+\.txt$", h.path.name)
    return not h.is_notebook and not note


def _left(h: Handed) -> str:
    if h.problem:
        return h.problem
    kind = h.path.suffix.casefold()
    if kind in (".zip", ".tar", ".gz", ".7z", ".rar"):
        return "An archive: unpack it, or ask for the notebook itself."
    if kind in (".html", ".pdf", ".docx", ".py", ".md", ".txt"):
        return f"A {kind} file, not a notebook: ask for the file that ends in .ipynb."
    return "Not a notebook."


# ---- students -----------------------------------------------------------------------------------
def _known_names(
    found: list[Submission], roster: People | None
) -> tuple[list[Submission], list[str]]:
    """The names as the list of the class spells them; without a list one spelling of each."""
    if roster is None:
        spelling: dict[str, str] = {}
        for s in found:
            spelling.setdefault(_who(s), s.student)
        bearers = Counter(spelling.values())
        for s in found:  # two of the same name are told apart by the site's number
            if bearers[spelling[_who(s)]] > 1 and s.name.user:
                spelling[_who(s)] = f"{s.student} ({s.name.user})"
        return [replace(s, student=spelling[_who(s)]) for s in found], []
    out, unknown = [], []
    for s in found:
        hit = roster.find(s.student, s.name.user)
        if hit.person is None:
            unknown.append(hit.reason)
        out.append(replace(s, student=hit.person.name) if hit.person else s)
    return out, list(dict.fromkeys(unknown))


def _who(s: Submission) -> str:
    """The same for all files of one student: the site's number where there is one."""
    return f"{s.name.site} {s.name.user}" if s.name.user else s.student


def _last_of_each(found: Sequence[Submission]) -> list[Submission]:
    """One submission for each student and exercise: the last. What cannot be marked at all gives
    way to what can."""
    attempts: dict[tuple[str, str], list[Submission]] = {}
    for s in found:
        attempts.setdefault((s.student, s.exercise), []).append(s)
    return [_last(tries) for tries in attempts.values()]


def _last(tries: Sequence[Submission]) -> Submission:
    ordered = sorted(tries, key=lambda s: (not s.problem, s.name.order, s.time, s.file))
    last = ordered[-1]
    if len(ordered) > 1:
        others = ", ".join(s.file for s in ordered[:-1])
        how = _how_told(ordered[-2], last)
        last = last.noted(f"Handed in {len(ordered)} times; {last.file} counts{how}, not {others}.")
    return last.noted("Late.") if last.name.late else last


def _how_told(before: Submission, last: Submission) -> str:
    if before.problem:
        return " (the one that can be read)"
    if before.judged == last.judged:
        return " (the answers are the same)"
    if before.name.order != last.name.order:
        return " (the last by the site's numbers)"
    if before.time != last.time:
        return " (the newer file)"
    return " (which is the last cannot be told: please look)"


# ---- groups -------------------------------------------------------------------------------------
def _for_all_members(
    found: Iterable[Submission], groups: Mapping[str, tuple[str, ...]]
) -> list[Submission]:
    """The submission of a group, or of one of its members, for each of them."""
    of = {flat(member): name for name, members in groups.items() for member in members}
    of |= {flat(name): name for name in groups}
    own: list[Submission] = []
    shared: dict[tuple[str, str], list[Submission]] = {}
    for s in found:
        name = of.get(flat(s.student))
        if name is None:
            own.append(s)
        else:
            shared.setdefault((name, s.exercise), []).append(s)
    for (name, _), tries in shared.items():
        one = _last(tries) if len(tries) > 1 else tries[0]
        for member in groups[name]:
            # the site's number is that of who handed it in
            whose = one.name if flat(member) == flat(one.student) else replace(one.name, user="")
            note = f"For group {name}, handed in by {one.student}."
            own.append(replace(one, student=member, name=whose).noted(note))
    return own
