"""Documents taken in: singly, in a batch, in both editions; shared documents are read into the records, others are kept whole."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.platform.exchange import api as exchange
from yigong.platform.hl7v3.message import Group, Request
from yigong.platform.hl7v3.models import Application, Kept
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common, retrieval
from yigong.platform.hl7v3.works.common import Identity
from yigong.platform.records import api as records
from yigong.security.api import opaque_id
from yigong.web.http import sentence

FEED = "服务总线 HL7 v3 文档"
CODE = re.compile(r"(?:HSD[A-Z]\d\d\.\d\d|EMR\d{6}|C00\d\d)")
MEDIA = {
    "text/xml": "application/xml",
    "application/xml": "application/xml",
    "application/pdf": "application/pdf",
    "text/html": "text/html",
}
#: what no reader of shared documents can read is kept as it came
OTHER_KINDS = ("cda_other_xml", "xml_broken", "xml_empty", "patient_missing")


@dataclass(frozen=True, slots=True)
class Sent:
    """One document as a message sends it."""

    number: str  # as the sender calls it in this message
    content: bytes
    media_type: str
    title: str
    code: str
    set_id: str
    version: int
    names: tuple[str, ...]  # everything it may be asked for by
    facts: Mapping[str, str]
    parent: str = ""


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Store the documents of a message; each is answered for itself. Raises Refused when there is only one and it is not stored."""
    request.need("PatientID", "PatientName")
    sent = list(_regional(request) if request.spec.edition == "regional" else [_newer(request)])
    if not sent:
        raise Refused("v3.missing", field="文档", place="/Document")
    rows = [_one(ctx, application, request, one) for one in sent]
    failed = [row for row in rows if row["status"] != "AA"]
    if failed and len(rows) == 1:
        return Answer("AE", failed[0]["detail"], failed[0]["code"], rows=rows)
    if failed:
        return Answer(
            "AE",
            f"{len(rows)} 份文档中 {len(failed)} 份没有保存：{failed[0]['detail']}",
            "v3.document_refused",
            rows=rows,
        )
    return Answer("AA", f"{len(rows)} 份文档注册成功" if len(rows) > 1 else "文档注册成功", rows=rows)


def _one(ctx: Ctx, application: Application, request: Request, sent: Sent) -> dict[str, Any]:
    """Store one document wholly or not at all."""
    try:
        with transaction.atomic():
            document_id = _store(ctx, application, request, sent)
    except Refused as refused:
        return {"id": sent.number, "status": "AE", "detail": sentence(refused), "code": refused.code}
    own = opaque_id(document_id)
    return {
        "id": sent.number,
        "status": "AA",
        "detail": "保存成功",
        "document_id": own,
        "repository_id": retrieval.REPOSITORY,
        "url": retrieval.address(document_id),
    }


def _store(ctx: Ctx, application: Application, request: Request, sent: Sent) -> int:
    org_code = common.org_of(application, request)
    identity = _patient(ctx, application, org_code, request)
    path = f"v3/{request.head.message_id}/{sent.number}"
    try:
        batches = exchange.document_batches(
            sent.content, path, org_code, source_system=application.source_system, local_id=request.get("PatientID")
        )
    except Refused as refused:
        if refused.code not in OTHER_KINDS:
            raise
        document_id = _keep_whole(ctx, identity, org_code, sent, path)
    else:
        document_id = _into_records(ctx, identity, request, batches, path)
    _note(application, request, org_code, identity, sent, document_id)
    return document_id


def _patient(ctx: Ctx, application: Application, org_code: str, request: Request) -> Identity:
    found = common.known(org_code, application.source_system, request.get("PatientID"))
    facts = {
        "local_id": request.fit("PatientID", 60), "full_name": request.fit("PatientName", 50),
        "id_no": request.fit("IDCardNo", 18), "health_card_no": request.fit("HealthCardCode", 30),
    }  # fmt: skip
    return found or common.register(ctx, application, org_code, facts)


def _into_records(
    ctx: Ctx, identity: Identity, request: Request, batches: list[exchange.StandardBatch], path: str
) -> int:
    stated = request.get("IDCardNo").upper()
    for batch in batches:
        inside = next((n for n in batch.registrations.get_column("id_no").to_list() if n), "")
        if stated and inside and inside.upper() != stated:
            raise Refused("v3.other_patient")
    taken = exchange.take(ctx, FEED, "cda", batches, [path])
    if taken.totals.rejected:
        raise Refused("v3.document_refused", because=taken.waiting[0][1] if taken.waiting else "不符合标准")
    document = batches[0].documents[0]
    found = _stored(identity.registration_id, document.original)
    if found is None:
        raise Refused("v3.document_refused", because="文档没有入库")
    return found


