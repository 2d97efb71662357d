"""The archive of students' pages, under the names by which a course site knows whose each is."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from mlm_helpers.authoring.marking.pages import file_stem
from mlm_helpers.authoring.marking.points import Result
from mlm_helpers.authoring.marking.submissions import Submission
from mlm_helpers.authoring.marking.tables import by_student, write_file

_WHEN = (2000, 1, 1, 0, 0, 0)  # the same pages make the same archive


def write_feedback(path: Path, results: Sequence[Result], pages: Mapping[str, str]) -> None:
    """One page a student; ``pages`` are their texts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        used: set[str] = set()
        for student, own in by_student(results, []).items():
            name = page_name(student, own[-1].marked.submission)
            name = f"{file_stem(student)}.html" if name in used else name
            used.add(name)
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, pages[student])
    write_file(path, content.getvalue())


def page_name(student: str, s: Submission) -> str:
    """What the site expects: Canvas the name that the file was downloaded under (its numbers say
    whose it is), Moodle and nbgrader the student's folder, Blackboard the user's name."""
    file = PurePosixPath(s.file)
    if not s.name.user and s.name.site != "nbgrader":  # not from a site, or handed in by another
        return f"{file_stem(student)}.html"
    if s.name.site == "Moodle":
        inside = [part for part in file.parts if "_assignsubmission_" in part][-1]
        if inside == file.name:
            return f"{file.stem}.html"
        return f"{inside}/feedback.html"
    if s.name.site == "Canvas":
        return f"{file.stem}.html"
    if s.name.site == "nbgrader":
        return f"{'/'.join(file.parts[-3:-1])}/{file.stem}.html"
    return re.sub(r"[^\w.@-]+", "_", s.name.user) + ".html"
