"""Explorers without kernel and network: the page to give away, and the numbers in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import lab

from mlm_helpers.authoring import page as page_module
from mlm_helpers.explorers import script
from mlm_helpers.explorers.base import Explorer, plain
from mlm_helpers.explorers.controls import Slider
from mlm_helpers.lesson.files import open_lesson

pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())

STATES = 300


@pytest.fixture(scope="module")
def explorers() -> dict[str, Explorer]:
    """The explorers of the course's own lesson."""
    return {e.kind: e for e in page_module._explorers(open_lesson("ex1").pair())}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with lab.chromium() as opened:
        yield opened


# ---- the same numbers as Python --------------------------------------------------------------
def states(explorer: Explorer, count: int) -> list[dict[str, Any]]:
    """States drawn from everything that the controls can be moved to."""
    rng = np.random.default_rng(15)
    out = []
    for _ in range(count):
        state = explorer.state
        for name, control in explorer._controls.items():
            if isinstance(control, Slider):
                steps = round((control.high - control.low) / control.step)
                value = control.low + control.step * int(rng.integers(0, steps + 1))
                state[name] = control.check(int(value) if control.decimals == 0 else value)
            else:
                state[name] = str(rng.choice(list(control.options)))
        out.append(state)
    return out


def cross_level(t: Any) -> dict[str, Any]:
    rows = t.parameters.reset_index()[["estimate", "std_error", "t"]]
    return {
        "parameters": rows.to_numpy(),
        "schools": t.schools[["b0", "b1"]].to_numpy(),
        "averages": t.averages.to_numpy(),
        "t": t.t,
    }


COLUMNS = ["gamma00", "slope", "slope_reach", "mean_coef", "mean_coef_reach", "w", "gap",
           "contextual", "tau00", "deviance", "same"]  # fmt: skip
SLOPE = ["estimate", "std_error", "df", "t", "p", "lower", "upper"]
IN_PYTHON = {
    "cross_level": cross_level,
    "centering": lambda t: {
        "models": t.models.loc[[(c, m) for m in ("no", "yes") for c in ("raw", "grand", "within")]][
            COLUMNS
        ].to_numpy(dtype=float)
    },
    "shrinkage": lambda t: {
        "schools": t.schools[["true", "ols", "eb", "u1"]].to_numpy(),
        "gaps": t.gaps.to_numpy(),
        "along": t.reliability.to_numpy(),
        "weights": t.weights,
        "t": t.t,
        "noise": np.array([t.noise]),
    },
    "probing": lambda t: {
        "slope": t.slope[SLOPE].to_numpy(dtype=float),
        "line": t.line[["predicted", "lower", "upper"]].to_numpy(),
        "along": t.along[["slope", "lower", "upper"]].to_numpy(),
        "bounds": np.array(t.region.bounds),
    },
}
IN_PAGE = """([kind, data, states]) => {
  const view = window.VIEWS[kind], pick = (names) => (row) => names.map((n) => row[n]);
  const shapes = {
    cross_level: (t) => ({ parameters: t.parameters.map(pick(['estimate', 'std_error', 't'])),
      schools: t.schools.map(pick(['b0', 'b1'])), averages: t.averages, t: t.t }),
    centering: (t) => ({ models: t.models.map(pick(COLUMNS)) }),
    shrinkage: (t) => ({ schools: t.schools.map(pick(['true', 'ols', 'eb', 'u1'])), gaps: t.gaps,
      along: t.along, weights: t.weights, t: t.t, noise: [t.noise] }),
    probing: (t) => ({ slope: pick(SLOPE)(t.slope),
      line: t.line.map(pick(['estimate', 'lower', 'upper'])),
      along: t.along.map(pick(['estimate', 'lower', 'upper'])), bounds: t.region.bounds }),
  };
  return states.map((state) => shapes[kind](view.compute(data, state)));
}""".replace("COLUMNS", str(COLUMNS)).replace("SLOPE", str(SLOPE))