def _stored(registration_id: int, original: bytes) -> int | None:
    digest = hashlib.sha256(original).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from records_document where registration_id = %s and sha256 = %s order by id desc limit 1",
            [registration_id, digest],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def _keep_whole(ctx: Ctx, identity: Identity, org_code: str, sent: Sent, path: str) -> int:
    said = sent.facts
    facts = {
        "registration_id": identity.registration_id, "document_code": sent.code, "title": sent.title[:200], "org_code": org_code,
        "media_type": sent.media_type, "authored_at": _when(said.get("DocumentTime", "")) or now(),
        "author_name": said.get("AuthorName", "")[:50], "set_id": sent.set_id[:100], "version": sent.version,
        "encounter_key": said.get("EpisodeID", "")[:80], "original_path": path,
        "text": " ".join(v for n in ("Title", "DiagnosisResult", "Comments") if (v := said.get(n))),
        "findings": [{
            "rule": "kept_whole", "severity": "info", "field": "", "zh": "不是可识别的共享文档，原件已完整保存",
            "en": "not a shared document that can be read; the original is kept whole",
        }],
    }  # fmt: skip
    document_id = records.save_document(ctx, sent.content, facts)
    records.index_documents(ctx, [document_id])
    return document_id


def _note(
    application: Application, request: Request, org_code: str, identity: Identity, sent: Sent, document_id: int
) -> None:
    """What the message said of the document, and every name it may be asked for by."""
    key = {"kind": "document", "org_code": org_code, "source_system": application.source_system}
    number = f"{sent.set_id or sent.number}|{document_id}"[:100]
    row = Kept.objects.filter(**key, number=number).first() or Kept(**key, number=number, version=0)
    row.registration_id, row.local_id, row.document_id = identity.registration_id, request.get("PatientID"), document_id
    row.encounter_no = sent.facts.get("EpisodeID", "")[:80]
    row.event_at = _when(sent.facts.get("DocumentTime", "")) or now()
    row.fields, row.names = dict(sent.facts), [n for n in dict.fromkeys(sent.names) if n]
    row.version, row.changed_at = row.version + 1, now()
    row.save()


def _when(text: str) -> Any:
    try:
        return None if is_blank(text) else moment(text)
    except NotAMoment:
        return None


def _decoded(text: str, place: str) -> bytes:
    """The bytes of a document. Raises Refused v3.no_content."""
    try:
        content = base64.b64decode(re.sub(r"\s+", "", text), validate=True)
    except binascii.Error:
        content = b""
    if not content:
        raise Refused("v3.no_content", place=place)
    return content


def _regional(request: Request) -> list[Sent]:
    """The documents of ProvideAndRegisterDocumentSetRequest, each with its submission by name, else by place."""
    submissions, held = request.groups.get("SubmissionSet") or (), request.groups.get("Document") or ()
    by_name = {s.get("TargetObject", ""): s for s in submissions}
    found = []
    for at, document in enumerate(held):
        spare = submissions[at] if at < len(submissions) else {}
        found.append(_submitted(request, document, by_name.get(document.get("DocumentId", "")) or spare))
    return found


def _submitted(request: Request, document: Group, submission: Group) -> Sent:
    facts = {n: v for n, v in {**request.fields, **submission, **document}.items() if n not in ("Content", "MsgID")}
    number = document.get("DocumentId") or "Document.1"
    title, unique = submission.get("Title", ""), submission.get("UniqueId", "")
    if not title:
        raise Refused("v3.missing", field="文档标题", place="/RegistryPackage/SubmissionSet/Title")
    code = found.group() if (found := CODE.search(unique)) else ""
    names = (unique, submission.get("SourceId", ""), number if not number.startswith("Document.") else "", code)
    place = "/ProvideAndRegisterDocumentSetRequest/Document/Content"
    parent = document.get("ParentDocumentId", "") if document.get("ParentRelationship") == "RPLC" else ""
    media = MEDIA.get(document.get("MimeType", "").lower(), "application/xml")
    set_id = submission.get("SourceId") or unique
    content = _decoded(document.get("Content", ""), place)
    return Sent(number, content, media, title, code, set_id, 1, names, facts, parent)


def _newer(request: Request) -> Sent:
    """The document of RCMR_IN000002UV02."""
    request.need("DocumentId", "OriginalText")
    names = {
        "DocumentTypeCodeName": "Title", "EffectiveTime": "DocumentTime", "AssignedAuthorName": "AuthorName",
        "ProviderOrganizationName": "ServerOrganization", "PatientEffectiveTime": "InTime", "DeptCode": "AdmissionDepart",
    }  # fmt: skip
    facts = {n: v for n, v in request.fields.items() if n not in ("OriginalText", "MsgID")}
    facts |= {ours: request.get(theirs) for theirs, ours in names.items() if request.get(theirs)}
    facts["EpisodeID"] = request.get("HospitalizationId") or request.get("OutpatientId")
    number, code = request.get("DocumentId"), request.get("DocumentTypeCode")
    content = _decoded(request.get("OriginalText"), request.place("OriginalText"))
    version = int(request.get("VersionNumber")) if request.get("VersionNumber").isdigit() else 1
    title = request.get("DocumentTypeCodeName") or code or number
    return Sent(number, content, "application/xml", title, code, number, version, (number, code), facts)


ACTIONS = {
    "DocumentAccess": retrieval.search, "DocumentRetrieve": retrieval.fetch_newer,
    "RecordDocumentSearch": retrieval.search, "RecordDocumentRetrieve": retrieval.fetch,
}  # fmt: skip
