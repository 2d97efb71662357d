"""Exercises and walkthrough as notebooks, made from templates and a lesson.

``templates/exercises/part1.md.j2`` to ``part4.md.j2`` are the one source of the exercises:
rendered for ``ex1`` they are ``exercises/solutions``, from which ``build`` makes what students
get. ``templates/walkthrough.md.j2`` is the walkthrough of an adapted course.

A template is a row of cells. A line ``%% KIND ID`` starts one; ``if=FLAG`` keeps it only where the
flag holds (``HandoutContext.flags``). KIND is ``text``, ``code`` or ``answer``; an answer brings
the cells for its hint and its check with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mlm_helpers.authoring.lecture import Context, tex
from mlm_helpers.authoring.template import TEMPLATES, Cell, Raw, blocks
from mlm_helpers.words.vocabulary import join_words

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from mlm_helpers.exercises.questions import Question
    from mlm_helpers.exercises.study import Study
    from mlm_helpers.lesson.lesson import Lesson

EXERCISES = {
    "part1": "part1_define_the_parameters.ipynb",
    "part2": "part2_read_the_output.ipynb",
    "part3": "part3_centering_and_context.ipynb",
    "part4": "part4_probe_and_test.ipynb",
}
OWN = "questions_of_your_course.ipynb"
WALKTHROUGH = "walkthrough_random_intercepts_and_slopes.ipynb"

_HOW = """\
How each question works: read the task, write your answer where the dots are, run the answer cell \
and
then the check below it. If the check says *not yet*, it names what has probably gone wrong. The \
cell
above the answer gives a hint; run it again for the next one."""


# ---- public -----------------------------------------------------------------------------------
def exercise_notebook(part: str, lesson: Lesson) -> NotebookNode:
    """The solution notebook of one exercise (``"part1"`` to ``"part4"``), not yet run.

    Part 3 is about High School & Beyond whatever the lesson. A question that does not apply to the
    lesson's data is left out.
    """
    from nbformat.v4 import new_notebook

    context = HandoutContext(lesson.pair())
    template = (TEMPLATES / "exercises" / f"{part}.md.j2").read_text(encoding="utf-8")
    cells = [c for piece in _pieces(template) for c in _exercise_cells(piece, context)]
    return new_notebook(cells=cells, metadata={"mlm_exercise": part})


def own_notebook(lesson: Lesson) -> NotebookNode:
    """The solution notebook of a lesson's own questions, not yet run."""
    from nbformat.v4 import new_notebook

    from mlm_helpers.exercises.own import key

    context = HandoutContext(lesson)
    setup = [
        "import mlm_helpers as mlm",
        "",
        "lesson = mlm.open_lesson()",
        'ex = mlm.exercise("own", study=lesson)',
        f"{lesson.name} = lesson.data",
    ]
    fits = [f'{k} = mlm.fit_mlm("{lesson.formulas[k]}", data={lesson.name})' for k in lesson.models]
    pieces = [
        Piece("text", "own-title", (), f"# {lesson.title}: more questions\n\n{_HOW}", 0),
        Piece("code", "own-setup", (), "\n".join(setup), 0),
        Piece("code", "own-fits", (), "\n".join(fits), 0),
    ]
    for number, q in enumerate(lesson.questions, start=1):
        pieces += [
            Piece("text", f"own-{q.id}-task", (), f"## Question {number}\n\n{q.task}", 0),
            Piece("answer", f"own-{q.id}", (), f"answer_{q.id} = {key(q, lesson)}", 0),
        ]
    cells = [c for piece in pieces for c in _exercise_cells(piece, context)]
    return new_notebook(cells=cells, metadata={"mlm_exercise": "own"})


def walkthrough_notebook(lesson: Lesson) -> NotebookNode:
    """The walkthrough on a lesson's data, not yet run."""
    from nbformat.v4 import new_notebook

    context = HandoutContext(lesson)
    template = (TEMPLATES / "walkthrough.md.j2").read_text(encoding="utf-8")
    cells = [_cell(piece, context) for piece in _pieces(template) if context.wants(piece)]
    return new_notebook(cells=cells, metadata={"title": "Walkthrough"})


