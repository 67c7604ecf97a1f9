"""Issues follow what the rules find: opened, closed, reopened; never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.db import connection, transaction

from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx, system
from yigong.outbox import api as outbox
from yigong.quality import domain
from yigong.quality.domain import LIFE, Side, State
from yigong.quality.events import IssuesFound
from yigong.quality.models import QualityIssue, QualityMove, QualityRun
from yigong.standards.quality import api as quality

#: what a move by a check changes of an issue, beside its counts
MOVED = ("recurred", "due_on", "state", "version", "closed_at", "waived_until", "assignee")


def refresh(
    ctx: Ctx, record: QualityRun | None, data_set: str, org_codes: Sequence[str], about: Sequence[quality.Rule]
) -> None:
    """Bring the issues of some institutions in a data set to what is found now; say which are new or back."""
    rules = {r.code: r for r in about}
    sums = _sums(data_set, org_codes, list(rules))
    theirs = QualityIssue.everything.select_for_update().filter(
        data_set=data_set, org_code__in=org_codes, rule__in=list(rules)
    )
    known = {(i.org_code, i.rule): i for i in theirs}
    states = {key: i.state for key, i in known.items()}
    back = [i for key, i in known.items() if _followed(i, *sums.get(key, (0, 0)))]
    _counted(list(known.values()))
    moved_ones = [i for key, i in known.items() if i.state != states[key]]
    QualityIssue.everything.bulk_update(moved_ones, MOVED, batch_size=500)
    new = [
        _opened(rules[rule], data_set, org, judged, failing)
        for (org, rule), (judged, failing) in sums.items()
        if failing and (org, rule) not in known
    ]
    QualityIssue.everything.bulk_create(new)
    news: dict[str, list[int]] = {}
    for issue in sorted([*back, *new], key=lambda i: (i.org_code, list(rules).index(i.rule))):
        news.setdefault(issue.org_code, []).append(issue.pk)
    for org, ids in news.items():
        outbox.say(IssuesFound(record.pk if record else 0, org, tuple(ids)))


@transaction.atomic
def close_gone(data_set: str, org_codes: Sequence[str], declared: Sequence[str]) -> None:
    """What rules left that are declared no more for a data set: results and failing rows go, issues are closed."""
    with connection.cursor() as cursor:
        for table in ("quality_result", "quality_spread", "quality_failure"):
            cursor.execute(
                f"delete from {table} where data_set = %s and org_code = any(%s) and rule <> all(%s)",
                [data_set, list(org_codes), list(declared)],
            )
    left = QualityIssue.everything.select_for_update().filter(data_set=data_set, org_code__in=org_codes)
    for issue in left.exclude(rule__in=declared).exclude(state=State.CLOSED):
        _followed(issue, 0, 0)
        issue.save()


def _counted(known: Sequence[QualityIssue]) -> None:
    """Write down what the check counted for each issue."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update quality_issue i set judged = n.judged, failing = n.failing, checked_at = n.at
               from unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) as n(id, judged, failing, at)
               where i.id = n.id""",
            [
                [i.pk for i in known], [i.judged for i in known], [i.failing for i in known],
                [i.checked_at for i in known],
            ],
        )  # fmt: skip


def _sums(data_set: str, org_codes: Sequence[str], codes: list[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """(institution, rule) -> values judged, rows that fail and are not excused."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select x.org_code, x.rule, x.judged, x.failed - coalesce(e.n, 0)
               from (select org_code, rule, sum(judged)::bigint judged, sum(failed)::bigint failed from quality_result
                     where data_set = %(d)s and org_code = any(%(o)s) and rule = any(%(r)s) group by 1, 2) x
               left join (select org_code, rule, count(*) n from quality_failure
                          where data_set = %(d)s and org_code = any(%(o)s) and rule = any(%(r)s) and failing and excused
                          group by 1, 2) e using (org_code, rule)""",
            {"d": data_set, "o": list(org_codes), "r": codes},
        )
        return {(org, rule): (judged, max(0, failing)) for org, rule, judged, failing in cursor.fetchall()}


def _opened(rule: quality.Rule, data_set: str, org_code: str, judged: int, failing: int) -> QualityIssue:
    moment = now()
    return QualityIssue(
        rule=rule.code, data_set=data_set, org_code=org_code, severity=rule.severity.value,
        dimension=rule.dimension.value, failing=failing, judged=judged, found_at=moment, checked_at=moment,
        due_on=domain.due(rule.severity.value, today()),
    )  # fmt: skip


def _followed(issue: QualityIssue, judged: int, failing: int) -> bool:
    """The issue after a check (not saved); whether it is back."""
    verb = domain.after_check(issue.state, failing, waived_until=issue.waived_until, today=today())
    issue.judged, issue.failing, issue.checked_at = judged, failing, now()
    back = verb in ("return", "recur", "expire")
    if verb:
        moved(system(), issue, verb, {"failing": failing, "judged": judged})
    if verb == "recur":
        issue.recurred += 1
    if back:
        issue.due_on = domain.due(issue.severity, today())
    return back


def moved(ctx: Ctx, issue: QualityIssue, verb: str, given: dict[str, object], key: str = "") -> str:
    """Make a move by the platform or an actor on an issue in hand (not saved); the state before it."""
    side = Side.PLATFORM if ctx.actor_id == 0 else next(m.side for m in LIFE.moves if m.verb == verb)
    step = LIFE.move(issue.state, verb, side=side, given=given)
    before, issue.state = issue.state, step.target
    issue.version += 1
    issue.closed_at = now() if step.target is State.CLOSED else None
    if step.target is not State.WAIVED:
        issue.waived_until = None
    if step.target not in (State.ASSIGNED, State.FIXED, State.DISPUTED):
        issue.assignee = "" if step.target is State.CLOSED else issue.assignee
    QualityMove.objects.create(
        issue=issue, verb=verb, source=before, target=step.target, by_id=ctx.actor_id, by_name=ctx.actor_name,
        org_code=ctx.org_code, at=now(), given={k: _plain(v) for k, v in given.items()}, key=key,
    )  # fmt: skip
    return before


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


@transaction.atomic
def expire_waivers(ctx: Ctx) -> int:
    """Waivers whose time is over: their issues are open again; how many."""
    ctx.must("quality.run")
    over = QualityIssue.everything.select_for_update().filter(state=State.WAIVED, waived_until__lt=today())
    count = 0
    for issue in over:
        moved(system(), issue, "expire", {})
        issue.due_on = domain.due(issue.severity, today())
        issue.save()
        outbox.say(IssuesFound(0, issue.org_code, (issue.pk,)))
        count += 1
    return count
