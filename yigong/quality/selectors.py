"""What is read of data quality: issues, failing rows with where they came from, results by any side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from yigong.kit.clock import COUNTY_ZONE, today
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.kit.errors import Refused
from yigong.platform.exchange import api as exchange
from yigong.platform.registry import api as registry
from yigong.quality.domain import WAITING, State
from yigong.quality.models import NO_TIME, QualityIssue, QualityRun
from yigong.quality.stored import NAMED
from yigong.standards.quality import api as quality

TABS: Mapping[str, Q] = {
    "todo": Q(state__in=WAITING),
    "disputed": Q(state=State.DISPUTED),
    "fixed": Q(state=State.FIXED),
    "waived": Q(state=State.WAIVED),
    "closed": Q(state=State.CLOSED),
    "all": Q(),
}


def _all(ctx: Ctx) -> QuerySet[QualityIssue]:
    found: QuerySet[QualityIssue] = QualityIssue.objects.seen_by(ctx)
    return found


def issues(ctx: Ctx, tab: str = "all", **narrowed: str) -> QuerySet[QualityIssue]:
    """Issues in the actor's reach, of a tab, narrowed by column."""
    wanted = {k: v for k, v in narrowed.items() if v}
    return _all(ctx).filter(TABS.get(tab, Q())).filter(**wanted)


def counts(ctx: Ctx) -> dict[str, int]:
    """How many issues each tab holds, and how many are overdue."""
    found = _all(ctx)
    sums = {tab: found.filter(condition).count() for tab, condition in TABS.items()}
    return {**sums, "overdue": found.filter(state__in=WAITING, due_on__lt=today()).count()}


def waiting(ctx: Ctx) -> int:
    """What waits for the actor: the institution's open issues; for the county the disputes."""
    if ctx.reach == Reach.COUNTY:
        return _all(ctx).filter(state=State.DISPUTED).count()
    return _all(ctx).filter(state__in=WAITING, org_code__in=ctx.orgs).count()


def one(ctx: Ctx, issue_id: int) -> QualityIssue:
    """One issue. Raises Refused not_found."""
    found = _all(ctx).filter(pk=issue_id).first()
    if found is None:
        raise Refused("not_found", what="issue")
    return found


@dataclass(frozen=True, slots=True)
class FailingRow:
    """A row that fails a rule: its key, what the rule read, and the batch that brought it."""

    record_id: int
    source_key: str
    event_at: datetime | None
    score: float | None
    excused: bool
    batch_id: int | None
    values: tuple[Any, ...]


def failing_rows(ctx: Ctx, issue: QualityIssue, *, start: int = 0, size: int = 50) -> list[FailingRow]:
    """Some of the failing rows of an issue, the newest first, with the fields that the rule names."""
    ctx.must("quality.rows")
    about = quality.subject(issue.data_set)
    rule = next((r for r in quality.rules() if r.code == issue.rule), None)
    columns = ", ".join(_as_text(about, f) for f in (shown_fields(rule) if rule else ()))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select f.record_id, f.source_key, f.event_at, f.score, f.excused, f.batch_id {columns and ", " + columns}
                from quality_failure f left join {beside(issue.data_set)}
                where f.data_set = %(d)s and f.org_code = %(o)s and f.rule = %(r)s and f.failing
                order by f.event_at desc nulls last, f.record_id desc limit %(size)s offset %(start)s""",
            {"d": issue.data_set, "o": issue.org_code, "r": issue.rule, "size": size, "start": start},
        )
        return [FailingRow(a, b, c, d, e, f, tuple(rest)) for a, b, c, d, e, f, *rest in cursor.fetchall()]


def beside(data_set: str) -> str:
    """What stands beside a failure `f`: its record `r` and the registered person `p`, as SQL after `join`."""
    person = "r.id" if data_set == "registration" else "r.registration_id"
    return f"""{quality.subject(data_set).table} r on r.id = f.record_id
        left join empi_registration p on p.id = {person}"""


def digest(data_set: str, rule: quality.Rule) -> str:
    """A digest of what a failing row shows, as SQL over `f`, `r` and `p`."""
    shown = [_as_text(quality.subject(data_set), f) for f in shown_fields(rule)]
    told = ", ".join(["f.event_at::text", *shown])
    return f"md5(array[{told}]::text)"


def shown_fields(rule: quality.Rule) -> list[str]:
    """The fields of a rule that a failing row shows beside its key and time."""
    return [f for f in rule.fields if f not in ("event_at", "source_key")]


def _as_text(about: quality.Subject, name: str) -> str:
    said = quality.column_sql(name)
    if about.kind(name) == "instant":
        return f"to_char({said} at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS')"
    return f"({said})::text"


def listed(issue: QualityIssue) -> int:
    """How many failing rows of an issue are listed; fewer than it counts after a threshold was tightened far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from quality_failure where data_set = %s and org_code = %s and rule = %s and failing",
            [issue.data_set, issue.org_code, issue.rule],
        )
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Cause:
    """Where failing rows came from: feed, version of its mapping, the runs that brought them."""

    feed_id: int | None
    feed_name: str
    mapping_version: int | None
    rows: int
    first_at: datetime | None
    last_at: datetime | None
    last_job_id: int | None


