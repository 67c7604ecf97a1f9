"""A rule of data quality as it is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from yigong.kit.said import Said

NO_WORDS = Said("", "")


class Dimension(StrEnum):
    """What kind of goodness a rule asks for."""

    COMPLETENESS = "completeness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    UNIQUENESS = "uniqueness"
    TIMELINESS = "timeliness"
    ACCURACY = "accuracy"
    PLAUSIBILITY = "plausibility"
    FABRICATION = "fabrication"


class Severity(StrEnum):
    """How grave a failing row is; a fatal one is not let in."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold: its value, and how far a county may move it. Rows beyond the strictest value are kept."""

    at: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Case:
    """An example: the rows given, and for each whether the rule holds (None: it does not judge the row)."""

    name: Said
    given: Sequence[Mapping[str, Any]]
    holds: Sequence[bool | None]
    line: int
    data_set: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One declared rule.

    A rule either says what *holds*, or has a *measure* that must lie within *least* and *most*. Rows for which the
    condition is unknown (a value is not recorded) are not judged. With *per*, the rows of one institution that agree
    in these expressions are looked at together.
    """

    code: str
    name: Said
    dimension: Dimension
    severity: Severity
    weight: float
    data_sets: tuple[str, ...]
    fields: tuple[str, ...]
    sentence: Said
    source: Said
    when: str = ""
    holds: str = ""
    measure: str = ""
    unit: Said = NO_WORDS
    least: Limit | None = None
    most: Limit | None = None
    step: float = 1.0
    per: tuple[str, ...] = ()
    needs: int = 0
    effective_from: date | None = None
    effective_to: date | None = None
    version: int = 1
    cases: tuple[Case, ...] = field(default=(), repr=False, compare=False)
    file: str = ""

    @property
    def by_row(self) -> bool:
        """Whether each row is judged by itself, so that a part of the rows is judged as the whole would be."""
        return not self.per

    def limited(self, *, least: float | None = None, most: float | None = None) -> Rule:
        """The same rule with other thresholds, within what it allows. Raises ValueError."""
        return replace(self, least=_moved(self.least, least), most=_moved(self.most, most))


def _moved(limit: Limit | None, to: float | None) -> Limit | None:
    if to is None:
        return limit
    if limit is None or not limit.lowest <= to <= limit.highest:
        raise ValueError(f"threshold {to} is outside what the rule allows: {limit}")
    return replace(limit, at=float(to))


__all__ = ["Case", "Dimension", "Limit", "Rule", "Said", "Severity"]
