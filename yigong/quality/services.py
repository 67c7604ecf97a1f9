"""What people do: move an issue, set a threshold, have rows checked again."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import api as outbox
from yigong.quality import issues, rulebook, running, selectors, words
from yigong.quality.domain import LIFE, LONGEST_WAIVER, Side, State
from yigong.quality.events import IssueMoved, ThresholdChanged
from yigong.quality.models import QualityIssue, QualityRun, QualityThreshold
from yigong.security import api as security
from yigong.standards.quality import api as quality


@transaction.atomic
def move(
    ctx: Ctx, issue_id: int, verb: str, *, given: dict[str, Any], version: int | None = None, key: str = ""
) -> QualityIssue:
    """Make the move *verb*, guarded by the life cycle. The same *key* twice is one move.

    Raises Refused not_permitted, not_found, quality.wrong_state, .wrong_side, .missing, .stale, waiver_too_long, waiver_past.
    """
    ctx.must(f"quality.{verb}")
    issue = QualityIssue.objects.seen_by(ctx).select_for_update().filter(pk=issue_id).first()
    if issue is None:
        raise Refused("not_found", what="issue")
    if key and issue.moves.filter(key=key).exists():
        return issue
    if version is not None and version != issue.version:
        raise Refused("quality.stale", by=issue.moves.last().by_name, verb_word=words.STATES[issue.state][1])
    _decide(ctx, issue, verb, given)
    before = issues.moved(ctx, issue, verb, given, key)
    _apply(issue, verb, given)
    issue.save()
    security.audit(
        ctx, f"quality.{verb}", "quality_issue", issue.pk, before={"state": before}, after={"state": issue.state}
    )
    outbox.say(IssueMoved(issue.pk, verb, issue.state, issue.org_code))
    return issue


def _decide(ctx: Ctx, issue: QualityIssue, verb: str, given: dict[str, Any]) -> None:
    sides = issue.sides(ctx) - {Side.PLATFORM}
    side = next((m.side for m in LIFE.moves if m.verb == verb and m.side in sides), next(iter(sides), ""))
    try:
        LIFE.move(issue.state, verb, side=str(side), given=given)
    except Refused as refused:
        facts: Any = refused.facts
        raise Refused(
            f"quality.{refused.code}",
            **refused.facts,
            verb_word=words.VERBS.get(verb, verb),
            state_word=words.STATES[issue.state][1],
            side_word=[words.SIDES[s] for s in facts.get("allowed", ()) if s in words.SIDES],
            fields_words=[words.FACTS[f][0] for f in facts.get("fields", ())],
        ) from None
    if verb == "waive":
        _waiver(given["waived_until"])


def _waiver(until: date) -> None:
    if until <= today():
        raise Refused("waiver_past", until=until)
    if until > today() + LONGEST_WAIVER:
        raise Refused("waiver_too_long", until=until, days=LONGEST_WAIVER.days)


def _apply(issue: QualityIssue, verb: str, given: dict[str, Any]) -> None:
    for name in ("assignee", "reason", "answer", "waived_until"):
        if name in given:
            setattr(issue, name, given[name])
    if verb == "concede":
        _excuse(issue)
    if verb == "reopen":
        _accuse(issue)
    if issue.state in (State.OPEN, State.ASSIGNED) and (issue.due_on is None or issue.due_on < today()):
        issue.due_on = today() + timedelta(days=7)


def _excuse(issue: QualityIssue) -> None:
    """The rows that fail now are right as they are: as long as they say so they count no more under this rule."""
    digest = selectors.digest(issue.data_set, rulebook.of(issue))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""update quality_failure x set excused = true, conceded = n.digest
                from (select f.id, {digest} as digest from quality_failure f left join {selectors.beside(issue.data_set)}
                      where f.rule = %s and f.data_set = %s and f.org_code = %s and f.failing) n where x.id = n.id""",
            [issue.rule, issue.data_set, issue.org_code],
        )
    issue.failing = 0


def _accuse(issue: QualityIssue) -> None:
    """The concession is taken back: the rows that it excused count again."""
    with connection.cursor() as cursor:
        where = "where rule = %s and data_set = %s and org_code = %s and failing"
        theirs = [issue.rule, issue.data_set, issue.org_code]
        cursor.execute(f"update quality_failure set excused = false, conceded = '' {where} and excused", theirs)
        cursor.execute(f"select count(*) from quality_failure {where}", theirs)
        issue.failing = cursor.fetchone()[0]


