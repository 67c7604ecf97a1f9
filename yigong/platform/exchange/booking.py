"""What became of the rows of a batch, written down: counts that add up, by institution and by rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import polars as pl
from django.db.models import F, Q

from yigong.kit.clock import now
from yigong.outbox.api import say
from yigong.platform.exchange.counting import Counted
from yigong.platform.exchange.events import OrgCount, RecordsLoaded
from yigong.platform.exchange.models import BatchRun, Feed, FeedState, Finding, Job, Tally
from yigong.platform.exchange.stages import Prepared, Rejected
from yigong.platform.records import api as records

SAMPLES = 20
ALONE = ("run", "range", "buffer")  # runs that hold their feed's lock
LATE = (
    "到达时已有更新的报告或更正：未替换，作为较早版本保存",
    "A later report or correction was there already: not replaced, kept as an earlier version",
)


class TakenOver(Exception):  # noqa: N818  - reads as a sentence
    """The run was taken for dead and closed by another: what it carries now is undone."""


@dataclass(slots=True)
class Totals(Counted):
    """Rows by what became of them, summed over batches."""

    read: int = 0
    filtered: int = 0
    rejected: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    withdrawn: int = 0  # of the filtered

    def add(self, other: Totals) -> None:
        """Add the rows of another batch."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


def book(
    feed: Feed, batch: BatchRun, ready: Prepared, frame: pl.DataFrame, loaded: records.Loaded, rejected: Sequence[Rejected],
    withdrawn: Mapping[str, int],
) -> Totals:  # fmt: skip
    """Write down what became of every row, and say what came in. *withdrawn*: by institution, of the filtered rows those whose record was."""
    extra = len(rejected) - len(ready.rejected)  # documents without rows that were turned away
    totals = Totals(
        ready.read + extra, ready.filtered, len(rejected), loaded.inserted, loaded.updated, loaded.unchanged,
        loaded.deleted, sum(withdrawn.values()),
    )  # fmt: skip
    assert totals.balances, "a row was lost"
    counts = asdict(totals)
    alive = Job.objects.filter(pk=batch.job_id).exclude(~Q(state=FeedState.RUNNING), kind__in=ALONE)
    if not alive.update(**{name: F(name) + n for name, n in counts.items()}, beat_at=now(), **_reached(ready)):
        raise TakenOver
    if ready.watermark:
        Feed.objects.filter(pk=feed.pk, mode="incremental").update(watermark=ready.watermark)
    orgs = _by_institution(feed.org_code, totals, frame, loaded, rejected)
    Tally.objects.bulk_create(Tally(batch=batch, org_code=org, **asdict(t)) for org, t in orgs.items())
    _write_findings(batch, ready)
    _write_late(batch, loaded)
    came = tuple(
        OrgCount(org, t.inserted, t.updated, t.deleted + withdrawn.get(org, 0))
        for org, t in ((org, orgs.get(org, Totals())) for org in dict.fromkeys([*orgs, *withdrawn]))
        if t.inserted or t.updated or t.deleted or org in withdrawn
    )
    if came:
        say(RecordsLoaded(ready.data_set, batch.job_id, batch.pk, came))
    return totals


def _reached(ready: Prepared) -> dict[str, str]:
    return {"watermark": ready.watermark} if ready.watermark else {}


def _by_institution(
    own: str, totals: Totals, frame: pl.DataFrame, loaded: records.Loaded, rejected: Sequence[Rejected]
) -> dict[str, Totals]:  # fmt: skip
    """The totals by institution; rows that name none count for the feed's own."""
    found: dict[str, Totals] = {}
    if frame.height:
        for org, fate, count in _fates(frame.get_column("org_code"), loaded.outcome):
            setattr(found.setdefault(org, Totals()), fate, count)
    for row in rejected:
        found.setdefault(row.org_code[:10] or own, Totals()).rejected += 1
    if totals.filtered:
        line = found.setdefault(own, Totals())
        line.filtered, line.withdrawn = totals.filtered, totals.withdrawn
    for t in found.values():
        t.read = t.filtered + t.rejected + t.loaded + t.deleted
    return found


def _fates(org: pl.Series, outcome: pl.Series) -> Iterable[tuple[str, str, int]]:
    if alike(org):
        return [(org[0], fate, count) for fate, count in outcome.value_counts().iter_rows()]
    return pl.DataFrame({"org": org, "fate": outcome}).group_by("org", "fate").len().iter_rows()


def _write_findings(batch: BatchRun, ready: Prepared) -> None:
    """How often each rule spoke; warnings with the keys of some rows."""
    if ready.findings.is_empty():
        return
    told = ready.findings.group_by("rule", "field", "severity").agg(
        pl.len().alias("count"), pl.col("zh").first(), pl.col("en").first(), pl.col("row").head(SAMPLES)
    )
    Finding.objects.bulk_create(
        Finding(
            batch=batch, rule=r["rule"][:60], field=(r["field"] or "")[:80], severity=r["severity"], count=r["count"],
            zh=r["zh"][:300], en=r["en"][:300], samples=r["row"],
        )
        for r in told.iter_rows(named=True)
    )  # fmt: skip


def _write_late(batch: BatchRun, loaded: records.Loaded) -> None:
    """Rows counted as unchanged because what is known was said later than they were."""
    if loaded.late:
        Finding.objects.create(
            batch=batch, rule="said_earlier", severity="info", count=len(loaded.late), zh=LATE[0], en=LATE[1],
            samples=list(loaded.late[:SAMPLES]),
        )  # fmt: skip


def alike(column: pl.Series) -> bool:
    """Whether all rows say the same."""
    return not column.null_count() and bool((column == column[0]).all())
