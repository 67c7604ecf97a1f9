"""The doors of the index of persons."""

from yigong.platform.empi.frames import REGISTRATION
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
from yigong.platform.empi.services import merge, split, undo

__all__ = [
    "REGISTRATION",
    "DecisionLine",
    "Field",
    "GoldenPerson",
    "Page",
    "PersonHit",
    "Registration",
    "current",
    "decisions",
    "golden",
    "known",
    "merge",
    "register",
    "registrations",
    "review_count",
    "search",
    "split",
    "undo",
]
