"""From key press to changed picture, in a real browser: explorers beside ``interact``.

    python tests/benchmarks/bench_explorers.py [presses]

One JupyterLab, one Chromium, one run: an arrow key on a slider, and the time until the new picture
is loaded in the page. ``interact`` re-makes a seaborn figure of the same size, in two versions: a
small one (one panel: two average lines and the schools' slopes) and the three panels of the
cross-level explorer. Prints median and 95th percentile in ms and the ratio to either.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

import lab

SETUP = """
import mlm_helpers as mlm
hsb = mlm.load_dataset("hsb82")
hsb["cses"] = mlm.center_within(hsb, "ses", "school")
m2 = mlm.fit_mlm("mathach ~ 1 + cses + sector + sector * cses + (1 + cses | school)", hsb)
"""
SEABORN = """
import matplotlib.pyplot as plt, numpy as np, pandas as pd, seaborn as sns
from ipywidgets import interact
from mlm_helpers.explorers import cross_level as cl, roles
parts = roles.read_roles(m2)
start = {**roles.estimates(m2, parts), "mode": "sector"}
cloud = cl.make_cloud(True, 0.4)
references = {"sector": cl.Reference("", m2, parts.columns, parts.level1)}
x = np.array([-1.4, 1.4])
sns.set_theme(style="whitegrid")
"""
SMALL = """
def show(gamma11=0.0):
    t = cl.compute({**start, "gamma11": gamma11}, cloud, references)
    fig, ax = plt.subplots(figsize=(8.6, 3.6), dpi=100)
    lines = pd.DataFrame([(k, v, r.intercept + r.slope * v) for k, r in t.averages.iterrows()
                          for v in x], columns=["sector", "ses", "math"])
    sns.lineplot(lines, x="ses", y="math", hue="sector", style="sector", lw=3, ax=ax)
    sns.scatterplot(t.schools, x="b1", y="b0", hue="w", style="w", ax=ax, legend=False)
    ax.set(xlim=(-1.4, 1.4), ylim=(0, 25))
    plt.show()
interact(show, gamma11=(-4.0, 4.0, 0.125));
"""
THREE = """
def show(gamma11=0.0):
    t = cl.compute({**start, "gamma11": gamma11}, cloud, references)
    fig, (a, b, c) = plt.subplots(1, 3, figsize=(8.6, 3.6), dpi=100)
    lines = pd.DataFrame([(k, v, r.intercept + r.slope * v) for k, r in t.averages.iterrows()
                          for v in x], columns=["sector", "ses", "math"])
    for r in t.schools.itertuples():
        a.plot(x, r.b0 + r.b1 * x, color="grey", lw=0.7)
    sns.lineplot(lines, x="ses", y="math", hue="sector", style="sector", lw=3, ax=a)
    sns.stripplot(t.schools, x="w", y="b0", hue="w", ax=b, legend=False)
    sns.stripplot(t.schools, x="w", y="b1", hue="w", ax=c, legend=False)
    plt.show()
interact(show, gamma11=(-4.0, 4.0, 0.125));
"""
CASES = {
    "interact, small seaborn figure": ([SETUP, SEABORN, SMALL], 0),
    "interact, three seaborn panels": ([SETUP, SEABORN, THREE], 0),
    "explorer 1, cross-level": ([SETUP, "mlm.explore_cross_level(m2)"], "γ₁₁"),
    "explorer 2, centering": ([SETUP, "mlm.explore_centering('hsb82')"], "a school"),
    "explorer 3, shrinkage": ([SETUP, "mlm.explore_shrinkage(m2)"], "γ₁₁"),
    "explorer 4, live refit, 100 x 20": (
        [
            SETUP,
            "mlm.explore_refit(m2, state={'J': 100, 'n': 20, 'share': 10, 'corr': -0.13,"
            " 'tau11': 0.6})",
        ],
        "γ₁₁",
    ),
    "explorer 5, probing": (
        [
            SETUP,
            "hsb['meansesc'] = mlm.group_mean(hsb, 'ses', 'school') - hsb['ses'].mean()\n"
            "m3 = mlm.fit_mlm('mathach ~ cses * sector + cses * meansesc + (1 + cses | school)',"
            " hsb)\nmlm.explore_probing(m3)",
        ],
        "confidence",
    ),
}
TURN = 6  # presses of one case before the next has its turn
WATCH = """() => {
    window.pressed = 0; window.loaded = 0;
    document.addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
    document.addEventListener('load', (e) => {
        if (e.target.tagName === 'IMG') window.loaded = performance.now(); }, true);
    // an explorer's picture is there once the frame that holds it has been painted
    for (const svg of document.querySelectorAll('.mlm-explorer svg')) {
        new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => {
            window.loaded = performance.now(); }))).observe(svg, { childList: true });
    }
}"""


def slider(page: lab.Page, label: str | int) -> Any:
    """The handle to press keys on."""
    if isinstance(label, str):
        rows = page.page.locator(".mlm-explorer .mlm-row:visible", has_text=label)
        return rows.first.locator("input[type=range]")
    return page.page.locator(".jp-OutputArea .widget-slider:visible .noUi-handle").first


def press(page: lab.Page, handle: Any, key: str) -> float:
    """Milliseconds from key press to changed picture."""
    handle.focus()
    page.page.keyboard.press(key)
    page.page.wait_for_function("() => window.loaded > window.pressed", timeout=20000)
    page.page.wait_for_timeout(100)
    return float(page.page.evaluate("() => window.loaded - window.pressed"))


def main(presses: int = 40) -> None:
    """Measure every case, taking turns so that a busy moment meets all alike; print a table."""
    if why := lab.missing():
        print(why)
        return
    found: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for k, (cells, _) in enumerate(CASES.values()):
            lab.write_notebook(root / f"case{k}.ipynb", cells)
        with lab.jupyterlab(root) as address, lab.chromium() as browser:
            pages = {}
            for k, (name, (_, label)) in enumerate(CASES.items()):
                page = lab.Page(browser, address, f"case{k}.ipynb")
                page.command("notebook:run-all-cells")
                picture = ".mlm-explorer[data-drawn]" if label else ".jp-OutputArea img:visible"
                page.page.wait_for_selector(picture, timeout=90000)
                page.settle()
                page.page.evaluate(WATCH)
                pages[name] = page, slider(page, label)
            for turn in range(-1, -(-presses // TURN)):
                for name, (page, handle) in pages.items():
                    page.page.bring_to_front()
                    keys = ["ArrowRight", "ArrowLeft"] * (TURN // 2 + 1)
                    values = [press(page, handle, key) for key in keys]
                    # the first turn warms up, and so do the first two presses of each
                    found[name] += values[2:] if turn >= 0 else []
            for page, _ in pages.values():
                page.close()
    small, three = (statistics.median(v) for v in list(found.values())[:2])
    print(f"{'':34} median   p95   ratio to small, to three panels")
    for name, values in found.items():
        middle = statistics.median(values)
        p95 = sorted(values)[round(0.95 * (len(values) - 1))]
        ratios = f"{middle / small:5.2f}  {middle / three:5.2f}"
        print(f"{name:34} {middle:6.0f} {p95:5.0f}   {ratios}   (n = {len(values)})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
