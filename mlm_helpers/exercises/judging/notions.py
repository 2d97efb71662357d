"""Notice which notions a sentence mentions: *flags* such as ``difference`` or ``private``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from mlm_helpers.exercises.judging.phrases import OUTCOME, canonical
from mlm_helpers.exercises.terms import Terms

# ---- from tokens to flags --------------------------------------------------------------------
_MORE = r"(?:higher|larger|bigger|greater|more|better|steeper|stronger|exceed\w*)"
_LESS = r"(?:lower|smaller|less|worse|flatter|weaker)"
FLAGS = {
    "expected": r"\b(?:expected|expect|predicted|predict|average|mean|typical|estimated|fitted|"
    r"EXPECTED|MEAN|would|AVERAGE)\b",
    "mean": r"\bMEAN\b",
    "score": rf"\b(?:{OUTCOME}|MEAN)\b",
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
    "deviation": r"\bbeyond COND\b|\b(?:exceeds? or|falls? short|unusual|special about|peculiar)\b|"
    r"\bdifferent (?:\w+ ){0,5}?from (?:COND|expect\w*|predict\w*|what)\b|"
    r"\b(?:in addition to|on top of|beyond) (?:the |what )?(?:SLOPE|MEAN|one|value)?(?: "
    r"\w+){0,4}? sector\b|"
    r"(?<!standard )\b(?:deviation|deviate|deviates|deviating|residual|departure|"
    r"departs?|discrepancy|above or below|how far(?! apart)|distance|error|random effect|unique|"
    r"offset|surplus|deficit|shortfall|random (?:part|component|term)|own part|left of|over or "
    r"under\w*|off from|off by|far off|miss(?:es)?|leftover|"
    r"departing|deviance|strays?)\b|"
    r"\badd\w*\b(?: \w+){0,12}? (?:COND|EXPECTED|expected|predicted|PREDICTION)\b|"
    rf"\b(?:better|worse|{_MORE}|{_LESS})(?: (?:or|and) (?:\w+))?(?: (?:\w+ ){{0,8}}?)than "
    r"(?:\w+ ){0,8}?(?:school|one)(?: (?:of|with|in|from|that|are|alike|the|like|it))* COND\b|"
    r"\b(?:gap|difference|distance) between (?:that|this|it|the two|them)\b"
    r"(?: \w+){0,6}? (?:MEAN|SLOPE)\b|"
    r"\b(?:differs?|difference|gap)(?: \w+){0,12}? (?:from|and|to|versus|minus)"
    r"(?: \w+){0,6}? (?:expected|predicted|fitted|expectation|prediction|model|COND)\b|"
    r"\b(?:minus|versus|(?:compared|comparison|relative) (?:with|to)) (?:(?:the|its|what|one|"
    r"value|MEAN|SLOPE|you|we|would|"
    r"that|EXPECTED) )*(?:COND|expected|predicted|PREDICTION|gamma\w+)\b|"
    rf"\b(?:{_MORE}|{_LESS}|above|below)(?: \w+){{0,8}}? (?:expected|predicted|expect|predict\w*|"
    r"expectation|model)\b|\b(?:above|below|than)(?: \w+){0,4}? COND\b",
    "both": r"\b(?:mean|MEAN|intercept) (?:and|as well as|plus) (?:the |its |their |of |in |"
    r"EXPECTED )*"
    r"SLOPE\b|\bSLOPE (?:and|as well as|plus) (?:the |its |their |of |in |EXPECTED )*"
    r"(?:mean|MEAN|intercept)\b(?! (?:of|for|on) )",
    "decrease": r"(?<!increase or )(?<!increase )(?<!rise or )\b(?:decrease|drop|reduction|"
    r"decline|fall)"
    r"(?! or)(?! increase) (?:in|of) (?:(?!increase|rise)\w+ ){0,4}?(?:MEAN|SLOPE|achievement|"
    r"score)\b",
    "studentsubject": r"\bhow (?:far|much) (?:is |are |does |do )?(?:a |an |the |each |one |any "
    r"|individual )?"
    r"student\b(?! (?:with|one|SLOPE))|\b(?:deviation|distance|residual|variance|variation|"
    r"variability|spread) (?:of|in|for|between|among) (?:the |a |an |one |each |individual "
    r")*student\b|"
    r"\bbetween (?:private|public)(?: school)? (?:and|versus) (?:private|public)(?: school)? "
    r"student\b|"
    r"\b(?:for|of) (?:a|one|each) student (?:own )?(?:achievement|score|reading)\b",
    "difference": r"\b(?:change|shift|difference) (?:of|in) (?:the |EXPECTED )*(?:MEAN|SLOPE) "
    r"(?:associated with|by|due to|with|that goes with|going with|for) (?:the )?sector\b|"
    r"\b(?:shift|change|step) (?:\w+ ){0,6}?(?:between|from) (?:the )?(?:public|private)\b|"
    r"\b(?:how different|jump|bump|on top of|this far apart|far apart|lead|(?:relative to|"
    r"instead of|rather than) (?:the |a )?"
    r"(?:public|private)|difference|differs?|compares?|comparison|differential|gap|contrast|"
    r"minus|advantage|disadvantage|premium|penalty|compared|comparing|versus|than|steeper|"
    r"flatter|exceeds?|"
    rf"{_MORE}|{_LESS})\b|\bpublic(?: 0)?(?: school)? to (?:a )?private\b|\bdiffer\w*\b|"
    r"\badd\w*(?: \w+){0,3}? to (?:(?!private)\w+ ){0,6}?public\b|\bhow far apart\b|"
    r"\b(?:above|below|ahead of|behind) (?:that|those|the one|what|the|a)?(?: (?:of|in|for|a|the))*"
    r" ?(?:private|public)\b|"
    r"\b(?:effect|coefficient|influence|impact|role) of (?:the )?(?:school )?(?:sector|private|"
    r"being (?:in )?(?:a )?private)\b|\bsector (?:effect|coefficient|difference|gap)\b",
    "change": r"\b(?:steepness|gained|(?:to )?add|change|changes|increase|increases|increasing|"
    r"decrease|rise|rises|drop|grow|"
    r"grows|per(?! sector| school| group)|for (?:each|every|one)|unit|associated|association|"
    r"relat\w+|effect|predicts|"
    r"moderat\w+|depends?|goes up|go up|going up|gain|strengthen\w*|weaken\w*|shift\w*|"
    r"stronger|weaker|steeper|flatter|as SCHSES|with SCHSES|varies with|BSLOPE|climb\w*|"
    r"fall\w*|growth|"
    r"rate|coefficient|grow\w*|gains|rising|shrink\w*|mov(?:e|es|ing)|higher|gradient|"
    r"slope|link\w*|differ\w*|effect|impact|influence)\b",
    "moved": r"\b(?:additional unit|(?:to )?add|effect of SCHSES|change|changes|increase|"
    r"increases|increasing|decrease|rise|rises|drop|grow|"
    r"grows|per(?! sector| school| group)|unit|moderat\w+|depends?|goes up|go up|going up|gain|"
    r"strengthen\w*|weaken\w*|"
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
    "extreme": r"(?<!nor )(?<!neither )\b(?:low|high|lowest|highest) "
    r"(?:possible |value of |in )?(?:SCHSES|ses)\b|\bSCHSES (?:is|are) (?:very )?(?:low|high)\b|"
    r"\b(?:poorest|richest|wealthiest)\b|"
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
    "regardless": r"\bREGARDLESS\b",
    "apart": r"\bapart\b",
    "withsector": r"\bchang\w* (?:with|by|across|per) (?:the )?sector\b",
    "sectorheld": r"\bHOLD (?:for |the |both |SCHSES |and |ses )*sector\b|"
    r"\bCOND (?:school )?(?:of |in |from |with )?(?:the )?(?:COND )?sector\b",
    "gap": r"\bbetween (?:the )?(?:private(?: school)? and (?:the )?public|"
    r"public(?: school)? and (?:the )?private)\b",
    "swapped": rf"\bHOLD (?:for |the |their |its |mean |student )*(?:{OUTCOME}|MEAN)\b|"
    r"(?:^|\. )(?:(?:the|a|what|our|how far|how much|expected|predicted|EXPECTED|average|true) )*"
    r"(?:expected|predicted|EXPECTED|variance|variation|change|difference|deviation|distance|"
    r"increase|decrease|rise|gain|shift|growth|gap) "
    r"(?:(?:in|of|the|a|between|expected|EXPECTED|predicted|true|its|their) )*"
    r"(?:SCHSES|AVGSES|STUSES)\b(?! (?:SLOPE|BSLOPE|effect|gap|difference))|"
    r"\bhow (?:much|far) (?:is |the )*SCHSES (?:of|goes|rises|varies|vary|lies|(?:is|are|will|"
    r"would|"
    r"changes?|differs?)(?! (?:related|associated|linked|tied|(?:the )?(?:SLOPE|MEAN))))\b",
    "observed": r"\b(?:observed|sample MEAN|sample|raw|ols|least squares)\b",
    "sampled": r"\b(?:observed|raw|ols|least squares|sample|estimated) (?:(?!vari|true)\w+ ){0,3}?"
    r"(?:MEAN|SLOPE)\b|\b(?:SLOPE|MEAN) (?:(?:that|we|are|were|as) ){0,3}(?:estimated|observed)\b",
    "shrunken": r"\b(?:empirical bayes|eb|bayes|blups?|shrunken|posterior)\b",
    "studentslope": r"\bSLOPE (?:across|among|from) (?:the |individual )?student\b|"
    r"\bSLOPE (?:of|for|from) (?:a |the |one |each )?student\b|\bstudent i\b|"
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
_COMPILED = {name: re.compile(pattern) for name, pattern in FLAGS.items()}


@lru_cache(maxsize=5_000)
def flags(text: str, words: Terms) -> frozenset[str]:
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


# ---- what the judge could not read -------------------------------------------------------------
_SMALL_WORDS = """
a an the of in on at for to from by with and or as is are was were be been being it its their they
this that these those which who whose what we you one two i if then than so do does has have had
there here when where while how much many would will can could should may might also only just
still value j school student level unit point parameter coefficient per each every any all both
some other others own after before over about up down into out within between among across same
i 1 2 0 expected predicted true model compared score achievement reading
"""
_FUNCTION_WORDS = frozenset(_SMALL_WORDS.split())
_KNOWN = frozenset(re.findall(r"[a-z]{3,}", " ".join(FLAGS.values()))) | _FUNCTION_WORDS
_STEMS = tuple(w for w in _KNOWN if len(w) > 4)


def unread(text: str, words: Terms) -> list[str]:
    """The words of a sentence that no notion takes up: what the judge has not understood."""
    left = canonical(text, words).split()
    return [
        w
        for w in left
        if w.isalpha() and w.islower() and w not in _KNOWN and not w.startswith(_STEMS)
    ]
