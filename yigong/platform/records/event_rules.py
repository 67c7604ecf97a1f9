"""Rows of a data set gathered into events of a person's history, by the rules of events.yaml. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

GROUP = ("org_code", "source_system", "group_key")
KINDS = (
    "outpatient", "emergency", "inpatient", "laboratory", "imaging", "prescription", "order", "surgery", "follow_up",
    "examination", "vaccination", "birth", "death", "referral", "appointment", "document", "none",
)  # fmt: skip
SHOWN = 4  # rows whose words stand in the summary's line
_NORMAL = ("", "N", "n", "normal", "正常", "Z", "M")
_CRITICAL = ("HH", "LL", "AA", "critical", "critical_high", "critical_low", "危急", "↑↑", "↓↓")
_RANGE = r"^\s*(-?[\d.]+)\s*(?:-|~|—|–|～|至|--)+\s*(-?[\d.]+)"


@dataclass(frozen=True, slots=True)
class EventRule:
    """How one data set becomes events."""

    kind: str
    title: tuple[str, ...]
    line: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    department: str = ""
    by: str = ""
    result: str = ""
    range: str = ""
    said: str = ""
    kind_by: str = ""  # column with the kind of encounter (CV09.00.404); without a code there the kind above

    @property
    def extras(self) -> frozenset[str]:
        """The names in ``extra`` that the rule looks at."""
        names = (*self.title, *self.line, self.result, self.range, self.said)
        return frozenset(n.removeprefix("extra.") for n in names if n.startswith("extra."))


@cache
def rules() -> Mapping[str, EventRule]:
    """All rules by data set."""
    text = Path(__file__).with_name("events.yaml").read_text("utf-8")
    return {name: _rule(given) for name, given in yaml.safe_load(text).items()}


def _rule(given: Mapping[str, Any]) -> EventRule:
    lists = {"title", "line"}
    return EventRule(
        **{"title": (), **{k: tuple(map(str, v)) if k in lists else str(v) for k, v in given.items()}}  # type: ignore[arg-type]
    )


def rule(data_set: str, name_zh: str = "") -> EventRule | None:
    """The rule of a data set; one without a rule of its own is a document under its name. None: no event."""
    found = rules().get(data_set) or EventRule("document", (f"={name_zh or data_set}",))
    return None if found.kind == "none" else found


def event_frame(data_set: str, by: EventRule, rows: pl.DataFrame) -> pl.DataFrame:
    """One row of ``records_event`` for each group of *rows*; *rows* hold all rows of each group."""
    marked = rows.with_columns(_mark(rows, by))
    groups = marked.group_by(GROUP, maintain_order=True).agg(
        pl.col("registration_id").first(),
        _begins(rows, by),
        *_ends(rows, by),
        *(_first(rows, c) for c in ("encounter_key", "document_id")),
        _kind(rows, by),
        _title(rows, by).drop_nulls().first().alias("title"),
        _line(rows, by),
        _said_by(rows, by.department).alias("department"),
        _said_by(rows, by.by).alias("by"),
        pl.len().alias("count"),
        (pl.col("_mark") > 1).sum().alias("abnormal"),
        pl.col("_mark").max().alias("_worst"),
    )
    flag = pl.col("_worst").replace_strict({0: "", 1: "normal", 2: "abnormal", 3: "critical"}, default="")
    return groups.select(
        *GROUP,
        "registration_id",
        "event_at",
        *(["ended_at"] if "ended_at" in groups.columns else []),
        pl.col("encounter_key").fill_null(""),
        "document_id",
        "kind",
        pl.col("title").fill_null("").str.slice(0, 200),
        pl.struct("line", "count", "abnormal", "department", "by").struct.json_encode().alias("summary"),
        flag.alias("flag"),
        pl.lit(data_set).alias("data_set"),
    )


ENCOUNTERS = {"1": "outpatient", "2": "emergency", "3": "inpatient"}


def _kind(rows: pl.DataFrame, by: EventRule) -> pl.Expr:
    if not by.kind_by or by.kind_by not in rows.columns:
        return pl.lit(by.kind).first().alias("kind")
    said = pl.col(by.kind_by).cast(pl.String).replace_strict(ENCOUNTERS, default=None, return_dtype=pl.String)
    return said.drop_nulls().first().fill_null(by.kind).alias("kind")


def _column(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A column, a constant after ``=``, or a name in ``extra``; null where there is no such thing."""
    if name.startswith("="):
        return pl.lit(name[1:])
    if name in rows.columns:
        return pl.col(name)
    if name.startswith("extra.") and rows.schema.get("extra") == pl.String:
        return pl.col("extra").str.json_path_match("$." + name.removeprefix("extra."))
    return pl.lit(None, dtype=pl.String)


