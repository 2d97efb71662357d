"""Pictures of a multilevel model, each with a description in words.

A builder such as :func:`lines_table` makes a plain table from a fit; a ``plot_*`` function draws a
table and knows nothing of fits. Every picture carries alt text that says what is to be seen, with
its numbers: :func:`alt_text` reads it, :func:`show` puts picture and text on the page.

A function with one panel takes ``ax=None`` and returns the Axes; one with several panels takes a
sequence of Axes and returns a tuple of them. Without ``ax`` a new Figure is made that pyplot does
not know of. ``labels`` says what columns and codes are called: a mapping such as
``{"famsesc": "family SES", "sector=1": "private"}``, a vocabulary, or the name of a data set whose
vocabulary is shipped. By default it is the vocabulary of the data that were fitted.

seaborn draws what it can, in a theme set in ``canvas``. Colours are Okabe & Ito's, which
colour-blind readers can tell apart; line style, marker or a label says the same as colour.
"""

from mlm_helpers.interpret.drawn import context_table, echo_table, lines_table, residual_table
from mlm_helpers.report.plots.canvas import (
    COLORS,
    alt_text,
    bundle,
    describe,
    png,
    show,
    svg,
)
from mlm_helpers.report.plots.context import plot_context
from mlm_helpers.report.plots.diagnostics import plot_level1_residuals, plot_level2_residuals
from mlm_helpers.report.plots.echo import plot_echo
from mlm_helpers.report.plots.effects import (
    plot_johnson_neyman,
    plot_power,
    plot_predictions,
    plot_simple_slopes,
)
from mlm_helpers.report.plots.groups import (
    plot_caterpillar,
    plot_eb,
    plot_eb_by,
    plot_group_lines,
    shared_limits,
)
from mlm_helpers.report.plots.variance import plot_r2, plot_variance_explained

__all__ = [
    "COLORS",
    "alt_text",
    "bundle",
    "context_table",
    "describe",
    "echo_table",
    "lines_table",
    "plot_caterpillar",
    "plot_context",
    "plot_eb",
    "plot_eb_by",
    "plot_echo",
    "plot_group_lines",
    "plot_johnson_neyman",
    "plot_level1_residuals",
    "plot_level2_residuals",
    "plot_power",
    "plot_predictions",
    "plot_r2",
    "plot_simple_slopes",
    "plot_variance_explained",
    "png",
    "residual_table",
    "shared_limits",
    "show",
    "svg",
]