# ---- cells ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Piece:
    """One cell of a template: its kind, id, conditions, text and line."""

    kind: str
    id: str
    conditions: tuple[str, ...]
    text: str
    line: int


def _pieces(template: str) -> Iterator[Piece]:
    for (kind, name, *rest), line, text in blocks(template):
        conditions = tuple(w.removeprefix("if=") for w in rest)
        yield Piece(kind, name, conditions, text, line)


def _cell(piece: Piece, context: HandoutContext, tags: tuple[str, ...] = ()) -> NotebookNode:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    kind = "text" if piece.kind == "text" else "code"
    source = context.render(Cell(kind, "-", (), (), piece.text, piece.line))
    new = new_markdown_cell if kind == "text" else new_code_cell
    name = f"{piece.id}-answer" if piece.kind == "answer" else piece.id
    return new(source, id=name, metadata={"tags": list(tags)} if tags else {})


def _exercise_cells(piece: Piece, context: HandoutContext) -> Iterator[NotebookNode]:
    from nbformat.v4 import new_code_cell

    if not context.wants(piece):
        return
    if piece.kind != "answer":
        yield _cell(piece, context)
        return
    question = piece.id.partition("-")[2]

    def helper(kind: str, call: str, tags: list[str]) -> NotebookNode:
        source = f'ex.{call}("{question}")'
        return new_code_cell(source, id=f"{piece.id}-{kind}", metadata={"tags": tags})

    yield helper("hint", "hint", ["hint"])
    yield _cell(piece, context, ("answer",))
    yield helper("check", "check", ["check", "nbval-check-output"])


