"""What this module announces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class IssuesFound:
    """A run found issues that an institution did not have before, or has again."""

    name: ClassVar[str] = "quality.issues_found"
    run_id: int
    org_code: str
    issue_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IssueMoved:
    """An issue made a move."""

    name: ClassVar[str] = "quality.issue_moved"
    issue_id: int
    verb: str
    state: str
    org_code: str


@dataclass(frozen=True, slots=True)
class ThresholdChanged:
    """The county set a threshold; results were counted anew."""

    name: ClassVar[str] = "quality.threshold_changed"
    rule: str
    least: float | None
    most: float | None
