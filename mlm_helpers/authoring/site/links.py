"""Do all links inside a site lead to a page, and to a place that is on it?"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LINK = re.compile(r"""<(?:a|link|img|script|iframe|source)\b[^>]*?\b(?:href|src)="([^"]+)\"""")
_PLACE = re.compile(r"""\b(?:id|name)="([^"]+)\"""")
_CODE = re.compile(r"<script\b[^>]*>.*?</script>", re.DOTALL)


def broken_links(site: Path) -> list[str]:
    """``page: link`` for every link to a file or an anchor of ``site`` that is not there."""
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    places = {path.resolve(): set(_PLACE.findall(text)) for path, text in pages.items()}
    lost = []
    for page, text in sorted(pages.items()):
        for link in sorted(set(_LINK.findall(_without_code(text)))):
            if not _leads(page, link, site, places):
                lost.append(f"{page.relative_to(site).as_posix()}: {link}")
    return lost


def _without_code(text: str) -> str:
    """The page without the bodies of its scripts, in which strings may look like links."""
    return _CODE.sub(lambda match: match[0][: match[0].index(">") + 1], text)


def _leads(page: Path, link: str, site: Path, places: dict[Path, set[str]]) -> bool:
    parts = urlsplit(link.replace("&amp;", "&"))
    if parts.scheme or parts.netloc:
        return True  # to another site, or data: inside the page
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file() or not target.is_relative_to(site.resolve()):
        return False
    known = places.get(target)
    return not parts.fragment or known is None or unquote(parts.fragment) in known
