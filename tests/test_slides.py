"""The slide show: one file that loads nothing, pages that nothing is cut off from, a handout.

What needs a browser and the npm packages is skipped, with the reason, where they are missing.
"""

from __future__ import annotations

import base64
import io
import re
import subprocess
from argparse import Namespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mlm_helpers.authoring import lecture, slides
from mlm_helpers.errors import MLMError
from tools.run_notebooks import ROOT

LECTURE = ROOT / "lectures" / lecture.NOTEBOOK
# What hangs out of a page, measured like a reader would: every visible box against the page's own.
OVERFLOW = """() => Reveal.getSlides().map((page, k) => {
  const {h, v} = Reveal.getIndices(page); Reveal.slide(h, v || 0, 99);
  const frame = page.getBoundingClientRect(), scale = Reveal.getScale();
  let bottom = 0, right = 0, what = '';
  for (const box of page.querySelectorAll('*')) {
    if (box.closest('aside, mjx-assistive-mml')) continue;
    const r = box.getBoundingClientRect();
    if (!r.width || !r.height) continue;
    if (r.bottom - frame.top > bottom) { bottom = r.bottom - frame.top; what = box.tagName; }
    right = Math.max(right, r.right - frame.left);
  }
  return {page: k + 1, bottom: bottom / scale, right: right / scale, what,
          size: parseFloat(getComputedStyle(page).fontSize),
          text: page.innerText.slice(0, 60)};
})"""

# Print below 20 pixels, apart from what is raised or lowered beside larger print.
SMALL = """() => Reveal.getSlides().flatMap((page) => {
  const {h, v} = Reveal.getIndices(page), found = [];
  Reveal.slide(h, v || 0, 99);
  const walk = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), box = walk.currentNode.parentElement;
    if (!text || box.closest('aside, mjx-container, sub, sup') || !box.getClientRects().length)
      continue;
    const size = parseFloat(getComputedStyle(box).fontSize);
    if (size < 19.95) found.push([page.innerText.slice(0, 40), size, text.slice(0, 40)]);
  }
  for (const box of page.querySelectorAll('mjx-container'))
    if (parseFloat(getComputedStyle(box).fontSize) < 19.95) found.push(['formula', box.innerHTML]);
  return found;
})"""


def cell(source, slide_type="slide", outputs=(), tags=()):
    metadata = {"slideshow": {"slide_type": slide_type}, "tags": list(tags)}
    return new_code_cell(source, metadata=metadata, outputs=list(outputs), execution_count=1)


def text(source, slide_type="slide"):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide_type}})


def picture(width, height):
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "#0072b2").save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    alt = "A blue rectangle, much taller than a page."
    return new_output(
        "display_data", {"image/png": data, "text/plain": alt}, metadata={"image/png": {"alt": alt}}
    )


def small_show():
    """Pages that are too full in every way, and what must not be on them."""
    rows = "".join(f"<tr><td>{k}</td></tr>" for k in range(34))
    table = new_output("display_data", {"text/html": f"<table>{rows}</table>"})
    wide = new_output("stream", name="stdout", text="x" * 130)
    more = new_output("display_data", {"text/html": "<p>beside the picture</p>"})
    return new_notebook(
        cells=[
            text("# A title\n\nInline $\\gamma_{11}$ and $$\\boxed{\\overline{x}_{ij}}$$"),
            text("only for readers", "skip"),
            text("for the instructor", "notes"),
            cell("shown()", outputs=[picture(400, 1600)]),
            cell("hidden()", outputs=[table], tags=["hide-input"]),
            cell("wide()", outputs=[wide]),
            text("a question", "subslide"),
            cell("explore()", "-", outputs=[picture(860, 350), more], tags=["explorer"]),
            text("last step", "fragment"),
        ],
        metadata={"title": "A & B"},
    )


# ---- parts ------------------------------------------------------------------------------------
def test_a_style_sheet_takes_in_what_it_refers_to(tmp_path):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "f.woff").write_bytes(b"woff")
    (tmp_path / "fonts" / "f.css").write_text(
        "@font-face{src: url('f.eot');\nsrc: url('f.eot?#iefix') format('embedded-opentype'),"
        " url('f.woff') format('woff'), url('f.ttf') format('truetype');}"
    )
    (tmp_path / "main.css").write_text("@import url(./fonts/f.css);\np{color:red}")
    made = slides.style(tmp_path / "main.css")
    assert base64.b64encode(b"woff").decode() in made
    assert "p{color:red}" in made
    for gone in ("@import", "eot", "ttf", "url('"):
        assert gone not in made


