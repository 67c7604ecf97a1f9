"""Rows of a data set gathered into events of a person's history, by the rules of events.yaml. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from yigong.platform.records.runs import Runs

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
    runs = Runs.of(rows, GROUP)
    told = _Told(runs, by)
    rows = runs.rows
    mark = rows.with_columns(_mark(rows, by)).get_column("_mark")
    flag = runs.most(mark).replace_strict({0: "", 1: "normal", 2: "abnormal", 3: "critical"}, default="")
    summary = pl.DataFrame({
        "line": told.line(), "count": pl.Series(runs.sizes, dtype=pl.UInt32), "abnormal": runs.count(mark > 1),
        "department": told.first(by.department), "by": told.first(by.by),
    })  # fmt: skip
    columns = [
        *(rows.get_column(name).gather(runs.starts) for name in (*GROUP, "registration_id")),
        told.begins().alias("event_at"),
        *told.ends(),
        told.first("encounter_key").fill_null("").alias("encounter_key"),
        told.document(),
        told.kind(),
        told.title(),
        summary.to_struct("summary").struct.json_encode(),
        flag.alias("flag"),
    ]
    return pl.DataFrame(columns).with_columns(pl.lit(data_set).alias("data_set"))


ENCOUNTERS = {"1": "outpatient", "2": "emergency", "3": "inpatient"}


def _column(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A column, a constant after ``=``, or a name in ``extra``; null where there is no such thing."""
    if name.startswith("="):
        return pl.lit(name[1:])
    if name in rows.columns:
        return pl.col(name)
    if name.startswith("extra.") and rows.schema.get("extra") == pl.String:
        return pl.col("extra").str.json_path_match("$." + name.removeprefix("extra."))
    return pl.lit(None, dtype=pl.String)


def _text(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A column as text."""
    value = _column(rows, name)
    if rows.schema.get(name) == pl.Float64:
        return value.cast(pl.String).str.strip_suffix(".0")
    return value.cast(pl.String)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the groups of some rows say under a rule."""

    runs: Runs
    by: EventRule

    def _whole(self, expr: pl.Expr) -> pl.Series:
        return self.runs.rows.with_columns(expr.alias("_said")).get_column("_said")

    def first(self, name: str) -> pl.Series:
        """The first text of a column in each group; empty where the rule names none, null where no row gives it."""
        if not name:
            return pl.repeat("", len(self.runs.starts), eager=True)
        return self.runs.first(self._whole(_text(self.runs.rows, name)))

    def document(self) -> pl.Series:
        """The document that the rows came in."""
        rows = self.runs.rows
        column = pl.col("document_id") if "document_id" in rows.columns else pl.lit(None, dtype=pl.Int64)
        return self.runs.first(self._whole(column)).alias("document_id")

    def kind(self) -> pl.Series:
        """The kind of encounter where a row tells it, else the kind of the rule."""
        rows, by = self.runs.rows, self.by
        if not by.kind_by or by.kind_by not in rows.columns:
            return pl.repeat(by.kind, len(self.runs.starts), eager=True).alias("kind")
        said = pl.col(by.kind_by).cast(pl.String).replace_strict(ENCOUNTERS, default=None, return_dtype=pl.String)
        return self.runs.first(self._whole(said)).fill_null(by.kind).alias("kind")

    def title(self) -> pl.Series:
        """The first of the rule's columns that a row gives."""
        words = pl.coalesce([_text(self.runs.rows, name) for name in self.by.title] or [pl.lit("")])
        return self.runs.first(self._whole(words)).fill_null("").str.slice(0, 200).alias("title")

    def begins(self) -> pl.Series:
        """The first moment: a stay begins with the admission, though its record is written at the discharge."""
        rows = self.runs.rows
        if self.by.begins not in rows.columns:
            return self.runs.least(rows.get_column("event_at"))
        return self.runs.least(self._whole(pl.coalesce(_moment(rows, self.by.begins), "event_at")))

    def ends(self) -> list[pl.Series]:
        """The last moment, where the rule names a column of it."""
        if self.by.ends not in self.runs.rows.columns:
            return []
        return [self.runs.most(self._whole(_moment(self.runs.rows, self.by.ends))).alias("ended_at")]

    def line(self) -> pl.Series:
        """What the first rows of each group say, each saying once."""
        if not self.by.line:
            return pl.repeat("", len(self.runs.starts), eager=True)
        words: list[pl.Series] = []
        for number in range(SHOWN):
            said = self._words(self.runs.nth(number))
            for other in words:
                said = said.set((said == other).fill_null(False), None)
            words.append(said.alias(str(number)))
        joined = pl.concat_str(pl.all(), separator="；", ignore_nulls=True)
        return pl.DataFrame(words).select(joined.str.slice(0, 300)).to_series()

    def _words(self, places: pl.Series) -> pl.Series:
        """What the rows at some places say; null where they say nothing, or where there is no place."""
        asked = {n.partition(".")[0] for n in self.by.line} & set(self.runs.rows.columns)
        rows = self.runs.rows.select(pl.col("org_code", *sorted(asked)).gather(places))
        parts = [_text(rows, name) for name in self.by.line]
        words = rows.with_columns(pl.concat_str(parts, separator=" ", ignore_nulls=True).alias("_words"))
        return words.get_column("_words").set((words.get_column("_words") == "") | places.is_null(), None)


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
