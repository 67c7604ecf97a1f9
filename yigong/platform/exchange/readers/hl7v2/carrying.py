"""Orders, appointments and documents of one message: rows where the standard has a table, matters where it has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.exchange.batch import DocumentFacts, MatterFacts
from yigong.platform.exchange.readers.cda.convert import take as take_shared
from yigong.platform.exchange.readers.gather import Gathered
from yigong.platform.exchange.readers.hl7v2 import appointments, orders, stays, texts
from yigong.platform.exchange.readers.hl7v2.facts import Trouble
from yigong.platform.exchange.readers.hl7v2.taken import Taken, row, segments_z, system_of
from yigong.platform.exchange.readers.hl7v2.texts import Content
from yigong.platform.exchange.readers.sentences import SENTENCES
from yigong.platform.records import api as records
from yigong.standards import api as standards

INPATIENT = "3"


# ---- orders ----


def take_orders(taken: Taken) -> None:
    """Orders of an inpatient are rows of the standard; others are matters. Raises Refused hl7_order_missing."""
    asked = orders.orders_of(taken.message, taken.troubles)
    if not asked:
        raise Refused("hl7_order_missing")
    z, rows = segments_z(taken.message), []
    for one in asked:
        if _is_inpatient(taken, one):
            rows.append(row(taken, orders.line_of(one, taken.person, taken.visit, z)))
        else:
            _order_matter(taken, one, z)
    if rows:
        taken.gatherings.adding.add(orders.DATA_SET, rows, taken.registration, taken.facts)


def _is_inpatient(taken: Taken, one: orders.Asked) -> bool:
    """What PV1 says; a follow-up without it goes where the order stands."""
    key = (taken.source.org_code, one.number)
    if taken.visit.kind == INPATIENT:
        taken.gatherings.orders.add(key)
        return True
    if taken.visit.kind:
        return False
    return key in taken.gatherings.orders or _stored(orders.DATA_SET, taken, source_key=one.number) is not None


def _stored(data_set: str, taken: Taken, **key: str) -> Any:
    """The newest row of a data set at the institution with this key."""
    rows = records.model(data_set)._default_manager.filter(org_code=taken.source.org_code, **key)
    return rows.order_by("-event_at").values("source_key").first()


def transfer_to_undo(taken: Taken) -> str:
    """The key of the transfer that A12 takes back: that of its moment, else the newest of the stay; empty when there is none."""
    if taken.message.get("EVN-6"):
        return stays.transfer_key(taken.visit, taken.sent_at)
    met = taken.gatherings.leading.rows.get(stays.TRANSFER, [])
    mine = [r["source_key"] for r in met if r["encounter_key"] == taken.visit.number]
    if mine:
        return str(mine[-1])
    found = _stored(stays.TRANSFER, taken, encounter_key=taken.visit.number)
    return str(found["source_key"]) if found else ""


def _order_matter(taken: Taken, one: orders.Asked, z: dict[str, str]) -> None:
    items = [{"code": one.item_code, "name": one.item_name}] if one.item_name else []
    facts = {
        **one.facts, "items": items, "category": one.category, "control": one.control, "encounter_type": taken.visit.kind,
        "place": taken.visit.department, "ends_at": one.ends_at.isoformat() if one.ends_at else "", **z,
    }  # fmt: skip
    told = _told(taken, "order", one.number, one.verb, one.system)
    placed = one.at if one.verb == "place" else None
    _follow(
        taken,
        replace(
            told, group_key=one.group_key, title=one.item_name, placed_at=placed, starts_at=one.starts_at, facts=facts
        ),
    )


# ---- appointments ----


def take_appointment(taken: Taken) -> None:
    """An appointment is a matter. Raises Refused hl7_appointment_missing."""
    message = taken.message
    number = appointments.number_of(message)[:100]
    if not number:
        raise Refused("hl7_appointment_missing")
    told = _told(taken, "appointment", number, appointments.verb_of(message), "")
    starts, _ = appointments.times_of(message, taken.troubles)
    facts = {**appointments.facts_of(message, taken.troubles), **segments_z(message)}
    placed = taken.sent_at if told.verb == "book" else None
    _follow(taken, replace(told, title=appointments.title_of(message), placed_at=placed, starts_at=starts, facts=facts))


# ---- documents ----


def take_document(taken: Taken) -> None:
    """A document with its content kept as what it is; a shared document is read as such. Raises Refused hl7_document_missing."""
    message = taken.message
    number = message.get("TXA-12")[:100]
    if not number:
        raise Refused("hl7_document_missing")
    verb = texts.verb_of(message)
    contents = [] if verb == "cancel" else texts.contents_of(message, taken.troubles)
    set_id, version = _set(taken, number, bool(contents))
    facts = {**texts.facts_of(message), "set_id": set_id, "version": version, **segments_z(message)}
    keys = [_content(taken, content, set_id, version, nth) for nth, content in enumerate(contents)]
    told = _told(taken, "document", number, verb, "")
    told = replace(
        told,
        group_key=set_id,
        title=texts.title_of(message),
        placed_at=taken.sent_at if contents else None,
        facts=facts,
    )
    _follow(taken, told, document_key=keys[0] if keys else "")
    parent = message.get("TXA-13")[:100]
    if taken.event in texts.REPLACES and parent and parent != number:
        _follow(
            taken, replace(told, number=parent, verb="replace", title="", placed_at=None, facts={"replaced_by": number})
        )
    if facts["pointers"] and not contents:
        zh, en = SENTENCES["hl7_document_pointer"]
        taken.troubles.append(Trouble("hl7_document_pointer", "OBX-5", zh, en))


def _set(taken: Taken, number: str, renewed: bool) -> tuple[str, int]:
    """The set that a document belongs to and its version there: a replacement goes on with the set of what it replaces."""
    org, message, met = taken.source.org_code, taken.message, taken.gatherings.sets
    parent = message.get("TXA-13")[:100] if taken.event in texts.REPLACES else ""
    for known, step in ((number, 1 if taken.event in ("T04", "T07", "T08") and renewed else 0), (parent, 1)):
        if not known:
            continue
        found = met.get((org, known)) or _known_set(org, known)
        if found:
            met[org, number] = (found[0], found[1] + step)
            return met[org, number]
    met[org, number] = (parent or number, 2 if parent else 1)
    return met[org, number]


def _known_set(org: str, number: str) -> tuple[str, int] | None:
    matter = records.matter(org, "document", number)
    if matter is None:
        return None
    return str(matter.facts.get("set_id") or number), int(matter.facts.get("version") or 1)


def _content(taken: Taken, content: Content, set_id: str, version: int, nth: int) -> str:
    """Gather one content as a document; the key under which it is gathered."""
    if content.is_cda:
        try:
            return _shared(taken, content)
        except Refused as refusal:
            if refusal.code not in SENTENCES:
                raise
            zh, en = (s.format(**refusal.facts) for s in SENTENCES[refusal.code])
            taken.troubles.append(Trouble(refusal.code, "OBX-5", zh, en))
    title = texts.title_of(taken.message) + (f"（附件 {nth + 1}）" if nth else "")
    facts = replace(
        taken.facts, key=f"{taken.facts.key}|{nth}", original=content.data, media_type=content.media_type, title=title,
        author_name=texts.author_of(taken.message)[:80], set_id=set_id if not nth else f"{set_id}#{nth + 1}", version=version,
        text=content.text, event=True,
    )  # fmt: skip
    taken.gatherings.following.add("", [], taken.registration, facts)
    return facts.key


def _shared(taken: Taken, content: Content) -> str:
    gathered = Gathered()
    facts = take_shared(content.data, taken.source, gathered, standards.load(), owner=taken.registration)
    for data_set, rows in gathered.rows.items():
        taken.gatherings.following.add(data_set, rows, taken.registration, facts)
    # the document's own findings first, then those of the message that carried it
    taken.gatherings.following.add("", [], taken.registration, replace(facts, event=not any(gathered.rows)))
    return facts.key


# ---- common ----


def _told(taken: Taken, kind: str, number: str, verb: str, system: str) -> records.Told:
    return records.Told(
        kind, taken.source.org_code, system or system_of(taken.message), number, verb, taken.sent_at,
        control_id=taken.message.get("MSH-10"), encounter_key=taken.visit.number,
    )  # fmt: skip


def _follow(taken: Taken, told: records.Told, document_key: str = "") -> None:
    """Hand a matter on, with the message that tells it."""
    message: DocumentFacts = replace(taken.facts, event=False)
    gathered = taken.gatherings.following
    gathered.add("", [], taken.registration, message)
    matter = MatterFacts(told, taken.person.local_id, system_of(taken.message), taken.source.raw(), document_key)
    gathered.matters.append(matter)