def test_a_script_cannot_end_its_element(tmp_path):
    (tmp_path / "a.js").write_text('x = "</script>";\n//# sourceMappingURL=a.js.map\n')
    assert slides.script(tmp_path / "a.js").strip() == 'x = "<\\/script>";'


def test_without_npm_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(slides.shutil, "which", lambda name: None)
    with pytest.raises(MLMError, match=r"npm is needed once.*install Node\.js"):
        slides.npm_packages(tmp_path)


def test_without_network_a_sentence_and_nothing_half_done(tmp_path, monkeypatch):
    monkeypatch.setattr(slides.shutil, "which", lambda name: "npm")
    failed = subprocess.CompletedProcess([], 1, "", "ENOTFOUND")
    monkeypatch.setattr(slides.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(MLMError, match="could not be fetched with npm: connect to the internet"):
        slides.npm_packages(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_packages_in_the_cache_need_nothing(tmp_path, monkeypatch):
    for name, version in slides.PACKAGES.items():
        (tmp_path / f"{name}-{version}").mkdir()
        (tmp_path / f"{name}-{version}" / "package.json").write_text("{}")
    monkeypatch.setattr(slides.shutil, "which", lambda name: None)
    assert set(slides.npm_packages(tmp_path)) == {"reveal.js", "mathjax"}


def test_without_a_browser_the_show_and_a_sentence(tmp_path, monkeypatch, capsys):
    page = tmp_path / "a.slides.html"
    monkeypatch.setattr(slides, "write_slides", lambda *a: page)
    monkeypatch.setattr(slides, "find_browser", lambda: None)
    options = Namespace(notebook=tmp_path / "a.ipynb", out=tmp_path, no_pdf=False)
    assert slides.run(options) == 1
    said = capsys.readouterr().out
    assert "Slide show: " in said
    assert "No PDF was made, because no Chromium, Chrome or Edge was found" in said


def test_a_missing_notebook_and_one_without_outputs_are_refused(tmp_path):
    with pytest.raises(MLMError, match="There is no notebook"):
        slides.write_slides(tmp_path / "none.ipynb", tmp_path)
    empty = new_notebook(cells=[cell("1 + 1")])
    with pytest.raises(MLMError, match="no outputs to show: run it first"):
        slides.slides_html(empty, {})


def test_browsers_are_found_by_name():
    assert slides.find_browser(["no-such-browser"]) is None


# ---- in a browser, with the network off ---------------------------------------------------------
@pytest.fixture(scope="module")
def packages():
    try:
        return slides.npm_packages()
    except MLMError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser():
    path = slides.find_browser()
    if path is None:
        pytest.skip("no Chromium, Chrome or Edge on this computer")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=[*slides.QUIET[1:], "--proxy-server=127.0.0.1:9"]
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """Open a page without a network; what it asked for or complained of fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda error: asked.append(f"error: {error}"))
    page.on("console", lambda m: asked.append(m.text) if m.type == "error" else None)

    def go(path):
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'yes'", timeout=60000)
        return page

    yield go
    context.close()
    assert [a for a in asked if not a.startswith(("file:", "data:"))] == []
    assert sum(a.startswith("file:") for a in asked) == 1


@pytest.fixture
def small(monkeypatch, packages):
    """The small show as HTML; its explorer is handed in, so that no kernel has to run."""
    import mlm_helpers as mlm

    explorer = mlm.explore_shrinkage()
    show = small_show()
    place = next(k for k, c in enumerate(show.cells) if "explorer" in c.metadata.get("tags", []))
    monkeypatch.setattr(slides.live, "explorers_of", lambda *a: {place: explorer.page()})
    return slides.slides_html(show, packages)


def hanging_out(pages) -> list[str]:
    return [
        f"page {p['page']} ({p['text']!r}): {p['what']} reaches {p['bottom']:.0f}, {p['right']:.0f}"
        for p in pages
        if p["bottom"] > slides.HEIGHT or p["right"] > slides.WIDTH
    ]


def test_full_pages_are_made_to_fit(small, visit, tmp_path):
    path = tmp_path / "small.slides.html"
    path.write_text(small, encoding="utf-8")
    page = visit(path)
    pages = page.evaluate(OVERFLOW)
    assert len(pages) == 7
    assert hanging_out(pages) == []
    assert {p["size"] for p in pages} == {28}, "what does not fit goes on another page"
    rows = page.evaluate("Reveal.getSlides().map(p => p.querySelectorAll('table tr').length)")
    assert sum(rows) == 34
    assert sorted(rows)[-2] > 0, "a long table is continued"
    assert page.title() == "A & B"
    everything = page.evaluate("document.querySelector('.slides').textContent")
    for word in ("shown()", "last step", "for the instructor"):
        assert word in everything
    for word in ("hidden()", "explore()", "only for readers", "beside the picture"):
        assert word not in everything
    assert page.locator("mjx-container").count() == 2
    assert page.locator("mjx-merror").count() == 0
    alts = page.evaluate("[...document.images].map(i => i.alt)")
    assert alts == ["A blue rectangle, much taller than a page."]
    assert not page.locator("text=for the instructor").first.is_visible()


def test_what_hangs_out_is_found(packages, visit, tmp_path):
    """The measure itself: a page that cannot be made to fit is reported."""
    path = tmp_path / "full.slides.html"
    full = new_notebook(cells=[text("word " * 4000)])
    path.write_text(slides.slides_html(full, packages), encoding="utf-8")
    assert len(hanging_out(visit(path).evaluate(OVERFLOW))) == 1


def test_the_handout_has_a_page_for_each_slide(small, tmp_path):
    browser = slides.find_browser()
    if browser is None:
        pytest.skip("no Chromium, Chrome or Edge on this computer")
    path = tmp_path / "small.slides.html"
    path.write_text(small, encoding="utf-8")
    made = slides.write_pdf(path, browser)
    assert made.name == "small.pdf"
    assert made.read_bytes().startswith(b"%PDF")
    assert slides.pages_of(made) == 7


def test_nothing_is_cut_off_from_the_lecture(packages, visit, tmp_path):
    page = visit(slides.write_slides(LECTURE, tmp_path))
    pages = page.evaluate(OVERFLOW)
    assert hanging_out(pages) == []
    assert page.evaluate(SMALL) == [], "print that is too small to read from afar"
    heads = page.locator(".slides h1, .slides h2").all_text_contents()
    heads = [h for h in heads if not h.endswith("(continued)")]
    numbers = [int(m[1]) for m in (re.match(r"(\d+) ·", h) for h in heads) if m]
    assert numbers == list(range(1, 31))
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("mjx-container").count() > 60
    assert page.evaluate("[...document.images].every(i => i.alt.length > 40 && i.naturalWidth > 0)")
    source = nbformat.read(LECTURE, as_version=4)
    notes = [c for c in source.cells if c.metadata.slideshow.slide_type == "notes"]
    assert page.locator("aside.notes").count() == len(notes)
    for place in page.locator(".mlm-explorer").all():
        moved_in_the_show(page, place)


def moved_in_the_show(page, place) -> None:
    """Every control of an explorer by key, a slider by mouse: it moves, and the page stays."""
    place.evaluate(
        """(n) => { const {h, v} = Reveal.getIndices(n.closest('section'));
            Reveal.slide(h, v || 0); }"""
    )
    here = page.evaluate("JSON.stringify(Reveal.getIndices())")
    assert place.evaluate("(n) => n.scrollHeight - n.clientHeight") <= 0

    def seen():
        return [
            place.locator("svg").inner_html(),
            place.locator("[role=status]").inner_text(),
            place.locator(".mlm-text").inner_text(),
        ]

    equations = seen()[2]
    for slider in place.locator("input[type=range]:visible").all():
        before = seen()
        slider.focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(60)
        assert seen()[0] != before[0]
        assert seen()[1] != before[1]
    assert seen()[2] != equations
    for button in place.locator("button").all():
        button.press("Enter")
    before, box = seen(), place.locator("input[type=range]:visible").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
    page.mouse.up()
    page.wait_for_timeout(60)
    assert seen()[0] != before[0]
    assert page.evaluate("JSON.stringify(Reveal.getIndices())") == here
