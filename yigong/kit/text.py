"""Small works on text: width, pinyin."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from functools import cache, lru_cache
from typing import Any


def narrow(text: str) -> str:
    """Full-width signs made half-width, spaces at the ends removed."""
    return unicodedata.normalize("NFKC", text).strip()


@lru_cache(maxsize=200_000)
def pinyin(name: str) -> str:
    """The name in pinyin without tones, one space between syllables: 王秀兰 -> ``wang xiu lan``."""
    signs = narrow(name)
    if signs and _one_by_one(signs):
        return " ".join(map(_sound, signs))
    return " ".join(_spelled(signs, errors=_signs)).strip()


def _spelled(text: str, **how: Any) -> list[str]:
    from pypinyin import lazy_pinyin  # its tables take longer to load than the rest of the platform

    return lazy_pinyin(text, **how)


@cache
def _tables() -> tuple[Container[int], Container[str]]:
    """The characters whose sound is known, and the words in which one is read otherwise than alone."""
    from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

    return PINYIN_DICT, PHRASES_DICT


def _one_by_one(signs: str) -> bool:
    """Whether every sign is a Chinese character and none is read otherwise because of its neighbors: nearly every name."""
    characters, words = _tables()
    for sign in signs:
        if ord(sign) not in characters:
            return False
    for start in range(len(signs) - 1):
        for end in range(start + 2, len(signs) + 1):
            if signs[start:end] in words:
                return False
    return True


@cache
def _sound(sign: str) -> str:
    return _spelled(sign)[0]


def _signs(other: str) -> Any:
    """What is no Chinese character: letters and digits as they are, other signs dropped."""
    return list(other.lower()) if other.isalnum() else []


@lru_cache(maxsize=200_000)
def initials(name: str) -> str:
    """First letters of the pinyin: 王秀兰 -> ``wxl``."""
    if not name.isascii() and all(sign.isalpha() and ord(sign) > 0x2E80 for sign in name):
        return "".join(syllable[0] for syllable in pinyin(name).split())  # one look into the tables serves both
    return "".join(s[0] for s in _spelled(narrow(name), errors="ignore") if s)


def mask_id_no(number: str) -> str:
    """An identity number as it may be shown: first three and last four signs."""
    return f"{number[:3]}{'*' * max(len(number) - 7, 3)}{number[-4:]}" if len(number) >= 8 else "***"


def mask_phone(number: str) -> str:
    """A telephone number as it may be shown."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 8 else "***"
