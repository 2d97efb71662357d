"""Explorers as a student meets them in JupyterLab: the keyboard, sizes, themes, a dead kernel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import lab

pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())

SETUP = """
import mlm_helpers as mlm
hsb = mlm.load_dataset("hsb82")
hsb["cses"] = mlm.center_within(hsb, "ses", "school")
hsb["meansesc"] = mlm.group_mean(hsb, "ses", "school") - hsb["ses"].mean()
m2 = mlm.fit_mlm("mathach ~ 1 + cses + sector + sector * cses + (1 + cses | school)", hsb)
m3 = mlm.fit_mlm("mathach ~ 1 + sector + meansesc + cses + sector * cses + meansesc * cses"
                 " + (1 + cses | school)", hsb)
"""
EXPLORERS = {
    "cross_level": "mlm.explore_cross_level(m2, m3, state={'mode': 'both'})",
    "centering": "mlm.explore_centering('hsb82', state={'centering': 'within', 'mean': 'yes'})",
    "shrinkage": "mlm.explore_shrinkage(m2)",
    "refit": "mlm.explore_refit(m2, state={'corr': 0.25})",
    "probing": "mlm.explore_probing(m3)",
}
SLIDERS = {"cross_level": 10, "centering": 1, "shrinkage": 4, "refit": 11, "probing": 2}
TALLY = "/such classes/.test(document.querySelector('.mlm-explorer [role=status]').innerText)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str, Path]]:
    """A browser, the address of a JupyterLab, and the folder it serves."""
    folder = tmp_path_factory.mktemp("lab")
    for name, cell in EXPLORERS.items():
        lab.write_notebook(folder / f"{name}.ipynb", [SETUP, f"explorer = {cell}\nexplorer"])
    with lab.jupyterlab(folder) as address, lab.chromium() as browser:
        yield browser, address, folder


@pytest.fixture
def opened(place: tuple[Any, str, Path], request: pytest.FixtureRequest) -> Iterator[lab.Page]:
    browser, address, _ = place
    page = lab.Page(browser, address, f"{request.param}.ipynb", beside_files=True)
    page.run_all()
    page.settle()
    yield page
    page.close()


@pytest.mark.parametrize(("opened", "name"), [(n, n) for n in EXPLORERS], indirect=["opened"])
def test_every_slider_by_keyboard_in_every_size_and_theme(opened: lab.Page, name: str) -> None:
    handles = opened.handles()
    assert handles.count() == SLIDERS[name]
    for k in range(handles.count()):
        handle = handles.nth(k)
        before = opened.sentence(), opened.text()
        opened.press(handle, "ArrowLeft" if k % 2 else "ArrowRight")
        assert opened.sentence() != before[0], k
        assert opened.text() != before[1], k
        shown = handle.evaluate("(n) => n.parentElement.querySelector('output').textContent")
        assert handle.get_attribute("aria-valuetext") == shown
        assert handle.evaluate("(n) => n.labels.length") == 1
    look_at(opened)
    for width in (1280, 800, 640):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.wait_for_timeout(300)
        look_at(opened)
    opened.page.set_viewport_size({"width": 1280, "height": 900})
    opened.command("apputils:change-theme", {"theme": "JupyterLab Dark"})
    opened.page.wait_for_function(
        "() => document.body.dataset.jpThemeName === 'JupyterLab Dark'", timeout=10000
    )
    opened.page.wait_for_timeout(500)
    look_at(opened, dark=True)
    opened.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    assert opened.errors == []


LOOK = """() => {
    const root = document.querySelector('.mlm-explorer');
    const output = root.closest('.jp-OutputArea-output') || root;
    const bright = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
        return (0.299 * r + 0.587 * g + 0.114 * b) / 255; };
    const texts = [...root.querySelectorAll('[role=status], pre, label, th, svg text')]
        .filter((n) => n.getBoundingClientRect().width && n.textContent.trim());
    const boxes = [...root.querySelectorAll('*')].map((n) => getComputedStyle(n).backgroundColor)
        .filter((c) => !/, 0\\)$/.test(c)).map(bright);
    return {
        overflow: [root.scrollWidth - root.clientWidth, output.scrollWidth - output.clientWidth],
        brightness: texts.map((n) => bright(n.tagName === 'text' ? getComputedStyle(n).fill
            : getComputedStyle(n).color)),
        boxes,
        still: [...document.querySelectorAll('img.mlm-still')].map((n) => n.offsetHeight),
        described: [root.querySelector('svg title').textContent, root.querySelector('svg desc')
            .textContent],
    };
}"""


def look_at(page: lab.Page, dark: bool = False) -> None:
    """Nothing sticks out, the text is readable, no white box in the dark."""
    seen = page.page.evaluate(LOOK)
    assert max(seen["overflow"]) <= 1
    if dark:
        assert min(seen["brightness"]) > 0.55
        assert max(seen["boxes"], default=0) < 0.5
    else:
        assert max(seen["brightness"]) < 0.5
    assert seen["still"] == [0]  # the still picture is put away while the live one is there
    title, description = seen["described"]
    assert title
    assert page.sentence() in description.replace("\n", " ")


@pytest.mark.parametrize("opened", ["cross_level"], indirect=True)
def test_buttons_by_keyboard_focus_order_and_keys_that_stay(opened: lab.Page) -> None:
    page = opened.page
    exact = page.inner_text(".mlm-explorer [role=status]")
    opened.press(opened.handles().nth(0), "PageUp")
    assert opened.sentence() != exact
    cells = "() => document.querySelectorAll('.jp-CodeCell').length"
    before = page.evaluate(cells)
    for target in (opened.handles().nth(0), page.locator(".mlm-explorer select").first):
        target.focus()
        for key in "abx":
            page.keyboard.press(key)
    assert page.evaluate(cells) == before
    button = page.get_by_role("button", name="Set γ₁₁ to 0")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('.mlm-explorer [role=status]').innerText"
        ".includes('no cross-level interaction')"
    )
    button = page.get_by_role("button", name="Hide the truth")
    button.focus()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Show the truth").wait_for()
    page.locator("[role=status]", has_text="The truth is hidden").wait_for()  # a frame later
    page.get_by_role("button", name="Show the truth").press("Enter")
    page.locator("[role=status]", has_text="The truth is back").wait_for()
    order = page.evaluate(
        """() => [...document.querySelectorAll('.mlm-explorer :is(select, input, button)')]
            .filter((n) => n.offsetParent).map((n) => n.tagName)"""
    )
    assert order[0] == "SELECT"
    assert order == sorted(order, key=["SELECT", "INPUT", "BUTTON"].index)
    assert opened.errors == []


def run_cell(page: lab.Page, code: str) -> None:
    """Add a cell below, and run it."""
    page.command("notebook:insert-cell-below")
    page.page.evaluate(
        "(code) => { window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel"
        ".setSource(code); }",
        code,
    )
    page.command("notebook:run-cell")
    page.settle()


@pytest.mark.parametrize("opened", ["cross_level"], indirect=True)
def test_the_state_is_heard_in_both_directions(opened: lab.Page) -> None:
    opened.press(opened.handles().nth(0), "ArrowRight")
    shown = opened.handles().nth(0).input_value()
    opened.page.wait_for_timeout(400)
    opened.settle()
    run_cell(opened, "print('state:', explorer.state['gamma00'])")
    assert f"state: {float(shown)}" in opened.page.locator(".jp-OutputArea").last.inner_text()
    run_cell(opened, "explorer.set(gamma11=0)")
    opened.page.wait_for_function(
        "() => document.querySelector('.mlm-explorer [role=status]').innerText"
        ".includes('no cross-level interaction')"
    )
    assert opened.errors == []


@pytest.mark.parametrize("opened", ["cross_level"], indirect=True)
def test_it_moves_on_when_the_kernel_is_dead(opened: lab.Page) -> None:
    opened.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()"
    )
    opened.page.wait_for_timeout(500)
    for k in range(3):
        before = opened.sentence()
        opened.press(opened.handles().nth(k), "ArrowRight")
        assert opened.sentence() != before
        opened.page.wait_for_timeout(200)
    assert opened.errors == []


@pytest.mark.parametrize("opened", ["shrinkage"], indirect=True)
def test_1000_moves_and_50_runs_leave_no_growth_in_the_page(opened: lab.Page) -> None:
    session = opened.page.context.new_cdp_session(opened.page)

    def nodes_and_bytes() -> tuple[int, float]:
        opened.page.wait_for_timeout(500)
        session.send("HeapProfiler.collectGarbage")
        session.send("Performance.enable")
        found = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        return int(found["Nodes"]), float(found["JSHeapUsedSize"])

    def move(count: int) -> None:
        opened.page.evaluate(
            """async (count) => {
                const slider = document.querySelector('.mlm-explorer input[type=range]');
                for (let k = 0; k < count; k++) {
                    slider.value = 4 + (k % 100);
                    slider.dispatchEvent(new Event('input', { bubbles: true }));
                    await new Promise(requestAnimationFrame);
                }
            }""",
            count,
        )

    def run(count: int) -> None:
        for _ in range(count):
            opened.page.evaluate(
                "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }"
            )
            opened.command("notebook:run-cell")
            opened.settle()

    move(100)
    run(5)
    before = nodes_and_bytes()
    move(1000)
    after_moves = nodes_and_bytes()
    run(50)
    after_runs = nodes_and_bytes()
    assert after_moves[0] - before[0] < 500
    assert after_moves[1] - before[1] < 3e6
    # ipywidgets keeps a few empty elements of a view, and a browser every module that it has read
    assert after_runs[0] - after_moves[0] < 50 * 20
    assert after_runs[1] - after_moves[1] < 50 * 0.35e6


@pytest.mark.parametrize("opened", ["refit"], indirect=True)
def test_many_classes_build_up_while_the_sliders_stay_free(opened: lab.Page) -> None:
    page = opened.page
    many = page.get_by_role("button", name="Draw 200 classes")
    many.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {TALLY}")
    # a slider is heard in the middle of the run, and ends it: the classes belonged to other numbers
    handle = opened.handles().nth(1)
    value = handle.get_attribute("aria-valuetext")
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => !{TALLY}")
    assert handle.get_attribute("aria-valuetext") != value
    many.focus()
    page.keyboard.press("Enter")
    page.locator("[role=status]", has_text="Of 200 such classes").wait_for(timeout=60000)
    assert opened.errors == []


def test_a_stored_notebook_shows_the_still_picture_before_it_is_run(
    place: tuple[Any, str, Path],
) -> None:
    import nbformat
    from nbclient import NotebookClient

    browser, address, folder = place
    book = nbformat.read(folder / "shrinkage.ipynb", as_version=4)
    NotebookClient(book, timeout=90, store_widget_state=False).execute()
    nbformat.write(book, folder / "stored.ipynb")
    page = lab.Page(browser, address, "stored.ipynb")
    page.page.wait_for_selector("img.mlm-still:visible", timeout=20000)
    assert page.page.evaluate("() => document.querySelector('img.mlm-still').offsetHeight") > 200
    page.close()
