"""From sources to HTML with Sphinx, myst-nb and sphinx-book-theme; everything is local."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from pathlib import Path
from typing import Any

from mlm_helpers import __version__
from mlm_helpers.authoring.npm import npm_package
from mlm_helpers.authoring.site.docstrings import as_fields
from mlm_helpers.authoring.site.sources import ROOT, TEMPLATES, Address
from mlm_helpers.authoring.slides import PACKAGES
from mlm_helpers.errors import MLMError

EXTENSIONS = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
]


def build_html(sources: Path, out: Path, address: Address) -> None:
    """Build the pages; a warning of Sphinx is an error.

    Raises
    ------
    MLMError
        With Sphinx's words, when it has something to say.
    """
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    said, warned = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch_docutils(None))
        stack.enter_context(docutils_namespace())
        app = Sphinx(
            sources, None, out, sources.parent / "doctrees", "html",
            confoverrides=settings(address), status=said, warning=warned,
        )  # fmt: skip
        app.connect("autodoc-process-docstring", _fields)
        app.build()
    if faults := re.sub(r"\x1b\[[\d;]*m", "", warned.getvalue()).strip():
        raise MLMError(f"The site has faults:\n{faults}")
    add_mathjax(out)
    # the themes' own templates, copied along
    for left_over in [*(out / "_static").glob("*webpack-macros.html"), out / ".buildinfo"]:
        left_over.unlink(missing_ok=True)


def _fields(*event: Any) -> None:
    lines = event[-1]
    lines[:] = as_fields(lines)


def settings(address: Address) -> dict[str, Any]:
    """Sphinx's configuration; without an address no button leads out of the site."""
    buttons = {
        "binderhub_url": address.binder,
        "colab_url": address.colab,
        "jupyterhub_url": address.jupyterhub,
    }
    options: dict[str, Any] = {
        "show_navbar_depth": 1,
        "use_download_button": True,
        "use_fullscreen_button": False,
        "show_toc_level": 2,
        "navigation_with_keys": False,
        "navbar_persistent": [],  # one search box, in the sidebar
    }
    if address.repository:
        options |= {
            "repository_url": address.repository,
            "repository_branch": address.branch,
            "use_repository_button": True,
            "launch_buttons": {name: url for name, url in buttons.items() if url},
        }
    return {
        "project": "Cross-level interactions, live",
        "author": "The authors of mlm-helpers",
        "copyright": "the authors of mlm-helpers, BSD 3-Clause",
        "version": __version__,
        "release": __version__,
        "language": "en",
        "extensions": EXTENSIONS,
        "html_theme": "sphinx_book_theme",
        "html_theme_options": options,
        "html_title": "Cross-level interactions, live",
        "html_static_path": [str(TEMPLATES / "static")],
        "html_css_files": ["site.css"],
        "html_js_files": ["site.js"],
        "html_context": {"default_mode": "auto"},
        "html_use_index": False,
        "html_copy_source": True,
        "html_sourcelink_suffix": "",
        "html_baseurl": address.site,
        "html_last_updated_fmt": None,
        "nb_execution_mode": "off",
        "nb_merge_streams": True,
        "nb_ipywidgets_js": {},
        "myst_enable_extensions": ["dollarmath", "amsmath", "colon_fence", "attrs_inline"],
        "myst_heading_anchors": 3,
        "myst_dmath_double_inline": True,
        "mathjax_path": "mathjax/tex-svg-full.js",
        "mathjax3_config": {"options": {"enableMenu": False}},
        "toc_object_entries": False,
        "autodoc_member_order": "bysource",
        "autodoc_typehints": "signature",
        "autodoc_typehints_format": "short",
        "python_use_unqualified_type_names": True,
        "add_module_names": False,
        "suppress_warnings": ["mystnb.unknown_mime_type"],
    }


def add_mathjax(out: Path) -> None:
    """MathJax as one file beside the pages, in place of the one in the net."""
    package = npm_package("mathjax", PACKAGES["mathjax"], ROOT / "build" / "npm")
    target = out / "_static" / "mathjax"
    target.mkdir(parents=True)
    shutil.copy(package / "es5" / "tex-svg-full.js", target)
    shutil.copy(package / "LICENSE", target)
