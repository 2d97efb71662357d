"""Data sets, centering, reading and inspecting files."""
