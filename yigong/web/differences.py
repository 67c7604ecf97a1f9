"""Two writings side by side: only the signs that differ are marked."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def marked(text: object, other: object) -> SafeString:
    """*text* with the signs marked that do not stand in *other*."""
    here, there = str(text or ""), str(other or "")
    if not here or not there or here == there:
        return format_html("{}", here)
    if len(here) == len(there):
        return format_html_join("", "{}", ((_piece(part, same),) for part, same in _by_place(here, there)))
    pieces = SequenceMatcher(None, here, there, autojunk=False).get_opcodes()
    shown = ((here[a:b], kind == "equal") for kind, a, b, _c, _d in pieces if b > a)
    return format_html_join("", "{}", ((_piece(part, same),) for part, same in shown))


def _by_place(here: str, there: str) -> Iterator[tuple[str, bool]]:
    """Runs of equal and of differing signs of two writings of one length: numbers are read by place."""
    for same, run in groupby(zip(here, there, strict=True), key=lambda pair: pair[0] == pair[1]):
        yield "".join(a for a, _b in run), same


def _piece(part: str, same: bool) -> SafeString:
    return format_html("{}" if same else '<mark class="yg-mark">{}</mark>', part)
