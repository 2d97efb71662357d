"""``print(fit)`` against lmerTest's printed summary, line by line, numbers as exact strings."""

from __future__ import annotations

import pytest
from reference import FITS, fit, plain_name, values

PRINTED = [name for name, case in FITS.items() if case.get("print")]


def from_the_criterion_on(text: str) -> list[str]:
    """Drop the head (the method and the formula, up to the first empty line) and outer blanks."""
    lines = text.replace("‘", "'").replace("’", "'").splitlines()
    return "\n".join(lines[lines.index("") + 1 :]).strip("\n").splitlines()


def normalised(line: str) -> str:
    """Single spaces; a coefficient's name in one spelling (R sorts products its own way)."""
    words = line.split()
    if words:
        words[0] = plain_name(words[0])
    return " ".join(words)


@pytest.mark.parametrize("name", PRINTED)
def test_printed_as_lmertest_prints(name: str) -> None:
    ours = from_the_criterion_on(str(fit(name)))
    reference = from_the_criterion_on("\n".join(["", *values(name).printed]))
    if values(name).singular:  # the note on a singular fit is ours, in plain words
        reference = [line for line in reference if "isSingular" not in line]
        ours = ours[: len("\n".join(reference).strip("\n").splitlines())]
    assert [normalised(line) for line in ours] == [
        normalised(line) for line in "\n".join(reference).strip("\n").splitlines()
    ]


@pytest.mark.parametrize("name", [n for n in PRINTED if not values(n).singular])
def test_columns_are_where_lmertest_puts_them(name: str) -> None:
    """The whole block agrees, padding included (trailing blanks aside)."""
    ours = from_the_criterion_on(str(fit(name)))
    reference = from_the_criterion_on("\n".join(["", *values(name).printed]))
    assert [line.rstrip() for line in ours] == [line.rstrip() for line in reference]


def test_head_names_the_method_and_the_formula() -> None:
    head = str(fit("hsb_m2")).split("\n\n")[0]
    assert "REML" in head
    assert "Satterthwaite" in head
    assert FITS["hsb_m2"]["formula"] in " ".join(head.split())
    assert "maximum likelihood" in str(fit("hsb_m2_ml")).split("\n\n")[0].lower()


def test_html_is_a_plain_accessible_table() -> None:
    html = fit("hsb_m2")._repr_html_()
    assert "<table" in html
    assert '<th scope="col"' in html
    assert '<th scope="row"' in html
    assert "<caption" in html
    assert "id=" not in html  # nothing that could differ between two runs
    assert html == fit("hsb_m2").refit(reml=True)._repr_html_()
