"""The lecture as a slide show in one file, and as a PDF handout, both of use without a network.

reveal.js and MathJax come from their npm packages the first time and are kept in ``build/npm``;
they, the fonts and all pictures go into the HTML file itself.
"""

from __future__ import annotations

import argparse
import base64
import copy
import html
import mimetypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.authoring.npm import npm_package
from mlm_helpers.errors import MLMError

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).parent / "templates"
NOTEBOOK = ROOT / "lectures" / "lecture06_cross_level_interactions.ipynb"
PACKAGES = {"reveal.js": "5.2.1", "mathjax": "3.2.2"}
WIDTH, HEIGHT = 1280, 720
# What a Chromium or Chrome is called on Linux, macOS and Windows.
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``slides``."""
    parser.add_argument("notebook", nargs="?", type=Path, default=NOTEBOOK)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "slides", metavar="FOLDER")
    parser.add_argument("--no-pdf", action="store_true", help="the slide show only")


def run(options: argparse.Namespace) -> int:
    """Write the slide show and the handout; 1 when the handout could not be made."""
    page = write_slides(options.notebook, options.out)
    print(f"Slide show: {shown(page)} (open it in a browser; S shows the speaker's notes)")
    if options.no_pdf:
        return 0
    browser = find_browser()
    if browser is None:
        print(
            "No PDF was made, because no Chromium, Chrome or Edge was found on this computer: "
            "install one and start this command again, or open the slide show with ?print-pdf "
            "after its address and print it from your browser."
        )
        return 1
    print(f"Handout:    {shown(write_pdf(page, browser))}")
    return 0


def shown(path: Path) -> str:
    """A path for reading: from the course's folder where it lies in it."""
    resolved = path.resolve()
    return str(resolved.relative_to(ROOT) if resolved.is_relative_to(ROOT) else path)


# ---- the slide show ---------------------------------------------------------------------------
def write_slides(notebook: Path, folder: Path, cache: Path | None = None) -> Path:
    """Write the slide show of an executed notebook to ``folder``; returns its one file.

    Raises
    ------
    MLMError
        When the notebook is missing or has not been run, or a package cannot be fetched.
    """
    import nbformat

    if not notebook.is_file():
        raise MLMError(f"There is no notebook {notebook}: give the path of one.")
    page = slides_html(nbformat.read(notebook, as_version=4), npm_packages(cache))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{notebook.stem}.slides.html"
    path.write_text(page, encoding="utf-8")
    return path


def slides_html(notebook: NotebookNode, packages: dict[str, Path]) -> str:
    """The slide show as one HTML page that loads nothing."""
    from nbconvert.exporters import SlidesExporter
    from traitlets.config import Config

    code = [c for c in notebook.cells if c.cell_type == "code"]
    if code and not any(c.outputs for c in code):
        raise MLMError("The notebook has no outputs to show: run it first, and save it.")
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"hide-input"}
    exporter = SlidesExporter(
        config=config, template_name="slides", extra_template_basedirs=[str(TEMPLATES)]
    )
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(
        _for_slides(notebook), resources={"assets": assets(packages)}
    )
    return body


def _for_slides(notebook: NotebookNode) -> NotebookNode:
    """A copy in which explorers, which need a kernel, are their still picture, and in which every
    picture is HTML with its description: nbconvert drops the one in a picture's metadata."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if cell.cell_type != "code":
            continue
        if "explorer" in cell.metadata.get("tags", []):
            cell.outputs = cell.outputs[:1]  # the second is the live one's words
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data and "text/html" not in data:
                data["text/html"] = _image(output)
    return made


def _image(output: NotebookNode) -> str:
    said = output.metadata.get("image/png", {}).get("alt") or output.data.get("text/plain", "")
    source = "".join(output.data["image/png"].split())
    return f'<img src="data:image/png;base64,{source}" alt="{html.escape(said)}">'


def assets(packages: dict[str, Path]) -> dict[str, Any]:
    """What the page consists of, as text to be put into it."""
    reveal, mathjax = packages["reveal.js"], packages["mathjax"]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "reset_css": style(reveal / "dist" / "reset.css"),
        "reveal_css": style(reveal / "dist" / "reveal.css"),
        "theme_css": style(reveal / "dist" / "theme" / "white.css"),
        "slides_css": style(TEMPLATES / "slides" / "slides.css"),
        "reveal_js": script(reveal / "dist" / "reveal.js"),
        "notes_js": script(reveal / "plugin" / "notes" / "notes.js"),
        "mathjax_js": script(mathjax / "es5" / "tex-svg-full.js"),
    }


def script(path: Path) -> str:
    """A script for the inside of a ``<script>`` element."""
    text = re.sub(r"</(?=script)", r"<\\/", path.read_text(encoding="utf-8"), flags=re.IGNORECASE)
    return re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)


def style(path: Path) -> str:
    """A style sheet with everything that it imports or refers to inside it."""

    def imported(match: re.Match[str]) -> str:
        return style(path.parent / match[1])

    def embedded(match: re.Match[str]) -> str:
        file = path.parent / match[1].split("?")[0].split("#")[0]
        kind = mimetypes.guess_type(file.name)[0] or f"font/{file.suffix[1:]}"
        return f"url(data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()})"

    text = path.read_text(encoding="utf-8")
    text = re.sub(r"""@import url\(["']?(\.?[\w./-]+)["']?\);?""", imported, text)
    # one format is enough: every browser of the last ten years reads woff
    text = re.sub(r"""src:\s*url\(["']?[^)"']+\.eot["']?\);""", "", text)
    woff = r"""src:[^;]*?(url\(["']?[\w./-]+\.woff["']?\) format\(["']woff["']\))[^;]*;"""
    text = re.sub(woff, r"src: \1;", text)
    return re.sub(r"""url\(["']?(?!data:)([\w./-]+(?:[?#]\w+)?)["']?\)""", embedded, text)


# ---- packages ---------------------------------------------------------------------------------
def npm_packages(cache: Path | None = None) -> dict[str, Path]:
    """The folders of reveal.js and MathJax, fetched with npm unless they are in the cache."""
    cache = cache or ROOT / "build" / "npm"
    return {name: npm_package(name, version, cache) for name, version in PACKAGES.items()}


# ---- the handout ------------------------------------------------------------------------------
def find_browser(names: Sequence[str] = BROWSERS) -> str | None:
    """The first Chromium, Chrome or Edge found."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    return None


def write_pdf(page: Path, browser: str) -> Path:
    """Print a slide show to a PDF beside it, one page a slide with all its steps."""
    target = page.with_name(page.name.removesuffix(".slides.html") + ".pdf")
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            *QUIET,
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            "--virtual-time-budget=60000",  # print after the page's own clock has run this long
            f"--print-to-pdf={target.resolve()}",
            f"{page.resolve().as_uri()}?print-pdf",
        ]
        subprocess.run(command, capture_output=True, timeout=300)
    if not target.is_file() or pages_of(target) < 2:
        target.unlink(missing_ok=True)
        raise MLMError(
            f"{Path(browser).name} started but could not print {page.name}: open it in a browser "
            "with ?print-pdf after its address and print it there."
        )
    return target


def pages_of(pdf: Path) -> int:
    """How many pages a PDF from Chromium has."""
    return len(re.findall(rb"/Type /Page\b", pdf.read_bytes()))
