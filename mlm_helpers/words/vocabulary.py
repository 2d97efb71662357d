"""What the variables of a data set are called: the words behind definitions and equations.

A vocabulary is a small TOML file beside a data set. It says what the outcome, the students and the
schools are called, and for each predictor its label, its symbol in equations, its unit, what its
codes stand for and what its zero means. Without one, words are made from the column names, so that
everything works for any data.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.engine.structure import INTERCEPT, Part, Structure, VariableInfo
from mlm_helpers.engine.variables import is_centered_within
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.text import join_words, shown

if TYPE_CHECKING:
    import pandas as pd

CENTERINGS = ("none", "group", "grand")
# A group mean within this share of the predictor's SD counts as 0: files are written with few
# decimals, so that a column centered within groups is centered up to rounding only.
_ROUNDED = 0.01
_MANY_VALUES = 12


# ---- the parts of a vocabulary -------------------------------------------------------------
@dataclass(frozen=True)
class Outcome:
    """The outcome: ``label`` of one student's score, ``mean`` of a school's, and their unit."""

    column: str
    label: str
    mean: str
    unit: str = "unit"
    units: str = "units"
    symbol: str = "Y"


@dataclass(frozen=True)
class Noun:
    """One and many of something: ``Noun("student", "students")``."""

    one: str
    many: str


@dataclass(frozen=True)
class Code:
    """One value of a coded predictor: ``Code("1", "private", "a private school", "private
    schools")``."""

    value: str
    name: str
    one: str
    many: str

    @property
    def number(self) -> float | None:
        """The value as a number, None for text."""
        try:
            return float(self.value)
        except ValueError:
            return None


@dataclass(frozen=True)
class Predictor:
    """One predictor.

    ``of`` names the column that this one is a centered version of, ``mean_of`` the level-1 column
    whose group means it holds. ``zero`` completes "a school with ...". ``low`` and ``high`` are
    the observed range, when the data have been looked at.
    """

    column: str
    label: str
    level: int
    symbol: str
    unit: str
    centered: str = "none"
    of: str | None = None
    mean_of: str | None = None
    zero: str | None = None
    slope: str | None = None
    higher: str | None = None
    everyday: str | None = None
    codes: tuple[Code, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def base(self) -> str:
        """The uncentered column behind this one."""
        return self.of or self.column

    def code(self, value: object) -> Code | None:
        """The code with this value (``1``, ``"1"``, ``"1.0"`` and ``True`` are the same)."""
        wanted = _value_key(value)
        return next((c for c in self.codes if _value_key(c.value) == wanted), None)


@dataclass(frozen=True)
class Vocabulary:
    """The words of one data set. See the shipped ``ex1.toml`` for every key in use."""

    outcome: Outcome
    unit: Noun
    group_column: str
    group: Noun
    predictors: Mapping[str, Predictor] = field(default_factory=dict)
    name: str = ""

    # ---- where it comes from ----
    @classmethod
    def from_toml(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary file.

        Raises
        ------
        MLMError
            In one sentence: the file that is missing, the line that TOML cannot read, the key
            that is unknown, missing or of the wrong kind, the names that clash.
        """
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
        except OSError:
            raise MLMError(f"There is no vocabulary file {file.name!r} to read.") from None
        except UnicodeDecodeError:
            raise MLMError(f"{file.name} is not UTF-8 text: save it with that encoding.") from None
        return cls.from_text(text, name=file.stem, source=file.name)

    @classmethod
    def from_text(cls, text: str, name: str = "", source: str = "The vocabulary") -> Vocabulary:
        """Read a vocabulary from the text of a TOML file."""
        try:
            mapping = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise MLMError(
                f"{source} is not valid TOML: {error}. Text needs quotation marks, and each table "
                "starts with a line such as [outcome]."
            ) from None
        return cls.from_mapping(mapping, name=name)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], name: str = "") -> Vocabulary:
        """Build a vocabulary from the tables of a TOML file: ``outcome``, ``unit``, ``group``,
        ``predictors``."""
        _only_keys(mapping, ("outcome", "unit", "group", "predictors"), "the vocabulary")
        out = _table(mapping, "outcome")
        _only_keys(out, [f.name for f in fields(Outcome)], "[outcome]")
        column = _text(out, "column", "[outcome]")
        label = _text(out, "label", "[outcome]", column)
        one = _text(out, "unit", "[outcome]", "unit")
        outcome = Outcome(
            column,
            label,
            _text(out, "mean", "[outcome]", f"mean {label}"),
            one,
            _text(out, "units", "[outcome]", plural(one)),
            _text(out, "symbol", "[outcome]", "Y"),
        )
        unit = _noun(_table(mapping, "unit", {}), "[unit]", "observation")
        grp = _table(mapping, "group")
        _only_keys(grp, ("column", "one", "many"), "[group]")
        group_column = _text(grp, "column", "[group]")
        group = _noun(
            {k: v for k, v in grp.items() if k != "column"}, "[group]", group_word(group_column)
        )
        table = _table(mapping, "predictors", {})
        predictors = {
            key: _predictor(key, _table(table, key), unit, group, outcome, table) for key in table
        }
        vocabulary = cls(outcome, unit, group_column, group, predictors, name)
        vocabulary._refuse_clashes()
        return vocabulary

    @classmethod
    def for_structure(cls, structure: Structure) -> Vocabulary:
        """Words made only from the column names of a model."""
        outcome = structure.outcome
        word = group_word(structure.group)
        base = cls(
            Outcome(outcome, outcome, f"mean {outcome}"),
            Noun("observation", "observations"),
            structure.group,
            Noun(word, plural(word)),
        )
        return base.complete(structure)

    # ---- fitting it to a model and its data ----
    def complete(self, structure: Structure) -> Vocabulary:
        """This vocabulary with words from the column names for whatever the model has in addition.

        The model's own knowledge of levels and codes is added; words already there are kept.
        """
        outcome, predictors = self.outcome, dict(self.predictors)
        if structure.outcome != outcome.column:
            # Slope names such as "SES-achievement slope" belong to the outcome they were made for.
            outcome = Outcome(structure.outcome, structure.outcome, f"mean {structure.outcome}")
            predictors = {k: replace(p, slope=None) for k, p in predictors.items()}
        group = self.group
        if structure.group != self.group_column:
            word = group_word(structure.group)
            group = Noun(word, plural(word))
        for name, info in structure.variables.items():
            if name != structure.outcome:
                known = predictors.get(name) or _from_column(name, info.level)
                noun = group if info.level == 2 else self.unit
                predictors[name] = _with_codes(replace(known, level=info.level), info, noun)
        return replace(
            self,
            outcome=outcome,
            group=group,
            group_column=structure.group,
            predictors=predictors,
        )

    def observe(self, structure: Structure, data: pd.DataFrame) -> Vocabulary:
        """Complete the vocabulary with what the rows used show: the observed range of each
        predictor (over groups for level 2), all its codes, columns centered within groups up to
        rounding, and which level-2 column holds the group means of which level-1 column."""
        out = self.complete(structure)
        predictors = dict(out.predictors)
        for name, info in structure.variables.items():
            if name in predictors and name in data.columns:
                predictors[name] = _seen(predictors[name], info, data, out)
        for name, found in _means_found(structure, predictors, data).items():
            predictors[name] = replace(predictors[name], mean_of=found)
        return replace(out, predictors=predictors)

    def predictor(self, column: str) -> Predictor:
        """The words for a column; made from its name when the vocabulary has none."""
        return self.predictors.get(column) or _from_column(column, 1)

    # ---- checking it ----
    def problems(self, data: pd.DataFrame) -> list[str]:
        """What does not fit between this vocabulary and the data, one sentence each.

        A column that is a centered version (``of``) of a column in the data may still be missing.
        """
        return list(_problems(self, data))

    def check(self, data: pd.DataFrame) -> None:
        """Raise an MLMError with the first problem, if there is one."""
        for problem in _problems(self, data):
            raise MLMError(problem)

    def _refuse_clashes(self) -> None:
        for a, b in (("outcome", self.outcome.column), ("group", self.group_column)):
            if b in self.predictors:
                raise MLMError(f"{b!r} is the {a} column, so it cannot be a predictor as well.")
        if self.outcome.column == self.group_column:
            raise MLMError(f"{self.group_column!r} is named both as outcome and as group column.")
        symbols: dict[tuple[str, str, int], str] = {}
        labels: dict[str, Predictor] = {}
        for p in self.predictors.values():
            drawn = (p.symbol, p.centered, p.level)
            if drawn in symbols:
                raise MLMError(
                    f"{p.column!r} and {symbols[drawn]!r} have the same symbol {p.symbol!r} in "
                    "equations: give one of them another 'symbol'."
                )
            symbols[drawn] = p.column
            other = labels.get(p.label.casefold())
            if other and other.base != p.base:
                raise MLMError(
                    f"{p.column!r} and {other.column!r} have the same label {p.label!r}: readers "
                    "could not tell them apart, so give one of them another 'label'."
                )
            labels.setdefault(p.label.casefold(), p)

    # ---- writing it ----
    def to_toml(self) -> str:
        """The vocabulary as TOML, to be edited: a start for somebody's own data."""
        lines = ["[outcome]"]
        lines += _lines({f.name: getattr(self.outcome, f.name) for f in fields(Outcome)})
        lines += ["", "[unit]", *_lines({"one": self.unit.one, "many": self.unit.many})]
        lines += ["", "[group]"]
        lines += _lines(
            {"column": self.group_column, "one": self.group.one, "many": self.group.many}
        )
        for p in self.predictors.values():
            lines += ["", f"[predictors.{_key(p.column)}]"]
            skip = ("column", "codes", "low", "high")
            lines += _lines({f.name: getattr(p, f.name) for f in fields(p) if f.name not in skip})
            if p.codes:
                lines += [f"[predictors.{_key(p.column)}.codes]"]
                for c in p.codes:
                    inner = ", ".join(_lines({"name": c.name, "one": c.one, "many": c.many}))
                    lines += [f"{_key(c.value)} = {{ {inner} }}"]
        return "\n".join(lines) + "\n"


def load_vocabulary(name: str) -> Vocabulary:
    """The vocabulary shipped with a data set, such as ``"ex1"`` or ``"hsb82"``.

    Raises
    ------
    MLMError
        If there is none of that name; the sentence lists those there are.
    """
    shipped = shipped_vocabularies()
    if name not in shipped:
        raise MLMError(
            f"There is no vocabulary {name!r}; there is one for {' and '.join(shipped)}."
            + suggest(str(name), shipped)
        )
    file = resources.files("mlm_helpers").joinpath("data", "datasets", f"{name}.toml")
    return Vocabulary.from_text(file.read_text(encoding="utf-8"), name, f"{name}.toml")


def shipped_vocabularies() -> tuple[str, ...]:
    """Names of the vocabularies that come with the package."""
    folder = resources.files("mlm_helpers").joinpath("data", "datasets")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


def words_for(
    model: Any, vocabulary: Vocabulary | str | None = None
) -> tuple[Structure, Vocabulary]:
    """The structure of a model and a vocabulary complete for it.

    ``model`` is a fit or a Structure. Without a vocabulary, a fit to a shipped data set uses that
    data set's words, anything else its column names. The rows of a fit are looked at for ranges.
    """
    structure = model if isinstance(model, Structure) else getattr(model, "structure", None)
    if not isinstance(structure, Structure):
        raise MLMError(f"Expected a fitted model or its structure; got {type(model).__name__}.")
    if isinstance(vocabulary, str):
        vocabulary = load_vocabulary(vocabulary)
    if vocabulary is None:
        name = getattr(model, "data_name", "")
        shipped = name in shipped_vocabularies()
        vocabulary = load_vocabulary(name) if shipped else Vocabulary.for_structure(structure)
    if not isinstance(vocabulary, Vocabulary):
        raise MLMError(
            "vocabulary must be a Vocabulary, the name of a shipped one, or None; got "
            f"{type(vocabulary).__name__}."
        )
    data = getattr(model, "data", None)
    if data is None:
        return structure, vocabulary.complete(structure)
    return structure, vocabulary.observe(structure, data)


# ---- symbols and columns --------------------------------------------------------------------
_GREEK = {"γ": "gamma", "τ": "tau", "σ": "sigma", "β": "beta", "²": "2"}


def canonical_symbol(name: str) -> str | None:
    """``"γ11"``, ``"\\gamma_{11}"``, ``"u_1j"``, ``"tau10"``, ``"r_ij"``, ``"σ²"`` in one
    spelling (``gamma11``, ``u1``, ``tau01``, ``r``, ``sigma2``); None for anything else."""
    text = "".join(_GREEK.get(ch, ch) for ch in str(name))
    text = re.sub(r"[\\_{}^\s]", "", text)
    if text in ("cross-level", "crosslevel"):
        return "cross-level"
    if text in ("r", "rij"):
        return "r"
    if text == "sigma2":
        return "sigma2"
    if m := re.fullmatch(r"(u|beta)(\d+)j?", text):
        return m[1] + m[2]
    if m := re.fullmatch(r"(gamma|tau)(?:(\d)(\d)|(\d+),(\d+))", text):
        a, b = int(m[2] or m[4]), int(m[3] or m[5])
        return pair_symbol(m[1], a, b) if m[1] == "gamma" else tau_symbol(a, b)
    return None


def pair_symbol(letter: str, a: int, b: int) -> str:
    """``gamma11``, and ``gamma1,12`` from two digits on."""
    return f"{letter}{a}{b}" if max(a, b) < 10 else f"{letter}{a},{b}"


def tau_symbol(a: int, b: int) -> str:
    """The covariance of u_a and u_b; ``tau01`` for both orders."""
    return pair_symbol("tau", min(a, b), max(a, b))


def pretty_symbol(symbol: str) -> str:
    """``gamma11`` as γ11, ``u1`` as u1j, ``r`` as rij, ``sigma2`` as σ²."""
    if symbol == "r":
        return "rij"
    if symbol == "sigma2":
        return "σ²"
    for word, letter in (("gamma", "γ"), ("tau", "τ"), ("beta", "β"), ("u", "u")):
        if symbol.startswith(word):
            return letter + symbol[len(word) :] + ("j" if word in ("beta", "u") else "")
    return symbol


def random_numbers(structure: Structure) -> tuple[int, ...]:
    """The p of each random coefficient's equation, in the order of ``structure.random``."""
    p_of = {e.level1 or INTERCEPT: e.p for e in structure.equations}
    return tuple(p_of[name] for name in structure.random)


@dataclass(frozen=True)
class Factor:
    """One factor of a column name: ``region[T.South]`` is variable region, coding T, category
    South; a function of a variable, such as ``np.log(size)``, has no ``variable``."""

    text: str
    variable: str | None
    coding: str = ""
    category: str | None = None
    uses: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What this factor is about: its variable, or the whole expression."""
        return self.variable or self.text


def factors_of(term: str, structure: Structure) -> tuple[Factor, ...]:
    """The factors of a term such as ``"sector:schsesgdm"``."""
    return tuple(_factor(part, structure) for part in structure.parts_of(term))


def _factor(part: Part, structure: Structure) -> Factor:
    text, base, coding = part.text, part.factor, part.coding
    category = str(part.category) if coding else None
    if not coding and text != base:  # poly(x, 2)[1]
        coding, category = "cell", text[len(base) + 1 : -1]
    plain = base.strip("`")
    if plain in structure.variables:
        return Factor(text, plain, coding, category, (plain,))
    inner = re.fullmatch(r"C\(\s*`?([^,`]+?)`?\s*(?:,.*)?\)", base)
    if inner and inner[1] in structure.variables:
        return Factor(text, inner[1], coding, category, (inner[1],))
    uses = tuple(
        v for v in structure.variables if re.search(rf"(?<![\w.]){re.escape(v)}(?!\w)", base)
    )
    return Factor(text, None, coding, category, uses)


# ---- words and escapes ----------------------------------------------------------------------
def plural(noun: str) -> str:
    """The regular English plural of a noun."""
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return noun + "es"
    return noun + "s"


def with_article(phrase: str) -> str:
    """``"a public school"``, ``"an urban school"``, ``"an SES slope"``."""
    vowel = re.match(r"(?i)(?!uni|use|one\b|eu)[aeiou]", phrase) or re.match(
        r"[FHLMNRSX][A-Z]", phrase
    )
    return f"{'an' if vowel else 'a'} {phrase}"


def escape_markdown(text: str) -> str:
    """Text that Markdown (with ``$`` mathematics) shows as it stands."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", text)


_TEX = {
    "\\": r"\backslash ",
    "^": r"{\wedge}",
    "~": r"{\sim}",
    " ": r"\ ",
    "<": r"{<}",
    ">": r"{>}",
    "*": r"{*}",
    "-": r"\text{-}",
    "–": r"\text{–}",
    "'": r"\text{'}",
    **{ch: "\\" + ch for ch in "_$%#&{}"},
}


def tex_name(name: str) -> str:
    """A name for use in mathematics, safe in MathJax and KaTeX: ``\\mathit{ses\\_mean}``.

    Letters outside ASCII go into ``\\text``, because math fonts lack them.
    """
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    out, word = [], ""
    for ch in name + "\0":
        if ch not in _TEX and ch != "\0":
            word += ch
            continue
        if word:
            out.append(word if word.isascii() else rf"\text{{{word}}}")
        word = ""
        if ch != "\0":
            out.append(_TEX[ch])
    return rf"\mathit{{{''.join(out)}}}"


def tex_text(text: str) -> str:
    """Words inside mathematics, ``\\text{...}`` with special characters outside of it."""
    parts = re.split(r"([\\^~<>*_$%#&{}])", text)
    return "".join(_TEX.get(s, rf"\text{{{s}}}") for s in parts if s)


# ---- making words from columns ----------------------------------------------------------------
def group_word(column: str) -> str:
    """What the groups of a column are called, read off its name: ``school_id`` has schools."""
    word = re.sub(r"[_. -]?(id|ID|Id|nr|no|code)$", "", column) if column != "id" else column
    clean = re.fullmatch(r"[A-Za-z]{4,}", word) and not word.lower().startswith("id")
    shortened = word != column and not re.search(r"[_. -](id|ID|Id|nr|no|code)$", column)
    return word.lower() if clean and not shortened else "group"


def _from_column(column: str, level: int) -> Predictor:
    return Predictor(column, column, level, column, f"unit of {column}")


def default_code(value: str, p: Predictor, noun: Noun) -> Code:
    """Words for a code that the vocabulary does not name: ``schools with sector = 1``."""
    said = f"{p.label} = {value}"
    return Code(value, said, f"{with_article(noun.one)} with {said}", f"{noun.many} with {said}")


def _with_codes(p: Predictor, info: VariableInfo, noun: Noun) -> Predictor:
    if not info.categories or (info.kind == "numeric" and not info.binary):
        return p
    codes = [p.code(v) or default_code(v, p, noun) for v in info.categories]
    named = [replace(c, value=v) for c, v in zip(codes, info.categories, strict=True)]
    return replace(p, codes=tuple(named))


def _seen(p: Predictor, info: VariableInfo, data: pd.DataFrame, v: Vocabulary) -> Predictor:
    values, keys = data[p.column], data[v.group_column]
    if info.kind != "numeric":
        return p
    numbers = values.astype(float)
    if info.level == 2:
        numbers = numbers.groupby(keys, observed=True).first()
    p = replace(p, low=float(numbers.min()), high=float(numbers.max()))
    distinct = sorted(set(numbers))
    if 2 < len(distinct) <= _MANY_VALUES and all(float(d).is_integer() for d in distinct):
        # Only used when the formula treats the column as categories, with C(...).
        noun = v.group if info.level == 2 else v.unit
        texts = [f"{d:g}" for d in distinct]
        codes = [p.code(t) or default_code(t, p, noun) for t in texts]
        p = replace(p, codes=tuple(codes))
    if info.level == 1 and (info.centered == "group" or is_centered_within(values, keys)):
        p = replace(p, centered="group")
    elif info.level == 1 and p.centered == "group":
        p = replace(p, centered="none")
    return p


def _means_found(
    structure: Structure, predictors: Mapping[str, Predictor], data: pd.DataFrame
) -> dict[str, str]:
    numeric = [
        n
        for n, i in structure.variables.items()
        if i.kind == "numeric" and n != structure.outcome and n in data.columns
    ]
    keys = data[structure.group]
    found = {}
    for w in (n for n in numeric if structure.variables[n].level == 2):
        if predictors[w].mean_of or predictors[w].codes:
            continue
        groups = data[w].astype(float).groupby(keys, observed=True).first()
        for x in (n for n in numeric if structure.variables[n].level == 1):
            means = data[x].astype(float).groupby(keys, observed=True).mean()
            gap = means - groups
            spread = float(means.std())
            if spread > 0 and float(gap.std()) <= _ROUNDED * spread:
                found[w] = predictors[x].base
    return found


def _value_key(value: object) -> str:
    text = {"true": "1", "false": "0"}.get(str(value).lower(), str(value))
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


# ---- reading the file -------------------------------------------------------------------------
def _only_keys(table: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise MLMError(
                f"{where[0].upper() + where[1:]} has an unknown key {key!r}; it may have "
                f"{', '.join(allowed)}.{suggest(key, allowed)}"
            )


def _table(
    mapping: Mapping[str, Any], key: str, default: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    if key not in mapping:
        if default is not None:
            return default
        raise MLMError(f"The vocabulary has no table [{key}]: add one.")
    if not isinstance(mapping[key], Mapping):
        raise MLMError(f"{key!r} must be a table of its own, which starts with [{key}].")
    return mapping[key]


def _text(table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise MLMError(f'{where} needs a line such as {key} = "...".')
    if not isinstance(value, str) or not value.strip():
        raise MLMError(f"{key!r} in {where} must be text in quotation marks; got {value!r}.")
    return value.strip()


def _maybe(table: Mapping[str, Any], key: str, where: str) -> str | None:
    return _text(table, key, where) if key in table else None


def _noun(table: Mapping[str, Any], where: str, default: str) -> Noun:
    _only_keys(table, ("one", "many"), where)
    one = _text(table, "one", where, default)
    return Noun(one, _text(table, "many", where, plural(one)))


def _predictor(
    column: str,
    table: Mapping[str, Any],
    unit: Noun,
    group: Noun,
    outcome: Outcome,
    siblings: Mapping[str, Any],
) -> Predictor:
    where = f"[predictors.{column}]"
    allowed = [f.name for f in fields(Predictor) if f.name not in ("column", "low", "high")]
    _only_keys(table, allowed, where)
    level = table.get("level")
    if level not in (1, 2) or isinstance(level, bool):
        raise MLMError(
            f"{where} needs level = 1 ({unit.many}) or level = 2 ({group.many}); got {level!r}."
        )
    centered = _text(table, "centered", where, "none")
    if centered not in CENTERINGS or (centered == "group" and level == 2):
        raise MLMError(
            f"'centered' in {where} must be "
            f"{'none or grand' if level == 2 else 'none, group or grand'}; got {centered!r}."
        )
    label = _text(table, "label", where, column)
    step = re.sub(r"^(one|1)\s+", "", _text(table, "unit", where, f"unit of {label}"))
    p = Predictor(
        column,
        label,
        level,
        _text(table, "symbol", where, column),
        step,
        centered,
        _maybe(table, "of", where),
        _maybe(table, "mean_of", where),
        _maybe(table, "zero", where),
        _maybe(table, "slope", where),
        _maybe(table, "higher", where),
        _maybe(table, "everyday", where),
    )
    if p.mean_of and level == 1:
        raise MLMError(f"{where} has 'mean_of', which only a level-2 predictor can have.")
    if p.mean_of is not None and p.mean_of in siblings and siblings[p.mean_of].get("level") == 2:
        raise MLMError(
            f"'mean_of' in {where} names {p.mean_of!r}, which is itself a level-2 predictor."
        )
    codes = _table(table, "codes", {})
    return replace(p, codes=_codes(codes, p, group if level == 2 else unit))


def _codes(table: Mapping[str, Any], p: Predictor, noun: Noun) -> tuple[Code, ...]:
    where = f"[predictors.{p.column}.codes]"
    out: dict[str, Code] = {}
    for value, words in table.items():
        if isinstance(words, str):
            words = {"name": words}
        if not isinstance(words, Mapping):
            raise MLMError(f"The code {value!r} in {where} needs a name in quotation marks.")
        _only_keys(words, ("name", "one", "many"), where)
        name = _text(words, "name", where)
        one = _text(words, "one", where, with_article(f"{name} {noun.one}"))
        many = _text(words, "many", where, f"{name} {noun.many}")
        if any(name == c.name for c in out.values()):
            raise MLMError(f"Two codes of {p.column!r} are both called {name!r}.")
        key = _value_key(value)
        if key in out:
            raise MLMError(f"The code {value!r} of {p.column!r} is given twice.")
        out[key] = Code(value, name, one, many)
    if len(out) == 1:
        raise MLMError(f"{where} names one code: a coded predictor has at least two.")
    return tuple(out.values())


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in values.items() if v is not None
    ]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


# ---- checking against data ----------------------------------------------------------------------
def _problems(v: Vocabulary, data: pd.DataFrame) -> Iterator[str]:
    columns = [str(c) for c in data.columns]
    roles = [("outcome", v.outcome.column), ("group", v.group_column)]
    roles += [("predictor", c) for c in v.predictors]
    missing = {c for _, c in roles if c not in columns}
    for role, column in roles:
        of = v.predictors[column].of if role == "predictor" else None
        if column in missing and of not in columns:
            yield f"The data have no {role} column {column!r}.{suggest(column, columns)}"
    if v.group_column in missing:
        return
    keys = data[v.group_column]
    if keys.nunique() < 2:
        yield (
            f"The group column {v.group_column!r} holds {keys.nunique()} {v.group.one}: a "
            "multilevel model needs several."
        )
        return
    if v.outcome.column not in missing:
        yield from _outcome_problems(v, data)
    for column, p in v.predictors.items():
        if column not in missing:
            yield from _predictor_problems(p, data, keys, v)


def _outcome_problems(v: Vocabulary, data: pd.DataFrame) -> Iterator[str]:
    column = v.outcome.column
    if not _is_numeric(data[column]):
        yield f"The outcome {column!r} holds text or dates, but it has to be numeric."
    elif data[column].groupby(data[v.group_column], observed=True).nunique().max() <= 1:
        yield (
            f"The outcome {column!r} is the same for everybody in a {v.group.one}: an outcome has "
            f"to vary within {v.group.many}."
        )


def _predictor_problems(
    p: Predictor, data: pd.DataFrame, keys: pd.Series, v: Vocabulary
) -> Iterator[str]:
    values = data[p.column]
    if values.notna().sum() == 0:
        yield f"The column {p.column!r} holds only missing values."
        return
    varies = values.groupby(keys, observed=True).nunique(dropna=True).max() > 1
    if p.level == 2 and varies:
        yield (
            f"{p.column!r} is said to be a level-2 predictor, but it varies within "
            f"{v.group.many} ({_where_it_varies(values, keys, v)}): put these rows right, set "
            f"level = 1, or use its {v.group.one} mean."
        )
    if p.level == 1 and not varies:
        yield (
            f"{p.column!r} is said to be a level-1 predictor, but it is the same for everybody in "
            f"a {v.group.one}: set level = 2."
        )
    if p.codes and p.centered == "none":
        yield from _code_problems(p, values)
    if not p.codes and not _is_numeric(values):
        yield f"{p.column!r} holds text: say what its values stand for with 'codes'."
    if p.centered != "none" and _is_numeric(values) and not _is_as_centered(p, values, keys):
        where = f"in every {v.group.one}" if p.centered == "group" else "on average"
        yield f"{p.column!r} is said to be {p.centered}-mean centered, but it is not 0 {where}."


def _where_it_varies(values: pd.Series, keys: pd.Series, v: Vocabulary) -> str:
    """The first group with two values, with the two: "school A12 has both 3.1 and 3.4"."""
    different = values.groupby(keys, observed=True).nunique()
    several = different[different > 1]
    first = several.index[0]
    a, b = values[keys == first].dropna().unique()[:2]
    others = len(several) - 1
    more = f", and {others} more {v.group.one if others == 1 else v.group.many}" if others else ""
    return f"{v.group.one} {first} has both {shown(a)} and {shown(b)}{more}"


def _code_problems(p: Predictor, values: pd.Series) -> Iterator[str]:
    seen = {_value_key(x): x for x in values.dropna().unique()}
    named = {_value_key(c.value): c.value for c in p.codes}
    for key in named:
        if key not in seen:
            yield (
                f"The code {named[key]!r} of {p.column!r} does not occur in the data, which have "
                f"{join_words([str(x) for x in list(seen.values())[:6]])}."
            )
    for key in seen:
        if key not in named:
            value = str(seen[key])
            yield f"The value {value!r} of {p.column!r} occurs in the data but has no name."
            return


def _is_numeric(values: pd.Series) -> bool:
    return getattr(values.dtype, "kind", "O") in "biuf" or str(values.dtype).startswith(
        ("Int", "Float", "UInt", "boolean")
    )


def _is_as_centered(p: Predictor, values: pd.Series, keys: pd.Series) -> bool:
    numbers = values.astype(float)
    if p.centered == "group":
        return is_centered_within(numbers, keys)
    spread = float(numbers.std()) or 1.0
    by_group = float(numbers.groupby(keys, observed=True).mean().mean())
    return min(abs(float(numbers.mean())), abs(by_group)) <= _ROUNDED * spread
