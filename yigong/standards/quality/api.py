"""Doors of the quality rules: declared rules, and the engine that runs them over a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from yigong.kit import clock
from yigong.standards.quality.engine import FAILURES, Checker, Judged, Plan, bin_of, fails_beyond, plan, sentence
from yigong.standards.quality.functions import TABLE as FUNCTIONS
from yigong.standards.quality.grouping import Grouping, groupings
from yigong.standards.quality.language import column_sql
from yigong.standards.quality.loader import RULES, declared, read, read_text, references
from yigong.standards.quality.model import Case, Dimension, Limit, Rule, Said, Severity
from yigong.standards.quality.subjects import OTHERS, Subject, subject


def rules(data_set: str | None = None, *, by_row: bool | None = None) -> list[Rule]:
    """The declared rules, all or of one data set; *by_row* only those that judge each row by itself (or only others)."""
    found = declared().values()
    return [
        r for r in found
        if (data_set is None or data_set in r.data_sets) and (by_row is None or r.by_row == by_row)
    ]  # fmt: skip


def rule(code: str) -> Rule:
    """The rule of that code; KeyError when there is none."""
    return declared()[code]


def text_of(chosen: Rule) -> str:
    """A declared rule as its file says it."""
    return (RULES / chosen.file).read_text("utf-8")


def checker(data_set: str, rules_: Iterable[Rule] | None = None, context: Mapping[str, Any] | None = None) -> Checker:
    """Rules made ready for a data set, kept for use again. *context*: lists by name, such as ``institutions``.

    The same context object gives the same checker; make a new one when its lists change.
    """
    chosen = tuple(rules(data_set) if rules_ is None else rules_)
    return _checker(data_set, chosen, _Box(context or {}), clock.today())


class _Box:
    """A context that is compared by being the same object."""

    __slots__ = ("held",)

    def __init__(self, held: Mapping[str, Any]) -> None:
        self.held = held

    def __hash__(self) -> int:
        return id(self.held) if self.held else 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Box) and (self.held is other.held or not (self.held or other.held))


@lru_cache(maxsize=64)
def _checker(data_set: str, chosen: tuple[Rule, ...], box: _Box, _today: date) -> Checker:
    return Checker(data_set, chosen, {**references(), **box.held})


def check(
    data_set: str,
    frame: pl.DataFrame,
    rules: Iterable[Rule] | None = None,
    context: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Every failing row of every rule: `row` u32, `rule`, `field`, `severity`, `value`, `score` f64 or null.

    Columns of the data set may be missing (then nothing is recorded there); one pass over the frame for all rules.
    """
    return checker(data_set, rules, context).check(frame)


def measures(
    data_set: str,
    frame: pl.DataFrame,
    rules: Iterable[Rule] | None = None,
    context: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """The measured value of every row judged by a rule with a measure: `row` u32, `rule`, `score` f64."""
    return checker(data_set, rules, context).judge(frame).scores()


def judge(
    data_set: str,
    frame: pl.DataFrame,
    rules: Iterable[Rule] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Judged:
    """All that the rules say: failing rows, counts by group, how measured values fall."""
    return checker(data_set, rules, context).judge(frame)


def sql_of(chosen: Rule, data_set: str, context: Mapping[str, Any] | None = None) -> str | None:
    """The condition of failing rows as SQL over `r` (the records) and `p` (the registered person); None if SQL cannot say it."""
    return plan(chosen, data_set, {**references(), **(context or {})}).sql()


def holds(chosen: Rule, data_set: str, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """What the rule says of some rows given as plain values; None where it does not judge."""
    from yigong.standards.quality.examples import judged

    return judged(chosen, data_set, rows)


__all__ = [
    "FAILURES", "FUNCTIONS", "OTHERS", "Case", "Checker", "Dimension", "Grouping", "Judged", "Limit", "Plan", "Rule", "Said",
    "Severity", "Subject", "bin_of", "check", "checker", "column_sql", "fails_beyond", "groupings", "holds", "judge", "measures", "read", "read_text", "references",
    "rule", "rules", "sentence", "sql_of", "subject", "text_of",
]  # fmt: skip
