"""What an interaction says: the functions of slopes, predictions, contextual and johnson_neyman."""

from mlm_helpers.interpret.contextual import contextual_effect
from mlm_helpers.interpret.johnson_neyman import JohnsonNeyman, johnson_neyman
from mlm_helpers.interpret.predictions import prediction_grid
from mlm_helpers.interpret.slopes import simple_intercepts, simple_slopes

__all__ = [
    "JohnsonNeyman",
    "contextual_effect",
    "johnson_neyman",
    "prediction_grid",
    "simple_intercepts",
    "simple_slopes",
]