def causes(ctx: Ctx, issue: QualityIssue) -> list[Cause]:
    """The failing rows of an issue by feed and mapping version, the largest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select batch_id, count(*) from quality_failure
               where data_set = %s and org_code = %s and rule = %s and failing group by 1""",
            [issue.data_set, issue.org_code, issue.rule],
        )
        sums = dict(cursor.fetchall())
    known = exchange.origins(ctx, [b for b in sums if b is not None])
    grouped: dict[tuple[Any, ...], list[tuple[Any, int]]] = defaultdict(list)
    for batch, count in sums.items():
        origin = known.get(batch)
        key = (origin.feed_id, origin.feed_name, origin.mapping_version) if origin else (None, "", None)
        grouped[key].append((origin, count))
    found = [_cause(key, some) for key, some in grouped.items()]
    return sorted(found, key=lambda c: -c.rows)


def _cause(key: tuple[Any, ...], some: list[tuple[Any, int]]) -> Cause:
    feed_id, name, version = key
    origins = sorted((o for o, _ in some if o), key=lambda o: o.committed_at)
    rows = sum(n for _, n in some)
    if not origins:
        return Cause(feed_id, name, version, rows, None, None, None)
    first, last = origins[0], origins[-1]
    return Cause(feed_id, name, version, rows, first.committed_at, last.committed_at, last.job_id)


def statement(issue: QualityIssue, rule: quality.Rule, context: Mapping[str, Any]) -> str:
    """The SQL that lists the failing rows of an issue; empty where SQL cannot say the rule."""
    condition = quality.sql_of(rule, issue.data_set, context)
    return listing(issue.data_set, condition, issue.org_code) if condition else ""


def listing(data_set: str, condition: str, org_code: str) -> str:
    """A select of the rows of one institution for which a condition holds, over whole groups."""
    about = quality.subject(data_set)
    named = NAMED.get(data_set, {})
    for name, said in named.items():
        condition = condition.replace(f'r."{name}"', said)
    join = "\nleft join empi_registration p on p.id = r.registration_id" if 'p."' in condition else ""
    return (
        f"select x.id, x.source_key from (\n"
        f"  select r.id, {named.get('source_key', 'r.source_key')} as source_key, ({condition}) as fails\n  from {about.table} r{join}\n"
        f"  where r.org_code = '{org_code}'\n) x where x.fails"
    )


# ---- results ----


def may_see(ctx: Ctx) -> list[str] | None:
    """The institutions whose figures the actor may see; None is all."""
    if ctx.purpose in (Purpose.SYSTEM, Purpose.SUPERVISION) or ctx.reach == Reach.COUNTY:
        return None
    return list(ctx.orgs)


#: results as they are now, rows excused by a dispute taken out; and as they were when their month was closed
_LIVE = """select rule, data_set, org_code, month, judged, greatest(failed - coalesce(n, 0), 0) as failed from quality_result
    left join (select rule, data_set, org_code, coalesce(date_trunc('month', event_at at time zone %(zone)s)::date, %(none)s) as month,
                      count(*) as n from quality_failure where excused and failing group by 1, 2, 3, 4) excused
        using (rule, data_set, org_code, month)"""
_CLOSED = "select rule, data_set, org_code, month, judged, failed from quality_closed"


def sums(
    *, start: date, end: date, by: str = "org_code", orgs: list[str] | None = None, rule: str = "", closed: bool = False
) -> list[tuple[Any, str, str, int, int]]:
    """(by, rule, data set, judged, failed) over the months from *start* to before *end*; rows excused by a dispute do not fail."""
    assert by in ("org_code", "data_set", "month", "rule")
    narrow = ("and org_code = any(%(orgs)s)" if orgs is not None else "") + (" and rule = %(rule)s" if rule else "")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select {by}, rule, data_set, sum(judged)::bigint, sum(failed)::bigint from ({_CLOSED if closed else _LIVE}) found
                where month >= %(start)s and month < %(end)s {narrow} group by {by}, rule, data_set""",
            {"start": start, "end": end, "orgs": orgs, "rule": rule, "zone": str(COUNTY_ZONE), "none": NO_TIME},
        )
        return [tuple(row) for row in cursor.fetchall()]


def months() -> list[date]:
    """The months that results are about, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute("select distinct month from quality_result where month > '1900-01-01' order by 1 desc limit 60")
        return [row[0] for row in cursor.fetchall()]


def is_checked() -> bool:
    """Whether any rows were ever checked."""
    return QualityRun.objects.filter(rows__gt=0).exists()


def sources(until: date | None = None) -> set[str]:
    """The institutions whose data are expected: every registered one that ever sent some, or that had before a day."""
    table = "quality_closed where month < %(until)s" if until else "quality_result"
    with connection.cursor() as cursor:
        cursor.execute(f"select distinct org_code from {table}", {"until": until})
        known = {row[0] for row in cursor.fetchall()}
    sent = {org for org, day in exchange.collecting_since().items() if until is None or day < until}
    return known | {org for org in sent if registry.institution(org)}  # a code that nobody knows is no institution


def last_run() -> QualityRun | None:
    """The newest finished run of all rules over all data sets and institutions."""
    return QualityRun.objects.filter(whole=True).exclude(ended_at=None).order_by("-id").first()


def spread(code: str, orgs: list[str] | None = None) -> list[tuple[str, int, int]]:
    """(institution, bin, count) of the measured values of a rule."""
    narrow = "and org_code = any(%(orgs)s)" if orgs is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select org_code, bin, sum(count)::bigint from quality_spread where rule = %(rule)s {narrow}
                group by 1, 2 order by 1, 2""",
            {"rule": code, "orgs": orgs},
        )
        return [tuple(row) for row in cursor.fetchall()]
