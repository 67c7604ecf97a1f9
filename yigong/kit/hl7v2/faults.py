"""What keeps a message from being used, with its place: the ground of AE and AR. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from yigong.kit.hl7v2.parse import NULL, Message

#: codes of HL7 table 0357
SEQUENCE, MISSING, TYPE, VERSION = "100", "101", "200", "203"
VERSIONS = re.compile(r"2\.[1-9](\.\d)?\Z")
CODE = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
ORDERS = frozenset(("ORM", "OML", "OMG", "OMI", "OMP", "RDE"))
MERGES = frozenset(("A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"))


class Fault(NamedTuple):
    """One fault: segment, field and component (0: the whole), code of table 0357, the sentence in both languages."""

    segment: str
    field: int
    component: int
    code: str
    zh: str
    en: str
    rejects: bool = False  # AR: not taken in at all

    @property
    def place(self) -> str:
        """Where, as ERR-2 writes it: segment, sequence, field, repetition, component; trailing parts left out."""
        parts = [self.segment, "1", *([str(self.field)] if self.field else [])]
        return "^".join([*parts, *(["1", str(self.component)] if self.component else [])])

    @property
    def words(self) -> str:
        """The sentence for the sender."""
        return f"{self.zh} / {self.en}"


def faults_of(message: Message) -> list[Fault]:
    """All faults that keep the message out, none for one that can be used."""
    return [*_head(message)] or [f for f in (_patient(message), _subject(message)) if f is not None]


def _head(message: Message) -> list[Fault]:
    found = []
    version, code = message.get("MSH-12"), message.get("MSH-9")
    if version and not VERSIONS.match(version):
        zh, en = (
            f"不支持的版本“{version[:20]}”，请使用 2.3 至 2.8",
            f"version “{version[:20]}” is not supported, use 2.3 to 2.8",
        )
        found.append(Fault("MSH", 12, 1, VERSION, zh, en, rejects=True))
    if not code.strip():
        zh, en = "没有消息类型（MSH-9 为空），请补全后重发", "MSH-9 is empty: name the type of message and send again"
        found.append(Fault("MSH", 9, 0, MISSING, zh, en, rejects=True))
    elif not CODE.match(code):
        zh, en = f"消息类型“{code[:20]}”不是三位代码", f"the message type “{code[:20]}” is no code of three signs"
        found.append(Fault("MSH", 9, 1, TYPE, zh, en, rejects=True))
    return found


def _patient(message: Message) -> Fault | None:
    pid = message.first("PID")
    if pid is None:
        return Fault(
            "PID", 0, 0, SEQUENCE, "消息没有患者（缺 PID 段）", "the message names no patient (there is no PID)"
        )
    said = (pid.cut(raw)[0].strip() for field in (3, 2) for raw in pid.repetitions(field))
    if any(number not in ("", NULL, "-", "NULL") for number in said):
        return None
    return Fault(
        "PID",
        3,
        0,
        MISSING,
        "没有患者号（PID-3 为空），请补全后重发",
        "PID-3 is empty: name the patient and send again",
    )


def _subject(message: Message) -> Fault | None:
    """The number of what the message is about."""
    code, event = message.get("MSH-9"), message.get("MSH-9.2")
    if code in ORDERS and message.first("ORC") is None and message.first("OBR") is None:
        return Fault("ORC", 0, 0, SEQUENCE, "医嘱消息没有 ORC 段", "the order message has no ORC")
    if code == "SIU" and not (message.get("SCH-1") or message.get("SCH-2")):
        return Fault(
            "SCH", 2, 0, MISSING, "预约消息没有预约号（SCH-2）", "the number of the appointment (SCH-2) is missing"
        )
    if code == "MDM" and not message.get("TXA-12"):
        return Fault(
            "TXA", 12, 0, MISSING, "文书消息没有文书号（TXA-12）", "the number of the document (TXA-12) is missing"
        )
    if code == "ADT" and event in MERGES and not message.get("MRG-1"):
        return Fault(
            "MRG",
            1,
            0,
            MISSING,
            "合并消息没有被合并的患者号（MRG-1）",
            "the number that is given up (MRG-1) is missing",
        )
    if (code, event) == ("ORU", "R01") and (message.first("OBR") is None or message.first("OBX") is None):
        return Fault("OBX", 0, 0, SEQUENCE, "报告消息没有结果（OBR、OBX）", "the report has no results (OBR, OBX)")
    return None
