"""What keeps a message from being used, with its place: the ground of AE and AR. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from yigong.kit.hl7v2.charset import Decoded
from yigong.kit.hl7v2.parse import NULL, Message

#: codes of HL7 table 0357
SEQUENCE, MISSING, DATA, VALUE, TYPE, PROCESSING, VERSION = "100", "101", "102", "103", "200", "202", "203"
#: HL7 table 0104, as far as this parser reads it
VERSIONS = frozenset(
    [
        "2.1",
        "2.2",
        "2.3",
        "2.3.1",
        "2.3.2",
        "2.4",
        "2.5",
        "2.5.1",
        "2.6",
        "2.7",
        "2.7.1",
        "2.8",
        "2.8.1",
        "2.8.2",
        "2.9",
        "2.9.1",
    ]
)
PROCESSINGS = frozenset("PTD")  # HL7 table 0103
CODE = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
NOBODY = frozenset(("", NULL, "-", "NULL"))  # in place of a patient's number
LONGEST_KEPT = 80  # signs, of words that are looked at once for all messages
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
    warns: bool = False  # taken in and used all the same
    rule: str = ""  # of the finding that it leaves with the message
    sequence: int = 1  # of the segment among those of its name

    @property
    def spot(self) -> str:
        """Where, as people write it: ``PID-7``, ``OBX[3]-5``."""
        which = f"[{self.sequence}]" if self.sequence > 1 else ""
        return f"{self.segment}{which}-{self.field}" if self.field else self.segment

    @property
    def place(self) -> str:
        """Where, as ERR-2 writes it: segment, sequence, field, repetition, component; trailing parts left out."""
        parts = [self.segment, str(self.sequence), *([str(self.field)] if self.field else [])]
        return "^".join([*parts, *(["1", str(self.component)] if self.component else [])])

    @property
    def words(self) -> str:
        """The sentence for the sender."""
        return f"{self.zh} / {self.en}"


def faults_of(message: Message) -> list[Fault]:
    """All faults that keep the message out, none for one that can be used."""
    return _head(message) or [f for f in (_patient(message), _subject(message)) if f is not None]


def faults_of_charset(decoded: Decoded) -> list[Fault]:
    """A name in MSH-18 that nobody can read by keeps the message out; one that is only wrong, or signs that are lost, are said."""
    said = decoded.declared[:30]
    if decoded.unknown:
        zh, en = (
            f"MSH-18 声明的字符集“{said}”无法识别，请使用 UNICODE UTF-8 或 GB 18030-2000 后重发",
            f"MSH-18 names the charset “{said}”, which is not known; send again as UNICODE UTF-8 or GB 18030-2000",
        )
        return [Fault("MSH", 18, 0, VALUE, zh, en, rejects=True)]
    if decoded.lossy:
        zh, en = (
            "有字符不属于任何可识别的字符集，已用替代符代替，原件完整保存；请核对 MSH-18 与实际编码",
            "some signs belong to no charset that is known and were replaced, the original is kept whole; compare MSH-18 with the bytes",
        )
        return [Fault("MSH", 18, 0, DATA, zh, en, warns=True)]
    if decoded.wrong:
        zh, en = (
            f"MSH-18 声明 {said}，内容却不是，已按 {decoded.charset} 读取；请改正声明",
            f"MSH-18 says {said} but the bytes are not, they were read as {decoded.charset}; mend the declaration",
        )
        return [Fault("MSH", 18, 0, VALUE, zh, en, warns=True)]
    return []


def _head(message: Message) -> list[Fault]:
    header = message.first("MSH")
    if header is None:
        return [_no_control()]
    words = header.value(9), header.value(11).strip(), header.value(12).strip()
    control = () if header.value(10).strip() else (_no_control(),)
    # the same few words stand in every message of a sender; long ones are nobody's
    said = _way_and_kind(*words) if sum(map(len, words)) < LONGEST_KEPT else _looked_at(*words)
    return [*control, *said]


def _no_control() -> Fault:
    zh, en = (
        "没有消息控制号（MSH-10 为空），应答无法对应；请给每条消息唯一的控制号后重发",
        "MSH-10 is empty, so no answer can name the message: give each message a control id of its own and send again",
    )
    return Fault("MSH", 10, 0, MISSING, zh, en, rejects=True)


def _looked_at(kind: str, processing: str, version: str) -> tuple[Fault, ...]:
    return (*_way(processing, version), *_kind(kind))


_way_and_kind = lru_cache(maxsize=1024)(_looked_at)


def _way(processing: str, version: str) -> Iterator[Fault]:
    """Processing id and version: what is unknown is rejected (HL7 2.5.1, 2.9.2.2), what is empty is taken as usual."""
    if processing and processing.upper() not in PROCESSINGS:
        zh, en = (
            f"处理标识“{processing[:10]}”无效（MSH-11），应为 P、T 或 D",
            f"MSH-11: “{processing[:10]}” is no processing id, use P, T or D",
        )
        yield Fault("MSH", 11, 1, PROCESSING, zh, en, rejects=True)
    if version and version not in VERSIONS:
        zh, en = (
            f"不支持的版本“{version[:20]}”，请使用 2.1 至 2.9",
            f"version “{version[:20]}” is not supported, use 2.1 to 2.9",
        )
        yield Fault("MSH", 12, 1, VERSION, zh, en, rejects=True)


def _kind(code: str) -> Iterator[Fault]:
    if not code.strip():
        zh, en = "没有消息类型（MSH-9 为空），请补全后重发", "MSH-9 is empty: name the type of message and send again"
        yield Fault("MSH", 9, 0, MISSING, zh, en, rejects=True)
    elif not CODE.match(code):
        zh, en = f"消息类型“{code[:20]}”不是三位代码", f"the message type “{code[:20]}” is no code of three signs"
        yield Fault("MSH", 9, 1, TYPE, zh, en, rejects=True)


def _patient(message: Message) -> Fault | None:
    pid = message.first("PID")
    if pid is None:
        return Fault(
            "PID", 0, 0, SEQUENCE, "消息没有患者（缺 PID 段）", "the message names no patient (there is no PID)"
        )
    if (number := pid.value(3).strip()) and number not in NOBODY:
        return None  # most often the first is one
    said = (pid.cut(raw)[0].strip() for field in (3, 2) for raw in pid.repetitions(field))
    if any(number not in NOBODY for number in said):
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
