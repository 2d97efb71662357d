"""From a formula and rows to an exact fit and its inference."""
