"""Replace the many ways of saying a thing by one token.

``SCHSES`` is the mean SES of a school, ``SLOPE`` the SES-achievement slope within schools, ``COND``
something held fixed. The tables know the words of this course, not English. ``notions`` looks for
these tokens, ``rules`` says what a definition needs.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mlm_helpers.exercises.judging.spelling import tidy, translate
from mlm_helpers.exercises.terms import Terms

# ---- from phrases to tokens ------------------------------------------------------------------
_RICH = r"(?:rich|poor|well off|wealthy|affluent|(?:dis)?advantaged|privileged)"
_RICHER = r"(?:richer|wealthier|better off|more affluent|more advantaged|more privileged)"
_SES = [
    (r"\b(student|family|classmate|kid)s? (?:of|with|from) (?:a )?(?:high|low|higher|lower)(?: "
     r"ses)? and (?:of |with )?(?:a )?"
     r"(?:high|low|higher|lower) ses\b", r"\1 family ses difference"),
    (r"\bmiddling\b", "average"), (r"\baverage levels of school\b", "average school"),
    (rf"\b(?:equally|just as|similarly|as) {_RICH} (public |private )?(?:school|one|student|"
     rf"family)\b",
     r"\1school of same school mean ses"),
    (rf"\bneither {_RICHER} nor (?:poorer|worse off)(?: than (?:in )?(?:the )?(?:other|average|"
     rf"typical|most)"
     r"(?: school| one)?)?\b", "of average school mean ses"),
    (rf"\b(?:school|one|it) (?:is|gets|becomes) (?:one |1 |a )?(?:unit )?{_RICHER}\b",
     "increase per unit of school mean ses"),
    (r"\bneither (?:rich|affluent|wealthy|well off) nor poor\b", "of average school mean ses"),
    (r"\bhow (?:well off|rich|poor|wealthy|affluent|advantaged) (?:it|they) (?:is|are)"
     r"(?: as (?:a )?school)?\b", "school mean ses"),
    (r"\bfamily (?:\w+ ){0,5}?as (?:well off|rich|poor|wealthy|affluent) as (?:in |at |those of )?"
     r"(?:the |a |an )?(?:typical|average)(?: school)?\b", "average school mean ses"),
    (r"\bthe (?:richer|wealthier|poorer|better off|more affluent) (?:they|it|the school|a school|"
     r"school)(?: (?:is|are|gets?|becomes?))?\b", "per unit of school mean ses"),
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
     r"(?:student|family|classmate|schoolmate|peer)\b", "family ses difference"),
]  # fmt: skip
_SECTOR = [
    (r"\btwo (?:private|public) (?:school|one)\b(?! (?:and|or|versus))(?! (?:\w+ ){0,3}?two)",
     "HOLD sector school"),
    (r"\bboth (?:are |being |school )*public or both (?:are |being |school )*private\b",
     "HOLD sector"),
    (r"\b(public|private|public school|private school|school|one) (?:of|with) (?:mean|average|"
     r"typical) ses\b",
     r"\1 with average school mean ses"),
    (r"\bsector (?:is |equals |= |being |at |of |was |goes from |code )*(?:0|zero)\b(?! (?:to|"
     r"or))", "public"),
    (r"\bsector (?:is |equals |= |being |at |of |was |code )+(?:1|one)\b", "private"),
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
    r"(?:into|taking) account|conditional (?:up)?on|correct(?:ing|ed|ion)? for|condition(?:ing|"
    r"ed) on|"
    r"hold(?:ing|s)?|held|keeping|kept|allowing for|considering|regard to|partial\w* out)"
)
_CONDITION = [
    (r"\bwithout (?:changing|altering|moving)\b|\bhaving (?:taken|removed|partialed|factored) "
     r"out\b", "COND"),
    (r"\b(?:in|for|within|of) (?:either|each|any) (?:sector|kind of school|type of school)\b",
     "COND sector"),
    (r"\bschool of (?:one|a single) (?:type|kind|sector)\b|\bwhether (?:they are )?(?:private "
     r"or public|public or private)\b"
     r"(?: school)?", "COND sector"),
    (r"\bschool (?:that are )?equally (?:well off|rich|poor|wealthy|affluent)\b",
     "school COND SCHSES"),
    (r"\b(?:can|could|is|are|was) not (?:be )?(?:attributed|ascribed|traced|attributable|put "
     r"down) to\b|\bresidual to\b",
     "REMAIN COND"),
    (r"\b(?:beyond|above|over) what (?:is|was|we|one|you|would be)(?: would)? (?:expect\w*|"
     r"predict\w*)\b", "above COND EXPECTED"),
    (rf"\b(?:regardless of|irrespective of|no matter|whatever)(?: \w+){{0,3}}? {_OBJECTS}\b",
     r"REGARDLESS"),
    (r"\bneither (?:\w+ ){1,6}?nor (?:\w+ ){1,5}?(?:explain\w*|account for|predict\w*|"
     r"capture\w*)\b", "REMAIN COND sector and SCHSES"),
    (r"\bwould think\b", "would expect"),
    (r"\b(?:of|in|with|within|at) (?:only )?(?:one|a single|any one|one and the same) (sector|"
     r"level of)\b", r"COND \1"),
    (r"\badjusted (?=mean|average|slope|difference|expected)", ""),
    (r"\b(?:stay|remain)(?:s|ing)? (?:put|the same|as (?:it|they) (?:is|are)|where (?:it|they) "
     r"(?:is|are)|"
     r"equal|constant|fixed|unchanged)\b|\b(?:does|do|is|are) not (?:change|changing|differ)\b",
     "COND"),
    (r"\b(?:(?:is|are|being|already) known|(?:we |you |one )?(?:know|knows|knowing)|(?:for "
     r")?known)\b", "COND"),
    (r"\b(?:that |which )?(?:the |our )?(?:equation|model|regression|formula|rule) (?:would "
     r")?(?:gives?|"
     r"implie[sd]|imply|says?|predicts?|expects?)\b", "COND EXPECTED"),
    (r"\b(?:un|not (?:yet |being |already )?)(?:explained|accounted for|predicted|captured|"
     r"attributable|due)"
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
    (rf"\b(?:ignoring|ignore|ignores|disregarding|"
     rf"neglecting|leaving out|omitting|excluding)(?: \w+){{0,3}}? {_OBJECTS}\b", "UNCOND"),
    (r"\b(?:before|prior to|without) (?:adding |including |entering |any |the |considering )*"
     r"(?:sector|school mean ses|ses|predictor|covariate|level 2)\b", "UNCOND"),
    (r"\b(?:unconditional(?:ly)?|unadjusted|uncontrolled)\b", "UNCOND"),
    (rf"\b{_CUE}\b", "HOLD"),
    # held fixed by being in the model, or by comparing like with like
    (r"\b(sector|SCHSES|AVGSES)(?: (?:is|are|was|were|being|already|included|entered|added|also))* "
     r"(?:in|into|to|part of) the (?:model|regression|equation)\b", r"\1 COND"),
    (r"\blike (?:(?:is|being|are) )?(?:compared )?(?:with|to|for|against) like\b", "COND"),
    (r"\b(?:(?:all|everything|anything) else|other things|the rest|(?:all )?other predictor|"
     r"everything) "
     r"(?:(?:is|are|being|staying|kept|held|remains?|stays?) )*(?:the )?(?:equal|same|constant|"
     r"fixed|unchanged)\b|"
     r"\bceteris paribus\b", "COND model"),
    (r"\bwhat(?= (?:the |its |their |a |school )*(?:sector|SCHSES)(?: \w+){0,4}? "
     r"(?:predict|expect|imply|implie|suggest|lead))", "COND"),
    (r"\b(?:predict(?:ed|s|ion)?|expected|expect|expectation)"
     r"(?= (?!to\b|we\b|a\b)\w+ (?:by|from|given|based)\b)", "COND EXPECTED"),
    (r"\b(?:net of|separate(?:ly)? from|apart from|independent(?:ly)? of|above and beyond|over "
     r"and above|given|constant|fixed|equal|identical|"
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
    r"(?:slope|steepness|gradient|relationship|relation|association|link|connection|coefficient|"
    r"correlation|effect|impact|influence|dependence|payoff|return|gap|advantage|disparity|"
    r"inequality|importance|relevance|weight|regression(?: line| coefficient)?|line)"
)
OUTCOME = (
    r"(?:achievement|reading|score|performance|test|outcome|mathematics|math|result|attainment)"
)
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
    (rf"\b(public|private) school ses (?=(?:{OUTCOME} )*(?:slope|effect|gap|gradient|line)\b)",
     r"\1 school STUSES "),
    (r"\b((?:in|inside|within) (?:\w+ ){0,3}school) ses (?=(?:(?:may|might|can|does|will|would) )?"
     r"(?:matter|count|pay|influence|affect|predict|relate))", r"\1 STUSES "),
    (r"\bschool (?:gets?|becomes?|grows?) (?:more )?(?:affluent|advantaged|rich|richer|wealthy|"
     r"wealthier|better off)\b(?: on average)?", "SCHSES increases"),
    (r"\b((?:classmates?|schoolmates?|student|one|another) (?:who|that|with) "
     r"(?:(?!mean|school|average)\w+ ){0,5}?)ses\b",
     r"\1STUSES"),
    # which school: "within-school SES" is a student's, "between-school SES slope" the schools'
    (r"\bwithin (?:the |a |each )?school ses\b", "within school STUSES"),
    (rf"\bbetween school ses (?:{OUTCOME} )*{_LINK}\b", "BSLOPE"),
    (r"\b(?:at|with|to|of|is|equals|on) (?:the |its |an )?(?:mean|average|grand mean|overall mean)"
     r"(?: value| level)? (?:of|on|for|in) (?:the |its |their )?(?:school |average |mean )*ses\b",
     "AVGSES"),
    (rf"(?<!school )\baverage (?=ses (?:{OUTCOME} )*{_LINK}\b)", "expected "),
    (r"\b(?:the|its|their|each|every) average (?:family |student )?ses (?:of|in|for|at) "
     r"(?:the |a |its |their |that |each )?school\b", "SCHSES"),
    (r"\bat (?:the |its )?(?:mean|average) (?:level |value )?(?:of )?school (?:mean |average "
     r")?ses\b",
     "AVGSES"),
    (r"\bstudent (?:with|of|who has|having) (?:an? )?(?:average|typical) (?:family )?ses\b",
     "student with STUSES"),
    # where a school stands on mean SES: at the average
    (r"\b(?:(?:school )?(?:mean|average) )?ses (?:level |value |centered )?(?:that |which "
     r")?(?:is|are|"
     r"equals?|equal to|at|of|sits|lies|falls|"
     r"being|matches|the same as|set to|=)(?: (?:at|to|the|its|an?|exactly|equal|all|school|sample|"
     r"about|around|right|held|on|just))* (?:average|grand mean|overall mean|overall average|mean|"
     r"overall|zero|0|typical)(?! (?:ses|school))"
     rf"(?: (?:of|across|over|among|for|in) (?:{_MANY} ?)+)?\b", "AVGSES"),
    (r"\bschool average ses\b", "SCHSES"),
    (r"\b(?:average|typical|grand mean|overall mean|mean(?= school mean ses)|overall)"
     r"(?: (?:level|value|in terms))?(?: (?:of|on|for|in))?(?: (?:its|the|their))?"
     r"(?: (?:school|student|family|body|level|2|wide|mean|average|in))* ses\b"
     rf"(?! (?:to |and |on )*(?:{OUTCOME} )*{_LINK}\b)", "AVGSES"),
    (r"\bses(?: \w+){0,2} (?:typical|average) (?:school|one)\b", "AVGSES"),
    (r"\b(?:mean|average|school|aggregate|collective|level 2|composition(?:al)?)"
     r"(?: (?:of|the|its|their|school|student|body|family|level|wide|mean|average|s))* ses"
     r"(?: (?:composition|mean|average))?\b", "SCHSES"),
    (r"\bses (?:composition|mean|average|makeup|mix|intake)(?: of (?:the |a |its )?school)?\b",
     "SCHSES"),
    (r"\bses (?:of|at) (?:the|a|its|their|that|each|one)? ?(?:whole )?"
     r"(?:school|student body)\b(?! j)", "SCHSES"),
    (r"\b(?:its|their) (?:own )?ses\b(?! (?:difference|slope|effect|gap|gradient|line|relation))",
     "SCHSES"),
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
    (r"\bfamily (?:with|of|having) (?:the )?(same|equal|comparable) (?:ses|STUSES)\b",
     r"family of \1 STUSES"),
]  # fmt: skip
_LEVELS += [
    (
        r"\bSCHSES (?:is|are|was|were|equals|=|at|being) (?:(?:just|exactly|at|the|an|about|its)"
        r" )*(?:average|mean|typical|"
        r"grand mean|overall mean|0|zero)\b",
        "AVGSES",
    ),
]
_CENTERING = [
    (r"\b(?:relative to|above|around|from|compared (?:to|with)|than|below|at) "
     r"(?:the |their |its |his |her |a )?(?:own )?school(?: s)? (?:mean|average|AVGSES)"
     r"(?: (?:on |of |in )?ses)?(?! (?:achievement|reading|score))\b", "CENTER"),
    (r"\b(?:group|school) mean centered\b", ""),
    (r"\bwithin school centered\b", ""),
]  # fmt: skip
_SLOPES = [
    (r"\b(?:STUSES|ses) (?:is|are|was|being) (?:\w+ ){0,4}?(?:important|relevant|influential|"
     r"decisive|predictive)\b", "SLOPE"),
    (rf"\bdifference in (?:STUSES|ses)(?: \w+){{0,8}}? (?:mean|means|make|makes|imply|implies|"
     rf"bring|brings|do|does)"
     rf"(?: to| for| in| COND| their| its| the| reading| a| student)* {OUTCOME}\b", "SLOPE"),
    (r"\b(steeper|flatter|steep|flat|steepness)((?: \w+){0,6}?) (?<!slope )line\b(?! (?:that |"
     r"which )?(?:goes |runs )?through)", r"\1\2 SLOPE"),
    (r"\b(?:STUSES|ses)(?: difference)? (?:\w+ )?makes? (?:(?:less|more|a|any|no|big|bigger|"
     r"smaller|larger|of|or) )+"
     r"difference\b", "SLOPE"),
    (rf"\bbetween school (?:(?!of |in |the |vari|differ)\w+ ){{0,3}}?"
     rf"(?:ses |AVGSES |SCHSES )?(?:{OUTCOME} )*{_LINK}\b", "BSLOPE"),
    (rf"\bSCHSES (?:{OUTCOME} |mean |and )*{_LINK}\b"
     r"(?! (?:on|in|for|of) (?:the |\w+ )?(?:SLOPE|slope)\b)", "BSLOPE"),
    (rf"\bschool level (?:effect|{_LINK}) of ses\b", "BSLOPE"),
    (rf"\b(?:slope|gradient|regression)(?: coefficient)?(?: (?:of|for|on|linking|"
     rf"relating))?(?: the| MEAN| {OUTCOME}"
     rf"| mean| average| score| line| through| against| on| school| of)* SCHSES\b", "BSLOPE"),
    (rf"\b(?:within (?:the |a |each )?school )?(?:STUSES|ses|SES) (?:to |and |on |mean )?"
     rf"(?:{OUTCOME} )*{_LINK}\b", "SLOPE"),
    (rf"\b(?:within (?:the |a |each )?school ){_LINK}\b", "SLOPE"),
    (rf"\b{OUTCOME} (?:and |on |by )?(?:ses|STUSES) {_LINK}\b", "SLOPE"),
    (rf"\b{_LINK} (?:\w+ )?(?:of|for|between|linking|from|to|due to|on|in|by|with|that) "
     rf"(?:(?!{_LINK})\w+ ){{0,3}}?(?:STUSES|ses)(?: (?:and|on|with|to|in|for|has on) "
     rf"(?:the |student |mean |own |their )*{OUTCOME}(?: {OUTCOME})*)?\b", "SLOPE"),
    (rf"\b{_LINK} (?:between|of|linking) (?:student |a |the )*{OUTCOME}(?: {OUTCOME})* "
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
     rf"(?: (?:student |the |their |mean )*{OUTCOME}(?: {OUTCOME})*)?\b", "SLOPE"),
    (rf"\b{OUTCOME}(?: {OUTCOME})*(?: \w+){{0,2}}? (?:depends on|depend on|rises with|related "
     rf"to|tied to|"
     rf"varies with|increases with|changes with)(?: \w+){{0,2}}? (?:STUSES|ses)\b", "SLOPE"),
    (r"\bslope\b", "SLOPE"),
]  # fmt: skip
_MEANS = [
    (r"\bCOND average\b(?! (?:SCHSES|ses|family|school))", "COND MEAN"),
    (r"(?<!affluent )(?<!rich )(?<!well off )(?<!richer )\bon average\b(?! ses)", "on MEAN"),
    (r"\bmean (?=(?:difference|gap)\b(?! (?:in|of|between) (?:the |EXPECTED )*SLOPE))", "MEAN "),
    (r"\b(?:the|in|of|for|a|its|and|in the) mean(?= (?:HOLD|COND|that|which|but|is|\.)|$)",
     "the MEAN"),
    (r"\b(residual|deviation|error|coefficient|effect) (?:for|of|in|on) (?:the )?mean\b",
     r"\1 of MEAN"),
    (r"\b(minus|versus|from|compared (?:to|with)) (?:the |its )?(?:predicted|expected|fitted) "
     r"(?=(?:\w+ )?(?:SLOPE|mean))", r"\1 PREDICTION EXPECTED "),
    (r"\b(?:mean|average|expected|true|predicted|typical|AVERAGE|EXPECTED)(?: (?:within school|"
     r"school|true|of|the|mean|average|expected|value))* (?=SLOPE|BSLOPE)", "EXPECTED "),
    (rf"\b(?:school |true |overall )*(?:mean|average)(?: (?:school|true|of|the|in|level|their|its|"
     rf"on|for|student|predicted|expected))*(?: {OUTCOME})+\b", "MEAN"),
    (rf"\b{OUTCOME}(?: {OUTCOME})* (?:mean|average|level)\b", "MEAN"),
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


def everyday(text: str, words: Terms) -> str:
    """The sentence with one word for each sector and for how well off families are."""
    text = tidy(translate(text, words))
    for table in (_SES, _SECTOR):
        for pattern, token in table:
            text = re.sub(pattern, token, text)
    return text


@lru_cache(maxsize=5_000)
def canonical(text: str, words: Terms) -> str:
    """The sentence with phrases replaced by tokens in capitals."""
    text = everyday(text, words)
    for table in (_SYMBOLS, _LEVELS, _CENTERING, _CONDITION, _SLOPES, _MEANS):
        for pattern, token in table:
            text = re.sub(pattern, token, text)
    text = _NEGATED.sub(" ", text)
    return re.sub(r"\s+", " ", text).strip()
