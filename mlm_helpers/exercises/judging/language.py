"""Read a sentence about a multilevel model and note which notions it mentions.

The reader knows the words of this course, not English: it turns the many ways of saying a thing
into one token (``SCHSES`` for the mean SES of a school, ``SLOPE`` for the SES-achievement slope
within schools), and then notes *flags* such as ``difference``, ``private`` or ``cond`` (something
is held fixed). What a definition must mention is decided in ``ideas``, not here.

Words of other data sets are first translated into the lecture's (``Catholic`` into ``private``), so
that one set of rules serves all of them.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from mlm_helpers.exercises.study import Words

# ---- spelling -------------------------------------------------------------------------------
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
    "youd": "you would",
    "schlses": "school mean ses",
    "std": "standard",
    "dev": "deviation",
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
    "favour": "favor",
}
_COURSE_WORDS = """
achievement average background better beyond between centered change class coefficient comparable
compared compare comparing conditional conditioning conditioned constant contextual control
controlling controlled controls covariates decrease depends deviation deviates departure
difference differences different differ differs dispersion distance due each effect equal error
expected explained exceed family families fixed flatter given gradient grand group groups held
heterogeneity higher hold holding identical ignoring income increase increases individual intercept
intercepts irrespective keeping larger left level lower matched mean means model narrower overall
particular performance predicted predictors predict private public reading regardless related
relation relationship remaining residual residuals same school schools score scores sector sectors
shift similar slope slopes smaller specific spread standard steeper stronger student students
taking true typical unconditional unexplained unit units value variability variance variances
variation varies vary versus weaker wealth wealthy within without achieve adjusted adjusting
account accounting accounted advantage association associated across among schoolmates classmates
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
    ("->", "to"), ("→", "to"),
)  # fmt: skip
_CLIPPED = re.compile(rf"\b({'|'.join(map(re.escape, _SHORT))})\.(?=\s+[a-z])")
_LEXICON = tuple(_COURSE_WORDS.split())
_PLAIN_WORDS = frozenset(_EVERYDAY_WORDS.split())
_PLURALS = re.compile(
    r"\b(school|slope|student|mean|score|difference|sector|family|familie|intercept|average|"
    r"variance|deviation|residual|gap|unit|point|relationship|association|group|type|predictor|"
    r"covariate|characteristic|variable|value|effect|gradient|coefficient|result|link)s\b"
)


@lru_cache(maxsize=20_000)
def _nearest(word: str) -> str:
    """The course's word that this one is a misspelling of, or the word itself."""
    if len(word) < 5 or word in _LEXICON or word in _PLAIN_WORDS or not word.isalpha():
        return word
    if word.rstrip("s") in _LEXICON:
        return word
    near = difflib.get_close_matches(word, _LEXICON, n=1, cutoff=0.84)
    return near[0] if near and near[0][0] == word[0] else word


def _translate(text: str, words: Words) -> str:
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
    text = unicodedata.normalize("NFKC", text).casefold()
    for sign, word in _SIGNS:
        text = text.replace(sign, f" {word} ")
    text = _CLIPPED.sub(r"\1 ", text)
    text = re.sub(r"\be ?\(", "expected (", text)
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


