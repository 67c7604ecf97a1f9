"""Frames of findings: row, field, rule, severity, value, zh, en. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from yigong.edge.mapping.rows import Reason

SCHEMA = {
    "row": pl.UInt32,
    "field": pl.String,
    "rule": pl.String,
    "severity": pl.String,
    "value": pl.String,
    "zh": pl.String,
    "en": pl.String,
}
NO_FINDINGS = pl.DataFrame(schema=SCHEMA)


def found(reason: Reason, mask: pl.Series, values: pl.Series | None = None, *, severity: str = "error") -> pl.DataFrame:
    """One finding for each row where *mask* is true."""
    rows = mask.fill_null(False).arg_true().cast(pl.UInt32)
    if not len(rows):
        return NO_FINDINGS
    said = pl.lit(reason.value) if values is None else values.gather(rows).cast(pl.String).rename("value")
    return pl.DataFrame({"row": rows}).select(
        "row",
        pl.lit(reason.field.removeprefix("own ")).alias("field"),
        pl.lit(reason.rule).alias("rule"),
        pl.lit(severity).alias("severity"),
        said.alias("value"),
        pl.lit(reason.zh).alias("zh"),
        pl.lit(reason.en).alias("en"),
    )


def merged(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All findings, by row."""
    some = [f.select(SCHEMA) if f.columns != list(SCHEMA) else f for f in frames if f.height]
    return pl.concat([NO_FINDINGS, *(f.cast(pl.Schema(SCHEMA)) for f in some)]).sort("row", maintain_order=True)


def rejected_rows(findings: pl.DataFrame) -> pl.Series:
    """The rows that an error finding keeps out."""
    return findings.filter(pl.col("severity") == "error").get_column("row").unique().sort()


def reasons_by_row(findings: pl.DataFrame) -> pl.DataFrame:
    """One line for each rejected row: ``row``, ``rule`` of the first reason, ``reasons`` as JSON text."""
    errors = findings.filter(pl.col("severity") == "error")
    reason = pl.struct("rule", "field", "value", "zh", "en")
    listed = errors.group_by("row", maintain_order=True).agg(pl.col("rule").first(), reason.alias("reasons"))
    return listed.with_columns(
        pl.struct(items=pl.col("reasons"))
        .struct.json_encode()
        .str.strip_prefix('{"items":')
        .str.head(-1)
        .alias("reasons")
    )
