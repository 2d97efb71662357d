"""Bring a sentence to one spelling: abbreviations, symbols, misspellings, the data set's own words.

``Δβ1j for sector 0→1 | schses`` becomes words here, ``ctrl.`` becomes ``controlling``, and the
words of another data set become the lecture's (``Catholic`` becomes ``private``), so that one set
of rules serves all of them.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import lru_cache

from mlm_helpers.exercises.terms import Terms

_SHORT = {
    "avg": "average",
    "ave": "average",
    "ach": "achievement",
    "achv": "achievement",
    "diff": "difference",
    "var": "variance",
    "sd": "standard deviation",
    "sch": "school",
    "pub": "public",
    "priv": "private",
    "vs": "versus",
    "exp": "expected",
    "pred": "predicted",
    "btw": "between",
    "btwn": "between",
    "pubs": "public school",
    "publics": "public school",
    "privs": "private school",
    "privates": "private school",
    "pvt": "private",
    "expct": "expected",
    "expctd": "expected",
    "achiev": "achievement",
    "stud": "student",
    "rel": "relation",
    "coef": "coefficient",
    "coeff": "coefficient",
    "wrt": "on",
    "ie": ".",
    "i.e": ".",
    "ordinary": "typical",
    "increment": "increase",
    "anticipate": "expect",
    "anticipated": "expected",
    "anticipates": "expect",
    "forecast": "predicted",
    "classmates": "classmate",
    "schoolmates": "schoolmate",
    "youd": "you would",
    "schlses": "school mean ses",
    "std": "standard",
    "kid": "student",
    "kids": "student",
    "child": "student",
    "children": "student",
    "pupil": "student",
    "pupils": "student",
    "cannot": "can not",
    "wo": "without",
    "dont": "do not",
    "doesnt": "does not",
    "didnt": "did not",
    "isnt": "is not",
    "arent": "are not",
    "cant": "can not",
    "wed": "we would",
    "thats": "that is",
    "schses": "school mean ses",
    "schsesgdm": "school mean ses",
    "famses": "family ses",
    "famsesc": "family ses",
    "sesc": "family ses",
    "cses": "family ses",
    "meanses": "school mean ses",
    "centred": "centered",
    "centre": "center",
    "behaviour": "behavior",
    "ctrl": "controlling",
    "ctrls": "controlling",
    "ctrld": "controlled",
    "ctrled": "controlled",
    "contr": "controlling",
    "contrl": "controlling",
    "cond": "conditional",
    "adj": "adjusted",
    "chg": "change",
    "incr": "increase",
    "decr": "decrease",
    "const": "constant",
    "intcpt": "intercept",
    "resid": "residual",
    "dev": "deviation",
    "devn": "deviation",
    "expd": "expected",
    "cov": "covariance",
    "betw": "between",
    "bw": "between",
    "pt": "point",
    "pts": "point",
    "schl": "school",
    "schls": "school",
    "schs": "school",
    "studs": "student",
    "relnship": "relationship",
    "assoc": "association",
    "constt": "constant",
    "guess": "expect",
    "guessed": "expected",
    "shouldnt": "should not",
    "wouldnt": "would not",
    "wasnt": "was not",
    "favour": "favor",
}
_COURSE_WORDS = """
achievement average background better beyond between centered change class coefficient
comparable compared compare comparing comparison conditional conditioning conditioned constant
contextual control controlling controlled controls covariates decrease depends deviation
deviates departure difference differences different differ differs dispersion distance due each
effect equal error expected explained exceed family families fixed flatter given gradient grand
group groups held heterogeneity higher hold holding identical ignoring income increase increases
individual intercept intercepts irrespective keeping larger left level lower matched mean means
model narrower overall particular performance predicted predictors predict private public
reading regardless related relation relationship remaining residual residuals same school
schools score scores sector sectors shift similar slope slopes smaller specific spread standard
steeper stronger student students taking true typical unconditional unexplained unit units value
variability variance variances variation varies vary versus weaker wealth wealthy within without
achieve adjusted adjusting account accounting accounted advantage association associated across
among schoolmate classmate schoolmates classmates
"""
_EVERYDAY_WORDS = """
    about above after also although and another any are because been before being below both but
    can could does doing done down from full gets goes going have having here high how into its
    itself just kind like made make many matter matters more most much must near need never next
    none not nothing off once one only other others our out over part per plus point points poor
    put rather rest rich right says see seen set she should side simply since small some still
    such take taken tell term than that the their them then there these they thing this those
    three through time times too two type types under until upon use used uses very was way ways
    well were what when where whether which while who whole whom whose why will with word work
    would yes yet you your zero middle mind means meant line lines place places scale steep flat
    strong weak strength slow
