"""All explorers on one page to give away: one file, opened from disk, that needs nothing else."""

from __future__ import annotations

import argparse
import html
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_helpers.authoring import live
from mlm_helpers.authoring.slides import ROOT, shown
from mlm_helpers.lesson.files import find_lesson_file, open_lesson

if TYPE_CHECKING:
    from mlm_helpers.explorers.base import Explorer
    from mlm_helpers.lesson.lesson import Lesson

TEMPLATES = Path(__file__).parent / "templates"
# Each explorer with what it is for, and questions to answer by moving it.
ABOUT = {
    "cross_level": (
        "Each thin line is one {group}, each thick line the average of one kind. Every number of "
        "the model has a slider of its own.",
        "Set γ₁₁ to 0. What do the two thick lines do, and what does that say about the two kinds?",
        "Make τ₁₁ large. What happens to the standard error of the interaction, and why?",
        "Move γ₀₁ alone. Which panel stays as it was?",
        "Hide the truth and find it again with the sliders.",
    ),
    "centering": (
        "The same predictor can enter a model as it was measured, about the grand mean, or within "
        "its {group}, with the {group} mean beside it or without.",
        "Which rows of the table are one and the same model?",
        "Leave the {group} mean out. Between which two slopes does the blend lie?",
        "Center within and put the mean in. Where is the contextual effect now?",
    ),
    "shrinkage": (
        "An OLS slope of a small {group} is mostly noise, so EB pulls it towards what the model "
        "expects. Means and slopes are pulled together.",
        "How many {units} does a {group} need until half of a slope's distance is kept?",
        "The model does not know {w}. How much of the true gap is left in the EB residuals?",
        "Let it know {w}. Where has the gap gone?",
    ),
    "refit": (
        "A class of {groups} is drawn from numbers that you know, and fitted at once: estimates "
        "beside the truth.",
        "Draw another class a few times. How far do the estimates of γ₁₁ wander?",
        "Which helps more to find γ₁₁: twice the {groups}, or twice the {units} in each?",
    ),
    "probing": (
        "The slope of {x} depends on {m}. Slide along it: the slope, its interval, and where the "
        "slope can be told from 0.",
        "Where is the interval narrowest, and why there?",
        "Compare 99% with 80%. Does the shaded region grow or shrink?",
        "Does a region that leaves some values out mean that the slope is 0 there?",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``page``."""
    parser.add_argument(
        "lesson", nargs="?", help="a folder with a lesson.toml (the lecture's own lesson without)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="build/explorers.html without it")


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    path = write_page(options.lesson, options.out)
    print(f"Explorers: {shown(path)} (one file: open it in any browser, or give it away)")
    return 0


def write_page(where: str | None = None, out: Path | None = None) -> Path:
    """Write all explorers of a lesson (``"ex1"`` without one) to one HTML file; returns its path.

    Raises
    ------
    MLMError
        When there is no such lesson, or something is wrong with it.
    """
    out = out or ROOT / "build" / "explorers.html"
    text = page_html(open_lesson(where if where is not None else _own_or_ex1()))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return out


def _own_or_ex1() -> str:
    found = find_lesson_file(Path.cwd())
    return str(found) if found else "ex1"


def page_html(lesson: Lesson) -> str:
    """The page as text."""
    import jinja2
    from nbconvert.filters.markdown import markdown2html

    pair = lesson.pair()
    words = pair.vocabulary
    names = {
        "group": words.group.one,
        "groups": words.group.many,
        "units": words.unit.many,
        "w": words.predictor(pair.moderator).label,
        "x": words.predictor(pair.predictor).label,
        "m": words.predictor(pair.second).label if pair.second else "",
    }
    parts, pages = [], {}
    for number, explorer in enumerate(_explorers(pair)):
        pages[number] = explorer.page()
        about, *questions = (text.format(**names) for text in ABOUT[explorer.kind])
        still = f"{explorer.still_image()}<p>{html.escape(explorer.sentence)}</p>"
        parts.append(
            {
                "id": explorer.kind,
                "title": explorer.title,
                "about": about,
                "questions": questions,
                "place": live.place(number, still),
                "alone": explorer.moves_alone,
            }
        )
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=False)
    return environment.get_template("explorers.html.j2").render(
        title=f"{lesson.topic}: explorers",
        about=markdown2html(lesson.about),
        parts=parts,
        css=live.style(),
        js=live.code(pages),
    )


def _explorers(lesson: Lesson) -> Iterator[Explorer]:
    """The explorers of a lesson; what a lesson's models cannot show is left out."""
    from mlm_helpers.explorers.centering_view import explore_centering
    from mlm_helpers.explorers.cross_level_view import explore_cross_level
    from mlm_helpers.explorers.probe_view import explore_probing
    from mlm_helpers.explorers.refit_view import explore_refit
    from mlm_helpers.explorers.shrinkage_view import explore_shrinkage

    words = lesson.vocabulary
    m2, m3 = lesson.fit("m2"), lesson.fit("m3") if lesson.second else None
    yield explore_cross_level(m2, m3, vocabulary=words)
    base = words.predictor(lesson.predictor).base
    if base != lesson.predictor and base in lesson.data.columns:
        yield explore_centering(
            lesson.data,
            outcome=words.outcome.column,
            predictor=base,
            group=words.group_column,
            moderator=lesson.moderator,
            vocabulary=words,
        )
    yield explore_shrinkage(m2, vocabulary=words)
    yield explore_refit(m2, vocabulary=words)
    if m3 is not None:
        yield explore_probing(m3, vocabulary=words)
