"""The lecture as a notebook, made from a template and a lesson.

``templates/lecture06.md.j2`` is the one source of the lecture. A :class:`Lesson` says which data it
is about and what their variables are called; :func:`build_lecture` fits the three models, fills
equations, definitions, numbers and verdicts into the text, and returns the notebook, not yet run.

The template is a row of cells. A line ``%% text slide`` starts one:

* first word: ``text``, ``code``, or ``notes`` (for the instructor, on the speaker's screen);
* ``slide`` / ``subslide`` / ``fragment`` / ``skip`` / ``-`` (goes on): its place in the slide show;
* ``hide``: on the slide, the output without the code; ``explorer``: on the slide, the still picture
  alone;
* ``if=two`` and the like: only for lessons of which that is true (see ``Context.flags``);
* ``needs=5``: only where slide 5 of the template is in the lecture (see ``deck``).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mlm_helpers.authoring.claims import Claims
from mlm_helpers.authoring.deck import Slide, arrange, renumber
from mlm_helpers.authoring.template import TEMPLATES, Cell, Raw, blocks, cell_of, escape
from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.lesson.roles import quoted_name
from mlm_helpers.text import join_words, shown
from mlm_helpers.words.vocabulary import Code, Predictor, Vocabulary, pretty_symbol, with_article

if TYPE_CHECKING:
    import pandas as pd
    from nbformat import NotebookNode

    from mlm_helpers.engine.fit import MLMFit

LECTURE = "lecture06"
R_WIDTH = 62
NORMAL_95 = 1.959963984540054  # the intervals of the caterpillar plot
NOTEBOOK = "lecture06_cross_level_interactions.ipynb"


def shipped_lesson(name: str) -> Lesson:
    """The lesson on a data set that comes with the course: ``"ex1"`` or ``"hsb82"``."""
    from mlm_helpers.lesson.files import open_lesson, shipped_lessons

    if name not in shipped_lessons():
        raise MLMError(f"There is no lesson {name!r}; there are {join_words(shipped_lessons())}.")
    return open_lesson(name)


# ---- the notebook -----------------------------------------------------------------------------
def build_lecture(lesson: Lesson) -> NotebookNode:
    """The lecture on a lesson's data, as a notebook that has not been run.

    Raises
    ------
    MLMError
        When a column cannot play its part, in a sentence that names it.
    """
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    context = Context(lesson)
    cells = []
    for number, slide in enumerate(context.slides, start=1):
        for within, cell in enumerate(slide.cells, start=1):
            source = context.render(cell)
            if cell.slide == "slide":
                source = renumber(source, number)
            metadata: dict[str, Any] = {"slideshow": {"slide_type": cell.slide}}
            if cell.tags:
                metadata["tags"] = list(cell.tags)
            new = new_code_cell if cell.kind == "code" else new_markdown_cell
            cells.append(new(source, metadata=metadata, id=f"slide{number:02d}-{within:02d}"))
    about = {k: getattr(lesson, k) for k in ("institution", "author", "date")}
    title = {"title": f"{lesson.title}: {lesson.topic}"}
    return new_notebook(cells=cells, metadata=title | {k: t for k, t in about.items() if t})


def write_lecture(lesson: Lesson, path: Path) -> Path:
    """Build the lecture, run it in the folder of ``path``, and store it there in the one form in
    which notebooks are committed."""
    from mlm_helpers.authoring.notebooks import run_notebook, write_notebook

    write_notebook(run_notebook(build_lecture(lesson), path.parent), path)
    return path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``lecture``."""
    parser.add_argument("lesson", nargs="?", default="ex1", help="ex1 (the lecture) or hsb82")
    parser.add_argument("--out", type=Path, default=Path("lectures"), help="folder to write to")


def run(options: argparse.Namespace) -> int:
    """Write the lecture on a lesson of the course, executed."""
    options.out.mkdir(parents=True, exist_ok=True)
    path = write_lecture(shipped_lesson(options.lesson), options.out / NOTEBOOK)
    print(f"{path} written")
    return 0


