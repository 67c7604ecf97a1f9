"""The rules over stored rows: a part of one data set at a time, in columns; what was found replaces what was known."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from django.db import connection, transaction

from yigong.kit.clock import COUNTY_ZONE, now
from yigong.kit.ctx import Ctx
from yigong.quality import issues, rulebook, selectors, stored
from yigong.quality.found import Found
from yigong.quality.models import NO_TIME, QualityRun
from yigong.security import api as security
from yigong.standards.quality import api as quality

log = logging.getLogger("yigong.quality")


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
        whole=not (data_sets or orgs or codes),
        rule_set=rulebook.version(rulebook.rules()), rules=len(chosen),
    )  # fmt: skip
    security.audit(ctx, "quality.run", "quality_run", record.pk, after={"data_sets": subjects, "orgs": list(orgs)})
    context = rulebook.context()
    for data_set in subjects:
        about = [r for r in chosen if data_set in r.data_sets]
        for part in stored.parts(data_set, since=since, orgs=orgs) if about else ():
            _judge(ctx, record, part, about, context)
            if not codes:
                issues.close_gone(part.data_set, part.org_codes, [r.code for r in about])
    record.ended_at = now()
    record.save()
    return record


def _alone(data_set: str) -> None:
    """Wait until no other check of the data set is under way, to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('quality_check'), hashtext(%s))", [data_set])


@transaction.atomic
def _judge(
    ctx: Ctx, record: QualityRun, part: stored.Part, about: Sequence[quality.Rule], context: Mapping[str, Any]
) -> None:
    _alone(part.data_set)
    with Found() as found:
        for frame, said in _said(part, about, context):
            _gather(found, said, frame)
        record.failing += _replace(record, part, about, found)
    record.rows += part.rows
    issues.refresh(ctx, record, part.data_set, part.org_codes, about)


def _said(
    part: stored.Part, about: Sequence[quality.Rule], context: Mapping[str, Any]
) -> Iterator[tuple[pl.DataFrame, quality.Judged]]:  # fmt: skip
    """All frames of a part with what the rules say of them: those of each row piece by piece, then those of groups."""
    by_row = [r for r in about if r.by_row]
    if by_row:
        checker = quality.checker(part.data_set, by_row, context)
        for frame in stored.frames(part, checker.reads):
            yield frame, checker.judge(frame)
    for by in quality.groupings([r for r in about if not r.by_row], part.data_set, context):
        checker = quality.checker(part.data_set, by.rules, context)
        for frame in stored.frames_of_groups(part, checker.reads, by):
            yield frame, checker.judge(frame)


def _gather(found: Found, said: quality.Judged, frame: pl.DataFrame) -> None:
    by = [frame.get_column("org_code"), _months(frame)]
    found.count(said.tally(by), said.spread(by))
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
    found.fail(kept.join(rows, on="row", how="left").drop("row", "field", "severity"))


def _months(frame: pl.DataFrame) -> pl.Series:
    local = pl.col("event_at").dt.convert_time_zone(str(COUNTY_ZONE)).dt.date().dt.truncate("1mo")
    return frame.select(local.fill_null(NO_TIME).alias("month")).to_series()


def _excused(part: stored.Part, about: Sequence[quality.Rule]) -> pl.DataFrame:
    """The failures for which a dispute was conceded, where the row still says what it said then."""
    schema = {"rule": pl.String, "record_id": pl.Int64, "conceded": pl.String, "excused": pl.Boolean}
    found: list[Any] = []
    with connection.cursor() as cursor:
        where = "f.data_set = %s and f.org_code = any(%s) and f.rule = any(%s) and f.excused"
        theirs: list[Any] = [part.data_set, list(part.org_codes)]
        cursor.execute(
            f"select distinct f.rule from quality_failure f where {where}", [*theirs, [r.code for r in about]]
        )
        some = {code for (code,) in cursor.fetchall()}
        for rule in (r for r in about if r.code in some):
            cursor.execute(
                f"""select f.rule, f.record_id, f.conceded, true
                    from quality_failure f join {selectors.beside(part.data_set)}
                    where {where} and f.conceded in ('', {selectors.digest(part.data_set, rule)})""",
                [*theirs, [rule.code]],
            )
            found += cursor.fetchall()
    return pl.DataFrame(found, schema=schema, orient="row")


def _replace(record: QualityRun, part: stored.Part, about: Sequence[quality.Rule], found: Found) -> int:
    """What was known of a part by what was found; how many rows fail."""
    codes = [r.code for r in about]
    excused = _excused(part, about)
    with connection.cursor() as cursor:
        for table in ("quality_result", "quality_spread", "quality_failure"):
            cursor.execute(
                f"delete from {table} where data_set = %s and org_code = any(%s) and rule = any(%s)",
                [part.data_set, list(part.org_codes), list(codes)],
            )
    whose = pl.lit(part.data_set).alias("data_set")
    if not found.tallies:
        return 0
    sums, bins = found.counts()
    stored.copy_in("quality_result", sums.with_columns(whose, pl.lit(record.pk).alias("run_id")))
    if bins is not None:
        stored.copy_in("quality_spread", bins.with_columns(whose))
    failing = 0
    for rows in found.failures():
        failing += int(rows.get_column("failing").sum())
        marked = rows.join(excused, on=["rule", "record_id"], how="left").with_columns(
            pl.col("excused").fill_null(False), pl.col("conceded").fill_null("")
        )
        stored.copy_in("quality_failure", marked.with_columns(whose))
    return failing
