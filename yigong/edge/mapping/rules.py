"""Rules of data quality in the check stage: those that judge each row by itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from yigong.edge.mapping.findings import NO_FINDINGS
from yigong.standards.quality import api as quality


def quality_findings(
    data_set: str, frame: pl.DataFrame, given: Sequence[quality.Rule] | None = None
) -> pl.DataFrame:  # fmt: skip
    """A finding for each row that fails a rule; a fatal rule keeps its row out, every other travels as a warning.

    *given* rules instead of those declared here.
    """
    rules = quality.rules(data_set, by_row=True) if given is None else list(given)
    if not rules:
        return NO_FINDINGS
    failing = quality.checker(data_set, rules).check(frame)
    if failing.is_empty():
        return NO_FINDINGS
    parts = failing.partition_by("rule", maintain_order=True)
    by_code = {r.code: r for r in rules}
    return pl.concat([_told(part, by_code[part.item(0, "rule")]) for part in parts])


def _told(part: pl.DataFrame, rule: quality.Rule) -> pl.DataFrame:
    """The failing rows of one rule with its sentences."""
    severity = "error" if rule.severity is quality.Severity.FATAL else "warning"
    zh, en = (quality.sentence(said, rule) for said in (rule.sentence.zh, rule.sentence.en))
    return part.select(
        "row", "field", "rule", pl.lit(severity).alias("severity"), "value", zh.alias("zh"), en.alias("en")
    )