"""
_SIGNS = (
    ("w/out", "without"), ("w/o", "without"), ("w/in", "within"), ("w/", "with"),
    ("b/w", "between"), ("b/c", "because"), ("&", "and"), ("@", "at"), ("|", "given"),
    ("->", "to"), ("→", "to"), ("⇒", "to"), ("↑", "increases"), ("↓", "decreases"), ("≈", "about"),
)  # fmt: skip
_CLIPPED = re.compile(rf"\b({'|'.join(map(re.escape, _SHORT))})\.(?=\s|\)|$|,)")
_LEXICON = tuple(_COURSE_WORDS.split())
_PLAIN_WORDS = frozenset(_EVERYDAY_WORDS.split())
_PLURALS = re.compile(
    r"\b(school|slope|student|mean|score|difference|sector|family|familie|intercept|average|"
    r"variance|deviation|residual|gap|unit|point|relationship|association|group|type|predictor|"
    r"covariate|characteristic|variable|classmate|schoolmate|peer|value|effect|gradient|"
    r"coefficient|result|link)s\b"
)

# ---- symbols and equations --------------------------------------------------------------------
_BETA = r"(?:β|beta|b)_?\{?([01])_?j?\}?"
_VALUE = r"(?:e\s*[\[(]\s*)?" + _BETA + r"(?:\s*[\])])?"
_ONE_TO_THE_OTHER = r"\s*(?:=|:)?\s*{}\s*(?:→|->|➔|to|vs\.?|versus)\s*{}\b"
_EQUATIONS = (
    (r"\bschses\s*\+\s*1\b", "school mean ses one unit higher"),
    # ∂β1j/∂schses, dβ1j/dschses, Δβ1j/Δschses
    (rf"[∂dδ]\s*{_VALUE}\s*/\s*[∂dδ]\s*(\w+)", r"change in beta\1j per unit of \2 "),
    (rf"[∂δ]\s*{_VALUE}", r"difference or change in beta\1j "),
    (r"δ\s*(?=\w)", "difference or change "),
    # β1j − (γ10 + γ11·sector + γ12·schses), β1j − E(β1j | ...)
    (rf"{_BETA}\s*[-−–]\s*[\[(]?\s*(?:γ|gamma_?)\1 ?0[^)\]]*[\])]?",
     r"deviation of beta\1j of school j from the value expected from sector and school mean ses "),
    (r"\b(?:var|v)\s*[\[(]\s*u_?\{?([01])_?j?\}?", r"variance of u\1j, that is of beta\1j ("),
    (r"\b(?:var|v)\s*[\[(]", "variance of ("),
    (r"\be\s*[\[(]", "expected ("),
    (r"\bsector" + _ONE_TO_THE_OTHER.format(0, 1), "from public to private"),
    (r"\bsector" + _ONE_TO_THE_OTHER.format(1, 0), "from private to public"),
    (r"(?<=[a-z0-9])\s*[-−–]\s*(?=(?:e|expected)\s*[\[(])", " minus "),
    (r"(?<=\))\s*[-−–]\s*(?=\S)", " minus "),
)  # fmt: skip


def in_words(text: str) -> str:
    """Symbols and equations of a sentence in lower case as words."""
    for pattern, words in _EQUATIONS:
        text = re.sub(pattern, words, text)
    return text


@lru_cache(maxsize=20_000)
def _nearest(word: str) -> str:
    """The course's word that this one is a misspelling of, or the word itself."""
    if len(word) < 5 or word in _LEXICON or word in _PLAIN_WORDS or not word.isalpha():
        return word
    if word.rstrip("s") in _LEXICON:
        return word
    near = difflib.get_close_matches(word, _LEXICON, n=1, cutoff=0.84)
    return near[0] if near and near[0][0] == word[0] else word


def translate(text: str, words: Terms) -> str:
    """The data set's own words in the lecture's."""
    pairs = [
        *words.phrases,
        (words.context, "school mean SES"),
        (words.within, "family SES"),
        (words.slope, "SES-achievement slope"),
        (words.mean, "mean achievement"),
        (words.score, "reading score"),
        (words.high, "private"),
        (words.low, "public"),
        (f"{words.high}s", "private schools"),
        (f"{words.low}s", "public schools"),
        (words.sector, "sector"),
        (words.schools, "schools"),
        (words.school, "school"),
        (words.student, "student"),
    ]
    ours = {a.casefold(): b for a, b in reversed(pairs) if a.casefold() != "ses"}
    # one pass, longest first: what was translated is not translated again
    longest = sorted(ours, key=len, reverse=True)
    theirs = "|".join(re.escape(phrase) for phrase in longest)
    return re.sub(
        rf"(?<!\w)(?:{theirs})(?!\w)", lambda m: ours[m[0].casefold()], text, flags=re.IGNORECASE
    )


def tidy(text: str) -> str:
    """Lower case, one spelling, singular nouns, known abbreviations, misspellings repaired."""
    text = in_words(unicodedata.normalize("NFKC", text).casefold())
    text = re.sub(r"\b(ctrl|cond|adj)['’]?(?=(?:ing|ed|d)\b)\w*(?:['’]\w+)?", r"\1", text)
    for sign, word in _SIGNS:
        text = text.replace(sign, f" {word} ")
    text = _CLIPPED.sub(r"\1 ", text)
    text = re.sub(r"(?<=\s)\+(?=\s*[a-z])", " and ", text)
    text = re.sub(r"(?<=\s)[-−–](?=\s)", " minus ", text).replace("=", " = ")
    text = re.sub(r"[’'`]s\b", "", text)
    text = re.sub(r"[’'`]", "", text)
    text = re.sub(r"[-‐‑–—/_]", " ", text)
    text = re.sub(r"[.;:!?\n]+(?=\s|$)", " . ", text)
    text = re.sub(r"[^\w\s.=]", " ", text)
    words = [_SHORT.get(w, w) for w in text.split()]
    text = " ".join(_nearest(w) for w in " ".join(words).split())
    text = _PLURALS.sub(r"\1", text).replace("familie", "family")
    return re.sub(r"\s+", " ", text).strip()
