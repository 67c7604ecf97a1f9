"""Replies: acknowledgement and content, in the edition of the service that was asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from yigong.platform.hl7v3 import forms, paths
from yigong.platform.hl7v3.declared import Spec, is_group, tidy
from yigong.platform.hl7v3.message import NEWER, Head
from yigong.platform.hl7v3.soap import NAMESPACE
from yigong.standards.api import ServiceField

MESSAGE_ROOT = {"newer": "2.16.156.10011.2.5.1.1", "regional": "2.16.156.10011.0"}
INTERACTION_ROOT = {"newer": NEWER, "regional": "2.16.840.1.113883.1.6"}
PLATFORM = "YIGONG"
DOCUMENT_REPLIES = {
    "RegistryResponse", "GetDocumentStroedInfoResponse", "RetrieveDocumentSetResponse", "HealthRecordResponse",
    "HealthRecordSummaryResponse", "ResourceDirectoryResponse",
}  # fmt: skip
UNKNOWN = Head("", "", "", "", "", "", newer=False)
Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers: the word, the sentence, and its content."""

    type_code: str  # AA AE AR
    detail: str
    code: str = ""  # of the refusal
    form: str = ""  # of a reply in the regional writing
    facts: Mapping[str, object] = field(default_factory=dict)
    detail_en: str = ""
    remarks: Sequence[tuple[str, str]] = ()  # what was carried out all the same: (Chinese, English)
    rows: Rows = ()  # under the form's names; for the newer edition under the declared names of the fields

    @property
    def accepted(self) -> bool:
        """Whether the request was carried out."""
        return self.type_code == "AA"


def write(spec: Spec | None, head: Head, answer: Answer, own_id: str, at: datetime) -> str:
    """The reply as text."""
    root_name = spec.answer(answer.accepted) if spec else "MCCI_IN000002UV01"
    root = etree.Element(root_name)
    if root_name in DOCUMENT_REPLIES:
        _document_reply(root, head, answer, own_id)
    else:
        _interaction(root, spec, head, answer, own_id, at)
    return etree.tostring(in_namespace(root), encoding="unicode")


def in_namespace(root: etree._Element) -> etree._Element:
    """The same tree in the namespace of HL7 v3."""
    whole = etree.Element(f"{{{NAMESPACE}}}{root.tag}", nsmap={None: NAMESPACE, "xsi": forms.XSI})  # type: ignore[dict-item]
    whole.attrib.update(root.attrib)
    whole.extend(list(root))
    whole.text = root.text
    for element in whole.iterdescendants():
        element.tag = f"{{{NAMESPACE}}}{element.tag}"
    return whole


def _document_reply(root: etree._Element, head: Head, answer: Answer, own_id: str) -> None:
    regional = MESSAGE_ROOT["regional"]
    if root.tag != "RegistryResponse":
        root.set("status", answer.type_code)
    etree.SubElement(root, "Id", root=regional, extension=own_id)
    etree.SubElement(root, "TargetId", root=regional, extension=head.message_id)
    rows: Rows = answer.rows
    if not rows and root.tag == "RegistryResponse":
        rows = [{"id": "Document.1", "status": answer.type_code, "detail": answer.detail}]
    if not rows and root.tag == "RetrieveDocumentSetResponse":
        rows = [{"document_id": answer.facts.get("document_id", ""), "media_type": "text/xml"}]
    name = answer.form or FORM_OF[str(root.tag)]
    forms.fill(root, name, {"detail": answer.detail, **answer.facts}, rows)


FORM_OF = {
    "RegistryResponse": "stored",
    "GetDocumentStroedInfoResponse": "documents",
    "RetrieveDocumentSetResponse": "fetched",
    "HealthRecordResponse": "health_record",
    "HealthRecordSummaryResponse": "summary",
    "ResourceDirectoryResponse": "directory",
}


def _interaction(
    root: etree._Element, spec: Spec | None, head: Head, answer: Answer, own_id: str, at: datetime
) -> None:
    edition = "newer" if _newer(spec, head, str(root.tag)) else "regional"
    root.set("ITSVersion", "XML_1.0")
    etree.SubElement(root, "id", root=MESSAGE_ROOT[edition], extension=own_id)
    etree.SubElement(root, "creationTime", value=at.strftime("%Y%m%d%H%M%S"))
    etree.SubElement(root, "interactionId", root=INTERACTION_ROOT[edition], extension=str(root.tag))
    for name, code in (("processingCode", "P"), ("processingModeCode", "T"), ("acceptAckCode", "NE")):
        etree.SubElement(root, name, code=code)
    _device(root, "receiver", "RCV", edition, head.sender)
    _device(root, "sender", "SND", edition, head.receiver or PLATFORM)
    _acknowledge(root, edition, head, answer)
    if root.tag == "MCCI_IN000002UV01":
        return
    if edition == "newer" and spec is not None:
        _declared(root, spec, answer)
    else:
        refused = "refused_query" if spec is not None and spec.reads_only else "refused"
        name = answer.form if answer.accepted and answer.form else "registered" if answer.accepted else refused
        forms.fill(root, name, {"trigger": str(root.tag).replace("_IN", "_TE"), **answer.facts}, answer.rows)


