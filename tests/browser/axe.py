"""axe-core in a page, and what it finds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.npm import npm_package

ROOT = Path(__file__).resolve().parents[2]
VERSION = "4.14.1"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@cache
def script() -> str:
    """axe-core, fetched once with npm."""
    folder = npm_package("axe-core", VERSION, ROOT / "build" / "npm")
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any, inside: str = "html", without: tuple[str, ...] = ()) -> list[str]:
    """One line per rule that is broken in the elements ``inside``: rule, how often, first place.

    ``without`` names rules that somebody else's page around ours breaks.
    """
    page.evaluate(script())
    found = page.evaluate(
        """async ([inside, rules]) => (await axe.run(inside, {runOnly: rules})).violations.map(
            v => [v.id, v.nodes.length, v.nodes[0].target.join(' '), v.nodes[0].failureSummary])""",
        [inside, RULES],
    )
    return [f"{rule} ({n}): {where} {why}" for rule, n, where, why in found if rule not in without]