@pytest.mark.parametrize("kind", IN_PYTHON)
def test_the_page_computes_what_python_computes(
    browser: Any, explorers: dict[str, Explorer], kind: str
) -> None:
    explorer = explorers[kind]
    drawn = states(explorer, STATES)
    page = browser.new_page()
    page.add_script_tag(content=script.views() + "\nwindow.VIEWS = VIEWS;")
    found = page.evaluate(IN_PAGE, [kind, explorer.data, plain(drawn)])
    page.close()
    for state, there in zip(drawn, found, strict=True):
        for name, here in IN_PYTHON[kind](explorer.compute(state)).items():
            values = np.array(there[name], dtype=float)
            assert values.shape == here.shape, (name, state)
            np.testing.assert_allclose(
                values, here, rtol=1e-9, atol=1e-12, err_msg=f"{name} at {state}"
            )


# ---- the page ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_module.write_page("ex1", tmp_path_factory.mktemp("page") / "explorers.html")


@pytest.fixture(params=[(1280, "light", False), (800, "dark", False), (360, "light", True)])
def opened(browser: Any, path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page, offline, in three sizes; what it asked for or complained of fails the test."""
    width, scheme, touch = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        offline=True,
        color_scheme=scheme,
        has_touch=touch,
        reduced_motion="reduce",
    )
    page = context.new_page()
    heard: list[str] = []
    page.on("request", lambda r: heard.append(r.url))
    page.on("pageerror", lambda e: heard.append(str(e)))
    page.on("console", lambda m: heard.append(m.text) if m.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_function("() => document.querySelectorAll('[data-drawn]').length === 4")
    yield page
    context.close()
    assert [h for h in heard if not h.startswith("data:")] == [path.as_uri()]


def seen(place: Any) -> list[str]:
    """Picture, sentence, equations."""
    return [
        place.locator("svg").inner_html(),
        place.locator("[role=status]").inner_text(),
        place.locator(".mlm-text").inner_text(),
    ]


def test_every_control_by_key_and_by_touch(opened: Any) -> None:
    touch = opened.evaluate("() => navigator.maxTouchPoints > 0")
    for place in opened.locator(".mlm-explorer").all():
        for control in place.locator(":is(input, select):visible").all():
            before = seen(place)
            control.scroll_into_view_if_needed()
            if touch and control.get_attribute("type") == "range":
                box = control.bounding_box()
                opened.touchscreen.tap(box["x"] + 0.62 * box["width"], box["y"] + box["height"] / 2)
            elif touch:
                last = control.locator("option").last.get_attribute("value")
                control.select_option(last)
            else:
                control.focus()
                opened.keyboard.press(
                    "ArrowLeft" if control.get_attribute("type") == "range" else "ArrowDown"
                )
            opened.wait_for_timeout(60)
            after = seen(place)
            name = control.get_attribute("data-name")
            assert after[1] != before[1], name
            assert after[2] != before[2], name
            assert after[0] != before[0], name
        for button in place.locator("button").all():
            button.tap() if touch else button.press("Enter")


def test_nothing_scrolls_sideways_also_at_twice_the_size(opened: Any) -> None:
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.evaluate(wide) <= 0
    width = opened.viewport_size["width"]
    if width >= 800:  # 200% zoom is a window of half the width
        opened.set_viewport_size({"width": width // 2, "height": 400})
        opened.wait_for_timeout(200)
        assert opened.evaluate(wide) <= 0


def test_an_explorer_that_needs_python_says_so_beside_its_still_picture(opened: Any) -> None:
    section = opened.locator("#refit")
    assert "Fitting needs Python" in section.inner_text()
    assert len(section.locator("img").get_attribute("alt")) > 200
    assert section.locator("input").count() == 0


def test_an_adapted_lesson_has_its_own_page(tmp_path: Path) -> None:
    made = page_module.write_page("hsb82", tmp_path / "hsb.html").read_text(encoding="utf-8")
    assert made.count('class="mlm-place"') == 5
    assert "Catholic" in made
