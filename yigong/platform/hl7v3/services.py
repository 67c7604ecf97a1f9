"""One call from its envelope to its answer: who, which service, journalled, carried out, answered."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.bus import api as bus
from yigong.platform.hl7v3 import access, carrying, continuation, declared, message, processing, replies, soap
from yigong.platform.hl7v3.models import Application, Call
from yigong.platform.hl7v3.replies import UNKNOWN, Answer

KIND = "hl7v3"
#: the kind under which messages are kept that no service carries out
UNSERVED = carrying.UNSERVED


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes to send back, their type and status."""

    body: bytes
    media_type: str
    status: int = 200


def receive(body: bytes, *, service: str = "", user: str = "", secret: str = "") -> Answered:
    """Answer one SOAP request; *user* and *secret* are those of the transport, where it has some."""
    version = "1.2"
    try:
        asked = soap.open_envelope(body)
        version = asked.version
        application = access.authenticate(asked.user or user, asked.secret or secret)
        access.throttle(application)
    except Refused as refused:
        return fault(version, refused)
    text = answer(application, asked.action, asked.message, service=service)
    return Answered(soap.reply(version, text), soap.MEDIA[version])


def fault(version: str, refused: Refused) -> Answered:
    status = {"v3.who": 401, "v3.suspended": 403, "v3.too_often": 429, "xml_too_large": 413}.get(refused.code, 400)
    return Answered(soap.fault(version, said(refused)), soap.MEDIA[version], status)


def said(refused: Refused) -> str:
    """The sentence of a refusal in Chinese, as callers read it."""
    return carrying.both(refused)[0]


def answer(application: Application, action: str, data: bytes, *, service: str = "") -> str:
    """The reply to a message of a known application. The message is in the journal before it is answered."""
    started = time.monotonic()
    spec, refused = _service(application, action, data, service)
    if refused is not None:
        return _turned_away(application, spec, data, refused, started)
    sent = envelope(application, spec.key, data)
    try:
        message_id = journal(spec, sent)
    except Refused as closed:
        return _turned_away(application, spec, data, closed, started)
    if sent.faults and bus.is_set_aside(message_id):
        return _said_aside(application, spec, sent, message_id, started)
    if not spec.reads_only and (reply := _said_before(message_id)):
        return reply
    before = _last_call(message_id)
    bus.carry(message_id, again=True)
    if not spec.reads_only and (reply := _said_before(message_id)):  # now, or by the worker in the meantime
        return reply
    call = _last_call(message_id)
    if call is None or (before is not None and call.pk == before.pk):
        zh, en = carrying.both(Refused("v3.fault"))
        return _write(spec, carrying.head_of(data), Answer("AE", zh, "v3.fault", detail_en=en))
    reply = call.reply
    if call.type_code != "AA" or spec.reads_only:  # personal data of a query are not kept twice
        Call.objects.filter(pk=call.pk).update(reply="")
    Call.objects.filter(pk=call.pk).update(took_ms=_ms(started))
    return reply


def _service(application: Application, action: str, data: bytes, service: str) -> tuple[declared.Spec, Refused | None]:
    """The service that is meant, by address, action or message; and why it is not served."""
    by_address, by_action = declared.by_name(service), declared.by_name(action)
    head = carrying.head_of(data)
    by_root = None if action.strip() else declared.by_root(head.root, newer=head.newer)
    if by_root is None and not by_address and not by_action and continuation.is_one(head.root):
        by_root = _of_query(application, data)
    spec = by_address or by_action or by_root
    none: declared.Spec = None  # type: ignore[assignment]
    if spec is None or (service and by_address is None):
        return none, Refused("v3.no_service", action=(service or action or head.root or "—")[:60])
    if by_address and by_action and by_address.key != by_action.key and by_address.root[:8] != by_action.root[:8]:
        return spec, Refused("v3.other_service", service=by_address.key, action=by_action.key)
    try:
        access.permitted(application, spec.key)
    except Refused as refused:
        return spec, refused
    return spec, None if data.strip() else Refused("v3.no_message")


