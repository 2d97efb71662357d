"""Questions of an instructor's own: their lesson file has task, key, hints and wrong answers."""

from __future__ import annotations

from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.questions import NumberQuestion, Question, Wrong
from mlm_helpers.lesson.expressions import evaluate
from mlm_helpers.lesson.lesson import Lesson, OwnQuestion


def questions(lesson: Lesson) -> tuple[Question, ...]:
    """The questions of a lesson, with their keys computed on its data."""
    return tuple(_question(q, lesson) for q in lesson.questions)


def key(question: OwnQuestion, lesson: Lesson) -> float:
    """The right answer to a question, as exactly as its decimals ask for."""
    return round(evaluate(question.key, lesson), question.decimals)


def _question(q: OwnQuestion, lesson: Lesson) -> NumberQuestion:
    right = evaluate(q.key, lesson)
    wrong = tuple(Wrong(evaluate(value, lesson), reply) for value, reply in q.wrong)
    same = next((w for w in wrong if abs(w.value - right) < 0.5 * 10.0**-q.decimals), None)
    if same is not None:
        raise MLMError(
            f"A wrong answer of the question {q.id!r} ({same.reply!r}) has the value of the right "
            "one on these data: take it out, or ask for more decimals."
        )
    return NumberQuestion(
        id=q.id,
        right=right,
        measure="the unit that the task names",
        wrong=wrong,
        hints=q.hints or ("Read the task once more, and find the row of the output it speaks of.",),
        decimals=q.decimals,
    )
