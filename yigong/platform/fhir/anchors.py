"""Finds the registrations in whose compartments resources lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from yigong.platform.fhir import db, patients
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.indexing.values import Sink
from yigong.platform.fhir.official import compartment, subjects

if TYPE_CHECKING:
    from yigong.platform.fhir.store import Draft

PATIENT = "Patient/"


def anchor(caller: Caller, drafts: Sequence[Draft], sink: Sink) -> None:
    """Give each draft ``registration_id`` and ``others``; Patients are registered on the way."""
    coming = [d for d in drafts if d.kind == "Patient" and d.resource is not None]
    given = patients.register(caller, [(d.fhir_id, d.resource) for d in coming if d.resource is not None])
    here = {d.fhir_id: r for d, r in zip(coming, given, strict=True)}
    place(drafts, wanted(drafts, sink), here, caller.ctx.org_code)


def place(
    drafts: Sequence[Draft], wanted_ids: Mapping[int, Sequence[str]], here: Mapping[str, int], org_code: str
) -> None:
    """Give drafts the registrations of the Patients that they name; *here* are those that come with them."""
    absent = {p for ids in wanted_ids.values() for p in ids} - here.keys()
    known = {**here, **registrations(absent)}
    for draft in drafts:
        if draft.kind == "Patient" and draft.resource is not None:
            draft.registration_id = here[draft.fhir_id]
        elif draft.resource is not None:
            found = list(dict.fromkeys(known[p] for p in wanted_ids.get(draft.resource_id, ()) if p in known))
            draft.registration_id = found[0] if found else None
            draft.others = found[1:] or None
    _contents(drafts, org_code)


def _contents(drafts: Sequence[Draft], org_code: str) -> None:
    """The content of a document belongs to the person of the document."""
    binaries = {f"Binary/{d.fhir_id}": d for d in drafts if d.kind == "Binary"}
    elsewhere: list[tuple[str, int, str]] = []
    for draft in drafts:
        if draft.kind == "DocumentReference" and draft.registration_id is not None and draft.resource is not None:
            for content in draft.resource.get("content", ()):
                url = str(content.get("attachment", {}).get("url", ""))
                if (binary := binaries.get(url)) is not None:
                    binary.registration_id = binary.registration_id or draft.registration_id
                elif url.startswith("Binary/"):
                    elsewhere.append((url[7:], draft.registration_id, draft.org_code or org_code))
    if elsewhere:
        ids, people, _ = zip(*elsewhere, strict=True)
        sql = """update fhir_resource r set registration_id = n.person, written = default
            from unnest(%(ids)s::text[], %(people)s::bigint[]) n(id, person)
            where r.type = 'Binary' and r.fhir_id = n.id and r.registration_id is null and r.org_code = any(%(orgs)s)"""
        db.do(sql, {"ids": list(ids), "people": list(people), "orgs": [o for _, _, o in elsewhere]})


def wanted(drafts: Sequence[Draft], sink: Sink) -> dict[int, list[str]]:
    """Resource -> logical ids of its patients, the one it is about first."""
    kinds = {d.resource_id: d.kind for d in drafts if d.kind != "Patient"}
    found: dict[int, list[str]] = {}
    for resource_id, param, target in sink.reference:
        kind = kinds.get(resource_id)
        if kind is None or not target.startswith(PATIENT) or param not in compartment(kind):
            continue
        ids = found.setdefault(resource_id, [])
        if param in subjects(kind):
            ids.insert(0, target[len(PATIENT) :])
        else:
            ids.append(target[len(PATIENT) :])
    return found


def registrations(fhir_ids: Iterable[str]) -> dict[str, int]:
    """The registrations of Patients by their logical ids."""
    ids = list(fhir_ids)
    if not ids:
        return {}
    sql = """select fhir_id, registration_id from fhir_resource
        where type = 'Patient' and fhir_id = any(%(ids)s) and registration_id is not null"""
    return dict(db.rows(sql, {"ids": ids}))


def in_compartments(registrations: str) -> str:
    """True for resources about the persons behind bound registrations: by whichever registration, and where they stand beside others."""
    theirs = f"""array(select g.id from empi_registration g where g.person_id in
        (select a.person_id from empi_registration a where a.id = any({registrations}::bigint[])))"""
    return f"(r.registration_id = any({theirs}) or r.others && {theirs})"


def documents_of(binaries: Sequence[Draft], location: int, org_code: str) -> None:
    """Content that comes after its document belongs to the person of the document; *location* is the parameter that names it."""
    sql = """select u.uri, min(r.registration_id) from fhir_uri u join fhir_resource r on r.id = u.resource_id
        where u.param = %(param)s and u.uri = any(%(urls)s) and r.type = 'DocumentReference' and not r.deleted
            and r.registration_id is not null and r.org_code = %(org)s group by u.uri"""
    alone = {f"Binary/{d.fhir_id}": d for d in binaries if d.registration_id is None}
    if alone:
        for url, person in db.rows(sql, {"param": location, "urls": list(alone), "org": org_code}):
            alone[url].registration_id = person
