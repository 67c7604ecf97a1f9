"""One message turned into rows, a registration and the facts of its original."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from yigong.kit.clock import today
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import Decoded, decode
from yigong.kit.hl7v2.parse import Message, NotHl7
from yigong.kit.hl7v2.remarks import remarks_of
from yigong.platform.exchange.batch import DocumentFacts, MergeFacts
from yigong.platform.exchange.readers.gather import Gathered, Source, id_type
from yigong.platform.exchange.readers.hl7v2 import appointments, carrying, imaging, orders, stays, texts, vaccinations
from yigong.platform.exchange.readers.hl7v2.facts import Line, Person, Trouble, Visit, at, person_of, visit_of
from yigong.platform.exchange.readers.hl7v2.results import observed_in, report_key, reports_of, results_of
from yigong.platform.exchange.readers.hl7v2.taken import Gatherings, Taken, row, segments_z, system_of
from yigong.platform.exchange.readers.hl7v2.titles import title_of
from yigong.platform.exchange.readers.sentences import finding

MEDIA_TYPE = "x-application/hl7-v2+er7"
RESULTS = frozenset({"ORU^R01"})
STAYS = frozenset(f"ADT^{event}" for event in (*stays.ADMITS, stays.WITHDRAWS))
PERSONS = frozenset(f"ADT^{event}" for event in stays.PERSONAL)
MERGES = frozenset(f"ADT^{event}" for event in stays.MERGES)
#: what is wrong with single values; a head that is not quite right says nothing of the content
REMARKED = frozenset({"date_impossible", "code_unknown", "number_impossible"})
LEADING = STAYS | PERSONS | MERGES


def take(data: bytes, source: Source, gatherings: Gatherings) -> None:
    """Take one message in.

    Raises Refused ``hl7_broken``, ``hl7_person_missing``, ``org_missing``, ``hl7_no_results``, and ``hl7_*_missing``.
    """
    decoded = decode(data)
    try:
        message = Message(decoded.text, decoded.charset)
    except NotHl7:
        raise Refused("hl7_broken") from None
    troubles: list[Trouble] = []
    person, visit = person_of(message), visit_of(message, troubles)
    source.org_code = source.org_code or message.get("MSH-4").strip().upper()
    if person is None or not person.local_id:
        raise Refused("hl7_person_missing")
    if not source.org_code:
        raise Refused("org_missing")
    facts = _facts(message, data, source, person, visit, troubles)
    registration = _registration(message, person, source, facts.authored_at)
    taken = Taken(message, source, person, visit, troubles, facts, registration, gatherings)
    _carry(taken)
    found = _findings(message, decoded, troubles)
    facts.findings.extend(found)  # type: ignore[attr-defined]  # a list of our own, filled when all is read


def _carry(taken: Taken) -> None:
    kind = taken.message.kind
    if kind in STAYS:
        _rows(taken, taken.gatherings.leading, _stay_lines(taken))
    elif kind in PERSONS:
        _rows(taken, taken.gatherings.leading, [])
    elif kind in MERGES:
        _merge(taken)
    elif kind in RESULTS:
        lines = list(_results(taken))
        if not lines:
            raise Refused("hl7_no_results")
        _rows(taken, taken.gatherings.following, lines)
    elif kind in vaccinations.KINDS:
        _rows(taken, taken.gatherings.following, vaccinations.lines_of(taken.message, taken.person, taken.troubles))
    elif kind in orders.KINDS:
        carrying.take_orders(taken)
    elif kind in appointments.KINDS:
        carrying.take_appointment(taken)
    elif kind in texts.KINDS:
        carrying.take_document(taken)
    else:
        _rows(taken, taken.gatherings.following, [])


def _results(taken: Taken) -> Iterable[Line]:
    """Laboratory rows, and of imaging the report as a whole."""
    message, person, visit, troubles = taken.message, taken.person, taken.visit, taken.troubles
    said = iter(observed_in(message))
    for number, report in enumerate(reports_of(message), start=1):
        obr, observations, _ = report
        mine = list(islice(said, len(observations)))
        if imaging.is_imaging(obr):
            key = report_key(message, obr, number)
            yield imaging.line_of(message, obr, observations, key, person, visit, troubles)
        else:
            yield from results_of(message, number, report, mine, person, visit, troubles)


def _rows(taken: Taken, gathered: Gathered, lines: Iterable[Line]) -> None:
    by_data_set: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_data_set.setdefault(line.data_set, []).append(row(taken, line))
    for data_set, rows in (by_data_set or {"": []}).items():
        gathered.add(data_set, rows, taken.registration, taken.facts)


def _stay_lines(taken: Taken) -> list[Line]:
    lines = list(stays.lines_of(taken.message, taken.event, taken.person, taken.visit, taken.troubles))
    if taken.event == "A12" and taken.visit.number:
        key = carrying.transfer_to_undo(taken)
        if key:
            lines.append(Line(stays.TRANSFER, key, key, taken.sent_at, ends=True))
    for line in lines:
        line.extra |= segments_z(taken.message)
    return lines


def _merge(taken: Taken) -> None:
    numbers = [n for n in stays.merged_numbers(taken.message) if n != taken.person.local_id]
    if not numbers:
        raise Refused("hl7_merge_missing")
    gathered = taken.gatherings.leading
    gathered.add("", [], taken.registration, replace(taken.facts, event=False))
    reason = f"HL7 {taken.message.kind.replace('^', ' ')} {taken.message.get('MSH-10')}"[:200]
    who = (taken.source.org_code, system_of(taken.message), taken.person.local_id)
    gathered.merges += [MergeFacts(*who, number, reason, taken.source.raw()) for number in numbers]


def _facts(
    message: Message,
    data: bytes,
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
        title=title_of(message),
        org_code=source.org_code,
        source_system=system_of(message),
        local_id=person.local_id,
        authored_at=sent.astimezone(UTC) if sent else None,
        author_name="",
        set_id=message.get("MSH-10"),
        encounter_key=visit.number,
        findings=[],
        original_path=source.path,
        raw=source.raw(),
    )


def _findings(message: Message, decoded: Decoded, troubles: list[Trouble]) -> list[dict[str, Any]]:
    remarks = [Trouble(r.rule, r.spot, r.zh, r.en) for r in remarks_of(message, today()) if r.rule in REMARKED]
    found = [
        {"rule": t.rule, "field": t.place, "severity": "warning", "zh": t.zh, "en": t.en}
        for t in dict.fromkeys((*troubles, *_others(remarks, troubles)))
    ]
    if message.kind not in USED:
        found.insert(0, finding("hl7_type_unused", "MSH-9", "info", kind=message.kind))
    if decoded.lossy:
        found.append(finding("hl7_signs_lost", "MSH-18", "error"))
    elif decoded.wrong:
        found.append(finding("hl7_charset_wrong", "MSH-18", declared=decoded.declared, charset=decoded.charset))
    return found


def _others(remarks: list[Trouble], troubles: list[Trouble]) -> list[Trouble]:
    """Remarks on places where reading met no trouble of the same kind."""
    met = {(t.rule, t.place) for t in troubles}
    return [r for r in remarks if (r.rule, re.sub(r"\[\d+\]", "", r.place)) not in met]


def _registration(message: Message, person: Person, source: Source, sent: datetime | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "org_code": source.org_code,
        "source_system": system_of(message),
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
    # no index takes a text of any length; the message is kept whole
    return {name: value[:LONGEST] if isinstance(value, str) else value for name, value in facts.items()}


#: signs of a fact that a registration takes over
LONGEST = 500
USED = RESULTS | LEADING | orders.KINDS | appointments.KINDS | texts.KINDS | vaccinations.KINDS