# ---- what the template can say ------------------------------------------------------------------
class Context:
    """The names that the template uses, for one lesson. Fits are made when first asked for."""

    def __init__(self, lesson: Lesson):
        self.lesson = lesson
        lesson.vocabulary.check(lesson.data)
        self.v = self.m3_words
        self.x = self.v.predictor(lesson.predictor)
        self.w = self.v.predictor(lesson.moderator)
        # None where the lecture ends with Model 2
        self.m: Any = self.v.predictor(lesson.second) if lesson.second else None
        self.kinds = self.v.predictor(lesson.by)
        self.two = len(self.w.codes) == 2

    # -- the models
    @property
    def formulas(self) -> dict[str, str]:
        """The lecture's formulas, written as on its slides."""
        return self.lesson.formulas

    def fit(self, name: str) -> MLMFit:
        """One of the lecture's models, fitted once."""
        return self.lesson.fit(name)

    @cached_property
    def m3_words(self) -> Vocabulary:
        """The vocabulary, complete with what the data show."""
        from mlm_helpers.words.vocabulary import words_for

        return words_for(self.fit(self.lesson.last), self.lesson.vocabulary)[1]

    @property
    def flags(self) -> dict[str, bool]:
        """What a cell may depend on."""
        m = self.m
        contextual = m is not None and m.mean_of is not None and m.mean_of == self.x.base
        return {
            "two": self.two,
            "kinds": bool(self.w.codes),
            "amount": not self.w.codes,
            "several": len(self.w.codes) > 2,
            "second": m is not None,
            "alone": m is None,
            "contextual": contextual,
            "apart": m is not None and not contextual,
            "more": bool(self.lesson.controls or self.lesson.beside),
            "start": self.lesson.starts_at == "intercepts",
        }

    # -- slides
    @cached_property
    def _deck(self) -> tuple[list[Slide], dict[int, int]]:
        template = (TEMPLATES / f"{LECTURE}.md.j2").read_text(encoding="utf-8")
        return arrange([cell_of(*b) for b in blocks(template)], self.flags, self.lesson.slides)

    @property
    def slides(self) -> list[Slide]:
        """The slides of the lecture, in order."""
        return self._deck[0]

    def slide(self, number: int) -> int:
        """The number that a slide of the template has in this lecture; 0 where it is left out."""
        return self._deck[1].get(number, 0)

    @property
    def is_whole(self) -> bool:
        """Whether all slides are there, each in its place."""
        return all(number == shown for number, shown in self._deck[1].items())

    # -- filling in
    escape = staticmethod(escape)

    def render(self, cell: Cell) -> str:
        """The cell's text, filled in. In text, not in code, words are escaped for Markdown."""
        if cell.verbatim:
            return cell.text
        environment = self._code if cell.kind == "code" else self._text
        try:
            return environment.from_string(cell.text).render(self.names).strip()
        except MLMError:
            raise
        except Exception as error:
            if not cell.line:
                raise MLMError(f"A slide of your own cannot be filled in: {error}.") from None
            where = f"the template's cell at line {cell.line}"
            raise RuntimeError(f"{where} cannot be filled in: {error}") from error

    @cached_property
    def _text(self) -> Any:
        return self._environment(escape)

    @cached_property
    def _code(self) -> Any:
        return self._environment(str)

    @staticmethod
    def _environment(finalize: Callable[[Any], str]) -> Any:
        from jinja2 import Environment, StrictUndefined

        made = Environment(undefined=StrictUndefined, finalize=finalize, keep_trailing_newline=True)
        made.filters |= {"cap": capital, "size": size, "higher": higher, "a": with_article}
        return made

    @cached_property
    def names(self) -> dict[str, Any]:
        """Everything that the template may use."""
        fits = {name: self.fit(name) for name in (*self.lesson.models, "m1_ri")}
        return {
            **fits,
            **self._words(),
            **self._formula_names(),
            **self._symbols(),
            **self._numbers(),
            **self._functions(),
        }

    def _words(self) -> dict[str, Any]:
        lesson, v, w, kinds = self.lesson, self.v, self.w, self.kinds
        low, high = (kinds.codes[0], kinds.codes[-1])
        vocabulary = f", vocabulary={lesson.words}" if lesson.words else ""
        labels = f", labels={lesson.words}" if lesson.words else ""
        return {
            "institution": lesson.institution,
            "author": lesson.author,
            "date": lesson.date,
            "by_line": " · ".join(t for t in (lesson.author, lesson.date) if t),
            "course": lesson.course,
            "lecture": lesson.title,
            "topic": lesson.topic,
            "about": Raw(lesson.about),
            "next_step": Raw(lesson.next_step),
            "name": Raw(lesson.name),
            "loading": Raw(lesson.loading),
            "words": Raw(vocabulary),
            "labels": Raw(labels),
            "y": v.outcome,
            "unit": v.unit,
            "group": v.group,
            "x": self.x,
            "w": SimpleNamespace(**{**vars(w), "low": low, "high": high}),
            "m": self.m,
            "slope": self.x.slope or f"slope of {self.x.label}",
            "columns": self._columns(),
            "g": v.group_column,
            "w_counts": self._counts(),
            "w_coding": Raw(self._coding()),
            **self.flags,
            "slide": lambda number: Raw(self.slide(number)),
            "whole": self.is_whole,
            "by": kinds,
            "at_name": "high" if w.codes else "average",
            "w_zero": "" if w.codes else self._zero(w),
            "predictors": join_words([p.label for p in (w, self.m) if p]),
            "last_name": "Model 3" if self.m else "Model 2",
            "lm": lesson.last,
            "level": lesson.alpha,
            "level_argument": Raw("" if lesson.alpha == 0.05 else f", level={1 - lesson.alpha:g}"),
            "alpha": f"{lesson.alpha:g}".removeprefix("0"),
            "percent": f"{100 * lesson.alpha:g}%",
            "varies": bool(lesson.beside) and lesson.beside_varies,
            "more_are": "are" if len(lesson.controls) + bool(lesson.beside) > 1 else "is",
            "at_high": Raw(f'{{"{w.column}": {self._value(high) if w.codes else 0}}}'),
            "who": Raw(self._who(low)),
            "others": self._others(),
            "more": self._more(),
            "last": self.fit(lesson.last),
            **(
                {"m_zero": self._zero(self.m), "m_centering": Raw(self._centering())}
                if self.m
                else {}
            ),
            "note": {n: Raw(t) for n, t in lesson.notes.items()},
        }

    def _formula_names(self) -> dict[str, Any]:
        f = self.formulas
        return {
            "f": {k: Raw(t) for k, t in f.items()},
            "r": {k: Raw(_r_call(t)) for k, t in f.items()},
            "q": {
                k: Raw(quoted_name(c))
                for k, c in (
                    ("x", self.x.column),
                    ("w", self.w.column),
                    ("m", self.m.column if self.m else ""),
                    ("g", self.v.group_column),
                )
            },
        }

    # -- symbols
    def _of(self, model: str, p: int, variable: str | None) -> tuple[str, ...]:
        """Symbols of the γ's of β_p that belong to one level-2 variable (None: γ_p0)."""
        from mlm_helpers.words.vocabulary import factors_of

        s = self.fit(model).structure
        out = []
        for c in s.coefficients:
            if c.p != p:
                continue
            keys = [f.key for f in factors_of(c.level2, s)] if c.level2 else [None]
            if keys == [variable]:
                out.append(c.symbol)
        return tuple(out)

    def _symbols(self) -> dict[str, Any]:
        w = self.w.column
        out = {"w0": self._of("m2", 0, w), "w1": self._of("m2", 1, w)}
        out["w1_last"] = self._of(self.lesson.last, 1, w)
        if self.m is None:
            return out
        m = self.m.column
        return {
            **out,
            "w0_3": self._of("m3", 0, w),
            "w1_3": self._of("m3", 1, w),
            "m0": self._of("m3", 0, m),
            "m1s": self._of("m3", 1, m),
            "n_cross": len(self._of("m3", 1, w)) + len(self._of("m3", 1, m)),
        }

    # -- numbers
    def _numbers(self) -> dict[str, Any]:
        from mlm_helpers.engine.compare import compare
        from mlm_helpers.interpret.contextual import contextual_effect
        from mlm_helpers.interpret.residuals import eb_by, reliabilities
        from mlm_helpers.interpret.variance import variance_explained

        m1, m2, m3 = (self.fit(k) for k in ("m1", "m2", self.lesson.last))
        means = eb_by(m1, self.kinds.column, self.lesson.data)["mean"].unstack()
        gaps = (means.iloc[:, -1] - means.iloc[:, 0]).to_list()
        reliable = reliabilities(m1).mean()
        out = {
            "n_rows": m1.nobs,
            "n_groups": m1.ngroups,
            "per_group": m1.nobs / m1.ngroups,
            "gap0": gaps[0],
            "gap1": gaps[1],
            "lambda0": float(reliable["lambda0"]),
            "lambda1": float(reliable["lambda1"]),
            "guesses": _guesses(abs(float(m1.fixed_effects["estimate"].iloc[1]))),
            "b1": m1.coefficients["b1"],
            "clear": {u: _leaves_out_zero(m3, u) for u in ("u0", "u1")},
            "ve2": variance_explained(m1, m2)["explained"],
            "ve3": variance_explained(m1, m3)["explained"],
            "cmp1": compare(self.fit("m1_ri"), m1).table.iloc[1],
            "cmp3": compare(self.fit(f"{self.lesson.last}_ri"), m3).table.iloc[1],
        }
        if self.flags["contextual"]:
            both = contextual_effect(self.fit("both"), self.x.column, self.m.column)["estimate"]
            in_m3 = contextual_effect(m3, self.x.column, self.m.column)["estimate"]
            # at each kind of group, the reference first
            out |= {"ctx": both, "ctx3": float(in_m3.loc[["contextual"]].iloc[0])}
        return out

    # -- functions
    def _functions(self) -> dict[str, Any]:
        from mlm_helpers.words import equations as eq
        from mlm_helpers.words.wording import define, number, p_value, plain, say

        v = self.lesson.vocabulary
        drawn = {
            f.__name__: lambda fit, highlight=(), f=f: Raw(f(fit, v, highlight=highlight))
            for f in (eq.level1, eq.level2, eq.distributions, eq.combined)
        }
        return {
            "eq": SimpleNamespace(**drawn),
            "D": lambda fit, s, note=False: define(fit, s, v, note=note),
            "S": lambda fit, s: say(fit, s, v),
            "P": lambda fit, s: plain(fit, s, v),
            "n": lambda value, decimals=2: Raw(number(float(value), decimals)),
            "p": lambda value: Raw(_together(p_value(float(value)))),
            "est": self.estimate,
            "sig": lambda fit, s: self.row(fit, s)["p"] < self.lesson.alpha,
            "pval": lambda fit, s: float(self.row(fit, s)["p"]),
            # a share below 0 is a variance that came out larger, so that nothing is explained
            "share": lambda x: Raw(Claims.share(float(x))),
            "tex": lambda s: Raw(tex(s)),
            "tex_list": lambda symbols: Raw(join_words([f"${tex(s)}$" for s in symbols])),
            # for headings: a table of contents does not set LaTeX
            "greek_list": lambda symbols: Raw(join_words([_greek(s) for s in symbols])),
            "quoted": lambda symbols: Raw(", ".join(f'"{s}"' for s in symbols)),
            "raw": Raw,
            "lrt": self.likelihood_ratio,
            "claim": _Ready(Claims(self)),
            "symbols": self.equation_symbols,
            "lit": self.equation_symbols,
        }

    @staticmethod
    def row(fit: MLMFit, symbol: str) -> pd.Series:
        """The row of a γ in the table of fixed effects."""
        return fit.fixed_effects.T[fit.structure.coefficient(symbol).column]

    def estimate(self, fit: MLMFit, symbol: str) -> float:
        """An estimate by symbol."""
        from mlm_helpers.words.equations import estimates

        return estimates(fit)[symbol]

    @staticmethod
    def equation_symbols(fit: MLMFit, p: int) -> tuple[str, ...]:
        """γ's, u and τ of one level-2 equation."""
        e = next(e for e in fit.structure.equations if e.p == p)
        return (*(c.symbol for c in e.coefficients), f"u{p}", f"tau{p}{p}")

    # -- sentences
    @staticmethod
    def likelihood_ratio(row: pd.Series) -> str:
        """A likelihood-ratio test with both of its p-values."""
        from mlm_helpers.words.wording import p_value

        return Raw(
            f"χ² = {row['Chisq']:.2f} on {int(row['Df'])} df: {_together(p_value(row['p']))}, or "
            f"{_together(p_value(row['p_boundary']))} if the boundary is taken into account."
        )

    def _columns(self) -> list[SimpleNamespace]:
        v, lesson = self.v, self.lesson
        student, school = f"1 ({v.unit.one})", f"2 ({v.group.one})"
        rows = [
            (v.group_column, f"the {v.group.one}", school),
            (v.outcome.column, v.outcome.label, student),
        ]
        others = [c for c in (lesson.second, lesson.beside, *lesson.controls) if c]
        for column in (lesson.predictor, lesson.moderator, *others):
            p = v.predictor(column)
            where = student if p.level == 1 else school
            from_mean = {
                "group": f", from the {v.group.one}'s mean",
                "grand": ", from its grand mean",
            }.get(p.centered, "")
            codes = f" ({self._codes()})" if p is self.w and p.codes else ""
            rows += [(str(p.of), p.label, where), (column, p.label + from_mean + codes, where)]
        if lesson.half:
            rows.append((lesson.half, f"{self.w.label}, split at its median", school))
        there = [row for row in rows if row[0] in lesson.data]
        return [SimpleNamespace(column=c, what=what, where=where) for c, what, where in there]

    def _codes(self) -> str:
        if any(c.number is None for c in self.w.codes):
            return ", ".join(c.name for c in self.w.codes)
        return ", ".join(f"{c.value} {c.name}" for c in self.w.codes)

    def _counts(self) -> str:
        if not self.w.codes:
            values = self.lesson.data[self.w.base]
            return f"{self.w.label} from {shown(values.min())} to {shown(values.max())}"
        kinds = self.lesson.data.groupby(self.v.group_column, observed=True)[self.w.column].first()
        counted = [(int((kinds.map(self.w.code) == c).sum()), c.many) for c in self.w.codes]
        return join_words([f"{n} {many}" for n, many in counted])

    def _coding(self) -> str:
        w = self.w
        if not w.codes:
            return f"`{w.column}` is a number; 0 stands for {escape(self._zero(w))}."
        if self.two and all(c.number is not None for c in w.codes):
            parts = [f"{c.value} for {escape(c.many)}" for c in sorted(w.codes, key=_code_number)]
            return f"`{w.column}` is {join_words(parts)}."
        return (
            f"`{w.column}` has {len(w.codes)} categories, so it enters as {len(w.codes) - 1} "
            f"comparisons with {escape(self._reference().many)}."
        )

    def _value(self, code: Code) -> str:
        """A code as it is written in Python to find it in the data."""
        found = [v for v in self.lesson.data[self.w.column].unique() if self.w.code(v) == code]
        return json.dumps(found[0], ensure_ascii=False, default=lambda value: value.item())

    def _reference(self) -> Code:
        return self.w.codes[0]

    def _zero(self, p: Predictor) -> str:
        """Where a level-2 number is 0."""
        from mlm_helpers.words.wording import Reader

        reader = Reader(self.fit(self.lesson.last).structure, self.v)
        return str(reader.zero(reader.parts(p.column)[0])[1])

    def _who(self, code: Code) -> str:
        """A group at which Model 3's other parameters hold."""
        numbers = [p for p in (None if self.w.codes else self.w, self.m) if p is not None]
        one = code.one if self.w.codes else with_article(self.v.group.one)
        zeros = join_words([self._zero(p) for p in numbers])
        return f"{one} with {zeros}" if numbers else one

    def _others(self) -> str:
        """The groups beside that one."""
        if self.w.codes:
            return join_words([self._who(c) for c in self.w.codes[1:]])
        return f"one whose {self.w.label} is one {self.w.unit} higher"

    def _more(self) -> str:
        """The predictors beside those that the lecture is about."""
        others = [c for c in (self.lesson.beside, *self.lesson.controls) if c]
        return join_words([self.v.predictor(c).label for c in others])

    def _centering(self) -> str:
        g, m = self.v.group, self.m
        if m.centered != "grand":
            return f"Every other parameter now holds for {g.many} with {escape(self._zero(m))}."
        return (
            f"{capital(escape(m.label))} is centered on its grand mean, the mean over all "
            f"{self.v.unit.many} (each {g.one} counts as often as it has {self.v.unit.many}), "
            f"not over {g.many}. So 0 stands for {escape(self._zero(m))}, and that is where every "
            "other parameter holds."
        )


