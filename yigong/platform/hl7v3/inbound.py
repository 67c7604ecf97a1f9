"""The handler of journalled messages: each carried out, its answer kept beside it."""

from __future__ import annotations

from collections.abc import Sequence

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault
from yigong.platform.bus.api import Inbound, Outcome, senders
from yigong.platform.hl7v3 import carrying, declared
from yigong.platform.hl7v3.models import Application


def handle(_ctx: Ctx, messages: Sequence[Inbound]) -> list[Outcome]:
    """Carry messages out, in order; a refusal is an answer, anything else is tried again."""
    names = senders([m.message_id for m in messages])
    applications = {a.code: a for a in Application.objects.filter(code__in=set(names.values()))}
    return [_one(m, applications.get(names[m.message_id])) for m in messages]


def _one(sent: Inbound, application: Application | None) -> Outcome:
    spec = declared.by_name(sent.kind)
    if application is None:
        raise Fault("v3.no_application", permanent=True)
    if spec is None or sent.kind == carrying.UNSERVED:
        return Outcome("refused", "没有这个服务，原件已保存", "no such service, the original is kept")
    if not spec.reads_only and carrying.carried_out(sent.message_id):
        return Outcome("loaded")  # another was quicker: equal bytes act once
    if application.sandbox:
        found, reply = carrying.sandboxed(application, spec, sent.raw)
    else:
        found, reply = carrying.perform(application, spec, sent.raw, sent.message_id)
    head = carrying.head_of(sent.raw)
    carrying.note(application, spec, head, found, sent.message_id, reply)
    if found.accepted:
        return Outcome("answered" if spec.reads_only else "loaded")
    return Outcome("refused", found.detail, found.detail_en or found.code)
