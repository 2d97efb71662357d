"""The course as a web site: pages to read, to search and to print, that load nothing from outside.

    python3 course.py site [my_course]

``sources`` puts the pages together, Sphinx makes them HTML, ``links`` looks whether every link
inside the site leads somewhere.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from mlm_helpers.authoring.site.links import broken_links
from mlm_helpers.authoring.site.sources import ROOT, read_address, write_sources
from mlm_helpers.authoring.site.sphinx import build_html
from mlm_helpers.errors import MLMError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``site``."""
    parser.add_argument(
        "course", nargs="?", type=Path, default=ROOT, help="a folder that adapt has made"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", metavar="FOLDER")


def run(options: argparse.Namespace) -> int:
    """Build the site."""
    page = build_site(options.course, options.out)
    print(f"Site: {page} (open it in a browser, or put its folder on a web server)")
    return 0


def build_site(course: Path, out: Path, address: Path | None = None) -> Path:
    """Write the site of a course to ``out``, in place of what lies there; returns its front page.

    Raises
    ------
    MLMError
        When a page cannot be made without a warning, or a link inside the site leads nowhere. What
        was in ``out`` stays.
    """
    if not list(course.glob("lectures/*.ipynb")):
        raise MLMError(f"There is no lecture in {course.as_posix()!r}: give a course's folder.")
    if out.exists() and not (out / "index.html").is_file() and any(out.iterdir()):
        raise MLMError(f"{out.as_posix()!r} holds something else than a site: give another name.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as draft:
        sources, made = Path(draft, "sources"), Path(draft, "html")
        known = read_address(address)
        write_sources(course, sources, known)
        build_html(sources, made, known)
        if lost := broken_links(made):
            raise MLMError("These links of the site lead nowhere:\n" + "\n".join(lost))
        if out.exists():
            shutil.rmtree(out)
        made.replace(out)
    return out / "index.html"
