"""The command ``mark``: from a folder or archive of notebooks to tables, pages and a gradebook."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.build import exercises_folder
from mlm_helpers.authoring.marking.class_page import Protection
from mlm_helpers.authoring.marking.collect import Collected, collect
from mlm_helpers.authoring.marking.gradebook import fill_gradebook
from mlm_helpers.authoring.marking.handed import files_in
from mlm_helpers.authoring.marking.isolation import Isolation, isolation, ways
from mlm_helpers.authoring.marking.mark import Marked, Marker
from mlm_helpers.authoring.marking.names import read_pattern
from mlm_helpers.authoring.marking.people import read_groups, read_people
from mlm_helpers.authoring.marking.points import Result, Worth, read_points
from mlm_helpers.authoring.marking.probe import try_out
from mlm_helpers.authoring.marking.report import Report, pages_folder
from mlm_helpers.authoring.marking.runner import Limits
from mlm_helpers.authoring.marking.store import Store
from mlm_helpers.authoring.marking.texts import shown
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.session import OWN, PARTS

LEAST_MEMORY = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``mark``."""
    add = parser.add_argument
    add("submissions", type=Path, help="a folder, or the zip file as downloaded from the site")
    add("--out", type=Path, default=Path("marks.csv"), help="the table; pages go beside it")
    add("--exercises", type=Path, help="the folder of the student notebooks")
    add("--roster", type=Path, help="a table of the class: Name, and ID or Email if you have it")
    add("--groups", type=Path, help="a table with Group and Student: one submission counts for all")
    add("--name-regexp", help="whose a file is, as (?P<student>...), for names of your own")
    add("--points", type=Path, help="points.toml: what questions and exercises are worth")
    add("--gradebook", type=Path, help="the gradebook that the site exported; a copy is filled")
    add(
        "--column", action="append", default=[], metavar="[part2=]NAME",
        help="the gradebook's column; with part2= for one exercise, else for the total",
    )  # fmt: skip
    add("--jobs", default=os.cpu_count() or 1, help="how many at a time")
    add("--seconds", default=60.0, help="limit for one answer cell")
    add("--memory", default=3000, help="limit in megabytes")
    add("--again", action="store_true", help="mark also what is marked already")
    add("--unsafe", action="store_true", help="mark also where the system offers no protection")


def _limits(options: Any) -> Limits:
    """The limits, and how many at a time, as numbers that make sense."""
    options.jobs = int(_number(options.jobs, "--jobs", 1, 64, "notebooks at a time"))
    seconds = _number(options.seconds, "--seconds", 1, 3600, "seconds for one answer cell")
    # below this Python and the package do not even start
    memory = _number(options.memory, "--memory", LEAST_MEMORY, 10**6, "megabytes")
    return Limits(seconds, 5 * seconds, int(memory))


