"""What goes wrong in a classroom: each is tried, and ends in a sentence or does no harm."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mlm_helpers"
FIRST_FIT = (
    "import mlm_helpers as mlm; d = mlm.load_dataset('hsb82'); "
    "f = mlm.fit_mlm('mathach ~ ses + (1 + ses | school)', data=d); print(f)"
)


def python(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"},
        {"LC_ALL": "tr_TR.UTF-8"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"},
    ],
    ids=["German", "Turkish", "C"],
)
def test_the_language_of_the_computer_changes_nothing(tmp_path: Path, locale: dict) -> None:
    """Decimal commas, dotless i, no UTF-8: the same numbers and the same text."""
    usual, there = python(FIRST_FIT, tmp_path), python(FIRST_FIT, tmp_path, **locale)
    assert there.stderr == ""
    assert there.stdout == usual.stdout
    assert "Fixed effects:" in there.stdout


def test_a_folder_with_spaces_and_accents(tmp_path: Path) -> None:
    """The package, a Parquet file and the students' own folder."""
    folder = tmp_path / "Übung 6 – été (copie)"
    shutil.copytree(PACKAGE, folder / "mlm_helpers", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        f"{FIRST_FIT}; d.to_parquet('élèves 1.parquet'); "
        "g = mlm.fit_mlm('mathach ~ ses + (1 + ses | school)', 'élèves 1.parquet'); "
        "assert abs(f.criterion - g.criterion) < 1e-6; print(mlm.__file__)"
    )
    done = python(program, folder, PYTHONPATH=str(folder), PYTHONIOENCODING="utf-8")
    assert done.stderr == ""
    assert done.stdout.strip().endswith(str(folder / "mlm_helpers" / "__init__.py"))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps rights in another way")
def test_nothing_is_written_into_the_package_or_the_folder(tmp_path: Path) -> None:
    """A read-only installation and a read-only folder are enough to load, fit, print and draw."""
    folder = tmp_path / "read only"
    shutil.copytree(PACKAGE, folder / "mlm_helpers", ignore=shutil.ignore_patterns("__pycache__"))
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    program = (
        f"{FIRST_FIT}; from mlm_helpers.report.plots import plot_eb, alt_text; "
        "print(alt_text(plot_eb(mlm.eb_table(f))))"
    )
    try:
        done = python(program, folder, PYTHONPATH=str(folder), PYTHONDONTWRITEBYTECODE="1")
        after = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert after == before


def test_a_corrupted_data_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(PACKAGE, folder / "mlm_helpers", ignore=shutil.ignore_patterns("__pycache__"))
    data = folder / "mlm_helpers" / "data" / "datasets" / "hsb82.csv"
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    done = python(
        "import mlm_helpers as m; m.load_dataset('hsb82')", folder, PYTHONPATH=str(folder)
    )
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert "MLMError" in last
    assert "hsb82" in last


def test_half_a_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "students.parquet"
    mlm.load_dataset("hsb82").to_parquet(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(MLMError, match=r"students\.parquet.*cannot be read as Parquet"):
        mlm.fit_mlm("mathach ~ ses + (1 | school)", path)


def test_a_full_disk_leaves_the_notebook_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter writes beside the file and swaps: a save that fails must not take the work along."""
    from jupyter_server.services.contents.filemanager import FileContentsManager

    manager = FileContentsManager(root_dir=str(tmp_path))
    content = new_notebook(cells=[new_code_cell("answer = 1", id="q1")])
    manager.save({"type": "notebook", "content": content, "format": "json"}, "work.ipynb")
    before = (tmp_path / "work.ipynb").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jupyter_server.services.contents.fileio.nbformat.write", full)
    content.cells[0].source = "answer = 2"
    with pytest.raises(Exception, match="No space left"):
        manager.save({"type": "notebook", "content": content, "format": "json"}, "work.ipynb")
    assert (tmp_path / "work.ipynb").read_bytes() == before


def test_a_killed_kernel_leaves_nothing_behind(tmp_path: Path) -> None:
    """The kernel dies in the middle; run again from the top, the notebook has its numbers."""
    first = [new_code_cell(line) for line in FIRST_FIT.split("; ")]
    killed = new_notebook(
        cells=[*first[:-1], new_code_cell("import os, signal; os.kill(os.getpid(), 9)"), first[-1]]
    )
    resources = {"metadata": {"path": str(tmp_path)}}
    with pytest.raises(DeadKernelError):
        NotebookClient(killed, timeout=120, kernel_name="python3", resources=resources).execute()
    assert list(tmp_path.iterdir()) == []
    again = new_notebook(cells=first)
    NotebookClient(again, timeout=120, kernel_name="python3", resources=resources).execute()
    assert "Fixed effects:" in again.cells[-1].outputs[0].text
    nbformat.validate(again)


def test_two_students_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    """Two processes load, fit and print at the same time from one folder."""
    command = [sys.executable, "-c", FIRST_FIT]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert outputs[0] == outputs[1]
    assert "Fixed effects:" in outputs[0]
    assert list(tmp_path.iterdir()) == []
