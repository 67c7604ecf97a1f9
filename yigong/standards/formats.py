"""The written formats of data elements: ``AN..50``, ``N2``, ``N..10,2``, ``D8``, ``DT15``, ``T/F``."""

from __future__ import annotations

import re
from typing import NamedTuple

WRITING = re.compile(r"^(AN|A|N|DT|D|T)(\d+)?(\.\.(\d+)?(?:\.\.\d+)*)?(?:,(\d+))?$")


class Format(NamedTuple):
    """A read format: signs allowed, least and most signs, decimals."""

    signs: str
    least: int | None = None
    most: int | None = None
    decimals: int | None = None


def read(written: str) -> Format | None:
    """The format as numbers; None when there is none, ValueError when it cannot be read."""
    if not written:
        return None
    if written.startswith(("T/F", "TF")):
        return Format("L")
    found = WRITING.match(written)
    if found is None:
        raise ValueError(written)
    signs, first, open_end, last, decimals = found.groups()
    least = int(first) if first else None
    most = (int(last) if last else None) if open_end else least
    return Format(signs, least, most, int(decimals) if decimals else None)