def _of_query(application: Application, data: bytes) -> declared.Spec | None:
    """The service of the query that a message goes on with."""
    try:
        asked = continuation.of(message.open_tree(data))
    except Refused:
        return None
    call = carrying.query_of(application, asked.query_id)
    return declared.by_name(call.service) if call else None


def _turned_away(
    application: Application, spec: declared.Spec | None, data: bytes, refused: Refused, started: float
) -> str:
    """An AR: the message is not for this service or this caller; it is journalled all the same."""
    message_id = _journal_unserved(application, data) if data.strip() else None
    zh, en = carrying.both(refused)
    found = Answer("AR", zh, refused.code, detail_en=en)
    head = carrying.head_of(data)
    carrying.note(application, spec, head, found, message_id, "", took=_ms(started))
    return _write(spec, head, found)


def _said_aside(
    application: Application, spec: declared.Spec, sent: bus.Envelope, message_id: int, started: float
) -> str:
    """An AR: the message is a test where none are taken, or says what it is by a code that is none; it is kept as that."""
    zh, en = "；".join(f.zh for f in sent.faults), "; ".join(f.en for f in sent.faults)
    found = Answer("AR", zh, "v3.processing", facts={"response_code": "AE", "total": 0}, detail_en=en)
    head = carrying.head_of(sent.raw)
    carrying.note(application, spec, head, found, message_id, "", took=_ms(started))
    return _write(spec, head, found)


def _journal_unserved(application: Application, data: bytes) -> int | None:
    """Keep what is not carried out, marked as done, so that it can be looked for."""
    endpoint = bus.open_endpoint(system(), f"v3/{UNSERVED}", kind=KIND, version="SOAP 1.2")
    message_id = _accept(endpoint.pk, envelope(application, UNSERVED, data))
    bus.carry(message_id)
    return message_id


def journal(spec: declared.Spec, sent: bus.Envelope) -> int:
    """The id of the message in the journal, on the disk when this returns. Raises Refused v3.closed."""
    try:
        endpoint = bus.open_endpoint(system(), f"v3/{spec.key}", kind=KIND, version=f"SOAP 1.2 · {spec.edition}")
    except Refused:
        raise Refused("v3.closed", service=spec.key) from None
    return _accept(endpoint.pk, sent)


def _accept(endpoint_id: int, sent: bus.Envelope) -> int:
    bus.accept(endpoint_id, [sent])
    found = bus.journalled(endpoint_id, sent)
    assert found is not None
    return found


def envelope(application: Application, kind: str, data: bytes) -> bus.Envelope:
    """The message with the facts under which the journal keeps it."""
    head, local, order = UNKNOWN, "", ""
    try:
        tree = message.open_tree(data)
        head = message.head_of(tree)
        spec = declared.by_name(kind)
        if spec is not None:
            found = message.open_request(spec, tree)
            local = found.get("PatientID") or found.get("EncounterCardID")
            order = next((v for n in NUMBERS if (v := found.get(n))), "")
    except Refused:
        pass  # it is kept as it is; its handler says what is wrong
    digest = hashlib.sha256(data).hexdigest()
    sender = application.code
    key = f"{application.org_code}|{local}" if local else digest
    facts = [sender, head.message_id, kind, "utf-8", application.org_code, local[:80], order[:80], key[:200]]
    clean = [fact.replace("\x00", "") for fact in facts]
    sent = bus.Envelope(data, digest, *clean)._replace(faults=processing.faults_of(head))  # type: ignore[arg-type]
    return sent.as_production() if application.sandbox else sent  # nothing of a sandbox stays, test or not


NUMBERS = ("AppInfoID", "ExamAppInfoID", "OrderId", "DocumentId", "AdmID", "HealthRecordCode")


def _said_before(message_id: int) -> str:
    """The reply that this very message got when it was carried out."""
    found = Call.objects.filter(message_id=message_id, type_code="AA").order_by("id").first()
    return found.reply if found else ""


def _last_call(message_id: int) -> Call | None:
    return Call.objects.filter(message_id=message_id).order_by("-id").first()


def _write(spec: declared.Spec | None, head: message.Head, found: Answer) -> str:
    return replies.write(spec, head, found, carrying.own_id(), now())


def _ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