class _Ready:
    """Claims whose sentences are Markdown already: they escape the words that they use."""

    def __init__(self, claims: Claims):
        self._claims = claims

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._claims, name)
        if callable(found):
            return lambda *arguments: Raw(found(*arguments))
        return tuple(Raw(part) for part in found)


def _greek(symbol: str) -> str:
    """``gamma11`` as γ₁₁."""
    return pretty_symbol(symbol).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _together(text: str) -> str:
    """Text that is not broken at the end of a line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _guesses(truth: float) -> list[str]:
    """Three answers to choose from, each with one figure; the second is about right."""
    return [f"{float(f'{truth * k:.0e}'):g}" for k in (0.25, 1, 3)]


def _leaves_out_zero(fit: MLMFit, name: str) -> int:
    """For how many groups the 95% interval of an EB residual does not contain 0."""
    eb = fit.random_effects
    return int((eb[name].abs() > NORMAL_95 * eb[f"{name}_sd"]).sum())


def _code_number(code: Code) -> float:
    return code.number if code.number is not None else 0.0


def _r_call(formula: str) -> str:
    """A formula broken into lines before a plus, as on slides."""
    first, *terms = formula.split(" + ")
    # the plus inside (1 + x | g) is not a place to break at
    while len(terms) > 1 and "(" in terms[-2] and ")" not in terms[-2]:
        terms[-2:] = [f"{terms[-2]} + {terms[-1]}"]
    lines = [first]
    for term in terms:
        if len(lines[-1]) + len(term) > R_WIDTH or term.startswith("("):
            lines.append(f"  + {term}")
        else:
            lines[-1] += f" + {term}"
    return "\n         ".join(lines)


def tex(symbol: str) -> str:
    """``gamma11`` as LaTeX."""
    found = re.fullmatch(r"(gamma|tau|beta|u)([\d,]+)", symbol)
    if found is None:
        return {"r": "r_{ij}", "sigma2": r"\sigma^2"}[symbol]
    head = "u" if found[1] == "u" else "\\" + found[1]
    return f"{head}_{{{found[2]}{'j' if found[1] in ('beta', 'u') else ''}}}"


def capital(text: str) -> str:
    """With a capital first letter; the rest stays."""
    made = text[:1].upper() + text[1:]
    return Raw(made) if isinstance(text, Raw) else made


def size(text: str) -> str:
    """A printed number without its sign."""
    return Raw(str(text).lstrip("−-"))


def higher(value: float) -> str:
    """``"higher"`` or ``"lower"``."""
    return Raw("higher" if value > 0 else "lower")


__all__ = ["Context", "Lesson", "Predictor", "build_lecture", "shipped_lesson", "write_lecture"]