def _newer(spec: Spec | None, head: Head, root: str) -> bool:
    """Terms are written in the newer way only; no other form of them was seen."""
    return head.newer if spec is None else spec.edition == "newer" or root.startswith("PRVS")


def _device(root: etree._Element, name: str, code: str, edition: str, number: str) -> None:
    device = etree.SubElement(
        etree.SubElement(root, name, typeCode=code), "device", classCode="DEV", determinerCode="INSTANCE"
    )
    identifier = etree.SubElement(device, "id")
    if edition == "newer":
        etree.SubElement(identifier, "item", root="2.16.156.10011.2.5.1.3", extension=number)
    else:
        identifier.set("root", "2.16.156.10011.0.1.1" if name == "sender" else "2.16.156.10011.0.1.2")
        if number:
            identifier.set("extension", number)


def _acknowledge(root: etree._Element, edition: str, head: Head, answer: Answer) -> None:
    said = etree.SubElement(root, "acknowledgement", typeCode=answer.type_code)
    target = etree.SubElement(said, "targetMessage")
    etree.SubElement(target, "id", root=MESSAGE_ROOT[edition], extension=head.message_id)
    _detail(said, edition, answer.detail)
    if answer.detail_en:
        _detail(said, edition, answer.detail_en, "E", "en")
    for zh, en in answer.remarks:
        _detail(said, edition, zh, "W", "zh")
        _detail(said, edition, en, "W", "en")


def _detail(around: etree._Element, edition: str, words: str, kind: str = "", language: str = "") -> None:
    """The first is written as the evaluation's samples have it; those that follow say their language, and E or W."""
    detail = etree.SubElement(around, "acknowledgementDetail", {"typeCode": kind} if kind else {})
    text = etree.SubElement(detail, "text", {"language": language} if language else {})
    if edition == "newer":
        text.set("value", words)
    else:
        text.text = words


# ---- the newer edition: content at the declared paths of the response ----

ENVELOPE = ("MsgID", "CreateTime", "ResultCode", "RequestMsgID", "ResultDesc")
QUERY_ACK = "/controlActProcess/queryAck"
ACK = ("QueryID", "QueryId", "ResponseCode", "QueryResponseCode", "TotalNum")


def _declared(root: etree._Element, spec: Spec, answer: Answer) -> None:
    content = [f for f in spec.response if f.name not in (*ENVELOPE, *ACK) and not is_group(f, spec.response)]
    act = etree.SubElement(root, "controlActProcess", classCode="CACT", moodCode="EVN")
    shared: dict[str, int] = {}
    for f in content:
        shared[tidy(f.xpath)] = shared.get(tidy(f.xpath), 0) + 1
    for row in answer.rows:
        _result(etree.SubElement(act, "subject", typeCode="SUBJ"), spec, row, content, shared)
    facts = {"QueryID": answer.facts.get("query_id"), "TotalNum": answer.facts.get("total")} | {
        "ResponseCode": answer.facts.get("response_code")
    }
    facts |= {"QueryId": facts["QueryID"], "QueryResponseCode": facts["ResponseCode"]}
    for f in spec.response:
        if f.name in ACK and facts.get(f.name) is not None:
            paths.put(root, f.xpath, forms.text_of(facts[f.name]))
    total, current = answer.facts.get("total"), answer.facts.get("current")
    if current is not None and current != total:  # a whole answer says no more than the declaration has
        for name in ("current", "remaining"):
            paths.put(root, f"{QUERY_ACK}/result{name.title()}Quantity/@value", forms.text_of(answer.facts[name]))


def _result(
    subject: etree._Element,
    spec: Spec,
    row: Mapping[str, object],
    content: Sequence[ServiceField],
    shared: Mapping[str, int],
) -> None:
    """One result below its own subject; groups are rows under the name of their group."""
    head, act = "/controlActProcess/subject", _act(content)
    for f in content:
        path, value = _straight(tidy(f.xpath), act), forms.text_of(row.get(f.name))
        if value and path.startswith(head + "/"):
            label = f.name_zh if shared[tidy(f.xpath)] > 1 and path.endswith("/observation/value/@value") else ""
            paths.put(subject, path[len(head) :], value, f.name, label=label)
    for name, group in spec.groups.items():
        below = tidy(group)[len(head) :]
        for part in row.get(name) or ():  # type: ignore[attr-defined]
            _part(subject, below, part, [f for f in content if tidy(f.xpath).startswith(tidy(group) + "/")], len(head))


def _part(
    subject: etree._Element, group: str, part: Mapping[str, object], fields: Sequence[ServiceField], cut: int
) -> None:
    *around, last = paths.steps(group)
    node = subject
    for step in around:
        found = node.find(step)
        node = found if found is not None else etree.SubElement(node, step)
    element = etree.SubElement(node, last)
    for f in fields:
        if value := forms.text_of(part.get(f.name)):
            paths.put(element, tidy(f.xpath)[cut + len(group) :], value, f.name)


def _straight(path: str, act: str) -> str:
    """The sources name the act of one reply in two ways; the one that most of its fields name is written."""
    return re.sub("/registration(Request|Event)/", f"/{act}/", path)


def _act(content: Sequence[ServiceField]) -> str:
    events = sum("/registrationEvent/" in f.xpath for f in content)
    return "registrationEvent" if events * 2 > len(content) else "registrationRequest"
