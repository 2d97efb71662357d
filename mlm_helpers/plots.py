"""The pictures, under the name that notebooks import them by."""

from mlm_helpers.report.plots import *  # noqa: F403
from mlm_helpers.report.plots import __all__ as __all__
