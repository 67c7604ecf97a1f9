"""One message carried out: its work done, its answer written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.utils import translation

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.kit.ids import new_request_id
from yigong.platform.bus import api as bus
from yigong.platform.hl7v3 import access, continuation, declared, message, replies
from yigong.platform.hl7v3.models import Application, Call
from yigong.platform.hl7v3.replies import UNKNOWN, Answer
from yigong.platform.hl7v3.works import work_of
from yigong.web.http import sentence

UNSERVED = "unserved"
GOES_ON = timedelta(days=1)  # how long a query may be gone on with
#: refusals of a message as such, which no correction of its content mends
REJECTED = ("v3.other_message", "v3.too_deep", "v3.too_many")


def head_of(data: bytes) -> message.Head:
    """What a message says of itself; nothing when it cannot be read."""
    try:
        return message.head_of(message.open_tree(data))
    except Refused:
        return UNKNOWN


def carried_out(message_id: int) -> bool:
    """Whether this very message was carried out before."""
    return Call.objects.filter(message_id=message_id, type_code="AA").exists()


def perform(
    application: Application, spec: declared.Spec, data: bytes, message_id: int | None = None
) -> tuple[Answer, str]:
    """Carry one message out: the answer, and the reply as text. Whatever is refused leaves nothing behind."""
    head = UNKNOWN
    try:
        with transaction.atomic(), translation.override("zh-hans"):
            tree = message.open_tree(data)
            head = message.head_of(tree)
            if continuation.is_one(head.root):
                request = _gone_on(application, spec, continuation.of(tree))
            else:
                request = message.open_request(spec, tree)
            ctx = access.actor(application)
            found = work_of(spec.key, spec.action, spec.verb)(ctx, application, request)
    except Refused as refused:
        said, english = both(refused)
        kind = "AR" if refused.code.startswith("xml_") or refused.code in REJECTED else "AE"
        found = Answer(
            kind,
            said,
            refused.code,
            facts={"query_id": head.message_id, "response_code": "NF", "total": 0},
            detail_en=english,
        )
    return found, replies.write(spec, head, found, own_id(), now())


def query_of(application: Application, query_id: str, service: str = "") -> Call | None:
    """The latest query of an application under this id that was answered, within a day."""
    found = Call.objects.filter(application=application, query_id=query_id, type_code="AA", at__gte=now() - GOES_ON)
    found = found.filter(service=service) if service else found
    return found.order_by("-id").first()


def _gone_on(application: Application, spec: declared.Spec, asked: continuation.Continuation) -> message.Request:
    """The query as it was asked, from where it is gone on with. It is asked anew, in the same order. Raises Refused v3.no_query."""
    call = query_of(application, asked.query_id, spec.key)
    message_id = call.message_id if call else None
    kept = bus.messages(system()).filter(pk=message_id).first() if message_id is not None else None
    if kept is None:
        raise Refused("v3.no_query", query=asked.query_id[:40], hours=int(GOES_ON.total_seconds() // 3600))
    request = message.open_request(spec, message.open_tree(bytes(kept.raw)))
    return replace(request, start=asked.start, most=asked.most)


def both(refused: Refused) -> tuple[str, str]:
    """The sentence of a refusal in Chinese, as callers read it, and in English."""
    with translation.override("zh-hans"):
        zh = sentence(refused)[:400]
    facts = {name: getattr(value, "english", value) for name, value in refused.facts.items()}
    with translation.override("en"):
        return zh, sentence(Refused(refused.code, **facts))[:400]


class _TakenBack(Exception):  # noqa: N818 - reads as a sentence
    """Ends a trial: nothing of it stays."""


def sandboxed(application: Application, spec: declared.Spec, data: bytes) -> tuple[Answer, str]:
    """Answer and reply as they would be; everything is done and nothing stays."""
    done: tuple[Answer, str] = (Answer("AE", ""), "")
    try:
        with transaction.atomic():
            done = perform(application, spec, data)
            raise _TakenBack
    except _TakenBack:
        return done


def note(
    application: Application | None, spec: declared.Spec | None, head: message.Head, found: Answer,
    message_id: int | None, reply: str, *, took: int = 0,
) -> Call:  # fmt: skip
    """Write down a call and its answer."""
    return Call.objects.create(
        message_id=message_id, application=application, service=spec.key if spec else "", at=now(), took_ms=took,
        control_id=head.message_id, type_code=found.type_code, code=found.code, detail=found.detail[:400], reply=reply,
        query_id=_query_id(spec, head, found),
    )  # fmt: skip


def _query_id(spec: declared.Spec | None, head: message.Head, found: Answer) -> str:
    """Under which a query may be gone on with; what goes on with one is none itself."""
    if spec is None or not spec.reads_only or not found.accepted or continuation.is_one(head.root):
        return ""
    return str(found.facts.get("query_id") or "")[:100]


def own_id() -> str:
    """An id for a message of the platform."""
    return f"YG{now().strftime('%Y%m%d%H%M%S%f')}{new_request_id()}"
