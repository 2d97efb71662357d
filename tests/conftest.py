"""What every test may rely on."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import settings

import mlm_helpers as mlm

# Random examples, but the same ones on every machine; no deadline, because machines differ.
settings.register_profile("course", derandomize=True, deadline=None)
settings.load_profile("course")


@pytest.fixture
def hsb() -> pd.DataFrame:
    """High School & Beyond as it is loaded."""
    return mlm.load_dataset("hsb82")
