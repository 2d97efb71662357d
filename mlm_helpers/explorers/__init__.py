"""Explorers: models that move under sliders, each a pure ``compute`` beside a thin view."""
