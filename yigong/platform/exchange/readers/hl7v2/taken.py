"""One message on its way, and what a batch of them gathers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from yigong.kit.clock import now
from yigong.kit.hl7v2.parse import Message
from yigong.platform.exchange.batch import DocumentFacts, StandardBatch
from yigong.platform.exchange.readers.gather import Gathered, Source, row_of
from yigong.platform.exchange.readers.hl7v2 import stays
from yigong.platform.exchange.readers.hl7v2.facts import Line, Person, Trouble, Visit


@dataclass(slots=True)
class Gatherings:
    """Messages gathered by what their rows are: the sender's own word on its persons (ADT), news of orders, or whole reports."""

    leading: Gathered = field(default_factory=lambda: Gathered(leads=True, adds=True))
    adding: Gathered = field(default_factory=lambda: Gathered(adds=True))
    following: Gathered = field(default_factory=Gathered)
    sets: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)  # of documents met: set and version
    orders: set[tuple[str, str]] = field(default_factory=set)  # inpatient orders met

    def batches(self, place: str) -> Iterator[StandardBatch]:
        """All batches, those that bring persons up to date first."""
        for part in (self.leading, self.adding, self.following):
            yield from part.batches(place)


@dataclass(slots=True)
class Taken:
    """One message on its way, with what is known of it so far."""

    message: Message
    source: Source
    person: Person
    visit: Visit
    troubles: list[Trouble]
    facts: DocumentFacts
    registration: dict[str, Any]
    gatherings: Gatherings

    @property
    def event(self) -> str:
        """The trigger event."""
        return self.message.get("MSH-9.2")

    @property
    def sent_at(self) -> datetime:
        """When the message was sent; an order of its own where it does not say."""
        return stays.moment_of(self.message, self.troubles) or now()


def system_of(message: Message) -> str:
    """The system that sends, as it calls itself."""
    return (message.get("MSH-3").strip() or "HL7")[:40]


def segments_z(message: Message) -> dict[str, str]:
    """Segments of the sender's own making, as they stand, each under its name."""
    found: dict[str, str] = {}
    for segment in message:
        if segment.name.startswith("Z"):
            said = segment.plain(segment.line[4:])
            found[segment.name] = f"{found[segment.name]}\n{said}" if segment.name in found else said
    return found


def row(taken: Taken, line: Line) -> dict[str, Any]:
    """The line as a row with the columns of the waist."""
    sender = system_of(taken.message)
    waist = {
        "org_code": taken.source.org_code,
        "source_system": line.system or sender,
        "source_key": line.source_key,
        "group_key": line.group_key,
        "encounter_key": taken.visit.number or None,
        "event_at": line.event_at,
        "local_id": taken.person.local_id,
        "person_system": sender,
        "_place": f"{taken.source.path} 第 {taken.source.offset} 条消息",
        "_raw": json.dumps(taken.source.raw(), ensure_ascii=False),
        "document_key": taken.facts.key,
        "_op": "delete" if line.ends else None,
        "_clear": ",".join(line.clears) or None,
        "_guess": "1" if line.guess else None,
    }
    if line.said_at:
        waist |= {"_said": line.said_at.astimezone(UTC).isoformat(), "_firm": "1" if line.corrects else None}
    extra = {name: value for name, value in line.extra.items() if value not in ("", None)}
    return row_of(waist, line.values, extra)
