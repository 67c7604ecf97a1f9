"""The life of a version of a term set: drafted, submitted, reviewed by another, published, retired (A34). Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from yigong.kit.errors import Refused
from yigong.kit.states import Life, Move


class TermState(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PUBLISHED = "published"
    RETIRED = "retired"


class Side(StrEnum):
    """Who moves a version."""

    EDITOR = "editor"
    REVIEWER = "reviewer"
    PLATFORM = "platform"


LIFE = Life(
    Move("submit", TermState.DRAFT, TermState.SUBMITTED, Side.EDITOR),
    Move("return", TermState.SUBMITTED, TermState.DRAFT, Side.REVIEWER, needs=("reason",)),
    Move("publish", TermState.SUBMITTED, TermState.PUBLISHED, Side.REVIEWER),
    Move("retire", TermState.PUBLISHED, TermState.RETIRED, Side.REVIEWER, needs=("reason",)),
    Move("replace", TermState.PUBLISHED, TermState.RETIRED, Side.PLATFORM),
)
OPEN = (TermState.DRAFT, TermState.SUBMITTED)


def four_eyes(submitted_by: str, reviewer: str) -> None:
    """Who submitted a version does not publish it. Raises Refused registry.own_review."""
    if submitted_by and submitted_by == reviewer:
        raise Refused("registry.own_review")


def same_version(left: str, right: str) -> bool:
    """Whether two writings name one version: 1.0, 01, v1."""
    return bool(left) and _plain(left) == _plain(right)


def _plain(version: str) -> str:
    text = re.sub(r"^[vV版本]+", "", version.strip())
    if re.fullmatch(r"\d+(\.\d+)*", text):
        parts = [int(part) for part in text.split(".")]
        while len(parts) > 1 and parts[-1] == 0:
            parts.pop()
        return ".".join(map(str, parts))
    return text.lower()
