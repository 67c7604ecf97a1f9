"""Which signs the bytes of a message mean: what MSH-18 says, and what the bytes say when that is wrong."""

from __future__ import annotations

import codecs
from typing import NamedTuple

DECLARED = {
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GB 18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "8859/1": "latin-1",
    "ASCII": "ascii",
    "": "ascii",
}


class Decoded(NamedTuple):
    """Text, the charset that read it, and whether the declaration was wrong or signs were lost."""

    text: str
    charset: str
    declared: str
    wrong: bool = False
    lossy: bool = False


def declared_charset(data: bytes) -> str:
    """What MSH-18 says, upper case; empty when it says nothing."""
    head = data.lstrip(b"\xef\xbb\xbf\x0b \t\r\n")[:4000]
    line = head.replace(b"\n", b"\r").split(b"\r", 1)[0]
    fields = line.split(line[3:4]) if len(line) > 4 else []
    field = fields[17] if len(fields) > 17 else b""
    words = (word.strip() for word in field.decode("ascii", "replace").upper().split("~"))
    return next((word for word in words if word), "")


def decode(data: bytes) -> Decoded:
    """The message as text: a byte order mark, then MSH-18, then UTF-8, then GB 18030, then with lost signs."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Decoded(data.decode("utf-16", "replace"), "utf-16", "")
    data = data.removeprefix(codecs.BOM_UTF8)
    declared = declared_charset(data)
    named = DECLARED.get(declared, "ascii")
    for charset in dict.fromkeys((named, "utf-8", "gb18030")):
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            continue
        wrong = bool(declared) and charset != named
        return Decoded(text, "utf-8" if charset == "ascii" else charset, declared, wrong)
    return Decoded(data.decode("gb18030", "replace"), "gb18030", declared, wrong=True, lossy=True)
