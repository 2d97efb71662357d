"""Check the explorers' JavaScript with TypeScript: ``python -m tools.check_js``.

TypeScript comes from npm once and is kept in ``build/npm``; Node runs it. The sources stay plain
JavaScript: types stand in comments, and nothing is built.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from mlm_helpers.authoring.npm import npm_package
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers.script import SOURCES

ROOT = Path(__file__).resolve().parents[1]
VERSION = "5.9.3"
OPTIONS = "--allowJs --checkJs --noEmit --noUnusedLocals --target es2022 --module esnext"
LIBRARIES = "--moduleResolution bundler --lib es2022,dom,dom.iterable"


def main() -> int:
    """Print what is wrong; 0 when nothing is."""
    node = shutil.which("node")
    if node is None:
        print("Node.js is needed to check JavaScript: install it and start this again.")
        return 1
    try:
        typescript = npm_package("typescript", VERSION, ROOT / "build" / "npm")
    except MLMError as error:
        print(error)
        return 1
    sources = sorted(str(path) for path in SOURCES.glob("*.js"))
    options = [*OPTIONS.split(), *LIBRARIES.split()]
    return subprocess.run([node, str(typescript / "bin" / "tsc"), *options, *sources]).returncode


if __name__ == "__main__":
    sys.exit(main())