def check_again(ctx: Ctx, issue_id: int) -> QualityRun:
    """Run the rule of an issue over the rows of its institution now. Raises Refused not_found, not_permitted."""
    issue = QualityIssue.objects.seen_by(ctx).filter(pk=issue_id).first()
    if issue is None:
        raise Refused("not_found", what="issue")
    codes = [issue.rule] if rulebook.is_declared(issue.rule) else []
    return running.run(ctx, data_sets=[issue.data_set], orgs=[issue.org_code], codes=codes)


@transaction.atomic
def set_threshold(ctx: Ctx, code: str, *, least: float | None = None, most: float | None = None, reason: str) -> int:
    """Set the thresholds of a rule; results and issues follow from what was measured, nothing is run again.

    How many issues changed. Raises Refused not_permitted, quality.missing, no_such_rule, threshold_out, threshold_step.
    """
    ctx.must("quality.threshold")
    if not reason.strip():
        raise Refused("quality.missing", fields=["reason"], fields_words=[words.FACTS["reason"][0]])
    rule = tried(code, least=least, most=most)
    before = rulebook.rule(code)
    QualityThreshold.objects.create(
        rule=code, least=least, most=most, by_name=ctx.actor_name, reason=reason.strip()[:300], at=now()
    )
    _recount(rule)
    touched = _follow(ctx, rule)
    security.audit(
        ctx, "quality.threshold", "quality_rule", code, before=limits(before), after={**limits(rule), "reason": reason}
    )
    outbox.say(ThresholdChanged(code, least, most))
    return touched


def tried(code: str, *, least: float | None, most: float | None) -> quality.Rule:
    """The rule with other thresholds. Raises Refused no_such_rule, threshold_out, threshold_step."""
    try:
        rule = quality.rule(code)
    except KeyError:
        raise Refused("no_such_rule", rule=code) from None
    try:
        found = rule.limited(least=least, most=most)
    except ValueError:
        allowed = {n: lim for n, lim in (("least", rule.least), ("most", rule.most)) if lim is not None}
        said = [f"{words.LIMITS[n]} {lim.lowest:g}–{lim.highest:g}" for n, lim in allowed.items()]
        raise Refused("threshold_out", allowed=said) from None
    for value in (least, most):
        if value is not None:
            _on_the_grid(rule, value)
    return found


def _on_the_grid(rule: quality.Rule, value: float) -> None:
    """Measured values are kept by steps, so results can be counted anew for whole steps only."""
    steps = value / rule.step
    if abs(steps - round(steps)) > 1e-6:
        near = [f"{n * rule.step:g}" for n in (math.floor(steps), math.ceil(steps))]
        raise Refused("threshold_step", value=f"{value:g}", step=f"{rule.step:g}", near=near)


def limits(rule: quality.Rule) -> dict[str, float | None]:
    """The thresholds of a rule as plain facts."""
    return {"least": rule.least.at if rule.least else None, "most": rule.most.at if rule.most else None}


def beyond(rule: quality.Rule, column: str) -> str:
    """Whether a bin fails under the rule's thresholds, as SQL."""
    parts = ["false"]
    if rule.most is not None:
        parts.append(f"{column} > {round(rule.most.at / rule.step) * 2}")
    if rule.least is not None:
        parts.append(f"{column} < {round(rule.least.at / rule.step) * 2}")
    return f"({' or '.join(parts)})"


def _recount(rule: quality.Rule) -> None:
    """Results from the spread of measured values; kept rows marked by their score."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""update quality_result r set failed = coalesce(s.n, 0)
                from (select data_set, org_code, month, sum(count) filter (where {beyond(rule, "bin")}) n
                      from quality_spread where rule = %(rule)s group by 1, 2, 3) s
                where r.rule = %(rule)s and r.data_set = s.data_set and r.org_code = s.org_code and r.month = s.month""",
            {"rule": rule.code},
        )
        said = limits(rule)
        cursor.execute(
            """update quality_failure set failing = coalesce(score > %(most)s::float8 + 1e-9, false) or coalesce(score < %(least)s::float8 - 1e-9, false)
               where rule = %(rule)s""",
            {"rule": rule.code, "least": said["least"], "most": said["most"]},
        )


def _follow(ctx: Ctx, rule: quality.Rule) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select distinct data_set, org_code from quality_result where rule = %s", [rule.code])
        places = cursor.fetchall()
    for data_set, org_code in places:
        issues.refresh(ctx, None, data_set, [org_code], [rule])
    return len(places)
