"""Put the pages of the site together: notebooks as they are stored, guides, data, reference."""

from __future__ import annotations

import re
import shutil
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from jinja2 import Environment, StrictUndefined

from mlm_helpers.authoring.site.reference import reference_pages
from mlm_helpers.data import datasets
from mlm_helpers.errors import MLMError
from mlm_helpers.words.vocabulary import pretty_symbol

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "site"
ADDRESS = ROOT / "docs" / "address.toml"
NOTEBOOKS = {"lectures": "The lecture", "walkthroughs": "Walkthroughs", "exercises": "Exercises"}
# What the course's folder holds as text and pictures; each has the same place on the site.
GUIDES = (
    "FIRST_DAY.md",
    "INSTRUCTORS.md",
    "ACCESSIBILITY.md",
    "CHANGELOG.md",
    "docs/scale.md",
    "docs/coverage.md",
    "docs/coverage.csv",
    "docs/coverage.png",
    "docs/explorer.png",
)
_SYMBOL = re.compile(r"^(#+) \$\\?(\w+?)_\{?(\w+)\}?\$$", re.MULTILINE)
TO_READ = """```{note}
This page is for reading. To answer, open the notebook: [how to start](../FIRST_DAY.md). The checks
answer there at once, and never show the answer.
```"""


@dataclass(frozen=True)
class Address:
    """Where the course can be reached from outside; empty where it cannot."""

    repository: str = ""
    branch: str = "main"
    site: str = ""
    binder: str = ""
    colab: str = ""
    jupyterhub: str = ""
    codespaces: str = ""


def read_address(path: Path | None = None) -> Address:
    """The addresses in ``docs/address.toml``, the one place for them.

    Raises
    ------
    MLMError
        When the file is no TOML or names something unknown.
    """
    file = path or ADDRESS
    if not file.is_file():
        return Address()
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MLMError(f"{file.name} cannot be read: {error}.") from None
    known = [field.name for field in fields(Address)]
    if unknown := sorted(set(found) - set(known)):
        raise MLMError(f"{file.name} names {unknown[0]!r}; it knows {', '.join(known)}.")
    return Address(**found)


def write_sources(course: Path, folder: Path, address: Address) -> None:
    """Write Sphinx's sources of a course to ``folder``."""
    for kind in NOTEBOOKS:
        for path in sorted((course / kind).glob("*.ipynb")):
            book = for_reading(nbformat.read(path, as_version=4), exercise=kind == "exercises")
            target = folder / kind / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(book, target)
    for guide in GUIDES:
        if (ROOT / guide).is_file():
            (folder / guide).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / guide, folder / guide)
    for name in datasets.dataset_names():
        target = folder / "data" / f"{name}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(datasets.__file__).parent / f"{name}.md", target)
    shutil.copy(TEMPLATES / "explorers.md", folder)
    (folder / "reference").mkdir()
    text = (TEMPLATES / "reference.md").read_text(encoding="utf-8")
    for k, (title, book) in enumerate(reference_pages(text).items(), 1):
        name = f"{k}_{title.lower().replace(' ', '_')}.ipynb"
        nbformat.write(book, folder / "reference" / name)
    (folder / "index.md").write_text(front_page(folder, address), encoding="utf-8")


def for_reading(book: NotebookNode, exercise: bool) -> NotebookNode:
    """A notebook without the instructor's notes; an exercise also without outputs."""
    book.cells = [c for c in book.cells if "instructor" not in c.metadata.get("tags", [])]
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = _SYMBOL.sub(_as_text, cell.source)
        elif exercise:
            cell.outputs = []
        for output in cell.get("outputs", []):
            _described(output)
    if exercise:
        book.cells.insert(1, nbformat.v4.new_markdown_cell(TO_READ))
    return book


def _as_text(heading: re.Match[str]) -> str:
    """A heading of one symbol, as letters: a table of contents and a screen reader take no TeX."""
    level, letter, index = heading.groups()
    return f"{level} {pretty_symbol(letter + index.removesuffix('j'))}"


def _described(output: NotebookNode) -> None:
    """Of a picture the form that has its description."""
    data = output.get("data", {})
    if "text/html" in data:
        data.pop("image/png", None)


def front_page(folder: Path, address: Address) -> str:
    """The front page, with the tables of contents of what there is."""

    def pages(kind: str) -> list[str]:
        found = [*folder.glob(f"{kind}/*.ipynb"), *folder.glob(f"{kind}/*.md")]
        return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in found)

    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = (TEMPLATES / "index.md.j2").read_text(encoding="utf-8")
    there = {guide.removesuffix(".md") for guide in GUIDES if (folder / guide).is_file()}
    return template.from_string(text).render(
        notebooks={title: pages(kind) for kind, title in NOTEBOOKS.items()},
        data=pages("data"),
        reference=pages("reference"),
        guides=there,
        address=address,
    )
