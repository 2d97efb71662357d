"""Helpers for a course on cross-level interactions in multilevel models.

Everything is imported on first use, so that ``import mlm_helpers`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "load_dataset": "data.datasets",
    "codebook": "data.datasets",
    "group_mean": "data.centering",
    "center_within": "data.centering",
    "center_grand": "data.centering",
    "fit_mlm": "engine.fit",
    "MLMFit": "engine.fit",
    "compare": "engine.compare",
    "bootstrap": "interpret.bootstrap",
    "Bootstrap": "interpret.bootstrap",
    "influence": "interpret.influence",
    "Influence": "interpret.influence",
    "power": "interpret.planning",
    "approximate_power": "interpret.planning",
    "with_centering": "engine.chunks",
    "ols_by_group": "interpret.residuals",
    "reliabilities": "interpret.residuals",
    "eb_table": "interpret.residuals",
    "eb_by": "interpret.residuals",
    "icc": "interpret.variance",
    "variance_explained": "interpret.variance",
    "variance_decomposition": "interpret.variance",
    "r2": "interpret.variance",
    "simple_slopes": "interpret.slopes",
    "simple_intercepts": "interpret.slopes",
    "johnson_neyman": "interpret.johnson_neyman",
    "JohnsonNeyman": "interpret.johnson_neyman",
    "prediction_grid": "interpret.predictions",
    "contextual_effect": "interpret.contextual",
    "slope_pairs": "interpret.pairs",
    "intercept_pairs": "interpret.pairs",
    "hlm_tests": "interpret.hlm",
    "effect_sizes": "interpret.effect_sizes",
    "pool": "interpret.pooling",
    "Pooled": "interpret.pooling",
    "write_up": "report.paper",
    "read_data": "data.reading",
    "inspect_data": "data.inspection",
    "messy_example": "data.practice",
    "Vocabulary": "words.vocabulary",
    "load_vocabulary": "words.vocabulary",
    "define": "words.wording",
    "definitions": "words.wording",
    "say": "words.wording",
    "plain": "words.wording",
    "exercise": "exercises",
    "NotYet": "exercises",
    "open_lesson": "lesson.files",
    "explore_cross_level": "explorers.cross_level_view",
    "explore_centering": "explorers.centering_view",
    "explore_shrinkage": "explorers.shrinkage_view",
    "explore_refit": "explorers.refit_view",
    "explore_probing": "explorers.probe_view",
}
# Reached as mlm.equations.level1(...): one name for many functions of a kind.
_MODULES = {
    "equations": "words.equations",
    "wording": "words.wording",
    "vocabulary": "words.vocabulary",
    "plots": "plots",
    "show": "report.cells",
}

__version__ = "1.0.0"
__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
