"""Dead letters mended by hand: the content replaced for a reason, the original kept, and on its way again."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import get_language

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.parse import NotHl7
from yigong.platform.bus import selectors, writing
from yigong.platform.bus.content import HL7V2, Content
from yigong.platform.bus.domain import DELIVERY, DeliveryState, Side
from yigong.platform.bus.envelope import PART, keyed, read_envelope
from yigong.platform.bus.models import Correction, Delivery, Message, MessageState
from yigong.security.api import audit

#: purposes that include reading the persons in a message
PURPOSES = (Purpose.TREATMENT, Purpose.OPERATION)
STUCK = (MessageState.DEAD, MessageState.FAILED)


def may_correct(ctx: Ctx, found: Message) -> bool:
    """Whether the reader may mend this message: it died, or one of its deliveries did."""
    allowed = ctx.may("bus.correct") and ctx.may("bus.reveal") and ctx.may("bus.replay") and ctx.purpose in PURPOSES
    return allowed and not found.is_test and (found.state in STUCK or _dead(found).exists())


def opened(ctx: Ctx, message_id: int) -> tuple[Message, writing.Writing]:
    """A message to be mended, with its persons; the reading is audited.

    Raises Refused not_permitted, bus.no_purpose, no_such_message, bus.not_dead, bus.correction_large, bus.correction_binary.
    """
    for need in ("bus.correct", "bus.reveal", "bus.replay"):
        ctx.must(need)
    if ctx.purpose not in PURPOSES:
        raise Refused("bus.no_purpose")
    found = selectors.message(ctx, message_id)
    if not may_correct(ctx, found):
        raise Refused("bus.not_dead")
    text = writing.writing_of(bytes(found.raw))
    audit(ctx, "bus.reveal", "bus_message", found.pk, after={"for": "correct"})
    return found, text


@transaction.atomic
def correct(ctx: Ctx, message_id: int, text: str, *, reason: str, seen: str) -> Correction:
    """Replace the content of a dead letter and send it on its way again; *seen* is the digest of what the corrector saw.

    Raises, beside what ``opened`` does, Refused missing, bus.correction_stale, bus.correction_same, bus.correction_wrong.
    """
    found, kept = opened(ctx, message_id)
    row = Message.objects.select_for_update().get(pk=found.pk)
    before = bytes(row.raw)
    if not reason.strip():
        raise Refused("missing", fields=["reason"])
    if digest(before) != seen or (row.state not in STUCK and not _dead(row).exists()):
        raise Refused("bus.correction_stale")
    grave = [w for w in writing.wrongs(kept, text) if w.grave]
    if grave:
        raise Refused(
            "bus.correction_wrong", line=grave[0].line, why=grave[0].en if get_language() == "en" else grave[0].zh
        )
    after = kept.encoded(text)
    if after == before:
        raise Refused("bus.correction_same")
    made = Correction.objects.create(
        message=row, number=row.corrections.count() + 1, before=before, after=after, charset=kept.charset,
        reason=reason.strip()[:300], actor_id=ctx.actor_id, actor_name=ctx.actor_name, at=now(), died_of=row.error,
    )  # fmt: skip
    _put(ctx, row, after)
    _again(row)
    facts = {"number": made.number, "reason": made.reason}
    audit(
        ctx, "bus.correct", "bus_message", row.pk,
        before={"sha256": digest(before)}, after={**facts, "sha256": digest(after)},
    )  # fmt: skip
    return made


def _put(ctx: Ctx, row: Message, after: bytes) -> None:
    """The new content with what the journal finds it by. Sender, control id and digest stay: by them a message that is sent
    once more is known to be this one."""
    row.raw = after
    content = Content(after)
    if content.form == HL7V2:
        try:
            read = read_envelope(after)
        except NotHl7 as error:  # looked at before
            raise Refused("bus.correction_wrong", line=1, why="MSH") from error
        row.kind, row.charset, row.local_id, row.order_no = read.kind, read.charset, read.local_id, read.order_no
        row.partition_key, keys = read.partition_key, read.numbers()
        if read.org_code != row.org_code and not row.endpoint.org_code:
            if ctx.reach != Reach.COUNTY and read.org_code not in ctx.orgs:
                raise Refused("bus.correction_org", org_code=read.org_code)
            row.org_code = read.org_code
    else:
        keys = keyed([("patient", row.local_id), ("order", row.order_no)])
    paths: dict[str, list[str]] = row.endpoint.paths
    more = keyed((kind, v.replace(PART, "")) for kind, those in paths.items() for p in those for v in content.values(p))
    row.keys = list(dict.fromkeys((*keys, *more)))
    row.save()


def _again(row: Message) -> None:
    """What died goes on its way again, the message and its deliveries."""
    at = now()
    if row.state in STUCK:
        row.state, row.attempts, row.due_at, row.done_at = MessageState.RECEIVED, 0, at, None
        row.save(update_fields=["state", "attempts", "due_at", "done_at"])
    target = DELIVERY.move(DeliveryState.DEAD, "replay", side=Side.PERSON).target
    _dead(row).update(state=target, failures=0, due_at=at, body=None)


def _dead(row: Message) -> QuerySet[Delivery]:
    return Delivery.objects.filter(message_id=row.pk, state=DeliveryState.DEAD)


def history(ctx: Ctx, found: Message) -> QuerySet[Correction]:
    """The corrections of a message in reach, without their content."""
    ctx.must("bus.view")
    return Correction.objects.filter(message_id=found.pk).defer("before", "after").order_by("number")


def one(ctx: Ctx, message_id: int, number: int) -> tuple[Message, Correction]:
    """One correction with both contents; the reading is audited. Raises Refused no_such_message, bus.no_purpose."""
    ctx.must("bus.reveal")
    if ctx.purpose not in PURPOSES:
        raise Refused("bus.no_purpose")
    message = selectors.message(ctx, message_id)
    found = Correction.objects.filter(Q(message_id=message.pk) & Q(number=number)).first()
    if found is None:
        raise Refused("no_such_message")
    audit(ctx, "bus.reveal", "bus_message", message.pk, after={"for": "correction", "number": number})
    return message, found


def digest(raw: bytes) -> str:
    """By which a corrector's page knows what it showed."""
    return hashlib.sha256(raw).hexdigest()
