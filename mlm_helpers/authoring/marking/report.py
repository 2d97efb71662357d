"""Everything that a marking run leaves: tables, pages, the decisions file, the feedback archive."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlm_helpers.authoring.marking.class_page import Protection, class_page
from mlm_helpers.authoring.marking.collect import Collected
from mlm_helpers.authoring.marking.decide_page import decide_page
from mlm_helpers.authoring.marking.decisions import add_undecided, read_decisions, to_decide
from mlm_helpers.authoring.marking.feedback import write_feedback
from mlm_helpers.authoring.marking.mark import Marked
from mlm_helpers.authoring.marking.pages import file_stem, student_page
from mlm_helpers.authoring.marking.points import Result, Worth, score, unused_overrides
from mlm_helpers.authoring.marking.tables import by_student, write_file, write_long, write_wide


@dataclass
class Report:
    """What is written beside ``out``; after ``write``, ``waiting`` counts answers to decide and
    ``sentences`` says what the instructor should know."""

    out: Path
    collected: Collected
    marked: Sequence[Marked]
    exercises: Sequence[str]
    worth: Worth
    protection: Protection
    waiting: int = 0
    sentences: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder of the pages."""
        return pages_folder(self.out)

    @property
    def decisions(self) -> Path:
        """The file of what the instructor decides."""
        return self.out.with_name(f"{self.out.stem}_decisions.toml")

    def write(self) -> list[Result]:
        """Write everything; the results with their points."""
        decided = read_decisions(self.decisions)
        alike = to_decide(self.marked)
        self.waiting = add_undecided(self.decisions, alike, decided)
        self.sentences = unused_overrides(self.marked, decided)
        results = score(self.marked, self.worth, decided)
        write_wide(self.out, self.collected, results, self.exercises, self.worth)
        write_long(self.out.with_name(f"{self.out.stem}_answers.csv"), results)
        pages = {
            student: student_page(student, own) for student, own in by_student(results, []).items()
        }
        links = {student: f"students/{file_stem(student)}.html" for student in pages}
        for student, text in pages.items():
            self._page(links[student], text)
        note = ""
        if alike:
            text = self.decisions.read_text(encoding="utf-8-sig")
            self._page("decide.html", decide_page(alike, decided, self.decisions.name, text))
            note = (
                f'<p><a href="decide.html">Answers that the checks could not judge</a>: '
                f"{len(alike)}, waiting for your decision: {self.waiting}. What you decide is kept "
                f"in {html.escape(self.decisions.name)}.</p>"
            )
        text = class_page(results, self.collected, links, self.protection, note)
        self._page("class.html", text)
        write_feedback(self.out.with_name(f"{self.out.stem}_feedback.zip"), results, pages)
        return results

    def _page(self, name: str, text: str) -> None:
        write_file(self.folder / name, text.encode("utf-8", "replace"))


def pages_folder(out: Path) -> Path:
    """Where the pages of a table go: ``marks.csv`` has ``marks_pages`` beside it."""
    return out.with_name(f"{out.stem}_pages")
