"""The rules over stored rows: a part of one data set at a time, in columns; what was found replaces what was known."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db import connection, transaction

from yigong.kit.clock import COUNTY_ZONE, now
from yigong.kit.ctx import Ctx
from yigong.quality import issues, rulebook, stored
from yigong.quality.models import QualityRun
from yigong.security import api as security
from yigong.standards.quality import api as quality

log = logging.getLogger("yigong.quality")
NO_TIME = date(1900, 1, 1)
#: so many rows that only a stricter threshold would fail are kept in any case; beyond it five times the failing ones
KEPT_ANYWAY, KEPT_SHARE = 50_000, 5


@dataclass(slots=True)
class _Found:
    """What the rules said of one part, gathered over its frames."""

    tallies: list[pl.DataFrame] = field(default_factory=list)
    spreads: list[pl.DataFrame] = field(default_factory=list)
    failures: list[pl.DataFrame] = field(default_factory=list)


def run(
    ctx: Ctx,
    *,
    data_sets: Sequence[str] = (),
    since: datetime | None = None,
    orgs: Sequence[str] = (),
    codes: Sequence[str] = (),
) -> QualityRun:
    """Run the rules (all, or those of *codes*) over the stored rows of some or all data sets and institutions.

    With *since* only institutions with a row that came in after it are judged, those wholly. One transaction for each part
    of a data set: a large institution, or some small ones. Raises KeyError for an unknown data set or rule.
    """
    ctx.must("quality.run")
    chosen = [rulebook.rule(c) for c in codes] if codes else rulebook.rules()
    subjects = list(data_sets) or sorted({d for r in chosen for d in r.data_sets})
    record = QualityRun.objects.create(
        started_at=now(), by_name=ctx.actor_name, data_sets=subjects, org_codes=list(orgs), since=since,
        rule_set=rulebook.version(rulebook.rules()), rules=len(chosen),
    )  # fmt: skip
    security.audit(ctx, "quality.run", "quality_run", record.pk, after={"data_sets": subjects, "orgs": list(orgs)})
    context = rulebook.context()
    for data_set in subjects:
        about = [r for r in chosen if data_set in r.data_sets]
        for part in stored.parts(data_set, since=since, orgs=orgs) if about else ():
            _judge(ctx, record, part, about, context)
    record.ended_at = now()
    record.save()
    return record


@transaction.atomic
def _judge(
    ctx: Ctx, record: QualityRun, part: stored.Part, about: Sequence[quality.Rule], context: Mapping[str, Any]
) -> None:
    found = _Found()
    for by_row in (True, False):
        some = [r for r in about if r.by_row == by_row]
        if some:
            checker = quality.checker(part.data_set, some, context)
            for frame in stored.frames(part, checker.reads, whole=not by_row):
                _gather(found, checker.judge(frame), frame)
    if not found.tallies:
        return
    codes = [r.code for r in about]
    failures = _excused(part, codes, _thinned(found.failures))
    _replace(record, part, codes, found, failures)
    record.rows += part.rows
    record.failing += int(failures.get_column("failing").sum())
    issues.refresh(ctx, record, part.data_set, part.org_codes, about)


def _gather(found: _Found, said: quality.Judged, frame: pl.DataFrame) -> None:
    by = [frame.get_column("org_code"), _months(frame)]
    found.tallies.append(said.tally(by))
    spread = said.spread(by)
    if spread.height:
        found.spreads.append(spread)
    failing = said.failures().select("row", "rule", pl.lit(True).alias("failing"))
    kept = (
        said.failures(kept=True)
        .join(failing, on=["row", "rule"], how="left")
        .with_columns(pl.col("failing").fill_null(False))
    )
    rows = frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        pl.col("id").alias("record_id"),
        "org_code",
        "source_key",
        "event_at",
        "batch_id",
    )
    found.failures.append(kept.join(rows, on="row", how="left").drop("row", "field", "severity"))


def _months(frame: pl.DataFrame) -> pl.Series:
    local = pl.col("event_at").dt.convert_time_zone(str(COUNTY_ZONE)).dt.date().dt.truncate("1mo")
    return frame.select(local.fill_null(NO_TIME).alias("month")).to_series()


def _thinned(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All failing rows; those kept for stricter thresholds only where they are not too many."""
    rows = pl.concat(frames)
    whose = ["rule", "org_code"]
    sums = rows.group_by(whose).agg(pl.len().alias("all"), pl.col("failing").sum().alias("now"))
    many = sums.filter(pl.col("all") > pl.max_horizontal(pl.lit(KEPT_ANYWAY), pl.col("now") * KEPT_SHARE))
    return pl.concat([rows.filter("failing"), rows.filter(~pl.col("failing")).join(many, on=whose, how="anti")])


def _excused(part: stored.Part, codes: Sequence[str], failures: pl.DataFrame) -> pl.DataFrame:
    """The failures with those marked for which a dispute was conceded."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select rule, record_id, true from quality_failure
               where data_set = %s and org_code = any(%s) and rule = any(%s) and excused""",
            [part.data_set, list(part.org_codes), list(codes)],
        )
        schema = {"rule": pl.String, "record_id": pl.Int64, "excused": pl.Boolean}
        known = pl.DataFrame(cursor.fetchall(), schema=schema, orient="row")
    return failures.join(known, on=["rule", "record_id"], how="left").with_columns(pl.col("excused").fill_null(False))


def _replace(
    record: QualityRun, part: stored.Part, codes: Sequence[str], found: _Found, failures: pl.DataFrame
) -> None:
    with connection.cursor() as cursor:
        for table in ("quality_result", "quality_spread", "quality_failure"):
            cursor.execute(
                f"delete from {table} where data_set = %s and org_code = any(%s) and rule = any(%s)",
                [part.data_set, list(part.org_codes), list(codes)],
            )
    whose = pl.lit(part.data_set).alias("data_set")
    sums = pl.concat(found.tallies).group_by("rule", "org_code", "month").agg(pl.col("rows", "judged", "failed").sum())
    stored.copy_in("quality_result", sums.with_columns(whose, pl.lit(record.pk).alias("run_id")))
    if found.spreads:
        bins = pl.concat(found.spreads).group_by("rule", "org_code", "month", "bin").agg(pl.col("count").sum())
        stored.copy_in("quality_spread", bins.with_columns(whose))
    stored.copy_in("quality_failure", failures.with_columns(whose))
