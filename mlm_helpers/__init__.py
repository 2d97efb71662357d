"""Helpers for a course on cross-level interactions in multilevel models.

Everything is imported on first use, so that ``import mlm_helpers`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "load_dataset": "datasets",
    "codebook": "datasets",
    "group_mean": "centering",
    "center_within": "centering",
    "center_grand": "centering",
    "fit_mlm": "fit",
    "MLMFit": "fit",
    "compare": "inference",
    "power": "planning",
    "approximate_power": "planning",
    "with_centering": "chunks",
    "ols_by_group": "residuals",
    "reliabilities": "residuals",
    "eb_table": "residuals",
    "eb_by": "residuals",
    "icc": "variance",
    "variance_explained": "variance",
    "variance_decomposition": "variance",
    "r2": "variance",
    "simple_slopes": "probing",
    "simple_intercepts": "probing",
    "johnson_neyman": "probing",
    "JohnsonNeyman": "probing",
    "prediction_grid": "probing",
    "contextual_effect": "probing",
    "write_up": "tables",
    "read_data": "inspection",
    "inspect_data": "inspection",
    "messy_example": "inspection",
    "Vocabulary": "vocabulary",
    "load_vocabulary": "vocabulary",
    "define": "wording",
    "definitions": "wording",
    "say": "wording",
    "plain": "wording",
    "exercise": "checks",
    "NotYet": "checks",
    "open_lesson": "authoring.lesson_files",
    "explore_cross_level": "explorers.cross_level_view",
    "explore_centering": "explorers.centering_view",
    "explore_shrinkage": "explorers.shrinkage_view",
    "explore_refit": "explorers.refit_view",
    "explore_probing": "explorers.probe_view",
}
# Reached as mlm.equations.level1(...): one name for many functions of a kind.
_MODULES = ("equations", "wording", "vocabulary", "plots", "show")

__version__ = "1.0.0"
__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
