"""What an instructor adds to a lesson: slides and questions of their own."""

from __future__ import annotations

from pathlib import Path

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.lesson.draft import Draft
from mlm_helpers.lesson.lesson import OwnQuestion, OwnSlides, Slides


def slides_of(draft: Draft) -> Slides:
    """What [slides] says."""
    given = draft.settings.get("slides", {})
    own = [_own_slides(entry, draft.path) for entry in given.get("own", ())]
    return Slides(tuple(given.get("leave_out", ())), tuple(given.get("order", ())), tuple(own))


def questions_of(draft: Draft) -> tuple[OwnQuestion, ...]:
    """The questions of [[questions]]."""
    given = draft.settings.get("questions", [])
    if not isinstance(given, list):
        raise MLMError(f"A question of your own in {draft.path.name} starts with [[questions]].")
    found = tuple(_question(entry, draft.path.name) for entry in given)
    ids = [q.id for q in found]
    twice = next((i for i in ids if ids.count(i) > 1), None)
    if twice:
        raise MLMError(f"Two questions in {draft.path.name} have the id {twice!r}.")
    return found


def _own_slides(entry: object, path: Path) -> OwnSlides:
    if not isinstance(entry, dict) or set(entry) != {"after", "file"}:
        raise MLMError(
            f"'own' in [slides] of {path.name} needs entries such as "
            '{ after = 16, file = "my_slide.md" }.'
        )
    file = path.parent / str(entry["file"])
    if file.suffix not in (".md", ".ipynb"):
        raise MLMError(f"A slide of your own is a .md or .ipynb file; {file.name!r} is neither.")
    if not file.is_file():
        raise MLMError(f"There is no file {file.name!r} with slides beside {path.name}.")
    return OwnSlides(file.name, file.read_text(encoding="utf-8-sig"), int(entry["after"]))


def _question(entry: object, source: str) -> OwnQuestion:
    where = f"[[questions]] of {source}"
    if not isinstance(entry, dict):
        raise MLMError(f"Each question of your own starts with [[questions]] in {source}.")
    known = ("id", "task", "key", "decimals", "hints", "wrong")
    for name in entry:
        if name not in known:
            raise MLMError(
                f"{where} has an unknown key {name!r}; it may have {', '.join(known)}."
                f"{suggest(name, known)}"
            )
    for name in ("id", "task", "key"):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise MLMError(f'{where} needs a line such as {name} = "...".')
    if not entry["id"].isidentifier():
        raise MLMError(f"The id {entry['id']!r} in {where} has to be a word such as slope_at_2.")
    wrong = []
    for given in entry.get("wrong", ()):
        if not isinstance(given, dict) or set(given) != {"value", "reply"}:
            raise MLMError(
                f"'wrong' in {where} needs entries such as "
                '{ value = "gamma(m2, \'gamma11\')", reply = "That is the difference." }.'
            )
        wrong.append((str(given["value"]), str(given["reply"])))
    hints = tuple(map(str, entry.get("hints", ())))
    return OwnQuestion(
        entry["id"], entry["task"], entry["key"], int(entry.get("decimals", 2)), hints, tuple(wrong)
    )
