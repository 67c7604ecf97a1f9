"""What the bus reads of a message before it keeps it, and the acknowledgement it answers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

from yigong.kit.clock import today
from yigong.kit.hl7v2 import charset as charsets
from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.faults import PROCESSING, PROCESSINGS, VERSIONS, Fault, faults_of, faults_of_charset
from yigong.kit.hl7v2.parse import Message, NotHl7, Segment, Separators, unescape
from yigong.kit.hl7v2.plain import is_plain
from yigong.kit.hl7v2.remarks import remarks_of
from yigong.kit.hl7v2.write import escape

ORDERS = {"OBR": (3, 2), "ORC": (3, 2)}
#: segment -> (field, kind of business number); what a person at the desk searches by
NUMBERS = {
    "PID": ((3, "patient"), (2, "patient"), (4, "patient"), (18, "visit")),
    "PV1": ((19, "visit"),),
    "ORC": ((2, "order"), (3, "order")),
    "OBR": ((2, "order"), (3, "order")),
    "TXA": ((12, "document"),),
    "SCH": ((1, "order"), (2, "order")),
    "MRG": ((1, "patient"),),
}
LAST_NUMBER = max(field for named in NUMBERS.values() for field, _kind in named)
MOST_KEYS = 24
PART = "\x1f"  # stands between keys on their way into the journal
#: codes of the HL7 table 0357
NOT_READABLE, INTERNAL, TOO_LARGE, EMPTY = "100", "207", "102", "empty"
CODES = {EMPTY: NOT_READABLE}  # of what the table has no code of its own for
UNREADABLE = "unreadable"  # the kind under which what is no HL7 is kept
MOST_ERRORS = 10  # of one answer
SAID = {
    NOT_READABLE: "不是 HL7 v2 消息：开头没有可读的 MSH 段 / not HL7 v2: no readable MSH segment",
    INTERNAL: "平台暂时不能保存，请稍后重发 / the message could not be stored, send it again later",
    EMPTY: "收到空帧：VT 与 FS 之间没有消息 / an empty frame: there is no message between VT and FS",
    TOO_LARGE: "消息超过大小上限，连接关闭 / the message is larger than allowed, the connection is closed",
}


class Envelope(NamedTuple):
    """One message with the facts under which the journal keeps it."""

    raw: bytes
    sha256: str
    sender: str
    control_id: str
    kind: str
    charset: str
    org_code: str
    local_id: str
    order_no: str
    partition_key: str
    header: Segment | None = None  # of HL7 v2
    faults: tuple[Fault, ...] = ()  # what keeps it from being used, and what it should say otherwise
    keys: tuple[str, ...] = ()  # business numbers as "kind:value"

    def rows(self) -> tuple[bytes | str, ...]:
        """The facts without header, faults and keys, in order."""
        return self[: self._fields.index("header")]  # type: ignore[return-value]

    @property
    def word(self) -> str:
        """The answer of HL7: AR for what is not taken in, AE for what cannot be used, else AA."""
        if any(fault.rejects for fault in self.faults):
            return "AR"
        return "AA" if all(fault.warns for fault in self.faults) else "AE"

    @property
    def is_test(self) -> bool:
        """Whether its sender says that it is for training or debugging (MSH-11 T or D)."""
        return any(fault.code == PROCESSING and fault.warns for fault in self.faults)

    def as_production(self) -> Envelope:
        """The same for an endpoint that takes tests as others take production: nothing is said of MSH-11."""
        return self._replace(faults=tuple(f for f in self.faults if f.code != PROCESSING or not f.warns))

    @property
    def is_refused(self) -> bool:
        """Whether it is kept only to be looked for."""
        return self.kind == UNREADABLE or any(fault.rejects for fault in self.faults)

    def numbers(self) -> tuple[str, ...]:
        """The business numbers; where none were gathered, patient and order."""
        return self.keys or keyed([("patient", self.local_id), ("order", self.order_no)])


def keyed(found: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Business numbers as the journal keeps them: each once, at most MOST_KEYS of a message."""
    once = dict.fromkeys(f"{kind}:{value[:80]}" for kind, value in found if value)
    return tuple(once)[:MOST_KEYS]


