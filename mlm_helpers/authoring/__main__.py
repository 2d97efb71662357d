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
    "mark": "mark a folder of submitted notebooks",
    "lecture": "make the lecture from its template",
    "solutions": "make the course's own solutions from their templates",
    "adapt": "make lecture, walkthrough and exercises on other data",
    "slides": "export the lecture as a slide show and a PDF handout",
}

WHERE = {"mark": "marking.command"}


def main(argv: list[str] | None = None) -> int:
    """Run one command."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="python -m mlm_helpers.authoring", description="Tools for instructors."
    )
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
    try:
        return module.run(options)
    except MLMError as error:
        print(error, file=sys.stderr)
        return 1


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


if __name__ == "__main__":
    sys.exit(main())
