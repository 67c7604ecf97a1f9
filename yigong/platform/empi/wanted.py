"""What somebody means by what they typed into the search box. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from yigong.kit.text import narrow

_KINDS = [
    ("id_no", r"\d{17}[\dxX]|\d{15}"),
    ("phone", r"1[3-9]\d{9}"),
    ("born", r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:19|20)\d{2}-\d{1,2}-\d{1,2}"),
    ("year", r"(?:18|19|20)\d{2}年?"),
    ("digits", r"\d{4,}[xX]?"),
    ("latin", r"[A-Za-zü']+"),
    ("han", r"[\u3400-\u9fff\U00020000-\U0003ffff·•]+"),
    ("card", r"[0-9A-Za-z-]{6,}"),
]
#: the most telling first: this one is looked up by its index, the others only narrow down
_TELLING = ["id_no", "phone", "card", "digits", "latin", "han", "born", "year"]
_MOST = 6


@dataclass(frozen=True, slots=True)
class Token:
    """One word typed, and what it can be."""

    kind: str
    text: str

    @property
    def day(self) -> date | None:
        """The day a date token names; None when there is no such day."""
        numbers = [int(n) for n in re.findall(r"\d+", self.text)]
        if len(numbers) == 1:
            numbers = [numbers[0] // 10000, numbers[0] // 100 % 100, numbers[0] % 100]
        try:
            return date(*numbers)
        except (TypeError, ValueError):
            return None


def tokens(text: str) -> list[Token]:
    """The words of a query with their kinds, the most telling first; words that can be nothing are left out.

    A year alone is read as digits, since it may be the end of a number.
    """
    words = [re.sub("[•・‧∙]", "·", word) for word in narrow(text).split()][:_MOST]
    found = [Token(kind, word) for word in words if (kind := _kind(word))]
    if len(found) == 1 and found[0].kind in ("year", "born") and found[0].text.isdigit():
        found = [Token("digits", found[0].text)]
    return sorted(found, key=lambda token: _TELLING.index(token.kind))


def _kind(word: str) -> str:
    return next((kind for kind, pattern in _KINDS if re.fullmatch(pattern, word)), "")
