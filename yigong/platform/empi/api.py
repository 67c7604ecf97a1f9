"""The doors of the index of persons."""

from yigong.platform.empi.cleaning import work as clean_some
from yigong.platform.empi.frames import REGISTRATION
from yigong.platform.empi.identities import Identity, Key, cross_references, find, lookup
from yigong.platform.empi.match import Match, match
from yigong.platform.empi.register import known, register
from yigong.platform.empi.search import search
from yigong.platform.empi.selectors import (
    DecisionLine,
    Field,
    GoldenPerson,
    Page,
    PersonHit,
    Registration,
    current,
    decisions,
    golden,
    registrations,
    review_count,
)
from yigong.platform.empi.services import mark, merge, merge_registrations, reinstate, split, undo, update, withdraw

__all__ = [
    "REGISTRATION",
    "DecisionLine",
    "Field",
    "GoldenPerson",
    "Identity",
    "Key",
    "Match",
    "Page",
    "PersonHit",
    "Registration",
    "clean_some",
    "cross_references",
    "current",
    "decisions",
    "find",
    "golden",
    "known",
    "lookup",
    "mark",
    "match",
    "merge",
    "merge_registrations",
    "register",
    "registrations",
    "reinstate",
    "review_count",
    "search",
    "split",
    "undo",
    "update",
    "withdraw",
]
