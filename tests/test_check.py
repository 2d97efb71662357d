"""What CI runs: which stages there are, and what is said of them."""

from __future__ import annotations

import subprocess

import pytest

from tools import check


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """The commands that are run; those that mention a word of ``fail`` fail."""
    commands: list[list[str]] = []
    fail: set[str] = set()

    def call(command, **_):
        commands.append(command)
        return int(bool(fail & set(command)))

    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "call", call)
    return commands, fail


def add(path):
    file = check.ROOT / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def test_every_stage_runs_and_the_last_line_says_so(ran, capsys):
    add("lectures/lecture.ipynb")
    assert check.main([]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    there = [name for name in check.STAGES if name not in ("layers", "scripts")]
    assert last == f"All stages passed: {', '.join(there)}."
    said = [" ".join(command) for command in ran[0]]
    for words in ("ruff check", "ruff format --check", "mypy", "try_wheel.py --oldest"):
        assert any(words in line for line in said), words
    assert any(line.endswith("tests") for line in said)
    (nbval,) = [line for line in said if "--nbval" in line]
    assert nbval.endswith("lectures/lecture.ipynb")
    assert "--nbval-current-env" in nbval
    assert "--nbval-lax" not in nbval


def test_a_failed_stage_is_named_and_the_others_still_run(ran, capsys):
    add("lectures/lecture.ipynb")
    commands, fail = ran
    fail.update({"check", "mypy"})
    assert check.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"2 of {len(check.STAGES) - 2} stages failed: style, types."
    results = dict(line.split()[:2] for line in lines[-1 - len(check.STAGES) : -1])
    assert results["style"] == results["types"] == "FAILED"
    assert results["package"] == "passed"
    assert any("--nbval" in command for command in commands)


def test_every_kind_of_notebook_is_compared(ran):
    for folder in ("lectures", "walkthroughs", "exercises", "exercises/solutions"):
        add(f"{folder}/one.ipynb")
    check.main(["notebooks"])
    (command,) = ran[0]
    found = [arg for arg in command if arg.endswith(".ipynb")]
    assert found == [f"{folder}/one.ipynb" for folder in check.STRICT]


def test_a_stage_without_anything_to_check_does_not_count_as_passed(ran, capsys):
    assert check.main(["notebooks", "types"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("notebooks  nothing to check") for line in lines)
    assert lines[-1] == "All stages passed: types."


def test_an_unknown_stage_is_refused(ran, capsys):
    with pytest.raises(SystemExit) as stopped:
        check.main(["all"])
    assert stopped.value.code != 0
    assert f"the stages are {', '.join(check.STAGES)}" in capsys.readouterr().err


def test_layers_and_scripts_are_checked_where_they_are(ran):
    add("mlm_helpers/static/site.js")
    (check.ROOT / "pyproject.toml").write_text("[tool.importlinter]\n", encoding="utf-8")
    check.main(["layers", "scripts"])
    lint, node, types = ran[0]
    assert lint[0].endswith("lint-imports")
    assert node == ["node", "--check", str(check.ROOT / "mlm_helpers/static/site.js")]
    assert types[1:] == ["-m", "tools.check_js"]
