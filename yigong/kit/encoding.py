"""Which signs bytes mean: byte order mark, then what is declared, then UTF-8, then GB 18030."""

from __future__ import annotations

import codecs
from typing import NamedTuple

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: names that senders use for a smaller set while writing the larger one
WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "ascii": "utf-8", "us-ascii": "utf-8"}


class Decoded(NamedTuple):
    """Text, the encoding that read it, whether the declared one was wrong, and whether signs were lost."""

    text: str
    encoding: str
    wrong: bool = False
    lossy: bool = False


def decode(data: bytes, declared: str = "") -> Decoded:
    """The bytes as text; never fails, the result says how sure it is."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _strictly(data[len(mark) :], (encoding,), declared="")
    if encoding := _wide(data):
        return _strictly(data, (encoding,), declared="")
    named = _known(declared)
    return _strictly(data, tuple(dict.fromkeys(name for name in (named, "utf-8", "gb18030") if name)), named)


def _strictly(data: bytes, encodings: tuple[str, ...], declared: str) -> Decoded:
    for encoding in encodings:
        try:
            return Decoded(data.decode(encoding), encoding, wrong=bool(declared) and encoding != declared)
        except UnicodeDecodeError:
            continue
    return Decoded(data.decode(encodings[0], "replace"), encodings[0], wrong=True, lossy=True)


def _wide(data: bytes) -> str:
    """UTF-16 without a mark shows zeros at every second place of its ASCII signs."""
    head = data[:400]
    if len(head) < 4 or b"\0" not in head:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) // 5 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) // 5 and not odd else ""


def _known(declared: str) -> str:
    if not declared:
        return ""
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return ""
    return WIDER.get(name, name)