# ---- what the templates can say -----------------------------------------------------------------
class HandoutContext(Context):
    """The names and flags of exercises and walkthrough, for one lesson."""

    def wants(self, piece: Piece) -> bool:
        """Whether the cell's conditions hold."""
        return all(self.flag(name) for name in piece.conditions)

    def flag(self, name: str) -> bool:
        """One condition; ``reads_...`` holds where the checks can read these data's words."""
        if name.startswith("reads_"):
            return self.reads(name.removeprefix("reads_"))
        if name in self.flags:
            return self.flags[name]
        return bool(getattr(self, f"is_{name}"))

    @cached_property
    def names(self) -> dict[str, Any]:
        """Everything that the templates may use."""
        out = {**super().names, **self._handout_names()}
        return {**out, **self._exercise_names()} if self.two and self.m else out

    def _handout_names(self) -> dict[str, Any]:
        from mlm_helpers.interpret.variance import icc

        sizes = self.lesson.data.groupby(self.v.group_column, observed=True).size()
        return {
            "m0": self.fit("m0"),
            "icc": icc(self.fit("m0")),
            "smallest": int(sizes.min()),
            "largest": int(sizes.max()),
            "all_gammas": tuple(
                c.symbol for c in self.fit(self.lesson.last).structure.coefficients
            ),
            "col": lambda fit, symbol: Raw(fit.structure.coefficient(symbol).column),
        }

    # -- exercises
    @cached_property
    def study(self) -> Study:
        """What the exercises are computed from."""
        from mlm_helpers.exercises.study import study_of

        return study_of(self.lesson)

    @cached_property
    def questions(self) -> dict[str, dict[str, Question]]:
        """All questions of the parts on the lesson's own data."""
        from mlm_helpers.exercises import exercise

        return {p: exercise(p, self.study).questions for p in ("part1", "part2", "part4")}

    def _exercise_names(self) -> dict[str, Any]:
        from mlm_helpers.words.wording import versus

        unread = [s for s in self.definitions if not self.reads(s)]
        return {
            "how_it_works": Raw(_HOW),
            "setup": self._setup,
            "study": self.study,
            "only_two": self._only_two(),
            "said": SimpleNamespace(**self.said),
            "kinds": versus(self.w.codes[-1], self.w.codes[0]),
            "unread_symbols": Raw(join_words([f"${_tex(s)}$" for s in unread])),
            "gaps_part4": Raw(self._gaps()),
        }

    def _setup(self, part: str, data: bool = True) -> Raw:
        """The first cell of an exercise: opens it, and reads the data where they are needed."""
        lesson, lines = self.lesson, ["import mlm_helpers as mlm", ""]
        if lesson.name == "ex1":
            lines += [f'ex = mlm.exercise("{part}")', *([lesson.loading] if data else [])]
            return Raw("\n".join(lines))
        table = "lesson.pair().data" if lesson.is_pair else "lesson.data"
        lines.append("lesson = mlm.open_lesson()")
        lines.append(f'ex = mlm.exercise("{part}", study=lesson)')
        lines += [f"{lesson.name} = {table}"] if data else []
        return Raw("\n".join(lines))

    def _only_two(self) -> Raw:
        if not self.lesson.is_pair:
            return Raw("")
        low, high = self.w.codes
        return Raw(
            f" The exercises compare {low.many} and {high.many} only, so `{self.w.column}` is 0 "
            "or 1 here."
        )

    def _gaps(self) -> str:
        flags = (self.is_fell, self.is_not_significant, self.is_gap_shrunk, self.is_error_shrinks)
        if all(flags):
            return ""
        return (
            "\n\nSome numbers are missing below: those questions ask about something that is not "
            "so in these data."
        )

    # -- sentences for the answer cells
    @cached_property
    def said(self) -> dict[str, Any]:
        """A short right answer to each question that wants a sentence, in two lines if long."""
        from mlm_helpers.words.wording import versus

        v, w, x, m = self.v, self.w, self.x, self.m
        low, high = self.w.codes[0], self.w.codes[-1]
        mean = f"mean {v.outcome.label}"
        slope = (x.slope or f"slope of {x.label}").replace("–", "-")
        within = f"within-{v.group.one} {slope}"
        zero = f"with {self._zero(m)}"
        g, s = v.group.one, v.group.many
        both = f"{w.label} and {m.label}"
        kinds = versus(high, low)
        sentences: dict[str, Any] = {
            "gamma00": f"the expected {mean} of {low.one} {zero}",
            "gamma01": (
                f"the expected difference in {mean} between {kinds},",
                f" holding {m.label} constant",
            ),
            "gamma02": (
                f"the expected change in a {g}'s {mean} for each {m.unit},",
                f" holding {w.label} constant",
            ),
            "u0j": (
                f"how far the true {mean} of {g} j lies from the value expected",
                f" from its {both}",
            ),
            "tau00": (
                f"the variance between {s} of the true {mean} that remains",
                f" after taking {both} into account",
            ),
            "gamma10": f"the expected {slope} within {low.one} {zero}",
            "gamma11": (
                f"the expected difference in the {within}",
                f" between {kinds}, holding {m.label} constant",
            ),
            "gamma12": (
                f"the expected change in the {within}",
                f" for each {m.unit}, holding {w.label} constant",
            ),
            "u1j": (
                f"how far the true {slope} of {g} j lies from the slope expected",
                f" from its {both}",
            ),
            "tau11": (
                f"the variance between {s} of the true {slope} that remains",
                f" after taking {both} into account",
            ),
            "q6b": self._plainly(),
        }
        return {k: Raw(_joined(text)) for k, text in sentences.items()}

    def _plainly(self) -> tuple[str, str]:
        v, x, m = self.v, self.x, self.m
        low, high = self.w.codes[0], self.w.codes[-1]
        at_low = self.study.gamma(self.fit("m3"), self.study.x)
        at_high = at_low + self.study.gamma(self.fit("m3"), self.study.x, self.study.w)
        who = x.higher or f"the one with the higher {x.label}"
        way = "smaller" if abs(at_high) < abs(at_low) else "larger"
        tendency = (
            f"Of two {v.unit.many} of the same {v.group.one}, {who} tends to have the "
            f"{'higher' if at_low > 0 else 'lower'} {v.outcome.label}."
        )
        kinds = f"in {high.many} than in {low.many} with the same {m.label}"
        if self.study.tells_slopes_apart:
            return tendency, f"That gap is {way} {kinds}."
        return tendency, f"The data cannot tell whether that gap is smaller or larger {kinds}."

    @property
    def definitions(self) -> tuple[str, ...]:
        """The parameters that part 1 asks to define."""
        from mlm_helpers.exercises.part1 import PARAMETERS

        return tuple(PARAMETERS)

    def reads(self, symbol: str) -> bool:
        """Whether the checks understand two right answers in the words of these data, a short one
        and a long one. Where they do not, they would refuse students' right answers as well."""
        from mlm_helpers.exercises.judging.plain import to_plain
        from mlm_helpers.words.wording import define, plain

        texts = [str(self.said[symbol])]
        if symbol == "q6b":
            question = self.questions["part2"][symbol]
            texts.append(plain(self.fit("m3"), "gamma11", self.lesson.vocabulary))
        else:
            question = self.questions["part1"][symbol]
            texts.append(define(self.fit("m3"), symbol, self.lesson.vocabulary, note=False))
        return all(question.judge(to_plain(text)).passed for text in texts)

    # -- what is so in these data
    def reasons(self) -> list[str]:
        """Why part 4 has fewer questions on these data, one reason for each that is missing."""
        w, many = self.w.label, self.v.group.many
        found = {
            "why Model 3 explains a little less of the slopes than Model 2: it does not": (
                self.is_fell
            ),
            "what a slope variance that is not significant means: that of Model 3 is": (
                self.is_not_significant
            ),
            f"why EB slopes of the kinds of {self.v.group.one} lie closer together than the "
            "model's: they do not": self.is_gap_shrunk,
            f"how the standard error of {w} in the slopes shrinks when {many} get one slope: it "
            "hardly does": self.is_error_shrinks,
        }
        return [text for text, holds in found.items() if not holds]

    @property
    def is_unread(self) -> bool:
        """Some definition that the checks cannot read."""
        return not all(self.reads(s) for s in self.definitions)

    @cached_property
    def is_fell(self) -> bool:
        """Model 3 explains a little less of the slope variance than Model 2."""
        from mlm_helpers.interpret.variance import variance_explained

        two, three = (
            float(variance_explained(self.fit("m1"), self.fit(k))["explained"]["tau11"])
            for k in ("m2", "m3")
        )
        return two - 0.03 < three < two

    @cached_property
    def is_not_significant(self) -> bool:
        """The slope variance of Model 3 cannot be told from 0, by either p value."""
        from mlm_helpers.engine.compare import compare

        row = compare(self.fit("m3_ri"), self.fit("m3")).table.iloc[-1]
        return float(min(row["p"], row["p_boundary"])) >= self.lesson.alpha

    @cached_property
    def is_gap_shrunk(self) -> bool:
        """The gap of mean EB slopes has γ11's sign and is clearly smaller."""
        gap = self.study.eb_gap[1]
        gamma = self.study.gamma(self.fit("m2"), self.study.x, self.study.w)
        return gap * gamma > 0 and abs(gamma) > 1.2 * abs(gap)

    @cached_property
    def is_error_shrinks(self) -> bool:
        """Without the random slope, γ11's standard error is visibly smaller."""
        s = self.study
        with_slope, without = (float(s.row(fit, s.x, s.w)["std_error"]) for fit in (s.m2, s.m2_ri))
        return without < 0.98 * with_slope


def _joined(text: str | tuple[str, ...]) -> str:
    """A sentence in lines of a cell."""
    return text if isinstance(text, str) else "\n".join(piece.strip() for piece in text)


def _tex(symbol: str) -> str:
    return tex(symbol.removesuffix("j") if symbol.startswith("u") else symbol)