def business_number_of(keys: Iterable[str]) -> str:
    """The number of the order, else of the visit, else of the document; empty where there is none."""
    known: dict[str, str] = {}
    for kind, _, value in (key.partition(":") for key in keys):
        known.setdefault(kind, value)
    return next((known[kind] for kind in ("order", "visit", "document") if known.get(kind)), "")


def refusal(refused: Envelope) -> dict[str, str]:
    """Why a message was not taken in, as the journal keeps it."""
    faults = [f for f in refused.faults if f.rejects]
    if not faults:
        zh, _, en = SAID[NOT_READABLE].partition(" / ")
        return {"code": "refused", "zh": zh, "en": en}
    return {"code": "refused", "zh": "；".join(f.zh for f in faults), "en": "; ".join(f.en for f in faults)}


def set_aside(sent: Envelope) -> dict[str, str]:
    """Why a test makes no records, as the journal keeps it."""
    fault = next(f for f in sent.faults if f.code == PROCESSING)
    return {"code": "test", "zh": fault.zh, "en": fault.en}


class Unsupported(NotHl7):
    """A message that is not taken in, with what is known of it for the answer and the journal."""

    def __init__(self, envelope: Envelope) -> None:
        super().__init__(envelope.faults[0].en)
        self.envelope, self.header, self.faults = envelope, envelope.header, envelope.faults


def open_envelope(raw: bytes) -> Envelope:
    """Read head and business keys. Raises NotHl7, and Unsupported for what is HL7 but must not be taken in."""
    found = read_envelope(raw)
    if found.is_refused:
        raise Unsupported(found)
    return found


def unreadable(raw: bytes) -> Envelope:
    """What is no HL7, as the journal keeps it."""
    digest = hashlib.sha256(raw).hexdigest()
    return Envelope(raw, digest, "", "", UNREADABLE, "", "", "", "", digest)


def _faults(message: Message, decoded: charsets.Decoded) -> tuple[Fault, ...]:
    """What keeps the message out; where nothing does, what keeps it from being used and what it should say otherwise."""
    found, day = faults_of_charset(decoded), today()
    if is_plain(message, day):  # as most are
        return tuple(found)
    found += faults_of(message)
    rejecting = tuple(fault for fault in found if fault.rejects)
    return rejecting or (*found, *remarks_of(message, day))


def read_envelope(raw: bytes) -> Envelope:
    """The same for every message with a readable head, also one that is not taken in. Raises NotHl7."""
    if b"\x00" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotHl7("nul")
    decoded = decode(raw)
    message = Message(decoded.text, decoded.charset)
    header = message.first("MSH") or Segment(message.lines[0], message.separators, decoded.charset)
    code, event = header.value(9), header.value(9, 2)
    kind = f"{code}^{event}" if code and event else code or event
    faults = _faults(message, decoded)
    application, facility = header.value(3), header.value(4)
    org_code = facility.strip().upper()
    local_id, order_no = _patient(message), _order(message)
    sender = f"{application}^{facility}"
    digest = hashlib.sha256(raw).hexdigest()
    # a message about nobody waits for nobody
    key = f"{org_code}|{local_id}"[:200] if local_id else digest
    control = header.value(10)
    facts: tuple[str, ...] = (
        sender[:200],
        control[:200],
        kind[:40],
        decoded.charset,
        org_code[:10],
        local_id[:80],
        order_no[:80],
    )
    if any("\x00" in fact for fact in (*facts, key)):  # by an escape: no column keeps it
        facts, key = tuple(fact.replace("\x00", "") for fact in facts), key.replace("\x00", "")
    sender, control, kind, charset, org_code, local_id, order_no = facts
    keys = keyed(_numbers(message))
    return Envelope(
        raw, digest, sender, control, kind, charset, org_code, local_id, order_no, key, header, faults, keys
    )