# ---- from phrases to tokens ------------------------------------------------------------------
_SES = [
    (r"\bsocio ?economic(?:al(?:ly)?)?(?: (?:status|background|standing|position|level))?\b",
     "ses"),
    (r"\b(?:social class|social background|social status|socio status)\b", "ses"),
    (r"\bfamily(?: s)? (?:income|wealth|background|resource\w*|status|affluence)\b", "family ses"),
    (r"\b(?:home background|wealth of the family|family circumstances)\b", "family ses"),
    (r"\bses (?:background|status|level|score|value)\b", "ses"),
    (r"\bhow (?:well off|rich|poor|wealthy|affluent) (?:the|a|their|its|his|her) family "
     r"(?:is|are)\b", "family ses"),
    (r"\bhow (?:well off|rich|poor|wealthy|affluent|advantaged) (?:the|a|its) (?:\w+ )?school"
     r"(?: is)?\b", "school mean ses"),
    (r"\bschool (?:wealth|affluence|composition|social composition|income)\b",
     "school mean ses"),
    (r"\b(?:wealthier|richer|more affluent|more advantaged|better off|higher ses) school\b",
     "increase school mean ses"),
    (r"\b(?:poorer|less advantaged|low ses|lower ses) school\b", "lower school mean ses"),
    (r"\b(?:high(?:er)?|low(?:er)?) ses (?:student|family)\b", "family ses difference"),
    (r"\b(?:richer|poorer|better off|worse off|(?:dis)?advantaged|affluent|wealth(?:y|ier)|"
     r"well off|rich|poor)(?: and (?:richer|poorer|worse off|(?:dis)?advantaged|poor|rich))? "
     r"(?:student|family|classmate)\b", "family ses difference"),
]  # fmt: skip
_SECTOR = [
    (r"\bpublic sector\b(?! (?:status|membership))", "public school"),
    (r"\bprivate sector\b(?! (?:status|membership))", "private school"),
    (r"\bfrom (?:sector )?(?:= )?0 (?:public )?to (?:sector )?(?:= )?1\b", "from public to "
     r"private"),
    (r"\bfrom (?:sector )?(?:= )?1 (?:private )?to (?:sector )?(?:= )?0\b", "from private to "
     r"public"),
    (r"\b(?:swap|replac|switch|exchang)\w*(?: \w+){0,2}? public(?: school)? (?:for|with|by|to) "
     r"(?:a |one )?private\b", "going from public to private"),
    (r"\b(?:public|private)(?: school)?(?: only)? (?:with|to|against) (?:other )?(?:public|private)"
     r"(?: school)? and (?:public|private)(?: school)?(?: only)? (?:with|to|against) (?:other )?"
     r"(?:public|private)\b", "HOLD sector"),
    (r"\bwhether (?:it|the school|a school|school|they|one|school j)(?: (?:is|are))? (?:a )?"
     r"(?:private|public)(?: school)?(?: or (?:not|private|public)(?: school)?)?", "sector"),
    (r"\btwo (?:public|private) (?:school |one )?(?:or|and) (?:two |between two )?"
     r"(?:public|private)\b",
     "HOLD sector"),
    (r"\b(?:public (?:or|and|versus) private|private (?:or|and|versus) public) "
     r"(?:status|type|school status|designation|sector)\b", "sector"),
    (r"\b(?:type of school|school type|kind of school|public private status|"
     r"publicness|school sector|sector status|sector membership|public private|private public)\b"
     r"(?! (?:difference|gap|contrast))", "sector"),
    (r"\bsame (?:type|kind)\b", "same sector"),
    (r"\b(?:among|within|for) (?:the )?(?:public|private)(?: school)? (?:or|and) (?:among|"
     r"within|for) "
     r"(?:the )?(?:public|private)\b", "HOLD sector"),
    (r"\bcoded (?:as )?0(?: (?:on|for|in) sector)?\b", "public"),
    (r"\bcoded (?:as )?1(?: (?:on|for|in) sector)?\b", "private"),
    (r"\b(high|low)(?:er|est)? ses (?=(?:public|private)\b)", r"\1 school mean ses "),
    (r"\b(?:non private|not private|sector (?:= ?|equals |is |coded |of )?0|state school|"
     r"government school)\b", "public"),
    (r"\b(?:non public|not public|sector (?:= ?|equals |is |coded |of )?1|independent school)\b",
     "private"),
]  # fmt: skip
_OBJECTS = (
    r"(?:sector|ses|SCHSES|AVGSES|school|it|them|these|those|anything|other|the|level|any|"
    r"predictor)"
)
_CUE = (
    r"(?:control(?:ling|led|s)?(?: for)?|adjust(?:ing|ed|ment|s)?(?: for)?|"
    r"account(?:ing|ed|s)? for|(?:taking|taken|take)(?= (?:\w+ ){0,8}into account)|"
    r"(?:into|taking) account|conditional on|condition(?:ing|ed) on|"
    r"hold(?:ing|s)?|held|keeping|kept|allowing for|considering|regard to|partial\w* out)"
)
_CONDITION = [
    (r"\b(?:un|not )(?:explained|accounted for|predicted|captured|attributable|due)"
     r"(?: by| to)?\b", "REMAIN COND"),
    (r"\b(?:(?:do|does|did|can|could) not|fails? to) (?:\w+ )?(?:account for|"
     r"explain(?:ed)?|capture|predict(?:ed)?)\b",
     "REMAIN COND"),
    (r"\b(?:unexplained|unaccounted(?: for)?|left over|is left|are left|left after|"
     r"remain(?:s|ing|der)?|still (?:there|left)|what left(?= of| over| after| when)|"
     r"residual(?= (?:variance|variation|"
     r"variability|spread)))\b", "REMAIN"),
    (rf"\b(?:without|not|no|never|instead of|rather than|does not|before|prior to|unlike)"
     rf"(?: \w+){{0,2}}? {_CUE}\b", "UNCOND"),
    (rf"\b(?:ignoring|ignore|ignores|disregarding|regardless of|irrespective of|no matter|whatever|"
     rf"neglecting|leaving out|omitting|excluding)(?: \w+){{0,3}}? {_OBJECTS}\b", "UNCOND"),
    (r"\b(?:before|prior to|without) (?:adding |including |entering |any |the |considering )*"
     r"(?:sector|school mean ses|ses|predictor|covariate|level 2)\b", "UNCOND"),
    (r"\b(?:unconditional(?:ly)?|unadjusted|uncontrolled)\b", "UNCOND"),
    (rf"\b{_CUE}\b", "HOLD"),
    # held fixed by being in the model, or by comparing like with like
    (r"\b(sector|SCHSES|AVGSES)(?: (?:is|are|was|were|being|already|included|entered|added|also))* "
     r"(?:in|into|to|part of) the (?:model|regression|equation)\b", r"\1 COND"),
    (r"\blike (?:(?:is|being|are) )?(?:compared )?(?:with|to|for|against) like\b", "COND"),
    (r"\b(?:all|everything) else (?:being )?equal\b", ""),
    (r"\bwhat(?= (?:the |its |their |a |school )*(?:sector|SCHSES)(?: \w+){0,4}? "
     r"(?:predict|expect|imply|implie|suggest|lead))", "COND"),
    (r"\b(?:predict(?:ed|s|ion)?|expected|expect|expectation)"
     r"(?= (?!to\b|we\b|a\b)\w+ (?:by|from|given|based)\b)", "COND EXPECTED"),
    (r"\b(?:net of|above and beyond|over and above|given|constant|fixed|equal|identical|"
     r"comparable|similar|matched|same|once|after|among|based on|on the basis of|"
     r"predict(?:ed|s|ion)? (?:by|from|for|given)|(?:expected|expect|expectation) "
     r"(?:by|from|for|given|of|based)|implied by|alike|unchanged|"
     r"would (?:predict|expect|suggest|imply)|(?:have|has|having|share|shares|sharing|with|by|"
     r"for|of) (?:its|their|that|this|a given|each)(?! (?:one |1 |extra |additional |more |"
     r"further )*"
     r"(?:unit|point|increase|1|one)\b)|within(?: (?:a|each|the|one|its|either))?(?= sector)|"
     r"at (?:a|any|each) (?:given|particular)|suggest(?:s|ed)?(?: by)?|beyond(?: what)?)\b",
     "COND"),
]  # fmt: skip
_MANY = (
    r"(?:all|every|other|the|whole|entire|of|across|over|among|for|in|school|student|sample|data|"
    r"average)"
)
_LINK = (
    r"(?:slope|gradient|relationship|relation|association|link|connection|coefficient|"
    r"correlation|effect|impact|influence|dependence|payoff|return|gap|advantage|disparity|"
    r"inequality|regression(?: line| coefficient)?|line)"
)
_OUT = r"(?:achievement|reading|score|performance|test|outcome|mathematics|math|result|attainment)"
_STEP = (
    r"(?:apart|higher|above|more|greater|increase|rise|change|difference|differs?|gap|gain|step|"
    r"lower|below|ahead)"
)
_SYMBOLS = [
    (r"\b(?:average|mean|expected) squared? (?:distance|deviation|difference|gap|residual)\b",
     "variance"),
    (r"\b(?:intercept|constant) (?:of|in|for|from) (?:the )?(?:(?:beta|b|β) ?1 ?j?|slope) "
     r"(?:equation|model)\b", "expected slope"),
    (r"\b(?:beta|b|β) ?0 ?j?\b", "MEAN"),
    (r"\b(?:beta|b|β) ?1 ?j?\b", "SLOPE"),
]  # fmt: skip
_LEVELS = [
    # which school: "within-school SES" is a student's, "between-school SES slope" the schools'
    (r"\bwithin (?:the |a |each )?school ses\b", "within school STUSES"),
    (rf"\bbetween school ses (?:{_OUT} )*{_LINK}\b", "BSLOPE"),
    (r"\b(?:at|with|to|of|is|equals|on) (?:the |its |an )?(?:mean|average|grand mean|overall mean)"
     r"(?: value| level)? (?:of|on|for|in) (?:the |its |their )?(?:school |average |mean )*ses\b",
     "AVGSES"),
    (rf"(?<!school )\baverage (?=ses (?:{_OUT} )*{_LINK}\b)", "expected "),
    (r"\b(?:the|its|their|each|every) average (?:family |student )?ses (?:of|in|for|at) "
     r"(?:the |a |its |their |that |each )?school\b", "SCHSES"),
    (r"\bat (?:the |its )?(?:mean|average) (?:level |value )?(?:of )?school (?:mean |average "
     r")?ses\b",
     "AVGSES"),
    (r"\bstudent (?:with|of|who has|having) (?:an? )?(?:average|typical) (?:family )?ses\b",
     "student with STUSES"),
    # where a school stands on mean SES: at the average
    (r"\b(?:(?:school )?(?:mean|average) )?ses (?:level |value )?(?:that |which )?(?:is|are|"
     r"equals?|equal to|at|of|sits|lies|falls|"
     r"being|matches|the same as|set to|=)(?: (?:at|to|the|its|an?|exactly|equal|all|school|sample|"
     r"about|around|right|held|on|just))* (?:average|grand mean|overall mean|overall average|mean|"
     r"overall|zero|0|typical)(?! (?:ses|school))"
     rf"(?: (?:of|across|over|among|for|in) (?:{_MANY} ?)+)?\b", "AVGSES"),
    (r"\b(?:average|typical|grand mean|overall mean|mean (?=school mean ses)|overall)"
     r"(?: (?:level|value|in terms))?(?: (?:of|on|for|in))?(?: (?:its|the|their))?"
     r"(?: (?:school|student|family|body|level|2|wide|mean|average|in))* ses\b"
     rf"(?! (?:to |and |on )*(?:{_OUT} )*{_LINK}\b)", "AVGSES"),
    (r"\bses(?: \w+){0,2} (?:typical|average) (?:school|one)\b", "AVGSES"),
    (r"\b(?:mean|average|school|aggregate|collective|level 2|composition(?:al)?)"
     r"(?: (?:of|the|its|their|school|student|body|family|level|wide|mean|average|s))* ses"
     r"(?: (?:composition|mean|average))?\b", "SCHSES"),
    (r"\bses (?:composition|mean|average|makeup|mix|intake)(?: of (?:the |a |its )?school)?\b",
     "SCHSES"),
    (r"\bses (?:of|at) (?:the|a|its|their|that|each|one)? ?(?:whole )?"
     r"(?:school|student body)\b", "SCHSES"),
    (r"\b(?:its|their) (?:own )?ses\b(?! difference)", "SCHSES"),
    (r"\b(?:(?:family|student|individual|own|personal|household|level 1|relative)(?: of)?(?: the)?"
     r" ?)+ses\b", "STUSES"),
    (r"\bses (?:of|for) (?:the |a |each |their |its )?(?:student|family|individual)\b", "STUSES"),
    # a unit of SES: of students who are so far apart, else of schools, else of students
    (r"\bstudent ((?:(?!SCHSES|AVGSES)\w+ ){0,10}?)(?:apart|higher|above|more|greater|lower|below|"
     r"ahead|difference|differs?) (?:\w+ ){0,3}?(?:in|on|of) ses\b",
     r"student \1difference in STUSES"),
    (r"\bschool (?:(?!student|SCHSES|AVGSES)\w+ ){0,5}?(?:unit|1|one) (?:apart|higher|above|more|"
     r"lower|below|richer)(?: \w+){0,3}? (?:in|on|of) ses\b", "school one unit apart in SCHSES"),
    (rf"\b(?:1|one|a|per|extra|additional|each|every) (?:1 |one |full )?unit (?:{_STEP} )*"
     r"(?:(?:in|of|on|by) )?(?:the |their )?ses\b", "per unit STUSES"),
    (r"\b(?:1|one|a) ses unit\b", "one unit STUSES"),
    (r"\bper ses unit\b", "per unit STUSES"),
]  # fmt: skip
_CENTERING = [
    (r"\b(?:relative to|above|around|from|compared (?:to|with)|than|below|at) "
     r"(?:the |their |its |his |her |a )?(?:own )?school(?: s)? (?:mean|average|AVGSES)"
     r"(?: (?:on |of |in )?ses)?(?! (?:achievement|reading|score))\b", "CENTER"),
    (r"\b(?:group|school) mean centered\b", ""),
    (r"\bwithin school centered\b", ""),
]  # fmt: skip
_SLOPES = [
    (rf"\bbetween school (?:(?!of |in |the |vari|differ)\w+ ){{0,3}}?"
     rf"(?:ses |AVGSES |SCHSES )?(?:{_OUT} )*{_LINK}\b", "BSLOPE"),
    (rf"\bSCHSES (?:{_OUT} |mean |and )*{_LINK}\b"
     r"(?! (?:on|in|for|of) (?:the |\w+ )?(?:SLOPE|slope)\b)", "BSLOPE"),
    (rf"\bschool level (?:effect|{_LINK}) of ses\b", "BSLOPE"),
    (rf"\b(?:slope|gradient|regression)(?: coefficient)?(?: (?:of|for|on|linking|"
     rf"relating))?(?: the| MEAN| {_OUT}"
     rf"| mean| on| school| of)* SCHSES\b", "BSLOPE"),
    (rf"\b(?:within (?:the |a |each )?school )?(?:STUSES|ses|SES) (?:to |and |on |mean )?"
     rf"(?:{_OUT} )*{_LINK}\b", "SLOPE"),
    (rf"\b(?:within (?:the |a |each )?school ){_LINK}\b", "SLOPE"),
    (rf"\b{_OUT} (?:and |on |by )?(?:ses|STUSES) {_LINK}\b", "SLOPE"),
    (rf"\b{_LINK} (?:\w+ )?(?:of|for|between|linking|from|to|due to|on|in|by|with|that) "
     rf"(?:(?!{_LINK})\w+ ){{0,3}}?(?:STUSES|ses)(?: (?:and|on|with|to|in|for|has on) "
     rf"(?:the |student |mean |own |their )*{_OUT}(?: {_OUT})*)?\b", "SLOPE"),
    (rf"\b{_LINK} (?:between|of|linking) (?:student |a |the )*{_OUT}(?: {_OUT})* "
     rf"(?:and|on|with|to|by) (?:\w+ ){{0,2}}?(?:ses|STUSES)\b", "SLOPE"),
    (r"\b(?:change|increase|gain|rise|difference|gap|point|higher|grow\w*|improve\w*|go(?:es)? up|"
     r"more|increment|climb\w*|much)(?: (?!BSLOPE|SLOPE|SCHSES|AVGSES|sector|private|public|how|\.)"
     r"\w+){0,12}? "
     r"(?:for|per|with|as|when|associated with|by|between|who|from|of|COND)"
     r"(?: (?!BSLOPE|SLOPE|SCHSES|AVGSES|sector|private|public|how|\.)\w+){0,8}? "
     r"STUSES(?: difference)?\b", "SLOPE"),
    (r"\b(?:difference|gap|distance|how far apart)(?= (?:(?!BSLOPE|SLOPE|SCHSES|AVGSES|"
     r"between)\w+ )"
     r"{0,5}?between (?:(?:two|2|any|a|the) ){0,2}student (?:(?!BSLOPE|SLOPE|SCHSES|AVGSES)\w+ )"
     r"{0,12}?STUSES\b)", "SLOPE"),
    (r"\b(?:STUSES|ses)(?: difference)?(?: \w+){0,2}? (?:matter|relate|affect|predict|translate|"
     r"tied|linked|associated|pay|count|influence|goes with|go with|makes a difference|"
     r"is worth)\w*(?: (?:to|for|with|into|in))?"
     rf"(?: (?:student |the |their |mean )*{_OUT}(?: {_OUT})*)?\b", "SLOPE"),
    (rf"\b{_OUT}(?: {_OUT})*(?: \w+){{0,2}}? (?:depends on|depend on|rises with|related to|tied to|"
     rf"varies with|increases with|changes with)(?: \w+){{0,2}}? (?:STUSES|ses)\b", "SLOPE"),
    (r"\bslope\b", "SLOPE"),
]  # fmt: skip
_MEANS = [
    (r"\b(minus|versus|from|compared (?:to|with)) (?:the |its )?(?:predicted|expected|fitted) "
     r"(?=(?:\w+ )?(?:SLOPE|mean))", r"\1 PREDICTION EXPECTED "),
    (r"\b(?:mean|average|expected|true|predicted|typical|AVERAGE|EXPECTED)(?: (?:within school|"
     r"school|true|of|the|mean|average|expected|value))* (?=SLOPE|BSLOPE)", "EXPECTED "),
    (rf"\b(?:school |true |overall )*(?:mean|average)(?: (?:school|true|of|the|in|level|their|its|"
     rf"on|for|student|predicted|expected))*(?: {_OUT})+\b", "MEAN"),
    (rf"\b{_OUT}(?: {_OUT})* (?:mean|average|level)\b", "MEAN"),
    (r"\bschool (?:mean|average)\b", "MEAN"),
    (r"\bschool( j)?(?: (?:true|own|real|underlying|actual|latent|expected|predicted))*"
     r" (?:mean|average)\b", r"school\1 MEAN"),
    (r"\b(?:true|real|underlying|latent|EXPECTED) (?:mean|average)\b(?! SLOPE)", "MEAN"),
    (r"\b(?:mean|average)(?= (?:of|for|at|in) (?:the |a |an |each |its )?(?:\w+ )?school\b)",
     "MEAN"),
    (r"\b(?:does|do|performs?|scores?|achieves?|reads?)(?: \w+){0,2} on average\b", "MEAN"),
    (r"\b(?:random )?intercept\b", "MEAN"),
    (r"\b(their|its|the|school|expected|predicted|EXPECTED|COND|in|have|around) (?:own )?"
     r"(?:mean|average)\b(?! (?:(?:value|level|of|in|on|the|school|student|family|\w+) ){0,3}?"
     r"(?:SLOPE|BSLOPE|SCHSES|AVGSES|STUSES|ses)\b)", r"\1 MEAN"),
]  # fmt: skip
_NEGATED = re.compile(
    r"\b(?:not|(?<!private )(?<!private school )(?:rather than|instead of)|as opposed to|but not|"
    r"never)"
    r"(?: (?:a|an|the|of|for|in|about|to|just|only|their|within|between|at))*"
    r" (?:private|public|SLOPE|BSLOPE|MEAN|variance|difference|deviation|student|SCHSES|STUSES|"
    r"observed MEAN|observed SLOPE|observed|ols SLOPE|ols|sample MEAN|estimated|"
    r"school)\b(?: school)?"
)


