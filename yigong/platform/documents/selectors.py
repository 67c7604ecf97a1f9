"""What can be made of an event, a draft of it, and what is known of a document that was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.documents import domain, enveloping, sealing
from yigong.platform.documents.models import IssuedDocument
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.standards.api import load as standards
from yigong.standards.cda.check import check_document
from yigong.standards.cda.checks import Report
from yigong.standards.cda.loss import Loss, losses
from yigong.standards.cda.write import write_document


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as it would be issued, with what is wrong with it and what it cannot carry."""

    document: Any  # its declaration
    event: records.Event
    data: bytes
    facts: dict[str, Any]
    report: Report
    losses: list[Loss]
    borrowed: list[tuple[str, str, str]]
    set_id: str
    before: IssuedDocument | None

    @property
    def version(self) -> int:
        """The number of the version that would be issued."""
        return self.before.version + 1 if self.before else 1

    @property
    def is_unchanged(self) -> bool:
        """Whether the version before says the same."""
        return self.before is not None and self.before.facts_sha256 == domain.digest(self.facts)


@dataclass(frozen=True, slots=True)
class Signed:
    """What is known of a signed document."""

    is_true: bool
    key_id: str
    signed_by: str
    signed_at: datetime
    org_code: str
    version: int
    replaces_id: int | None
    replaced_by: int | None
    reason: str
    copy_key: str  # name of the key by which a copy is signed; empty: there is none


def event_of(ctx: Ctx, person_id: int, event_id: int) -> records.Event:
    """An event of a person in reach. Raises Refused documents.no_such_event."""
    event = records.event(ctx, person_id, event_id)
    if event is None:
        raise Refused("documents.no_such_event")
    return event


def kinds(ctx: Ctx, person_id: int, event: records.Event) -> list[Any]:
    """The kinds of documents that the records of the event and its encounter can make."""
    return domain.kinds_for(_data_sets(ctx, person_id, event), standards())


def _data_sets(ctx: Ctx, person_id: int, event: records.Event) -> list[str]:
    around = records.data_sets_of_encounter(ctx, person_id, event.org_code, event.encounter_key or "")
    own = [event.data_set] if event.data_set in standards().data_sets else []
    return own + [name for name in around if name != event.data_set and name in standards().data_sets]


def compose(ctx: Ctx, person_id: int, event_id: int, code: str) -> Draft:
    """The document of a kind, filled from the records of an event; nothing is stored.

    Raises Refused documents.no_such_event, documents.not_made_of_this.
    """
    event = event_of(ctx, person_id, event_id)
    names = _data_sets(ctx, person_id, event)
    document = next((d for d in domain.kinds_for(names, standards()) if d.code == code), None)
    if document is None:
        raise Refused("documents.not_made_of_this", document=code[:10])
    gathered = domain.gather(document, {name: _rows(ctx, person_id, event, name) for name in names}, standards())
    source = f"{event.org_code} {event.data_set} {event.group_key}"
    set_id = domain.set_number(event.org_code, code, source)
    before = IssuedDocument.objects.filter(org_code=event.org_code, set_id=set_id).order_by("-version").first()
    facts = {"head": _head(ctx, person_id, event, gathered), "rows": gathered.rows}
    data = write_document(code, {**facts, "head": facts["head"] | numbers(set_id, before)}, standards())
    lost = losses(code, facts, standards()) + [
        Loss(data_set, row, f"extra.{name}", value, "no_place") for data_set, row, name, value in gathered.extras
    ]
    return Draft(
        document, event, data, facts, check_document(data, standards()), lost, gathered.borrowed, set_id, before
    )


def _rows(ctx: Ctx, person_id: int, event: records.Event, data_set: str) -> list[dict[str, Any]]:
    """Of the event's own data set its group only; of the others what the encounter has."""
    if data_set == event.data_set:
        return records.plain_rows(ctx, data_set, person_id, org_code=event.org_code, group_key=event.group_key)
    key = event.encounter_key
    return records.plain_rows(ctx, data_set, person_id, org_code=event.org_code, encounter_key=key) if key else []


def numbers(set_id: str, before: IssuedDocument | None) -> dict[str, Any]:
    """The number of a document, of its set and version, and of the version it takes the place of."""
    version = before.version + 1 if before else 1
    made: dict[str, Any] = {"document_id": f"{set_id}.{version}", "set_id": set_id, "version": version, "nulls": True}
    if before:
        made["replaces"] = {
            "document_id": f"{set_id}.{before.version}", "set_id": set_id, "version": before.version,
        }  # fmt: skip
    return made


def _head(ctx: Ctx, person_id: int, event: records.Event, gathered: domain.Gathered) -> dict[str, Any]:
    """Person, institution, author and encounter; the person as the institution itself knows them."""
    known = {r.id: r for r in empi.registrations(ctx, person_id)}[event.registration_id]
    institution = registry.institution(event.org_code)
    on = (gathered.at or event.event_at).astimezone(COUNTY_ZONE).date()
    inpatient = event.kind in ("inpatient", "surgery", "birth", "order")
    head = {
        "authored_at": gathered.at or event.event_at,
        "author_name": _author(gathered) or ctx.actor_name,
        "org_code": event.org_code,
        "org_name": institution.name if institution else "",
        "full_name": known.full_name,
        "sex_code": known.sex_code,
        "born_on": known.born_on,
        "age_years": domain.age(known.born_on, on) if known.born_on else None,
        "id_no": known.id_no,
        "phone": known.phone,
        "health_card_no": known.health_card_no,
        "inpatient_no" if inpatient else "outpatient_no": event.encounter_key or known.local_id,
    }
    return {name: domain.as_text(value) for name, value in head.items() if value not in (None, "")}


def _author(gathered: domain.Gathered) -> str:
    """Who the records say signed: the first signature of a physician, else the first signature."""
    signed = [
        (name, text) for rows in gathered.rows.values() for row in rows[:1] for name, text in row.items()
        if name.endswith("_signature")
    ]  # fmt: skip
    return next(
        (text for name, text in signed if "physician" in name or "doctor" in name), signed[0][1] if signed else ""
    )


def signed(document_id: int, original: bytes) -> Signed | None:
    """The signature of a stored document and whether it is one of its bytes; None for what came from elsewhere."""
    made = IssuedDocument.objects.filter(document_id=document_id).first()
    if made is None:
        return None
    after = IssuedDocument.objects.filter(replaces_id=document_id).first()
    return Signed(
        is_true=sealing.holds(original, sealing.Seal(made.key_id, made.public_key, made.signature)),
        key_id=made.key_id,
        signed_by=made.signed_by,
        signed_at=made.signed_at,
        org_code=made.org_code,
        version=made.version,
        replaces_id=made.replaces_id,
        replaced_by=after.document_id if after else None,
        reason=made.reason,
        copy_key=enveloping.key_name(proof) if (proof := _proof(made)) else "",
    )


def signed_copy(document_id: int, original: bytes) -> bytes | None:
    """The document with its signature inside; None for what was not made here, or before copies were signed."""
    made = IssuedDocument.objects.filter(document_id=document_id).first()
    proof = _proof(made) if made is not None else None
    return enveloping.copy(original, proof) if proof is not None else None


def _proof(made: IssuedDocument) -> enveloping.Proof | None:
    return enveloping.Proof(made.xml_public_key, made.xml_signature) if made.xml_public_key else None
