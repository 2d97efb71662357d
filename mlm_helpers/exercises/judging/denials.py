"""Take out what a sentence denies: "not the slope", "for private ones it would be γ10 + γ11".

What is denied must not be held against a definition. It is left out before the sentence is read;
who and what it names may still be what the rest of the sentence refers to (``it``), so the judge
looks at the whole sentence where it asks who is compared.
"""

from __future__ import annotations

import re

# "not" that belongs to something else: what is not explained, what is not held fixed
_KEPT = (
    r"(?:explain|account|control|adjust|hold|held|condition|taking|taken|predict|captur|due|"
    r"attribut|signific|necessar|only|ignor|consider|includ|yet|significant|private|public|"
    r"non|by|sure|clear)"
)
_END = r"(?=$|[,.;:()!?]|\bbut\b)"
_IS_NOT = r"(?:is not|its not|it's not|isnt|isn't|are not|aren't|was not|does not|doesn't|do not)"
_SPEAKS = r"(?:mean|concern|describe|tell|say|refer|measure|speak|talk|stand)"
_OTHERS = r"(?:γ|gamma|τ|tau|β|u)_?\{?[01]_?[0-9j]?j?\}?"

_DENIALS = (
    (rf"(?:,|;|\band|\bbut|\bit|\bthis|\bwhich)? ?\b(?:says?|tells?(?: us)?|has|have) nothing "
     rf"(?:about|on|to do with) "
     rf"(?!it\b|this\b|that\b)[^,.;:()!?]*{_END}", " "),
    (rf"(?:[,.;:(–—]|\band|\bbut) (?:\w+ ){{1,6}}?(?:is|are|would be) (?:another|a different|"
     rf"something) "
     rf"(?:thing|matter|story|parameter|question|else)[^,.;:()!?]*{_END}", " "),
    # "not the variance of means but of slopes" keeps "variance of slopes"
    (r"\bnot (?:the |a |an )?(\w+) (of|in|for|between) [^,.;:()]*?,? ?but (?:of|in|for|between)\b",
     r"\1 \2"),
    (rf"\b(?:it|this|that|they|γ\w+|u\w+|τ\w+)? ?{_IS_NOT} (?:{_SPEAKS} )?"
     rf"(?:about |to |of )?(?:the|a|an|about|just|simply|how|what) [^,.;:()!?]*?{_END}", " "),
    (rf"(?:^|(?<=[,.;:(–—!?])|(?<=, and)|(?<=but)|(?<=also)|(?<=and)) ?(?:also )?"
     rf"(?:not|nor|never) (?!{_KEPT})[^,.;:()!?]*?{_END}", " "),
    (rf"\b(?:as opposed to|in contrast (?:to|with)|not to be confused with|unlike) "
     rf"(?!(?:\w+ ){{0,2}}(?:public|private))[^,.;:()!?]*{_END}", " "),
    (rf"\b(?:rather than|instead of) (?:of |in |for |about )?(?:the |a |its |their )?"
     rf"(?:mean|slope|variance|average|individual|student|difference)[^,.;:()!?]*{_END}", " "),
    (rf"\b(?:the )?(?:private|public)(?: school| one)?s? (?:is|are|do|does) (?:not|excluded|"
     rf"left out)"
     rf"[^,.;:()!?]*{_END}", " "),
)  # fmt: skip


def affirmed(text: str, own: str = "") -> str:
    """The sentence without what it denies and without asides about other parameters than ``own``
    (such as ``"gamma10"``)."""
    text = _without_asides(text.casefold().replace("’", "'"), own)
    for pattern, left in _DENIALS:
        text = re.sub(pattern, left, text)
    return text


def _without_asides(text: str, own: str) -> str:
    """Leave out clauses that say what another parameter is, where something else is left."""
    if not own:
        return text
    text = re.sub(r"\([^()]*\)", lambda m: "" if _only_others(m[0], own) else m[0], text)
    clauses = re.split(r"(?<=[.;!?])\s+|(?<=,)\s+|(?=\()|(?<=\))", text)
    kept = [c for c in clauses if not _only_others(c, own)]
    left = " ".join(kept)
    return left if len(re.findall(r"\w{2,}", left)) >= 4 else text


def _only_others(clause: str, own: str) -> bool:
    named = {_plain(s) for s in re.findall(_OTHERS, clause)}
    gammas = {s for s in named if s.startswith("gamma")}
    if not gammas - {own} or not own.startswith("gamma"):
        return False
    return own not in named or not re.search(
        rf"{own[-2:]}\W*(?:is|=|means|gives|tells|says|shows)\b|{own[-2:]}\s*[=:]", clause
    )


def _plain(symbol: str) -> str:
    name = re.sub(r"[_{}]", "", symbol).replace("γ", "gamma").replace("τ", "tau")
    return name
