"""The walkthroughs say what their cells show, and their own checks can fail.

That the stored outputs are those of the present code is nbval's to check; here the sentences are
held against the outputs, and the published table against a forgery.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

import mlm_helpers as mlm
from mlm_helpers.authoring.notebooks import sources
from mlm_helpers.authoring.walkthroughs import build_walkthrough, source_files

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "walkthroughs"
NOTEBOOKS = sorted(FOLDER.glob("walkthrough*.ipynb"))
HSB = FOLDER / "walkthrough01_high_school_and_beyond.ipynb"

NUMBER = re.compile(r"(?<![\w.,])[−-]?\d[\d,]*(?:\.\d+)?(?![\w.]*\d)")
# 0.006 × 5.33 = 0.032 and 2.80 − 1.34 = 1.46
SUM = re.compile(r"([\d.]+) ([×−+]) \(?([−\d.]+)\)? = ([\d.]+)")


def value(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def shown(notebook: NotebookNode) -> list[float]:
    """Every number in the outputs and in the code."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        texts.append(cell.source)
        for output in cell.outputs:
            data = output.get("data", {})
            texts += [output.get("text", ""), *(data.get(f"text/{k}", "") for k in KINDS)]
    return [value(n) for text in texts for n in NUMBER.findall(strip_tags(text))]


KINDS = ("plain", "markdown", "html")


def strip_tags(text: str) -> str:
    return re.sub(r"<[^>]*>", " ", text)


def claims(notebook: NotebookNode) -> list[tuple[int, str, bool]]:
    """Numbers with decimals, and percentages, in the text: (cell, number, is a percentage).

    What a reader is asked to guess and what a line of arithmetic results in are left out.
    """
    out = []
    for k, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or "instructor" in cell.metadata.get("tags", []):
            continue
        text = re.sub(r"\*\*Predict\.\*\*.*|Table \d\.\d", "", cell.source)
        text = SUM.sub(r"\1 \2 \3", text)
        text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        for found in re.finditer(rf"({NUMBER.pattern})(%?)", text):
            if "." in found[1] or found[2]:
                out.append((k, found[1], bool(found[2])))
    return out


def agrees(text: str, percent: bool, numbers: list[float]) -> bool:
    decimals = len(text.partition(".")[2])
    said = abs(value(text))
    scale = 100 if percent else 1
    return any(
        round(abs(x) * scale, decimals) == said or (percent and abs(x) == said) for x in numbers
    )


def test_there_are_walkthroughs() -> None:
    assert HSB in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem[:13])
def test_numbers_in_the_text_are_in_the_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    numbers = shown(notebook)
    wrong = [
        (k, text) for k, text, percent in claims(notebook) if not agrees(text, percent, numbers)
    ]
    assert not wrong


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem[:13])
def test_arithmetic_in_the_text_is_right(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        for a, sign, b, c in SUM.findall(cell.source):
            x, y = value(a), value(b)
            result = {"×": x * y, "−": x - y, "+": x + y}[sign]
            assert f"{result:.{len(c.partition('.')[2])}f}" == c, f"{a} {sign} {b} = {c}"


def test_what_r_is_said_to_print_is_what_r_printed() -> None:
    """R's default for the rows model: two last digits off, as the text says."""
    text = (FOLDER / "r_output" / "hsb82_default.txt").read_text(encoding="utf-8")
    published = (FOLDER / "published_hsb82.csv").read_text(encoding="utf-8")
    for default, optimum in (("1.0393", "1.0392 (0.2989)"), ("0.1010", "0.1012")):
        assert default in text.replace("\n", " ")
        assert optimum in published


def test_the_number_check_can_fail() -> None:
    notebook = nbformat.read(HSB, as_version=4)
    numbers = shown(notebook)
    assert len(claims(notebook)) > 30
    assert agrees("2.19", False, numbers)
    assert not agrees("2.27", False, [2.19, 2.28])
    assert agrees("18%".rstrip("%"), True, [0.1804])
    assert not agrees("19", True, [0.1804])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem[:13])