def _number(text: Any, option: str, least: float, most: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise MLMError(f"{option} {shown(str(text))}: give {what}, from {least:g} to {most:g}.")
    return value


def run(options: argparse.Namespace) -> int:
    """Mark everything, with a progress bar, and write tables and pages."""
    columns, limits = _columns(options), _limits(options)
    whose: dict[str, Any] = {
        "pattern": read_pattern(options.name_regexp) if options.name_regexp else None,
        "roster": read_people(options.roster) if options.roster else None,
        "groups": read_groups(options.groups) if options.groups else None,
    }
    files_in(options.submissions)  # a wrong folder is said at once
    with ExitStack() as stack:
        stack.enter_context(_ending_on_signals())
        private = [options.submissions, pages_folder(options.out), options.out.absolute().parent]
        private.append(exercises_folder(options.exercises))
        closed, protection = stack.enter_context(protected(private, unsafe=options.unsafe))
        store = Store(None if options.unsafe else pages_folder(options.out) / "state")
        marker = Marker(closed, options.exercises, limits, store)
        worth = read_points(
            options.points, {k: list(p.answers) for k, p in marker.pristine.items()}
        )
        collected = collect(options.submissions, marker.pristine, **whose)
        try:
            marked = _with_a_bar(marker, collected, options)
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from here.", file=sys.stderr)
            return 130
    report = Report(options.out, collected, marked, tuple(marker.pristine), worth, protection)
    results = report.write()
    _say(options, report, marker, results)
    if options.gradebook:
        _fill(options, columns, results, worth)
    return 0 if any(r.scored for r in results) else 1


def _with_a_bar(marker: Marker, collected: Collected, options: Any) -> list[Marked]:
    from tqdm import tqdm

    found = collected.submissions
    with tqdm(total=len(found), unit="notebook", file=sys.stderr, desc="Marking") as bar:
        marked = []
        for one in marker.mark(found, jobs=options.jobs, again=options.again):
            marked.append(one)
            bar.update()
    return sorted(marked, key=lambda m: (m.student.casefold(), m.exercise, m.submission.file))


# ---- protection ---------------------------------------------------------------------------------
@contextmanager
def protected(
    private: list[Path], *, unsafe: bool = False
) -> Iterator[tuple[Isolation, Protection]]:
    """The best way of this system to close submissions in, tried out before anything runs.

    Raises
    ------
    MLMError
        If a submission could do harm, unless ``unsafe`` says that it may.
    """
    allowed: list[str] = []
    for way in ["none"] if unsafe else ways():
        if way == "none" and not unsafe:
            break
        with isolation(way, private) as closed:
            refused, allowed = ([], []) if way == "none" else try_out(closed)
            if unsafe or not allowed:
                yield closed, Protection(way, tuple(refused), tuple(allowed))
                return
    what = f" A submission could {'; '.join(allowed)}." if allowed else ""
    raise MLMError(
        f"This system does not protect you from what is in a notebook.{what} On Linux install "
        "bubblewrap; on Windows use WSL; anywhere a virtual machine that holds nothing else. If "
        "you trust every notebook, add --unsafe: then a submission can do whatever you can do on "
        "this computer, also read the solutions and change marks."
    )


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Let the signals that end a program end it as Ctrl+C does."""
    caught = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {}
    for one in caught:
        try:
            before[one] = signal.signal(one, _interrupt)
        except ValueError:  # not the main thread
            return (yield)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


# ---- what is said at the end --------------------------------------------------------------------
def _say(options: Any, report: Report, marker: Marker, results: list[Result]) -> None:
    unmarked = sum(bool(r.marked.problem) for r in results)
    print(
        f"{len(results) - unmarked} of {len(results)} notebooks marked: {shown(str(options.out))}"
    )
    print(f"Class page: {shown((report.folder / 'class.html').as_posix())}")
    if unmarked:
        print(f"{unmarked} could not be marked; the class page says why.")
    if report.collected.left:
        print(f"{len(report.collected.left)} files are no notebooks; the class page lists them.")
    if report.collected.missing:
        print(f"Nothing from {len(report.collected.missing)} students of the list.")
    for sentence in [*report.collected.unknown, *report.sentences]:
        print(shown(sentence))
    if report.waiting:
        page = shown((report.folder / "decide.html").as_posix())
        print(f"Answers that wait for your decision: {report.waiting}, on {page}")
    if marker.store.broken:
        print(f"What is done could not be written down ({marker.store.broken}): a run that is "
              "broken off begins again.", file=sys.stderr)  # fmt: skip


def _columns(options: Any) -> dict[str, str]:
    if bool(options.gradebook) != bool(options.column):
        raise MLMError("--gradebook and --column go together: the file, and the column to fill.")
    out = {}
    for text in options.column:
        exercise, _, name = text.partition("=")
        known = exercise.strip() in (*PARTS, OWN)  # a column's name may hold a sign of its own
        out[exercise.strip() if known else ""] = name.strip() if known else text
    return out


def _fill(options: Any, columns: dict[str, str], results: list[Result], worth: Worth) -> None:
    source = options.gradebook
    target = options.out.with_name(f"{source.stem}_filled{source.suffix}")
    filled = fill_gradebook(source, target, columns, results, worth)
    print(f"{filled.cells} grades filled in: {shown(str(target))}")
    for sentence in filled.sentences:
        print(shown(sentence))
