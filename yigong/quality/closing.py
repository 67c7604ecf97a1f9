"""Months are closed: what the rules said of them then is kept, so that a report that was sent out can be made again and checked.

Rows, rules and thresholds go on; the overview follows them, the report of a closed month does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.quality import rulebook, selectors
from yigong.quality.models import QualityClosed, QualityResult
from yigong.security import api as security
from yigong.standards.quality import api as quality

DAY = 10  # of the month after: until then late rows and mended ones come in


def is_closed(month: date) -> bool:
    """Whether the report of a month stands."""
    return QualityClosed.objects.filter(month=month).exists()


def closed(month: date) -> tuple[str, datetime] | None:
    """With which rule set a month was closed, and when; None while it is open."""
    return QualityClosed.objects.filter(month=month).values_list("rule_set", "closed_at").first()


def rules_of(month: date) -> Mapping[str, quality.Rule]:
    """The rules of a closed month with the weights and dimensions of then, also those that are declared no more."""
    known = {r.code: r for r in quality.rules()}
    found = QualityClosed.objects.filter(month=month).values_list("rule", "weight", "dimension").distinct()
    return {
        code: replace(
            known.get(code) or rulebook.gone(code, dimension), weight=weight, dimension=quality.Dimension(dimension)
        )
        for code, weight, dimension in found
    }


@transaction.atomic
def close(ctx: Ctx, month: date) -> int:
    """Keep the results of a month that is over as they are now; how many. Raises Refused month_not_over, month_closed."""
    ctx.must("quality.run")
    after = (month + timedelta(days=32)).replace(day=1)
    if after > today():
        raise Refused("month_not_over", month=f"{month:%Y-%m}")
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('quality_close'), 0)")
    if is_closed(month):
        raise Refused("month_closed", month=f"{month:%Y-%m}")
    declared, moment = rulebook.rules(), now()
    rules, version = {r.code: r for r in declared}, rulebook.version(declared)
    lines = [
        QualityClosed(
            month=month, rule=code, data_set=data_set, org_code=org, judged=judged, failed=failed,
            weight=rules[code].weight, dimension=rules[code].dimension.value, rule_set=version, closed_at=moment,
        )
        for org in QualityResult.objects.filter(month=month).values_list("org_code", flat=True).distinct()
        for _by, code, data_set, judged, failed in selectors.sums(start=month, end=after, by="rule", orgs=[org])
        if code in rules
    ]  # fmt: skip
    QualityClosed.objects.bulk_create(lines, batch_size=2000)
    security.audit(
        ctx, "quality.run", "quality_month", f"{month:%Y-%m}", after={"closed": len(lines), "rules": version}
    )
    return len(lines)


@transaction.atomic
def reopen(ctx: Ctx, month: date, reason: str) -> int:
    """Take the closing of a month back, with a reason; its report follows the rows again. Raises Refused quality.missing."""
    ctx.must("quality.run")
    if not reason.strip():
        raise Refused("quality.missing", fields=["reason"])
    gone, _ = QualityClosed.objects.filter(month=month).delete()
    security.audit(ctx, "quality.run", "quality_month", f"{month:%Y-%m}", after={"reopened": gone, "reason": reason})
    return gone


def close_due(ctx: Ctx) -> int:
    """Close the month before when its day has come and it has results; how many months were."""
    day = today()
    month = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
    if day.day < DAY or is_closed(month) or not QualityResult.objects.filter(month=month).exists():
        return 0
    close(ctx, month)
    return 1
