"""What messages say beside rows: matters that they follow up, and persons that an institution knew under two numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import polars as pl
from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox.api import say
from yigong.platform.empi import api as empi
from yigong.platform.exchange.batch import MatterFacts, MergeFacts, Reason
from yigong.platform.exchange.events import MattersChanged
from yigong.platform.exchange.stages import Prepared, Rejected
from yigong.platform.records import api as records

#: refusals of a merge that a person has to look at
SAID = {
    "empi.two_trusted_numbers": Reason(
        "merge_two_numbers", "MRG-1", "两个患者号下是两个不同的可信身份证号，不能合并；请机构核对后重发",
        "the two numbers bear two different trusted identity numbers and cannot be merged; check and send again",
    ),
}  # fmt: skip
REFUSED = Reason(
    "merge_refused", "MRG-1", "平台没有按消息合并：{code}", "the persons were not merged as the message says: {code}"
)
UNKNOWN = "empi.no_such_registration"


def follow(
    ctx: Ctx, ready: Prepared, documents: Mapping[str, int], institutions: Collection[str]
) -> list[Rejected]:  # fmt: skip
    """Tell the matters and carry out the merges of a batch whose persons are registered; those that were refused."""
    matters = [m for m in ready.matters if m.told.org_code in institutions]
    if matters:
        _tell(ctx, matters, documents)
    tried = [_merge(ctx, m) for m in ready.merges if m.org_code in institutions]
    return [r for r in tried if r is not None]


def _tell(ctx: Ctx, matters: Sequence[MatterFacts], documents: Mapping[str, int]) -> None:
    whose = {(m.told.org_code, m.person_system, m.local_id) for m in matters}
    frame = empi.known(_frame(sorted(whose)))
    ids = dict(zip(sorted(whose), frame.get_column("registration_id"), strict=True))
    told = []
    for m in matters:
        registration = ids[m.told.org_code, m.person_system, m.local_id]
        content = {"document_id": documents[m.document_key]} if m.document_key in documents else {}
        if registration is not None:
            told.append(replace(m.told, registration_id=registration, facts={**m.told.facts, **content}))
    changed = records.tell_matters(ctx, told)
    if changed:
        say(MattersChanged(tuple(m.id for m in changed), tuple(sorted({m.registration_id for m in changed}))))


def _frame(keys: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(keys, schema=["org_code", "source_system", "local_id"], orient="row")


def _merge(ctx: Ctx, m: MergeFacts) -> Rejected | None:
    """Carry one merge out. A number that the platform never heard of has nothing to be merged."""
    survivor, subsumed = (empi.Key(m.org_code, m.source_system, n) for n in (m.survivor, m.subsumed))
    try:
        with transaction.atomic():
            empi.merge_registrations(ctx, survivor, subsumed, reason=m.reason)
    except Refused as refusal:
        if refusal.code == UNKNOWN:
            return None
        code = refusal.code
        reason = SAID.get(code) or replace(REFUSED, zh=REFUSED.zh.format(code=code), en=REFUSED.en.format(code=code))
        return Rejected(str(m.raw.get("path", "")), m.raw, [reason.as_json()], m.org_code)
    return None
