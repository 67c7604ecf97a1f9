"""Which signs the bytes of a message mean: what MSH-18 says, and what the bytes say when that is wrong."""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import NamedTuple

#: a name of MSH-18 (HL7 table 0211, and how it is met), without spaces and strokes -> the codec
DECLARED = {
    "": "ascii", "ASCII": "ascii", "USASCII": "ascii", "ISOIR6": "ascii",
    "UNICODEUTF8": "utf-8", "UTF8": "utf-8", "UNICODE": "utf-8",
    "GB180302000": "gb18030", "GB180302005": "gb18030", "GB180302022": "gb18030", "GB18030": "gb18030",
    "GBK": "gb18030", "CP936": "gb18030", "GB2312": "gb18030", "GB23121980": "gb18030", "BIG5": "big5",
    "8859/1": "latin-1", "ISO88591": "latin-1", "ISOIR100": "latin-1",
} | {f"8859/{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 15)}  # fmt: skip
#: how an answer names what it is written in
NAMES = {"utf-8": "UNICODE UTF-8", "gb18030": "GB 18030-2000", "big5": "BIG-5", "ascii": "ASCII", "latin-1": "8859/1",
         "utf-16": "UNICODE UTF-16"}  # fmt: skip
BETWEEN = str.maketrans("", "", " -_")


@lru_cache(maxsize=256)
def named(declared: str) -> str | None:
    """The codec of a name in MSH-18; None for a name that nobody can read by."""
    return DECLARED.get(declared.upper().translate(BETWEEN))


def name_of(charset: str) -> str:
    """The name of table 0211 for a codec."""
    return NAMES.get(charset) or f"8859/{charset.rpartition('_')[2]}"


class Decoded(NamedTuple):
    """Text, the charset that read it; whether the declaration was wrong, signs were lost, the declared name means nothing."""

    text: str
    charset: str
    declared: str
    wrong: bool = False
    lossy: bool = False
    unknown: bool = False


def declared_charset(data: bytes) -> str:
    """What MSH-18 says, upper case; empty when it says nothing."""
    head = data.lstrip(b"\xef\xbb\xbf\x0b \t\r\n")[:4000]
    line = head.split(b"\r", 1)[0].split(b"\n", 1)[0]
    fields = line.split(line[3:4], 18) if len(line) > 4 else []
    return _first_word(fields[17]) if len(fields) > 17 else ""


@lru_cache(maxsize=256)
def _first_word(field: bytes) -> str:
    words = (word.strip() for word in field.decode("ascii", "replace").upper().split("~"))
    return next((word for word in words if word), "")


def decode(data: bytes) -> Decoded:
    """The message as text: a byte order mark, then MSH-18, then UTF-8, then GB 18030, then with lost signs."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Decoded(data.decode("utf-16", "replace"), "utf-16", "")
    data = data.removeprefix(codecs.BOM_UTF8)
    declared = declared_charset(data)
    meant = named(declared)
    for charset in dict.fromkeys((meant or "ascii", "utf-8", "gb18030")):
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            continue
        wrong = bool(declared) and charset != meant
        return Decoded(text, "utf-8" if charset == "ascii" else charset, declared, wrong, unknown=meant is None)
    text = data.decode("gb18030", "replace")
    return Decoded(text, "gb18030", declared, wrong=True, lossy=True, unknown=meant is None)
