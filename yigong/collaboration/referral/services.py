"""Writes of the referral: one draft, then moves of the life cycle."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from yigong.collaboration.referral import selectors, words
from yigong.collaboration.referral.domain import LIFE, State, direction, read_days, reply_due
from yigong.collaboration.referral.events import BY_VERB, ReferralMoved
from yigong.collaboration.referral.models import Referral, ReferralMove
from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.states import Move
from yigong.outbox import api as outbox
from yigong.platform.registry import api as registry
from yigong.security import api as security

#: what the sender writes, as long as the case is in the sender's hands
DRAFT_FIELDS = (
    "to_org", "to_department", "urgency", "diagnosis_code", "diagnosis_name", "reason", "history", "treatment",
    "advice", "consent", "from_department", "from_phone",
)  # fmt: skip
IN_SENDERS_HANDS = (State.DRAFT, State.RETURNED)


@transaction.atomic
def draft(ctx: Ctx, registration_id: int, *, facts: dict[str, Any]) -> Referral:
    """Begin a referral of a person in the actor's reach. Raises Refused not_found, unknown_org or same_org."""
    ctx.must("referral.draft")
    selectors.anchor(ctx, registration_id)
    moment = now()
    referral = Referral(
        case_no=_next_case_no(),
        registration_id=registration_id,
        from_org=ctx.org_code,
        from_doctor_id=ctx.actor_id,
        from_doctor_name=ctx.actor_name,
        created_at=moment,
    )
    _write(referral, facts)
    referral.save()
    _remember(ctx, referral, "draft", "", {}, moment, "")
    security.audit(ctx, "referral.draft", "referral", referral.pk, registration_id=registration_id)
    return referral


@transaction.atomic
def revise(ctx: Ctx, referral_id: int, *, facts: dict[str, Any], version: int) -> Referral:
    """Change what the sender wrote, while the case is in the sender's hands. Raises Refused wrong_state or stale."""
    ctx.must("referral.draft")
    referral = selectors.for_change(ctx, referral_id)
    if referral.state not in IN_SENDERS_HANDS or referral.from_org not in ctx.orgs:
        raise Refused("wrong_state", verb="send", state=referral.state)
    _fresh(referral, version)
    before = {f: getattr(referral, f) for f in DRAFT_FIELDS if f in facts}
    _write(referral, facts)
    referral.version += 1
    referral.save()
    security.audit(ctx, "referral.draft", "referral", referral.pk, before=before, after=facts)
    return referral


@transaction.atomic
def move(
    ctx: Ctx, referral_id: int, verb: str, *, given: dict[str, Any], version: int | None = None, key: str = ""
) -> Referral:
    """Make the move *verb*, guarded by the life cycle. The same *key* twice is one move.

    Raises Refused not_permitted, not_found, wrong_state, wrong_side, missing, stale, unknown_org or same_org.
    """
    ctx.must(f"referral.{verb}")
    referral = selectors.for_change(ctx, referral_id)
    if key and referral.moves.filter(key=key).exists():
        return referral
    if version is not None:
        _fresh(referral, version)
    step = _decide(ctx, referral, verb, given)
    moment = now()
    source = referral.state
    _apply(referral, step, given, moment)
    referral.save()
    _remember(ctx, referral, verb, source, given, moment, key)
    _open_history(ctx, referral)
    security.audit(
        ctx,
        f"referral.{verb}",
        "referral",
        referral.pk,
        registration_id=referral.registration_id,
        before={"state": source},
        after={"state": referral.state},
    )
    outbox.say(_event(referral, verb))
    return referral


def _decide(ctx: Ctx, referral: Referral, verb: str, given: dict[str, Any]) -> Move:
    sides = referral.sides(ctx)
    facts = {f: given.get(f) or getattr(referral, f, None) for f in ("to_org", "diagnosis_name", "consent")} | given
    if verb == "send":
        facts["reason"] = given.get("reason") or referral.reason
    side = next((m.side for m in LIFE.moves if m.verb == verb and m.side in sides), next(iter(sides), ""))
    try:
        return LIFE.move(referral.state, verb, side=str(side), given=facts)
    except Refused as refused:
        raise _worded(refused, referral, verb) from None