def everyday(text: str, words: Words) -> str:
    """The sentence with one word for each sector and for how well off families are."""
    text = tidy(_translate(text, words))
    for table in (_SES, _SECTOR):
        for pattern, token in table:
            text = re.sub(pattern, token, text)
    return text


def canonical(text: str, words: Words) -> str:
    """The sentence with phrases replaced by tokens in capitals."""
    text = everyday(text, words)
    for table in (_SYMBOLS, _LEVELS, _CENTERING, _CONDITION, _SLOPES, _MEANS):
        for pattern, token in table:
            text = re.sub(pattern, token, text)
    text = _NEGATED.sub(" ", text)
    return re.sub(r"\s+", " ", text).strip()


# ---- from tokens to flags --------------------------------------------------------------------
_MORE = r"(?:higher|larger|bigger|greater|more|better|steeper|stronger|exceed\w*)"
_LESS = r"(?:lower|smaller|less|worse|flatter|weaker)"
_FLAGS = {
    "expected": r"\b(?:expected|expect|predicted|predict|average|mean|typical|estimated|fitted|"
    r"EXPECTED|MEAN|would|AVERAGE)\b",
    "mean": r"\bMEAN\b",
    "score": rf"\b(?:{_OUT}|MEAN)\b",
    "slope": r"\bSLOPE\b",
    "bslope": r"\bBSLOPE\b",
    "public": r"\bpublic\b",
    "private": r"\bprivate\b",
    "sector": r"\bsector\b",
    "avgses": r"\bAVGSES\b",
    "schses": r"\b(?:SCHSES|AVGSES)\b",
    "stuses": r"\bSTUSES\b",
    "ses": r"\bses\b",
    "cond": r"\b(?:COND|HOLD|AVGSES)\b",
    "uncond": r"\bUNCOND\b",
    "remain": r"\bREMAIN\b",
    "variance": r"\b(?:variance|variation|variability|vary|varies|varying|spread|dispersion|"
    r"dispersed|heterogeneity|scatter|how different)\b|"
    r"\b(?:differ|difference|different)\b(?: \w+){0,5}? (?:between|among|across|from one) "
    r"(?:the )?school\b|\bhow much (?:\w+ ){0,4}?school (?:\w+ ){0,3}?differ\b|"
    r"\bschool(?: \w+){0,3} differ(?:ing)? (?:from (?:one another|each other)|in)\b",
    "sdev": r"\bstandard deviation\b",
    "deviation": r"(?<!standard )\b(?:deviation|deviate|deviates|deviating|residual|departure|"
    r"departs?|discrepancy|above or below|how far|distance|error|random effect|unique|"
    r"offset|surplus|shortfall|over or under\w*|off from|off by|far off|miss(?:es)?|leftover|"
    r"departing|deviance|strays?)\b|"
    r"\b(?:gap|difference|distance) between (?:that|this|it|the two|them)\b"
    r"(?: \w+){0,6}? (?:MEAN|SLOPE)\b|"
    r"\b(?:differs?|difference|gap)(?: \w+){0,12}? (?:from|and|to|versus|minus)"
    r"(?: \w+){0,6}? (?:expected|predicted|fitted|expectation|prediction|model|COND)\b|"
    r"\b(?:minus|versus|compared (?:with|to)) (?:(?:the|its|what|one|value|MEAN|SLOPE|you|we|would|"
    r"that|EXPECTED) )*(?:COND|expected|predicted|PREDICTION|gamma\w+)\b|"
    rf"\b(?:{_MORE}|{_LESS}|above|below)(?: \w+){{0,8}}? (?:expected|predicted|expect|predict\w*|"
    r"expectation|model)\b|\b(?:above|below|than)(?: \w+){0,4}? COND\b",
    "difference": r"\b(?:how different|lead|(?:relative to|instead of|rather than) (?:the |a )?"
    r"(?:public|private)|difference|differs?|compares?|comparison|differential|gap|contrast|"
    r"minus|advantage|disadvantage|premium|penalty|compared|comparing|versus|than|steeper|"
    r"flatter|exceeds?|"
    rf"{_MORE}|{_LESS})\b|\bpublic(?: school)? to (?:a )?private\b|"
    r"\badd\w*(?: \w+){0,3}? to (?:(?!private)\w+ ){0,6}?public\b|\bhow far apart\b|"
    r"\b(?:above|below|ahead of|behind) (?:that|those|the one|what|the|a)?(?: (?:of|in|for|a|the))*"
    r" ?(?:private|public)\b|"
    r"\b(?:effect|coefficient|influence|impact|role) of (?:the )?(?:school )?(?:sector|private|"
    r"being (?:in )?(?:a )?private)\b|\bsector (?:effect|coefficient|difference|gap)\b",
    "change": r"\b(?:change|changes|increase|increases|increasing|decrease|rise|rises|drop|grow|"
    r"grows|per|for (?:each|every|one|a)|unit|associated|association|relat\w+|effect|predicts|"
    r"moderat\w+|depends?|goes up|go up|going up|gain|strengthen\w*|weaken\w*|shift\w*|"
    r"stronger|weaker|steeper|flatter|as SCHSES|with SCHSES|varies with|BSLOPE|climb\w*|"
    r"fall\w*|growth|"
    r"rate|coefficient|grow\w*|gains|rising|shrink\w*|mov(?:e|es|ing)|higher|gradient|"
    r"slope|link\w*|differ\w*|effect|impact|influence)\b",
    "moved": r"\b(?:change|changes|increase|increases|increasing|decrease|rise|rises|drop|grow|"
    r"grows|per|unit|moderat\w+|depends?|goes up|go up|going up|gain|strengthen\w*|weaken\w*|"
    r"shift\w*|as SCHSES|with SCHSES|steeper|flatter|stronger|weaker|climb\w*|fall\w*|growth|rate|"
    r"growing|rising|shrink\w*|mov(?:e|es|ing)|higher)\b",
    "tied": r"\b(?:associated|association|relat\w+|effect|predicts|link\w*|differ\w*|impact|gap|"
    r"influence|coefficient)\b",
    "slopechange": r"\b(?:change|rise|increase|shift|growth|gain|drop) in (?:(?:the|expected|"
    r"EXPECTED) )*SLOPE (?:per|for|as|when|with)\b|\bSLOPE (?:changes|rises|shifts|increases)\b",
    "student": r"\b(?:student|individual|person|level 1)\b",
    "all": r"\b(?:all|every|overall|across|both|any|grand mean|whole|entire|general)\b"
    r"(?: \w+){0,2}? ?(?:school|sector|sample|mean|MEAN|SLOPE|average|population)?",
    "everyschool": r"\b(?:(?:all|every|any|across|both)(?: the)? (?:school|sector)|overall|"
    r"grand mean|whole sample|entire sample|general population|across the board)\b",
    "within": r"\bwithin (?:a |the |each |one |any )?(?:\w+ )?(?:school)\b",
    "between": r"\b(?:between|among|across|school to)(?: \w+)? school\b|\bbetween school\b|"
    r"\bschool level\b|\blevel 2\b",
    "contextual": r"\bcontextual\b|\bBSLOPE (?:and|minus|versus|less) (?:the )?(?:EXPECTED "
    r")?SLOPE\b|"
    r"\bSLOPE (?:and|subtracted from|from) (?:the )?BSLOPE\b|\bbetween (?:slope )?minus within\b|"
    r"\b(?:COND|HOLD)(?: \w+){0,6}? STUSES\b|"
    r"\b(?:over and above|beyond|in addition to)(?: \w+){0,5}? STUSES\b|"
    r"\bsame STUSES\b",
    "explained": r"(?<!REMAIN COND )\b(?:explained by|explains|accounted for by|due to|"
    r"attributable to|proportion|percent\w*|share of)\b",
    "model": r"\b(?:predictor|covariate|characteristic|level 2 variable|school variable|"
    r"fixed (?:part|effect)|model|regression line|other variable|explanatory variable)\b",
    "schoolj": r"\b(?:school j|a (?:\w+ )?school|particular|specific|individual school|one school|"
    r"given school|each school|that school|this school|single school|the school|school own|j)\b",
    "schsesheld": r"\bHOLD (?:for |the |on )*SCHSES\b",
    "extreme": r"(?<!nor )(?<!neither )\b(?:low|high|lowest|highest|poorest|richest) "
    r"(?:possible |value of |in )?(?:SCHSES|ses)\b|\bSCHSES (?:is|are) (?:very )?(?:low|high)\b|"
    r"\b(?:above|below) AVGSES\b(?! (?:or|and))",
    "reversed": r"\bpublic(?: (?:school|EXPECTED|SLOPE|MEAN|difference|lead)){0,3} minus\b|"
    r"\bpublic(?: school)? lead over\b|"
    rf"\bpublic(?: \w+){{0,10}}? (?:{_MORE}|{_LESS})(?: \w+){{0,4}}? than"
    r"(?: \w+){0,5}? private\b|"
    rf"\b(?:{_MORE}|{_LESS})(?: (?!private)\w+){{0,8}}? public(?: \w+){{0,10}}? than"
    r"(?: \w+){0,6}? private\b|"
    r"\bpublic(?: \w+){0,2}? (?:compared|relative)(?: \w+){0,4}? private\b|"
    r"\bpublic(?: school)? (?:advantage|premium)\b|\bsubtract\w* (?:the )?private\b|"
    r"\bpublic(?: school)?(?: \w+){0,3}? (?:above|ahead of) (?:the )?private\b|"
    r"\bfrom private(?: school)? to (?:a )?public\b",
    "squared": r"\bvariance\b",
    "sectorheld": r"\bHOLD (?:for |the |both |SCHSES |and |ses )*sector\b|"
    r"\bCOND (?:school )?(?:of |in |from |with )?(?:the )?(?:COND )?sector\b",
    "gap": r"\bbetween (?:the )?(?:private(?: school)? and (?:the )?public|"
    r"public(?: school)? and (?:the )?private)\b",
    "swapped": rf"\bHOLD (?:for |the |their |its |mean |student )*(?:{_OUT}|MEAN)\b|"
    r"^(?:the |expected |predicted )*(?:change|increase|rise|gain|shift|growth) in SCHSES "
    r"(?:per|for|when|as|with)\b|"
    r"\b(?:expected|predicted) (?:change|difference) in SCHSES\b|^(?:the )?difference in SCHSES\b|"
    r"\bhow much (?:the )?SCHSES (?:is|are|will|would|changes?|differs?)\b",
    "observed": r"\b(?:observed|sample MEAN|sample|raw|ols|least squares)\b",
    "sampled": r"\b(?:observed|raw|ols|least squares|sample|estimated) (?:(?!vari|true)\w+ ){0,3}?"
    r"(?:MEAN|SLOPE)\b|\b(?:SLOPE|MEAN) (?:(?:that|we|are|were|as) ){0,3}(?:estimated|observed)\b",
    "shrunken": r"\b(?:empirical bayes|eb|bayes|blups?|shrunken|posterior)\b",
    "studentslope": r"\bSLOPE (?:of|for|from) (?:a |the |one |each )?student\b|\bstudent i\b|"
    r"\bone student to (?:another|the next)\b|\bvar\w+ (?:\w+ ){0,4}?SLOPE (?:between|across) "
    r"(?:the )?student\b(?! (?:of|in|within))",
    "studentvariance": r"\b(?:distance|deviation|gap|difference|variance|variation|spread|"
    r"variability) (?:of|in|among|between) "
    r"(?:the |a |one |each |individual )*student (?:own |actual )?(?:score|achievement|"
    r"reading|around)"
    r"\b",
    "causal": r"(?<!not )(?<!necessarily )\bcaus\w+\b",
    "studentlevel": r"\b(?:between|among|across|of|for) (?:the |individual )?student\b|"
    r"\bstudent to student\b|\bstudent(?: \w+){0,3}? (?:deviat\w*|differ\w*|vary|varies)\b|"
    r"\b(?:a|one|each|individual|an) student\b|\bstudent level\b|\blevel 1\b|"
    r"\bhow (?:far|much) (?:\w+ )?student\b|\bstudent (?:score|achievement|reading|around|within)",
}  # fmt: skip
_COMPILED = {name: re.compile(pattern) for name, pattern in _FLAGS.items()}


def flags(text: str, words: Words) -> frozenset[str]:
    """Which notions the sentence mentions."""
    canon = canonical(text, words)
    return frozenset(name for name, pattern in _COMPILED.items() if pattern.search(canon))


def has_all(found: Iterable[str], wanted: str) -> bool:
    """Whether flags satisfy an expression such as ``"avgses / schses cond / ses -uncond"``:
    alternatives separated by ``/``, flags that must all be there, ``-`` for absent."""
    there = set(found)
    return any(
        all((w[1:] not in there) if w.startswith("-") else (w in there) for w in way.split())
        for way in wanted.split("/")
    )
