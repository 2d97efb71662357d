"""The web site in a browser without a network: every page, phone to desk, light and dark."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import axe
import lab

from mlm_helpers.authoring.site import build_site
from mlm_helpers.authoring.site.sources import ROOT

WIDTHS = (360, 800, 1280)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built under a sub-path in less than three minutes of work."""
    folder = tmp_path_factory.mktemp("web") / "course" / "site"
    started = time.process_time()
    build_site(ROOT, folder)
    assert time.process_time() - started < 180
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with lab.chromium() as running:
        yield running


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_loads_nothing_from_outside_and_has_no_barrier(built, browser, theme):
    context = browser.new_context(color_scheme=theme, offline=True)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    faults = []
    for path in sorted(built.rglob("*.html")):
        for width in WIDTHS if theme == "light" else WIDTHS[-1:]:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path.as_uri())
            page.wait_for_function("() => document.readyState === 'complete'")
            page.wait_for_function("() => !window.MathJax || MathJax.startup?.promise != null")
            page.evaluate("() => window.MathJax?.startup?.promise")
            over = page.evaluate(
                "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if over > 0:
                faults.append(f"{path.name} at {width}: {over} pixels too wide")
        faults += [f"{path.name}: {found}" for found in axe.violations(page)]
    context.close()
    assert faults == []
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def served(built) -> Iterator[str]:
    """The address of the folder two above the site: the site lies under a sub-path."""
    handler = functools.partial(Silent, directory=str(built.parents[1]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/course/site"
        server.shutdown()


class Silent(http.server.SimpleHTTPRequestHandler):
    """Files without a line in the log for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("place", ["disk", "sub-path"])
def test_search_finds_how_to_test_three_categories(built, served, browser, place):
    address = built.as_uri() if place == "disk" else served
    page = browser.new_page()
    page.goto(f"{address}/search.html?q=cross-level+interaction+three+categories")
    page.wait_for_selector("#search-results li a")
    results = page.locator("#search-results li a").all_inner_texts()
    assert any("slope_pairs" in text or "Interpret" in text for text in results), results
    page.close()


def test_a_page_prints_without_its_navigation(built, browser):
    page = browser.new_page()
    page.goto((built / "index.html").as_uri())
    page.emulate_media(media="print")
    assert not page.locator(".bd-sidebar-primary").is_visible()
    assert page.locator("h1").first.is_visible()
    page.close()
