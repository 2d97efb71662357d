"""Which slides a lecture has, in which order, and which numbers they show.

The template has the slides of the course's own lecture, each with its number. A lesson may do
without some, put some in another order, and add its own; then the slides are numbered afresh, and
what the text says about other slides follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlm_helpers.authoring.template import Cell
from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.lesson import OwnSlides, Slides

_HEADING = re.compile(r"^#+ (\d+) · ", re.MULTILINE)
_CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASSIGNS = re.compile(r"^[\w{][^=\n(]* = ", re.MULTILINE)


@dataclass(frozen=True)
class Slide:
    """A slide with what lies below it: its number in the template (0: an instructor's own)."""

    number: int
    cells: tuple[Cell, ...]


def arrange(
    cells: list[Cell], flags: Mapping[str, bool], wanted: Slides
) -> tuple[list[Slide], dict[int, int]]:
    """The slides of a lecture, and the number that each slide of the template shows in it.

    Raises
    ------
    MLMError
        If the lesson names a slide that there is not.
    """
    slides = [s for s in _slides(cells) if all(flags[c] for c in s.cells[0].conditions)]
    there = [s.number for s in slides]
    for key, numbers in (
        ("leave_out", wanted.leave_out),
        ("order", wanted.order),
        ("own", tuple(own.after for own in wanted.own)),
    ):
        for number in numbers:
            if number not in there:
                raise MLMError(
                    f"{key!r} in [slides] names slide {number}; this lecture has the slides "
                    f"{_ranges(there)}."
                )
    slides = _with_own(_ordered(slides, wanted.order), wanted)
    kept = [s for s in slides if s.number not in wanted.leave_out or s.number == 0]
    shown = {s.number: n for n, s in enumerate(kept, start=1) if s.number}
    slides = [s if s in kept else _only_names(s) for s in slides]
    out = [replace(s, cells=tuple(c for c in s.cells if _holds(c, flags, shown))) for s in slides]
    return [s for s in out if s.cells], shown


def renumber(text: str, number: int) -> str:
    """A slide's heading with the number that it shows."""
    return _HEADING.sub(lambda m: m[0].replace(m[1], str(number), 1), text, count=1)


def _slides(cells: list[Cell], numbered: bool = True) -> list[Slide]:
    out: list[list[Cell]] = []
    for cell in cells:
        if cell.slide == "slide":
            out.append([])
        out[-1].append(cell)
    return [Slide(_number(found[0]) if numbered else 0, tuple(found)) for found in out]


def _number(cell: Cell) -> int:
    heading = _HEADING.search(cell.text)
    if heading is None:
        raise ValueError(f"the slide at line {cell.line} of the template has no number")
    return int(heading[1])


def _ordered(slides: list[Slide], order: tuple[int, ...]) -> list[Slide]:
    """The slides that ``order`` names take each other's places."""
    places = [i for i, s in enumerate(slides) if s.number in order]
    by_number = {s.number: s for s in slides}
    out = list(slides)
    for place, number in zip(places, order, strict=True):
        out[place] = by_number[number]
    return out


def _with_own(slides: list[Slide], wanted: Slides) -> list[Slide]:
    out = []
    for slide in slides:
        out.append(slide)
        out += [s for own in wanted.own if own.after == slide.number for s in _own(own)]
    return out


def _own(own: OwnSlides) -> list[Slide]:
    """Slides of an instructor's own: each heading of the second order starts one."""
    is_notebook = own.file.endswith(".ipynb")
    cells = _notebook_cells(own) if is_notebook else _markdown_cells(own)
    if not cells:
        raise MLMError(f"{own.file} has nothing on it.")
    cells[0] = replace(cells[0], slide="slide")
    return _slides(cells, numbered=False)


def _markdown_cells(own: OwnSlides) -> list[Cell]:
    cells = []
    for k, piece in enumerate(_CODE.split(own.text)):
        if k % 2:
            cells.append(Cell("code", "-", (), (), piece.strip("\n"), 0))
            continue
        for text in re.split(r"^(?=##? )", piece, flags=re.MULTILINE):
            if text.strip():
                slide = "slide" if text.startswith("#") else "-"
                cells.append(Cell("text", slide, (), (), text.strip(), 0))
    return cells


def _notebook_cells(own: OwnSlides) -> list[Cell]:
    import nbformat

    try:
        notebook = nbformat.reads(own.text, as_version=4)
    except Exception as error:  # whatever a broken file raises, the sentence names the file
        raise MLMError(f"{own.file} is not a notebook that can be read: {error}") from None
    cells = []
    for cell in notebook.cells:
        kind = "code" if cell.cell_type == "code" else "text"
        usual = "slide" if kind == "text" and re.match(r"##? ", cell.source) else "-"
        place = cell.metadata.get("slideshow", {}).get("slide_type", usual)
        place = place if place in ("slide", "subslide", "fragment", "skip") else "-"
        cells.append(Cell(kind, place, (), (), cell.source, 0, verbatim=True))
    return cells


def _only_names(slide: Slide) -> Slide:
    """What is left of a slide that the lecture does without: the code that later slides need."""
    needed = [
        replace(c, slide="skip")
        for c in slide.cells
        if c.kind == "code" and _ASSIGNS.search(c.text)
    ]
    return replace(slide, cells=tuple(needed))


def _holds(cell: Cell, flags: Mapping[str, bool], shown: Mapping[int, int]) -> bool:
    """Whether a cell's conditions hold and the slides that it speaks of are there."""
    return all(flags[c] for c in cell.conditions) and all(n in shown for n in cell.needs)


def _ranges(numbers: list[int]) -> str:
    """``1 to 16 and 26``."""
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    texts = [f"{r[0]} to {r[-1]}" if len(r) > 1 else str(r[0]) for r in runs]
    return " and ".join(texts)
