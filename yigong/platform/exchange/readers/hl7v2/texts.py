"""Documents (MDM): what TXA says of them, and their content, embedded or as text. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from yigong.kit.hl7v2.parse import Message, Segment
from yigong.platform.exchange.readers.hl7v2.facts import Trouble, name_of

#: trigger event -> verb of the life of a document; T05 and T06 are documents of their own beside their parent
VERBS = {
    "T01": "issue", "T02": "issue", "T03": "status", "T04": "status", "T05": "issue", "T06": "issue", "T07": "change",
    "T08": "change", "T09": "issue", "T10": "issue", "T11": "cancel",
}  # fmt: skip
KINDS = frozenset(f"MDM^{event}" for event in VERBS)
ADDS, REPLACES = ("T05", "T06"), ("T09", "T10")
#: HL7 table 0270
TYPES = {
    "AR": "尸检报告", "CD": "心脏检查记录", "CN": "会诊记录", "DI": "影像诊断报告", "DS": "出院小结", "ED": "急诊记录",
    "HP": "病史与体检", "OP": "手术记录", "PC": "心理记录", "PH": "既往史", "PN": "病程记录", "PR": "操作记录",
    "SP": "病理报告", "TS": "转科小结",
}  # fmt: skip
#: HL7 table 0271: only an authenticated or released document is final
DRAFTS = {"DI", "DO", "IN", "IP", "PA"}
MEDIA = {
    "PDF": "application/pdf", "XML": "application/xml", "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png",
    "GIF": "image/gif", "TIFF": "image/tiff", "RTF": "application/rtf", "HTML": "text/html", "PLAIN": "text/plain",
    "X-HL7-CDA-LEVEL-ONE": "application/xml", "HL7-CDA-LEVEL-ONE": "application/xml", "HL7-XML": "application/xml",
}  # fmt: skip
CDA = b"ClinicalDocument"


@dataclass(slots=True)
class Content:
    """One thing that a message carries: its bytes and what they are."""

    media_type: str
    data: bytes
    name: str = ""
    text: str = ""  # for search

    @property
    def is_cda(self) -> bool:
        """Whether it is a shared document."""
        return CDA in self.data[:4000] and self.data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")


def verb_of(message: Message) -> str:
    """The verb of the trigger event and the completion status."""
    verb, status = VERBS[message.get("MSH-9.2")], message.get("TXA-17").upper()
    if message.get("TXA-19").upper() in ("CA", "OB") or status == "CA":
        return "cancel"
    if verb == "status":
        return "draft" if status in DRAFTS else "issue"
    return "draft" if verb == "issue" and status in DRAFTS else verb


def title_of(message: Message) -> str:
    """The name of the document: TXA-25, TXA-2 in words, or the item of its OBX."""
    code = message.get("TXA-2")
    said = (
        message.get("TXA-25") or message.get("TXA-2.2") or TYPES.get(code.upper(), "") or message.get("OBX-3.2") or code
    )
    return (said or "文书") + ("（补充）" if message.get("MSH-9.2") in ADDS else "")


def facts_of(message: Message) -> dict[str, Any]:
    """What TXA says beside its numbers."""
    txa = message.first("TXA")
    if txa is None:
        return {}
    return {
        "type": txa.value(2), "author": author_of(message), "parent_no": txa.value(13), "order_no": txa.value(14),
        "filler_no": txa.value(15), "file_name": txa.value(16), "completion": txa.value(17), "availability": txa.value(19),
        "confidentiality": txa.value(18), "reason": txa.value(21), "pointers": _pointers(message),
    }  # fmt: skip


def author_of(message: Message) -> str:
    """The author: originator, else the provider of the activity, else who authenticated it."""
    txa = message.first("TXA")
    return next((n for f in (9, 5, 22) if (n := name_of(txa, f, family=2) or txa.value(f))), "") if txa else ""


def _pointers(message: Message) -> list[str]:
    return [obx.value(5) for obx in message.segments("OBX") if obx.value(2) == "RP" and obx.value(5)]


def contents_of(message: Message, troubles: list[Trouble]) -> list[Content]:
    """Everything that the OBX segments carry; their lines of text together are one."""
    found, lines, name = [], [], ""
    for obx in message.segments("OBX"):
        kind = obx.value(2).upper()
        if kind == "ED":
            content = _embedded(obx, troubles)
            if content is not None:
                found.append(content)
        elif kind in ("TX", "FT", "ST", "CE", "CWE"):
            said = "\n".join(obx.plain(raw) for raw in obx.repetitions(5))
            lines.append(said)
            name = name or obx.value(3, 2)
    text = "\n".join(lines).strip()
    if text:
        found.append(_text(text, name))
    return found


def _text(text: str, name: str) -> Content:
    data = text.encode()
    whole = Content("text/plain", data, name, text)
    return Content("application/xml", data, name) if whole.is_cda else whole


def _embedded(obx: Segment, troubles: list[Trouble]) -> Content | None:
    parts = obx.cut(obx.raw(5))
    parts += [""] * (5 - len(parts))
    kind, encoding, said = (parts[2] or parts[1]).strip().upper(), parts[3].strip().upper(), parts[4]
    try:
        data = _decoded(encoding, said)
    except (ValueError, binascii.Error):
        zh, en = f"OBX-5 的内容不是有效的 {encoding} 编码", f"OBX-5: the content is no valid {encoding}"
        troubles.append(Trouble("hl7_content_broken", "OBX-5", zh, en))
        return None
    return Content(media_of(kind, data), data, obx.value(3, 2)) if data else None


def _decoded(encoding: str, said: str) -> bytes:
    match encoding:
        case "BASE64":
            return base64.b64decode("".join(said.split()), validate=True)
        case "HEX":
            return bytes.fromhex(said)
    return said.encode()


def media_of(kind: str, data: bytes) -> str:
    """The media type by what the bytes are, else by what the sender says."""
    for mark, media in ((b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png")):
        if data.startswith(mark):
            return media
    return MEDIA.get(kind, "application/octet-stream")