def test_a_cell_can_be_read_at_one_glance(path: Path) -> None:
    """At most six lines of code, docstrings and comments aside."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            code = re.sub(r'"""[^"]*"""', "", cell.source)
            lines = [x for x in code.splitlines() if x.strip() and not x.strip().startswith("#")]
            assert len(lines) <= 6, cell.source
            assert max(map(len, cell.source.splitlines())) <= 110, cell.source


def run(folder: Path, name: str) -> None:
    notebook = nbformat.read(folder / name, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()


@pytest.mark.parametrize(
    ("true", "false"), [("12.1136", "12.1137"), ("(0.2398)", "(0.2397)"), ("0.1012", "0.1010")]
)
def test_one_wrong_published_digit_stops_walkthrough_1(
    tmp_path: Path, true: str, false: str
) -> None:
    shutil.copy(HSB, tmp_path)
    shutil.copytree(FOLDER / "r_output", tmp_path / "r_output")
    table = (FOLDER / "published_hsb82.csv").read_text(encoding="utf-8")
    assert true in table
    forged = table.replace(true, false, 1)
    (tmp_path / "published_hsb82.csv").write_text(forged, encoding="utf-8")
    with pytest.raises(CellExecutionError, match="not as in R"):
        run(tmp_path, HSB.name)


# ---- walkthrough 2: R's printed output beside ours ------------------------------------------
EX1 = FOLDER / "walkthrough02_random_intercepts_and_slopes.ipynb"
MODELS = {
    "null": "g1rscore ~ 1 + (1 | schid)",
    "random_intercept": "g1rscore ~ 1 + famsesc + (1 | schid)",
    "random_slope": "g1rscore ~ 1 + famsesc + (1 + famsesc | schid)",
    "model2": "g1rscore ~ 1 + famsesc + sector + sector * famsesc + (1 + famsesc | schid)",
    "model3": "g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc"
    " + schsesgdm * famsesc + (1 + famsesc | schid)",
}


def r_output(step: str) -> str:
    return (FOLDER / "r_output" / f"ex1_{step}.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ex1_fits() -> dict[str, mlm.MLMFit]:
    ex1 = mlm.load_dataset("ex1")
    return {step: mlm.fit_mlm(formula, ex1) for step, formula in MODELS.items()}


def block(text: str, head: str) -> list[list[str]]:
    """The words of the lines below a head, up to the next empty line or rule."""
    lines = text.split(head)[1].splitlines()[1:]
    end = next(i for i, x in enumerate(lines) if not x.strip() or x.startswith(("---", "Number")))
    return [line.split() for line in lines[:end]]


@pytest.mark.parametrize("step", MODELS)
def test_r_printed_what_we_print(step: str, ex1_fits: dict[str, mlm.MLMFit]) -> None:
    """The stored output of R belongs to the shipped data: the same criterion, and coefficients and
    variances that differ at most where R's optimizer stopped a little early."""
    fit, text = ex1_fits[step], r_output(step)
    ours = str(fit)
    assert (
        f"REML criterion at convergence: {value(text.split('convergence: ')[1].split()[0])}" in ours
    )
    assert f"Number of obs: {fit.nobs}, groups:  schid, {fit.ngroups}" in text
    for row in block(text, "Fixed effects:")[1:]:
        name = "Intercept" if row[0] == "(Intercept)" else row[0]
        mine = fit.fixed_effects.loc[fit.structure.coefficient(name).column]
        assert float(row[1]) == pytest.approx(mine["estimate"], rel=1e-3, abs=1e-4)
        assert float(row[2]) == pytest.approx(mine["std_error"], rel=1e-3)
        assert float(row[3]) == pytest.approx(mine["df"], rel=5e-3)
    [*slopes, residual] = [r for r in block(text, "Random effects:")[1:]]
    assert float(residual[1]) == pytest.approx(fit.sigma2, rel=1e-3)
    printed = [float(next(w for w in r if re.fullmatch(r"[\d.]+", w))) for r in slopes]
    assert printed == pytest.approx([fit.T.iloc[k, k] for k in range(len(slopes))], rel=5e-3)


def test_r_tested_the_slope_variance_as_we_do(ex1_fits: dict[str, mlm.MLMFit]) -> None:
    row = mlm.compare(ex1_fits["random_intercept"], ex1_fits["random_slope"]).table.iloc[1]
    printed = next(x for x in r_output("lrt").splitlines() if x.startswith("m1 ")).split()
    assert float(printed[6]) == pytest.approx(row["Chisq"], abs=0.01)
    assert float(printed[8]) == pytest.approx(row["p"], rel=0.01)


def test_r_found_the_residuals_and_slopes_we_find(ex1_fits: dict[str, mlm.MLMFit]) -> None:
    u = ex1_fits["random_slope"].random_effects
    lines = r_output("residuals").splitlines()
    for line in lines[3:7]:
        school, u0, u1 = line.split()
        mine = u.loc[int(school)]
        assert float(u0) == pytest.approx(mine["u0"], abs=0.01)
        assert float(u1) == pytest.approx(mine["u1"], abs=0.01)
    slopes = mlm.simple_slopes(ex1_fits["model3"], "famsesc", by="sector")
    rows = [x.split() for x in r_output("slopes").splitlines() if re.match(r"1 +\S+", x)]
    for row, mine in zip(rows, slopes.itertuples(), strict=True):
        assert float(row[1]) == pytest.approx(mine.estimate, rel=1e-3)
        assert float(row[2]) == pytest.approx(mine.std_error, rel=1e-3)


def test_r_script_wrote_every_file_that_is_shown() -> None:
    script = (ROOT / "tests" / "reference" / "walkthrough_02.R").read_text(encoding="utf-8")
    calls = re.findall(r'console\("ex1_(\w+)", \'\n(.*?)\n\'\)', script, flags=re.DOTALL)
    shown = set(re.findall(r'r_printed\("(\w+)"\)', EX1.read_text("utf-8").replace('\\"', '"')))
    assert shown == {name for name, _ in calls}
    for name, code in calls:  # the calls in a file are those of the script
        typed = [x[2:].strip() for x in r_output(name).splitlines() if x.startswith(("> ", "+ "))]
        written = [re.sub(r" +#.*", "", x).strip() for x in code.splitlines()]
        assert typed == written


def test_no_number_of_the_data_is_typed_into_walkthrough_2() -> None:
    assert not claims(nbformat.read(EX1, as_version=4))


def test_the_text_on_statsmodels_still_fits_what_it_does() -> None:
    """The prose of walkthrough 2 names these failures. If new data or a new statsmodels change
    them, the text has to change."""
    notebook = nbformat.read(EX1, as_version=4)
    [cell] = [c for c in notebook.cells if "pd.Series(score" in c.source]
    lines = cell.outputs[0]["data"]["text/plain"].splitlines()[1:]
    score = {(parts := re.split(r"\s{2,}", line.strip()))[0]: parts[1] for line in lines}
    silent = "it converged; it is NOT at the optimum."
    said = "it did not converge; it is NOT at the optimum."
    assert score == {
        "null": "it converged; it is at the optimum.",
        "null, lbfgs": silent,
        "one slope": "it converged; it is at the optimum.",
        "Model 1": "it converged; it is at the optimum.",
        "Model 2": "it converged; it is at the optimum.",
        "Model 3": "it converged; it is at the optimum.",
        "Model 2 without slope variance, ML": said,
        "Model 3, lbfgs": silent,
        "Model 1 for High School & Beyond": said,
    }
    outputs = "\n".join(o.text for c in notebook.cells for o in c.get("outputs", []) if "text" in o)
    by_hand = float(outputs.split("twice the difference of the log-likelihoods: ")[2].split()[0])
    ex1 = mlm.load_dataset("ex1")
    m2 = mlm.fit_mlm(MODELS["model2"], ex1)
    m2_ri = m2.refit(formula=MODELS["model2"].replace("(1 + famsesc |", "(1 |"))
    assert by_hand > 5 * mlm.compare(m2_ri, m2).table["Chisq"].iloc[1]  # "far too large"
    assert "Retrying MixedLM optimization" in outputs  # "several attempts"
    assert "warnings: []" in outputs  # Model 3 by lbfgs, "no warning"
    here, there = re.findall(r"slope variance: ([\d.]+) here, ([\d.]+) at the optimum", outputs)[0]
    assert 0.6 < float(here) / float(there) < 0.72  # "wrong by a third"


@pytest.mark.parametrize("source", source_files(), ids=lambda path: path.stem)
def test_the_committed_walkthroughs_are_what_their_sources_make(source: Path) -> None:
    made = sources(build_walkthrough(source))
    assert made == sources(FOLDER / f"{source.stem}.ipynb")
    assert {path.stem for path in source_files()} == {path.stem for path in FOLDER.glob("*.ipynb")}
