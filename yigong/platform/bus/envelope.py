"""What the bus reads of a message before it keeps it, and the acknowledgement it answers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.faults import Fault, faults_of
from yigong.kit.hl7v2.parse import Message, NotHl7, Segment, Separators
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
MOST_KEYS = 24
PART = "\x1f"  # stands between keys on their way into the journal
#: codes of the HL7 table 0357
NOT_READABLE, INTERNAL, TOO_LARGE = "100", "207", "102"
SAID = {
    NOT_READABLE: "不是 HL7 v2 消息：开头没有可读的 MSH 段 / not HL7 v2: no readable MSH segment",
    INTERNAL: "平台暂时不能保存，请稍后重发 / the message could not be stored, send it again later",
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
    faults: tuple[Fault, ...] = ()  # what keeps it from being used
    keys: tuple[str, ...] = ()  # business numbers as "kind:value"

    def rows(self) -> tuple[bytes | str, ...]:
        """The facts without header, faults and keys, in order."""
        return self[: self._fields.index("header")]  # type: ignore[return-value]

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


class Unsupported(NotHl7):
    """A message that is not taken in, with its head for the answer."""

    def __init__(self, header: Segment, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].en)
        self.header, self.faults = header, tuple(faults)


def open_envelope(raw: bytes) -> Envelope:
    """Read head and business keys. Raises NotHl7."""
    if b"\x00" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotHl7("nul")
    decoded = decode(raw)
    message = Message(decoded.text, decoded.charset)
    header = Segment(message.lines[0], message.separators, decoded.charset)
    kind = "^".join(part for part in (header.value(9), header.value(9, 2)) if part)
    faults = tuple(faults_of(message))
    if any(fault.rejects for fault in faults):
        raise Unsupported(header, faults)
    org_code = header.value(4).strip().upper()
    local_id, order_no = _patient(message), _order(message)
    sender = f"{header.value(3)}^{header.value(4)}"
    digest = hashlib.sha256(raw).hexdigest()
    # a message about nobody waits for nobody
    key = f"{org_code}|{local_id}" if local_id else digest
    control = header.value(10)
    facts = (sender[:200], control[:200], kind[:40], decoded.charset, org_code[:10], local_id[:80], order_no[:80])
    sender, control, kind, charset, org_code, local_id, order_no = (fact.replace("\x00", "") for fact in facts)
    key = key[:200].replace("\x00", "")
    keys = keyed(_numbers(message))
    return Envelope(
        raw, digest, sender, control, kind, charset, org_code, local_id, order_no, key, header, faults, keys
    )


def _numbers(message: Message) -> Iterator[tuple[str, str]]:
    for line in message.lines:
        if not (named := NUMBERS.get(line[:3])):
            continue
        segment = Segment(line, message.separators, message.charset)
        for field, kind in named:
            for number in range(1, len(segment.repetitions(field)) + 1):
                yield kind, segment.value(field, 1, number).replace("\x00", "").replace(PART, "").strip()


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

    Each of *faults* is an ERR with its place, code and sentence.
    """
    signs = header.separators if header else Separators()
    field, component = signs.field, signs.component
    raw = header.raw if header else (lambda _number: "")
    moment = at.strftime("%Y%m%d%H%M%S.%f")
    event = header.value(9, 2) if header else ""
    control = raw(10)
    head = [
        "MSH", "".join(signs[1:]), raw(5), raw(6), raw(3), raw(4), moment[:18] + at.strftime("%z"), "",
        component.join(part for part in ("ACK", event) if part), f"A{moment.replace('.', '')}", raw(11) or "P", raw(12) or "2.4",
        "", "", "", "", "", raw(18),
    ]  # fmt: skip
    lines = [field.join(head).rstrip(field), field.join(("MSA", code, control))]
    said = [("", error, SAID[error])] if error else [(f.place, f.code, f.words) for f in faults]
    for nth, (place, number, sentence) in enumerate(said):
        words = escape(sentence, signs)
        lines[1] += "" if nth else field + words
        lines.append(field.join(("ERR", "", place.replace("^", component), number, "E", "", "", "", words)))
    charset = header.charset if header else "utf-8"
    return ("\r".join(lines) + "\r").encode(charset, "replace")
