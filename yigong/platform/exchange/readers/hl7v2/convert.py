"""One message turned into rows, a registration and the facts of its original."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import Decoded, decode
from yigong.kit.hl7v2.parse import Message, NotHl7
from yigong.platform.exchange.batch import DocumentFacts, StandardBatch
from yigong.platform.exchange.readers.gather import Gathered, Source, id_type, row_of
from yigong.platform.exchange.readers.hl7v2.facts import (
    Line,
    Person,
    Trouble,
    Visit,
    at,
    person_of,
    results_of,
    stay_of,
    visit_of,
)
from yigong.platform.exchange.readers.sentences import finding

MEDIA_TYPE = "x-application/hl7-v2+er7"
RESULTS = frozenset({"ORU^R01"})
STAYS = frozenset({"ADT^A01", "ADT^A03", "ADT^A04", "ADT^A08"})
PERSONS = frozenset({"ADT^A28", "ADT^A31"})


@dataclass(slots=True)
class Gatherings:
    """Messages gathered by whether they are the sender's own word on its persons (ADT) or only mention them."""

    leading: Gathered = field(default_factory=lambda: Gathered(leads=True))
    following: Gathered = field(default_factory=Gathered)

    def batches(self, place: str) -> Iterator[StandardBatch]:
        """All batches, those that bring persons up to date first."""
        yield from self.leading.batches(place)
        yield from self.following.batches(place)


def take(data: bytes, source: Source, gatherings: Gatherings) -> None:
    """Take one message in.

    Raises Refused ``hl7_broken``, ``hl7_person_missing``, ``org_missing``, and ``hl7_no_results``.
    """
    decoded = decode(data)
    try:
        message = Message(decoded.text, decoded.charset)
    except NotHl7:
        raise Refused("hl7_broken") from None
    troubles: list[Trouble] = []
    person, visit = person_of(message, troubles), visit_of(message, troubles)
    source.org_code = source.org_code or message.get("MSH-4").strip().upper()
    if person is None or not person.local_id:
        raise Refused("hl7_person_missing")
    if not source.org_code:
        raise Refused("org_missing")
    lines = list(_lines(message, person, visit, troubles))
    facts = _facts(message, data, decoded, source, person, visit, troubles)
    registration = _registration(message, person, source, facts.authored_at)
    by_data_set: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_data_set.setdefault(line.data_set, []).append(_row(line, message, source, person, visit, facts))
    gathered = gatherings.leading if message.kind in STAYS | PERSONS else gatherings.following
    for data_set, rows in (by_data_set or {"": []}).items():
        gathered.add(data_set, rows, registration, facts)


def _lines(message: Message, person: Person, visit: Visit, troubles: list[Trouble]) -> Iterable[Line]:
    kind = message.kind
    if kind in RESULTS:
        lines = list(results_of(message, person, visit, troubles))
        if not lines:
            raise Refused("hl7_no_results")
        return lines
    if kind in STAYS:
        stay = stay_of(message, person, visit, troubles)
        return [stay] if stay else []
    return []


def _system(message: Message) -> str:
    return (message.get("MSH-3").strip() or "HL7")[:40]


def _facts(
    message: Message,
    data: bytes,
    decoded: Decoded,
    source: Source,
    person: Person,
    visit: Visit,
    troubles: list[Trouble],
) -> DocumentFacts:
    sent = at(message.get("MSH-7"), "MSH-7", troubles)
    return DocumentFacts(
        key=f"{source.org_code}|{source.sha256}",
        original=data,
        media_type=MEDIA_TYPE,
        document_code="",
        title=f"HL7 {message.kind.replace('^', ' ')}",
        org_code=source.org_code,
        source_system=_system(message),
        local_id=person.local_id,
        authored_at=sent.astimezone(UTC) if sent else None,
        author_name="",
        set_id=message.get("MSH-10"),
        encounter_key=visit.number,
        findings=_findings(message, decoded, troubles),
        original_path=source.path,
        raw=source.raw(),
    )


def _findings(message: Message, decoded: Decoded, troubles: list[Trouble]) -> list[dict[str, Any]]:
    found = [
        {"rule": t.rule, "field": t.place, "severity": "warning", "zh": t.zh, "en": t.en}
        for t in dict.fromkeys(troubles)
    ]
    if message.kind not in RESULTS | STAYS | PERSONS:
        found.insert(0, finding("hl7_type_unused", "MSH-9", "info", kind=message.kind))
    if decoded.lossy:
        found.append(finding("hl7_signs_lost", "MSH-18", "error"))
    elif decoded.wrong:
        found.append(finding("hl7_charset_wrong", "MSH-18", declared=decoded.declared, charset=decoded.charset))
    return found


def _registration(message: Message, person: Person, source: Source, sent: datetime | None) -> dict[str, Any]:
    return {
        "org_code": source.org_code,
        "source_system": _system(message),
        "local_id": person.local_id,
        "full_name": person.full_name,
        "sex_code": person.sex_code,
        "born_on": person.born_on,
        "id_type_code": id_type(person.id_no),
        "id_no": person.id_no,
        "phone": person.phone,
        "address": person.address,
        "health_card_no": person.health_card_no,
        "contact_name": person.contact_name,
        "contact_phone": person.contact_phone,
        "registered_at": sent,
    }


def _row(
    line: Line, message: Message, source: Source, person: Person, visit: Visit, facts: DocumentFacts
) -> dict[str, Any]:
    waist = {
        "org_code": source.org_code,
        "source_system": _system(message),
        "source_key": line.source_key,
        "group_key": line.group_key,
        "encounter_key": visit.number or None,
        "event_at": line.event_at,
        "local_id": person.local_id,
        "_place": f"{source.path} 第 {source.offset} 条消息",
        "_raw": json.dumps(source.raw(), ensure_ascii=False),
        "document_key": facts.key,
    }
    return row_of(waist, line.values, line.extra)