def _text(rows: pl.DataFrame, name: str, *, first: int = 0) -> pl.Expr:
    """A column as text; of each group only the *first* rows, where it matters how many numbers are spelled."""
    value = _column(rows, name).head(first) if first else _column(rows, name)
    if rows.schema.get(name) == pl.Float64:
        return value.cast(pl.String).str.strip_suffix(".0")
    return value.cast(pl.String)


def _title(rows: pl.DataFrame, by: EventRule) -> pl.Expr:
    return pl.coalesce([_text(rows, name) for name in by.title] or [pl.lit("")])


def _line(rows: pl.DataFrame, by: EventRule) -> pl.Expr:
    if not by.line:
        return pl.lit("").alias("line")
    words = pl.concat_str([_text(rows, name, first=SHOWN) for name in by.line], separator=" ", ignore_nulls=True)
    some = words.filter(words != "").unique(maintain_order=True)
    return some.str.join("；").str.slice(0, 300).alias("line")


def _said_by(rows: pl.DataFrame, name: str) -> pl.Expr:
    return _text(rows, name).drop_nulls().first() if name else pl.lit("")


def _first(rows: pl.DataFrame, name: str) -> pl.Expr:
    kind = pl.Int64 if name == "document_id" else pl.String
    return pl.col(name).drop_nulls().first() if name in rows.columns else pl.lit(None, dtype=kind).alias(name)


def _begins(rows: pl.DataFrame, by: EventRule) -> pl.Expr:
    """The first moment: a stay begins with the admission, though its record is written at the discharge."""
    if by.begins not in rows.columns:
        return pl.col("event_at").min()
    return pl.coalesce(_moment(rows, by.begins), "event_at").min().alias("event_at")


def _ends(rows: pl.DataFrame, by: EventRule) -> list[pl.Expr]:
    return [_moment(rows, by.ends).max().alias("ended_at")] if by.ends in rows.columns else []


def _moment(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A column of moments, or of days as their beginning in the county."""
    if rows.schema[name] != pl.Date:
        return pl.col(name)
    day = pl.col(name).cast(pl.Datetime("us"))
    return day.dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC")


def _mark(rows: pl.DataFrame, by: EventRule) -> pl.Expr:
    """0 not judged, 1 normal, 2 abnormal, 3 critical: the source's own mark, else the number against its range."""
    said = _column(rows, by.said).str.strip_chars() if by.said else pl.lit(None, dtype=pl.String)
    low, high = _bounds(rows, by)
    value = pl.col(by.result) if by.result in rows.columns else pl.lit(None, dtype=pl.Float64)
    judged = pl.when((value < low) | (value > high)).then(2).when(value.is_not_null() & low.is_not_null()).then(1)
    return (
        pl.when(said.is_in(_CRITICAL)).then(3)
        .when(said.is_in(_NORMAL)).then(1)
        .when(said.is_not_null()).then(2)
        .otherwise(judged).fill_null(0).cast(pl.Int8).alias("_mark")
    )  # fmt: skip


def _bounds(rows: pl.DataFrame, by: EventRule) -> tuple[pl.Expr, pl.Expr]:
    if not by.range:
        return pl.lit(None, dtype=pl.Float64), pl.lit(None, dtype=pl.Float64)
    text = _column(rows, by.range)
    low, high = text.str.extract(_RANGE, 1), text.str.extract(_RANGE, 2)
    return low.cast(pl.Float64, strict=False), high.cast(pl.Float64, strict=False)
