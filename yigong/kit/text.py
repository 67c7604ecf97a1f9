"""Small works on text: width, pinyin."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Any

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT


def narrow(text: str) -> str:
    """Full-width signs made half-width, spaces at the ends removed."""
    return unicodedata.normalize("NFKC", text).strip()


@lru_cache(maxsize=200_000)
def pinyin(name: str) -> str:
    """The name in pinyin without tones, one space between syllables: 王秀兰 -> ``wang xiu lan``."""
    signs = narrow(name)
    if signs and _one_by_one(signs):
        return " ".join(map(_sound, signs))
    return " ".join(lazy_pinyin(signs, errors=_signs)).strip()


def _one_by_one(signs: str) -> bool:
    """Whether every sign is a Chinese character and none is read otherwise because of its neighbors: nearly every name."""
    for sign in signs:
        if ord(sign) not in PINYIN_DICT:
            return False
    for start in range(len(signs) - 1):
        for end in range(start + 2, len(signs) + 1):
            if signs[start:end] in PHRASES_DICT:
                return False
    return True


@cache
def _sound(sign: str) -> str:
    return str(lazy_pinyin(sign)[0])


def _signs(other: str) -> Any:
    """What is no Chinese character: letters and digits as they are, other signs dropped."""
    return list(other.lower()) if other.isalnum() else []


@lru_cache(maxsize=200_000)
def initials(name: str) -> str:
    """First letters of the pinyin: 王秀兰 -> ``wxl``."""
    if not name.isascii() and all(sign.isalpha() and ord(sign) > 0x2E80 for sign in name):
        return "".join(syllable[0] for syllable in pinyin(name).split())  # one look into the tables serves both
    return "".join(s[0] for s in lazy_pinyin(narrow(name), style=Style.NORMAL, errors="ignore") if s)


def mask_id_no(number: str) -> str:
    """An identity number as it may be shown: first three and last four signs."""
    return f"{number[:3]}{'*' * max(len(number) - 7, 3)}{number[-4:]}" if len(number) >= 8 else "***"


def mask_phone(number: str) -> str:
    """A telephone number as it may be shown."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 8 else "***"
