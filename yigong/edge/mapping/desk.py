"""The work done on rows before they leave an institution: filtered, mapped to the standard, checked.

Only rows in which nothing is amiss travel under the standard's names. A row that cannot be mapped, breaks a rule or withdraws
another travels as it was read, so that the centre finds the same, says so, and keeps the whole row in quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from yigong.edge.mapping.convert import DTYPE, as_kind
from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.findings import merged, rejected_rows
from yigong.edge.mapping.plan import TROUBLE, Plan, compile_mapping, deletes, spared, troubled
from yigong.edge.mapping.rows import OP, PLACE, REQUIRED
from yigong.edge.mapping.rules import quality_findings
from yigong.standards import api as standards
from yigong.standards.quality import api as quality

#: how much is done at the node, each with all before it
LEVELS = ("read", "filter", "map")
_FORMS = {"datetime": "%Y-%m-%dT%H:%M:%S%.6f+00:00", "time": "%H:%M:%S"}


def is_level(given: str, least: str) -> bool:
    """Whether *given* does at least what *least* does."""
    return LEVELS.index(given) >= LEVELS.index(least)


@dataclass(frozen=True, slots=True)
class Done:
    """Rows after the work at the node."""

    raw: pl.DataFrame  # to travel as they were read
    standard: pl.DataFrame = field(default_factory=pl.DataFrame)  # to travel under the standard's names, all text
    filtered: Mapping[str, int] = field(default_factory=dict)  # left behind, by the rule that said so
    amiss: int = 0  # of *raw*: rows in which something is wrong

    @property
    def left_behind(self) -> int:
        """Rows that do not leave the institution."""
        return sum(self.filtered.values())


class Desk:
    """A mapping and its rules at work. Raises Refused exchange.mapping_wrong, Misdeclared for a rule that is no rule."""

    def __init__(self, level: str, mapping: str, org_code: str, rules: Sequence[tuple[str, str]] = (), *, title: str = "") -> None:  # fmt: skip
        self.level, self.org_code = level, org_code
        self.plan: Plan = compile_mapping(mapping, field_kinds(), title or "mapping.yaml", kept=True)
        self.rules = [quality.read_text(name, text) for name, text in rules]

    def work(self, frame: pl.DataFrame) -> Done:
        """Do what is to be done with rows as they were read. Raises Refused exchange.columns_missing."""
        if self.level == "read" or not frame.height:
            return Done(frame)
        if self.level == "filter":
            kept, left = self.plan.filter.apply(frame, spared=spared(frame, self.plan.filter.columns))
            return Done(kept, filtered=_counts(left))
        return self._mapped(frame)

    def _mapped(self, frame: pl.DataFrame) -> Done:
        mapped = self.plan.apply(frame, self.org_code)
        findings = merged([
            mapped.findings.filter(pl.col("row").is_not_null()).with_columns(severity=pl.lit("error")),
            standards.check_batch(standards.load().data_sets[self.plan.data_set], mapped.frame),
            quality_findings(self.plan.data_set, mapped.frame, self.rules),
        ])  # fmt: skip
        at = pl.int_range(mapped.frame.height, dtype=pl.UInt32, eager=True)
        wrong = at.is_in(rejected_rows(findings).implode()) | mapped.frame.select(_amiss(mapped.frame)).to_series()
        wrong |= mapped.kept.select(troubled(mapped.kept, self.plan.used)).to_series()
        apart = wrong | mapped.kept.select(deletes(mapped.kept)).to_series()
        return Done(
            mapped.kept.filter(apart), as_text(mapped.frame.filter(~apart)), _counts(mapped.findings), int(wrong.sum())
        )


def _amiss(frame: pl.DataFrame) -> pl.Expr:
    """Rows that lack what no row can be without."""
    empty = [pl.col(c).is_null() if c in frame.columns else pl.lit(True) for c in REQUIRED]
    return pl.any_horizontal(*empty) & ~deletes(frame)


def _counts(findings: pl.DataFrame) -> dict[str, int]:
    left = findings.filter(pl.col("severity") == "filtered")
    return dict(left.group_by("rule").len().sort("rule").iter_rows())


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """A mapped frame for the way: every value as text that reads back as the same value."""
    kept = [c for c in frame.columns if c not in (OP, TROUBLE)]
    return frame.select(_text(c, frame.schema[c]) for c in kept)


def _text(name: str, dtype: Any) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.strftime(_FORMS["datetime"])
    if dtype == pl.Time:
        return pl.col(name).dt.strftime(_FORMS["time"])
    return pl.col(name).cast(pl.String)


def standard_rows(plan: Plan, frame: pl.DataFrame, org_code: str) -> pl.DataFrame:
    """What a node mapped, as the centre's own mapping would give it: in its kinds, with the constants of the centre's plan.

    A node is believed for the values of its rows only: constants and the institution come from the plan, other columns go.
    """
    outputs = (*plan.outputs, *plan.person)
    given = [o for o in outputs if o.expr.meta.root_names()]
    fixed = [o for o in outputs if not o.expr.meta.root_names()]
    extra = ["extra", *(f"extra.{s.name}" for s in plan.source.extra)]
    columns = [
        *(_kept(o.name, o.kind, frame) for o in given), *(o.expr.alias(o.name) for o in fixed),
        *(_kept(c, "text", frame) for c in extra if c in frame.columns), _kept(PLACE, "text", frame),
    ]  # fmt: skip
    if not plan.source.org_code:
        columns.append(pl.lit(org_code or None, dtype=pl.String).alias("org_code"))
    return frame.select(columns)


def _kept(name: str, kind: str, frame: pl.DataFrame) -> pl.Expr:
    if name not in frame.columns:
        dtype: Any = DTYPE[kind]
        return pl.lit(None, dtype=dtype).alias(name)
    return as_kind(pl.col(name), kind).alias(name)
