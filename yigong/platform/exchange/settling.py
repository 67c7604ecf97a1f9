"""Rows of quarantine that need nobody any more: the same key came again, by the source or from the buffer, and went in."""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from yigong.edge.mapping.plan import Plan
from yigong.kit.clock import now
from yigong.platform.exchange.batch import MAPPED
from yigong.platform.exchange.models import Job, Quarantined, RowState

MOST = 50_000  # waiting rows of one feed that are kept in mind by a run
KINDS = ("run", "range", "buffer", "edge")  # runs that speak for the source; a row sent again is marked by who sends it
EMPTY = pl.DataFrame(schema={"id": pl.Int64, "source_key": pl.String, "org_code": pl.String})


@dataclass(frozen=True, slots=True)
class Waiting:
    """The waiting rows of a feed as a run finds them: id, source_key, org_code."""

    rows: pl.DataFrame
    by_org: bool  # rows of several institutions: a key belongs to one of them

    def settle(self, frame: pl.DataFrame) -> int:
        """Mark those whose key stands in *frame*, rows that go in with this transaction; how many."""
        if self.rows.is_empty() or frame.is_empty():
            return 0
        on = ["source_key", "org_code"] if self.by_org else ["source_key"]
        ids = self.rows.join(frame.select(on).unique(), on=on, how="semi").get_column("id").to_list()
        return _settled(ids) if ids else 0


def waiting(job: Job, plan: Plan | None) -> Waiting:
    """What waits that rows of *job* may settle: from the buffer only what was there when its rows were read."""
    by_org = not job.feed.org_code
    if plan is None or job.kind not in KINDS:
        return Waiting(EMPTY, by_org)
    found = Quarantined.objects.filter(feed_id=job.feed_id, state=RowState.WAITING)
    if job.kind == "buffer":
        found = found.filter(job_id__lte=source_of(job))
    rows = list(found.order_by("-id").values_list("id", "raw", "org_code")[:MOST])
    return Waiting(_keyed(rows, plan), by_org) if rows else Waiting(EMPTY, by_org)


def _keyed(rows: list[tuple[int, dict[str, object], str]], plan: Plan) -> pl.DataFrame:
    """The rows with the key under which their source sends them; rows that a node mapped say it themselves."""
    raws = [raw for _id, raw, _org in rows]
    columns = {c: [_text(raw.get(c)) for raw in raws] for c in plan.source.key}
    keys = plan.keys(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))
    own = pl.Series([_text(raw.get("source_key")) if MAPPED in raw else None for raw in raws], dtype=pl.String)
    ids, orgs = [one for one, _raw, _org in rows], [org for _one, _raw, org in rows]
    frame = pl.DataFrame({"id": ids, "source_key": own.fill_null(keys), "org_code": orgs}, schema=EMPTY.schema)
    return frame.drop_nulls("source_key")


def _text(value: object) -> str | None:
    return None if value in (None, "") else str(value)


def source_of(job: Job) -> int:
    """The run whose buffer a job processes again."""
    return int(json.loads(job.since)["job"])


def buffer_done(job: Job) -> int:
    """After a buffer was processed to its end: what its run had turned away and is not turned away again is in, or filtered."""
    rest = Quarantined.objects.filter(feed_id=job.feed_id, state=RowState.WAITING, job_id=source_of(job))
    return _settled(list(rest.values_list("id", flat=True)))


def _settled(ids: list[int]) -> int:
    rows = Quarantined.objects.filter(pk__in=ids, state=RowState.WAITING)
    return rows.update(state=RowState.FOLLOWED, changed_at=now())
