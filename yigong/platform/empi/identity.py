"""Identity numbers as the index keeps them: one form of 18 signs, and a word for how far each is to be trusted. Pure.

What is trusted is decided in one place, the engine's standard form of a record (``engine/parse.py``): check sign, province
and date inside, and whether birth date and sex beside the number may be of the same person. Bulk linkage and index read the
same state, so they never disagree about whose number it is.
"""

from __future__ import annotations

import re

import polars as pl

from yigong.platform.empi.engine import identity as engine
from yigong.platform.empi.engine import parse

_SIGNS = re.compile(r"[^0-9A-Z]")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_SIGNS = "10X98765432"
#: a number under more different names than this says nothing about anybody
MANY_NAMES = 5
#: the engine's states of resident numbers in the index's words; all other numbers are ``bad``, or ``other`` with another paper
_WORDS = {parse.CONTRADICTS: "doubtful", parse.TRUSTED: "trusted", parse.UNCONFIRMED: "trusted"}
_PAPERS = (parse.MISSING, parse.MALFORMED, parse.DOCUMENT)


def trust_word(state: int, id_no: str | None, id_type_code: str | None) -> str:
    """``missing bad doubtful trusted other`` of a number that the engine holds to be in *state*."""
    if id_no is None:
        return "missing"
    if state in _PAPERS and id_type_code not in (None, "01"):
        return "other"
    return _WORDS.get(state, "bad")


def one_form(numbers: pl.Series) -> pl.Series:
    """``id_no`` in its 18-sign form, null where nothing is left of it; a number of another kind of paper stays as it is."""
    return pl.Series("id_no", list(map(form_of, numbers)), dtype=pl.String)


def form_of(number: str | None) -> str | None:
    """The same for one number."""
    bare = _SIGNS.sub("", number.upper()) if number else ""
    return bare if bare and len(bare) != 15 else engine.upgrade(bare) or None


def upgrade(number: str) -> str:
    """An identity number in its form of 18 signs; one of 15 digits gets its century and check sign."""
    return engine.upgrade(number.upper())