def _worded(refused: Refused, referral: Referral, verb: str) -> Refused:
    """The refusal with the words that its sentence needs."""
    allowed = refused.facts.get("allowed")
    return Refused(
        refused.code,
        **refused.facts,
        verb_word=words.VERBS.get(verb, verb),
        state_word=words.STATES[referral.state][1],
        side_word=[words.SIDES[s] for s in allowed if s in words.SIDES] if isinstance(allowed, list) else "",
        fields_words=[words.FACTS[f][0] for f in refused.facts.get("fields", ())],  # type: ignore[attr-defined]
    )


def _apply(referral: Referral, step: Move, given: dict[str, Any], moment: datetime) -> None:
    referral.state = step.target
    referral.version += 1
    match step.verb:
        case "send":
            _write(referral, {f: v for f, v in given.items() if f in DRAFT_FIELDS})
            _receiver_must_be_known(referral)
            referral.sent_at, referral.reply_due_at = moment, reply_due(referral.urgency, moment)
        case "redirect":
            _write(referral, {"to_org": given["to_org"], "to_department": given.get("to_department", "")})
            referral.reply_due_at = reply_due(referral.urgency, moment)
        case "accept":
            referral.clinic, referral.appointment_at = given["clinic"], given.get("appointment_at")
            referral.replied_at = moment
        case "refuse" | "return":
            referral.replied_at = moment
        case "release" | "reconsider":
            referral.clinic, referral.appointment_at, referral.replied_at = "", None, None
        case "arrive":
            referral.arrived_at = moment
        case "unarrive":
            referral.arrived_at = None
        case "close":
            referral.summary, referral.closed_at = given["summary"], moment
        case "reopen":
            referral.closed_at = None


def _write(referral: Referral, facts: dict[str, Any]) -> None:
    for name in DRAFT_FIELDS:
        if name in facts and facts[name] is not None:
            setattr(referral, name, facts[name])
    if referral.to_org:
        _receiver_must_be_known(referral)
        receiver, sender = registry.institution(referral.to_org), registry.institution(referral.from_org)
        referral.direction = direction(sender.kind if sender else "", receiver.kind if receiver else "")
    elif not referral.direction:
        referral.direction = "up"


def _receiver_must_be_known(referral: Referral) -> None:
    if registry.institution(referral.to_org) is None:
        raise Refused("unknown_org", org=referral.to_org)
    if referral.to_org == referral.from_org:
        raise Refused("same_org")


def _fresh(referral: Referral, version: int) -> None:
    if referral.version != version:
        last = referral.moves.last()
        verb = last.verb if last else ""
        raise Refused("stale", by=last.by_name if last else "", verb=verb, verb_word=words.VERBS.get(verb, verb))


def _remember(
    ctx: Ctx, referral: Referral, verb: str, source: str, given: dict[str, Any], at: datetime, key: str
) -> None:
    kept = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in given.items() if v not in (None, "")}
    ReferralMove.objects.create(
        referral=referral, verb=verb, source=source, target=referral.state, by_id=ctx.actor_id,
        by_name=ctx.actor_name, org_code=ctx.org_code, at=at, given=kept, key=key,
    )  # fmt: skip


def _open_history(ctx: Ctx, referral: Referral) -> None:
    """The receiver may read the person's history because of the case, as long as the case says so."""
    subject = f"referral:{referral.pk}"
    security.revoke(ctx, subject)
    if days := read_days(referral.state):
        security.grant(
            ctx, referral.registration_id, referral.to_org, because="referral.send", subject=subject, hours=days * 24
        )


def _event(referral: Referral, verb: str) -> ReferralMoved:
    return BY_VERB.get(verb, ReferralMoved)(
        referral_id=referral.pk, registration_id=referral.registration_id, verb=verb, state=referral.state,
        from_org=referral.from_org, to_org=referral.to_org,
    )  # fmt: skip


def _next_case_no() -> str:
    """ZZ + day + running number of the day; the day's row of the counter is locked until the end of the transaction."""
    from django.db import connection

    day = today()
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into referral_counter (day, last) values (%s, 1)
               on conflict (day) do update set last = referral_counter.last + 1 returning last""",
            [day],
        )
        return f"ZZ{day:%y%m%d}{cursor.fetchone()[0]:04d}"
