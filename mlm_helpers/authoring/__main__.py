"""``python -m mlm_helpers.authoring COMMAND``: one module per command, loaded when it is used.

A command's module has ``add_arguments(parser)`` and ``run(options) -> int`` (the exit code). To add
a command, write such a module and give it a line in ``COMMANDS``.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from mlm_helpers.errors import MLMError

COMMANDS = {
    "build": "make the student notebooks from the solutions",
    "handout": "pack what students need into one zip file",
    "mark": "mark what students handed in",
    "lecture": "make the lecture from its template",
    "solutions": "make the course's own solutions from their templates",
    "walkthroughs": "make the course's own walkthroughs from their sources",
    "start": "write a first lesson file from a data file",
    "adapt": "make lecture, walkthrough and exercises on other data",
    "site": "make the course's web site",
    "lite": "make a version that runs in a browser",
    "page": "make one page with all explorers, to give away",
    "slides": "export the lecture as a slide show and a PDF handout",
}

WHERE = {"mark": "marking.command", "handout": "handing_out"}


def main(argv: list[str] | None = None) -> int:
    """Run one command."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="python -m mlm_helpers.authoring", description="Tools for instructors."
    )
    try:
        return _run(parser, argv)
    except MLMError as error:
        print(error, file=sys.stderr)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("mlm_helpers"):
            raise
        print(
            f"This needs the package {error.name}, which is not installed here: "
            "pip install 'mlm-helpers[teach]' brings what instructors need.",
            file=sys.stderr,
        )
    return 1


def _run(parser: argparse.ArgumentParser, argv: list[str]) -> int:
    """Load the one command that was chosen, and run it."""
    chosen = next((a for a in argv if not a.startswith("-")), "")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    module = None
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=_sentence(help_text))
        if name == chosen:
            module = importlib.import_module(f"mlm_helpers.authoring.{WHERE.get(name, name)}")
            module.add_arguments(command)
    options = parser.parse_args(argv)
    assert module is not None  # argparse has refused anything else
    return module.run(options)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


if __name__ == "__main__":
    sys.exit(main())