def _numbers(message: Message) -> Iterator[tuple[str, str]]:
    field, component, repetition, escapes, sub = message.separators
    for line in message.lines:
        if not (named := NUMBERS.get(line[:3])):
            continue
        fields = line.split(field, LAST_NUMBER + 1)
        for place, kind in named:
            for said in fields[place].split(repetition) if place < len(fields) and fields[place] else ():
                value = said.split(component, 1)[0].split(sub, 1)[0]
                if escapes in value:
                    value = unescape(value, message.separators, message.charset)
                yield kind, value.replace("\x00", "").replace(PART, "").strip()


def _patient(message: Message) -> str:
    found = message.first("PID")
    return (found.value(3) or found.value(2)).strip() if found else ""


def _order(message: Message) -> str:
    for name, fields in ORDERS.items():
        if found := message.first(name):
            return next((value.strip() for n in fields if (value := found.value(n))), "")
    return ""


def acknowledgement(
    header: Segment | None, code: str, at: datetime, *, error: str = "", faults: Sequence[Fault] = ()
) -> bytes:
    """The answer to a message, in the sender's own signs and charset; *code* is AA, AE or AR, *error* of table 0357.

    Each of *faults* is an ERR with its place, code and sentence, at most MOST_ERRORS of them. What the sender says of
    charset, version and processing is repeated only where it means something.
    """
    signs = header.separators if header else Separators()
    field, component = signs.field, signs.component
    raw = header.raw if header else (lambda _number: "")
    sent, number = _moment(at, at.tzinfo)
    event = header.value(9, 2) if header else ""
    charset = header.charset if header else "utf-8"
    said = [("", CODES.get(error, error), "E", SAID[error])] if error else _said(faults)
    head = [
        "MSH", "".join(signs[1:]), raw(5), raw(6), raw(3), raw(4), sent, "",
        component.join(part for part in ("ACK", event) if part), number,
        _known(header, 11, PROCESSINGS) or "P", _known(header, 12, VERSIONS) or "2.5",
        "", "", "", "", "", _charset(raw(18), charset, speaks=bool(said)),
    ]  # fmt: skip
    lines = [field.join(head).rstrip(field), field.join(("MSA", code, raw(10)))]
    for nth, (place, number, severity, sentence) in enumerate(said):
        words = escape(_readable(sentence, charset), signs)
        lines[1] += "" if nth else field + words
        lines.append(field.join(("ERR", "", place.replace("^", component), number, severity, "", "", "", words)))
    return ("\r".join(lines) + "\r").encode(charset, "replace")


@lru_cache(maxsize=16)
def _moment(at: datetime, _zone: tzinfo | None) -> tuple[str, str]:
    """MSH-7 and MSH-10 of the answers of one moment, which are many."""
    moment = at.strftime("%Y%m%d%H%M%S.%f")
    return moment[:18] + at.strftime("%z"), f"A{moment.replace('.', '')}"


def _said(faults: Sequence[Fault]) -> list[tuple[str, str, str, str]]:
    """Place, code, severity (table 0516) and sentence of each; how many more where there are too many."""
    said = [(f.place, f.code, "W" if f.warns else "E", f.words) for f in faults[:MOST_ERRORS]]
    more = len(faults) - MOST_ERRORS
    return [*said, ("", "0", "I", f"另有 {more} 处 / {more} more")] if more > 0 else said


def _known(header: Segment | None, number: int, known: frozenset[str]) -> str:
    """A field of the head as it was sent where its value is one of *known*."""
    return header.raw(number) if header and header.value(number).strip().upper() in known else ""


def _charset(declared: str, charset: str, *, speaks: bool) -> str:
    """The name of what the answer is written in: the sender's own where it is right; none for an answer without words that need one."""
    meant = charsets.named(declared.split("~", 1)[0])
    if meant == charset or (meant == "ascii" and not speaks):
        return declared
    return charsets.name_of(charset)


def _readable(sentence: str, charset: str) -> str:
    """Both languages, and the second alone where the charset has no Chinese."""
    if charset in ("utf-8", "gb18030", "utf-16", "big5"):
        return sentence
    return sentence.rpartition(" / ")[2]
