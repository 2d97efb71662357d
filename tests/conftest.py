"""What every test may rely on."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import Any

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """In CI on Linux everything that a test needs is installed: a skip there is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _in_ci():
        report.outcome = "failed"
        report.longrepr = f"Skipped, and nothing may be skipped in CI: {report.longrepr}"
    return report


def _in_ci() -> bool:
    return bool(os.environ.get("CI")) and sys.platform == "linux"
