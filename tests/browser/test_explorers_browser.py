"""Explorers as a student meets them: JupyterLab, a browser, the keyboard."""

from __future__ import annotations

import re
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
NUMBER = re.compile(r"-?\d+(\.\d{1,7})?")


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
    page = lab.Page(browser, address, f"{request.param}.ipynb")
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
        opened.settle()
        assert opened.sentence() != before[0], k
        assert opened.text() != before[1], k
        assert NUMBER.fullmatch(handle.get_attribute("aria-valuetext")), k
        assert handle.get_attribute("tabindex") == "0"
    look_at(opened)
    opened.page.set_viewport_size({"width": 800, "height": 900})
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
    const light = (node) => {
        const [r, g, b] = getComputedStyle(node).color.match(/[\\d.]+/g).map(Number);
        return (0.299 * r + 0.587 * g + 0.114 * b) / 255; };
    const texts = [...root.querySelectorAll('[role=status], pre, .widget-label, th, h4')]
        .filter((n) => n.offsetParent && n.textContent.trim());
    const image = root.querySelector('img');
    return {
        overflow: root.scrollWidth - root.clientWidth,
        image: [image.clientWidth, image.clientHeight, image.naturalWidth, image.naturalHeight],
        lightness: texts.map(light),
        labels: [...root.querySelectorAll('.widget-label')].filter((n) => n.offsetParent)
            .map((n) => n.scrollWidth - n.clientWidth),
        still: [...document.querySelectorAll('img.mlm-still')].map((n) => n.offsetHeight),
    };
}"""


def look_at(page: lab.Page, dark: bool = False) -> None:
    """Nothing sticks out, no label is cut, the picture keeps its shape, the text is readable."""
    seen = page.page.evaluate(LOOK)
    assert seen["overflow"] <= 1
    assert max(seen["labels"]) <= 1
    width, height, natural_width, natural_height = seen["image"]
    assert width > 500
    assert width / height == pytest.approx(natural_width / natural_height, rel=0.02)
    if dark:
        assert min(seen["lightness"]) > 0.6
    else:
        assert max(seen["lightness"]) < 0.5
    assert seen["still"] == [0]  # the still picture is put away while the live one is there


@pytest.mark.parametrize("opened", ["cross_level"], indirect=True)
def test_buttons_by_keyboard_and_focus_order(opened: lab.Page) -> None:
    page = opened.page
    exact = page.inner_text(".mlm-explorer [role=status]")
    opened.press(opened.handles().nth(0), "PageUp")
    assert opened.sentence() != exact
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
    opened.settle()
    assert "The truth is hidden" in opened.sentence()
    order = page.evaluate(
        """() => [...document.querySelectorAll('.mlm-explorer select, .mlm-explorer .noUi-handle,'
            + '.mlm-explorer button')].filter((n) => n.offsetParent).map((n) => n.tagName)"""
    )
    assert order[0] == "SELECT"
    assert order == sorted(order, key=["SELECT", "DIV", "BUTTON"].index)
    assert opened.errors == []


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
    page.get_by_text("200 of 200").wait_for(timeout=60000)
    assert "Of 200 such classes" in opened.sentence()
    assert opened.errors == []


@pytest.mark.parametrize("opened", ["cross_level"], indirect=True)
def test_an_estimate_between_two_steps_survives_being_shown(opened: lab.Page) -> None:
    """The page rounds a handle to its step and says so to the kernel; the state stays exact."""
    page = opened.page
    opened.press(opened.handles().nth(3), "ArrowRight")
    button = page.get_by_role("button", name="Back to fit 1's estimates")
    name = "fit 1" if button.count() else "Model 2"
    page.get_by_role("button", name=f"Back to {name}'s estimates").click()
    opened.settle()
    page.wait_for_timeout(300)
    assert "−1.34" in opened.sentence()
    assert "-1.3411" in opened.text()


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
