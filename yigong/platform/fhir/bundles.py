"""Transactions and batches: references among the entries resolved, then one set-based write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.db import transaction

from yigong.kit.errors import Refused
from yigong.platform.fhir import acts, reading
from yigong.platform.fhir.answers import refusal_outcome, written_outcome
from yigong.platform.fhir.bodies import JSON, instant, new_id, read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.search.asked import read as asked_of
from yigong.platform.fhir.search.running import search
from yigong.platform.fhir.searching import note_reading, searchset
from yigong.platform.fhir.store import Draft
from yigong.security.api import audit

#: entries of one bundle; more goes by ``yigong fhir import``
MOST = 5000
#: the order of FHIR: deletes, creates, updates and patches, reads
ORDER = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")


@dataclass(slots=True)
class Entry:
    """One entry under way."""

    number: int
    method: str
    url: str
    resource: JSON | None
    full_url: str
    condition: str | None  # ifNoneExist
    if_match: int | None
    headers: dict[str, str] = field(default_factory=dict)  # ifNoneMatch, ifModifiedSince
    draft: Draft | None = None
    there: str = ""  # logical id of one that met the condition of a create
    met: str = ""  # logical id of one that met the condition of an update
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The type in the address."""
        return self.path.split("/")[0]

    @property
    def path(self) -> str:
        """The address without its query."""
        return self.url.partition("?")[0].strip("/")

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the address."""
        return parse_qsl(self.url.partition("?")[2], keep_blank_values=True)


def run(caller: Caller, bundle: Mapping[str, Any], *, telling: bool = False) -> dict[str, Any]:
    """The response Bundle, with *telling* an OperationOutcome for each write. Raises Refused fhir.bundle_type, fhir.bundle, and whatever one entry of a transaction raises."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in ("transaction", "batch"):
        raise Refused("fhir.bundle_type", type=str(bundle.get("type"))[:40])
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MOST:
        raise Refused("fhir.bundle", entry=MOST, why=f"{len(entries)} entries")
    if bundle["type"] == "transaction":
        done = _transaction(caller, [_located(n, _entry, caller, n, e) for n, e in enumerate(entries)])
    else:
        done = [_alone(caller, n, e) for n, e in enumerate(entries)]
    for draft, answer in ((e.draft, e.answer["response"]) for e in done if telling):
        if draft is not None and draft.resource is not None:
            answer.setdefault("outcome", written_outcome(draft.outcome, draft.remarks))
    return {
        "resourceType": "Bundle",
        "id": new_id(),
        "type": f"{bundle['type']}-response",
        "entry": [e.answer for e in done],
    }


def _located(number: int, act: Callable[..., Any], *given: Any) -> Any:
    """What *act* gives; a refusal says which entry it is about."""
    try:
        return act(*given)
    except Refused as refused:
        if refused.code == "fhir.bundle":  # names its entry itself
            raise
        raise Refused(refused.code, **{**refused.facts, "bundle_entry": number}) from refused


def _entry(caller: Caller, number: int, given: Any) -> Entry:
    """The entry as it was meant. Raises Refused fhir.bundle."""
    request = given.get("request") if isinstance(given, dict) else None
    if not isinstance(request, dict) or request.get("method") not in ORDER or not isinstance(request.get("url"), str):
        raise Refused("fhir.bundle", entry=number + 1, why="request.method, request.url")
    resource = given.get("resource")
    if request["method"] in ("POST", "PUT", "PATCH") and not isinstance(resource, dict):
        raise Refused("fhir.bundle", entry=number + 1, why="resource")
    version = str(request.get("ifMatch") or "")
    url = request["url"].removeprefix(caller.base) if caller.base else request["url"]
    return Entry(number, request["method"], url, resource, str(given.get("fullUrl", "")), request.get("ifNoneExist"),
                 acts.version_of(version, "ifMatch") if version and version != "*" else None,
                 {n: str(request[n]) for n in ("ifNoneMatch", "ifModifiedSince") if request.get(n)})  # fmt: skip


def _addressed(entry: Entry) -> None:
    """Raises Refused fhir.bundle_address for an address that is no resource or type, or not for this method."""
    steps = entry.path.split("/")
    reads = entry.method in ("GET", "HEAD")
    version = len(steps) == 4 and steps[2] == "_history" and reads
    known = entry.kind in definitions().parameters and (version or len(steps) <= (1 if entry.method == "POST" else 2))
    if not known or any(s[:1] in ("$", "_") for s in steps[1:2]):
        raise Refused("fhir.bundle_address", method=entry.method, url=entry.url[:80])


def _alone(caller: Caller, number: int, given: Any) -> Entry:
    """One entry of a batch: what goes wrong with it stays with it."""
    entry = Entry(number, "", "", None, "", None, None)
    try:
        entry = _entry(caller, number, given)
        _transaction(caller, [entry])
    except Refused as refused:
        status, body = refusal_outcome(refused)
        entry.answer = {"response": {"status": str(status), "outcome": body}}
    return entry


@transaction.atomic
def _transaction(caller: Caller, entries: Sequence[Entry]) -> Sequence[Entry]:
    for entry in entries:
        _located(entry.number, _addressed, entry)
        _located(entry.number, _identify, caller, entry)
    _resolve(caller, entries)
    for entry in sorted(entries, key=lambda e: ORDER.index(e.method)):
        if entry.method not in ("GET", "HEAD") and not entry.there:
            entry.draft = _located(entry.number, _draft, caller, entry)
            if entry.draft is not None and entry.method == "PUT":
                entry.draft.if_absent = entry.headers.get("ifNoneMatch", "").strip() == "*"
    drafts = [e.draft for e in entries if e.draft is not None]
    _no_twins(entries)
    try:
        acts.written(caller, drafts)
    except Refused as refused:
        raise _of_draft(refused, [e.number for e in entries if e.draft is not None]) from refused
    for entry in entries:
        entry.answer = _read(caller, entry) if entry.method in ("GET", "HEAD") else _written(caller, entry)
    return entries


def _of_draft(refused: Refused, numbers: Sequence[int]) -> Refused:
    """A refusal that is about one draft says of which entry it came."""
    facts = dict(refused.facts)
    draft = facts.pop("draft", None)
    return Refused(refused.code, **facts, bundle_entry=numbers[draft]) if isinstance(draft, int) else refused


def _no_twins(entries: Sequence[Entry]) -> None:
    """One resource may be changed by one entry only."""
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        if (draft := entry.draft) is None or not draft.fhir_id:
            continue
        first = seen.setdefault((draft.kind, draft.fhir_id), entry.number)
        if first != entry.number:
            why = f"{draft.kind}/{draft.fhir_id} = entry {first + 1}"
            raise Refused("fhir.bundle", entry=entry.number + 1, why=why)


def _identify(caller: Caller, entry: Entry) -> None:
    """Give each create its id before references are resolved; find those that are there already."""
    if entry.resource is None:
        return
    if entry.method == "POST":
        if entry.condition is not None:
            pairs = parse_qsl(entry.condition.lstrip("?"), keep_blank_values=True)
            entry.there = acts.one(caller, entry.kind, pairs)
        entry.resource = {**entry.resource, "id": entry.there or new_id()}
    elif entry.method == "PUT" and "/" not in entry.path:
        entry.met = acts.one(caller, entry.kind, entry.query)
        entry.resource = {**entry.resource, "id": entry.resource.get("id") or entry.met or new_id()}


def _resolve(caller: Caller, entries: Sequence[Entry]) -> None:
    """Replace references to entries by references to what they become."""
    known: dict[str, str] = {}
    for entry in entries:
        if entry.resource is not None and entry.full_url and entry.method in ("POST", "PUT"):
            fhir_id = entry.resource.get("id") or entry.path.partition("/")[2]
            known[entry.full_url] = f"{entry.kind}/{fhir_id}"
    conditional: dict[str, str] = {}

    def place(text: str) -> str:
        if (found := known.get(text)) is not None:
            return found
        if text.startswith("urn:"):
            raise Refused("fhir.reference_unresolved", reference=text[:100])
        if "?" in text and not text.startswith(("http:", "https:", "#")):
            if text not in conditional:
                conditional[text] = _by_search(caller, text)
            return conditional[text]
        return text

    for entry in entries:
        if entry.resource is not None:
            _located(entry.number, _replaced, entry.resource, place, known)


def _by_search(caller: Caller, text: str) -> str:
    kind, _, query = text.partition("?")
    acts.kind_known(kind)
    found = acts.one(caller, kind, parse_qsl(query, keep_blank_values=True))
    if not found:
        raise Refused("fhir.reference_unresolved", reference=text[:100])
    return f"{kind}/{found}"


def _replaced(value: JSON, place: Callable[[str], str], known: Mapping[str, str]) -> None:
    """Walk a resource and rewrite the references in it."""
    stack: list[Any] = [value]
    while stack:
        one = stack.pop()
        if type(one) is list:
            stack.extend(i for i in one if isinstance(i, dict | list))
            continue
        for name, inner in one.items():
            kind = type(inner)
            if kind is str:
                if name == "reference" or inner in known:
                    one[name] = place(inner)
            elif kind is dict or kind is list:
                stack.append(inner)


def _draft(caller: Caller, entry: Entry) -> Draft | None:
    kind, _, fhir_id = entry.path.partition("/")
    match entry.method:
        case "POST":
            draft = acts.creation(caller, kind, entry.resource or {})
            if draft is not None:
                draft.fhir_id, draft.is_new = str((entry.resource or {})["id"]), True
            return draft
        case "PUT" if fhir_id:
            return acts.change(caller, kind, fhir_id, {"id": fhir_id, **(entry.resource or {})}, entry.if_match)
        case "PUT":
            return _conditional(caller, entry)
        case "PATCH" if not fhir_id:
            return acts.conditional_patch(caller, kind, entry.query, _operations(entry), entry.if_match)
        case "PATCH":
            return acts.patched(caller, kind, fhir_id, _operations(entry), entry.if_match)
        case _:
            if fhir_id:
                return acts.removal(caller, kind, fhir_id, entry.if_match)
            return acts.conditional_removal(caller, kind, entry.query)


def _conditional(caller: Caller, entry: Entry) -> Draft:
    """An update under a condition; its id was settled before the references to it were."""
    resource = entry.resource or {}
    if entry.met and resource["id"] != entry.met:
        raise Refused("fhir.id_differs", asked=entry.met, given=str(resource["id"])[:64])
    if not entry.met:
        caller.scopes.must(entry.kind, "c")
    return acts.change(caller, entry.kind, str(resource["id"]), resource, entry.if_match)


def _operations(entry: Entry) -> Any:
    """The Parameters of a FHIRPath Patch, or a JSON Patch that travels as a Binary."""
    if entry.resource is not None and entry.resource.get("resourceType") == "Parameters":
        return entry.resource
    import base64
    import json

    try:
        return json.loads(base64.b64decode(str((entry.resource or {}).get("data", "")), validate=True))
    except ValueError as error:
        raise Refused("fhir.bundle", entry=entry.number + 1, why="Binary.data: JSON Patch") from error


def _written(caller: Caller, entry: Entry) -> dict[str, Any]:
    if entry.there:
        present = reading.read(caller, entry.kind, entry.there)
        return _response("200", caller, entry.kind, entry.there, present.version, present.last_updated)
    draft = entry.draft
    if draft is None or draft.resource is None:
        return {"response": {"status": "204"}}
    status = "201" if draft.outcome == "created" else "200"
    return _response(status, caller, draft.kind, draft.fhir_id, draft.version, draft.moment)


def _response(status: str, caller: Caller, kind: str, fhir_id: str, version: int, moment: Any) -> dict[str, Any]:
    place = f"{kind}/{fhir_id}"
    facts = {"status": status, "location": f"{place}/_history/{version}", "etag": f'W/"{version}"'}
    return {"fullUrl": f"{caller.base}{place}", "response": {**facts, "lastModified": instant(moment)}}


def _read(caller: Caller, entry: Entry) -> dict[str, Any]:
    """A read or search inside a bundle."""
    parts = [unquote(p) for p in urlsplit(entry.url).path.strip("/").split("/")]
    if len(parts) == 1:
        found = search(caller, asked_of(parts[0], entry.query))
        note_reading(caller, parts[0], [*found.matches, *found.along])
        body = {} if entry.method == "HEAD" else {"resource": read(searchset(caller, found, caller.base + parts[0]))}
        return {**body, "response": {"status": "200"}}
    caller.scopes.must(parts[0], "r")
    if len(parts) == 4 and parts[2] == "_history" and parts[3].isdigit():
        one = reading.version(caller, parts[0], parts[1], int(parts[3]))
    elif len(parts) == 2:
        one = reading.read(caller, parts[0], parts[1])
    else:
        raise Refused("fhir.bundle", entry=entry.number + 1, why=entry.url[:80])
    audit(caller.ctx, "fhir.read", "fhir", one.place, registration_id=one.registration_id)
    etag = f'W/"{one.version}"'
    if _has_it(entry, one):
        return {"response": {"status": "304", "etag": etag}}
    response = {"response": {"status": "200", "etag": etag, "lastModified": instant(one.last_updated)}}
    return response if entry.method == "HEAD" else {"resource": read(one.body), **response}


def _has_it(entry: Entry, one: reading.Stored) -> bool:
    """Whether the client has this version, as it says by ifNoneMatch or else by ifModifiedSince."""
    if (given := entry.headers.get("ifNoneMatch")) is not None:
        tags = [tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")]
        return "*" in tags or str(one.version) in tags
    since = entry.headers.get("ifModifiedSince")
    try:
        return since is not None and moments(since)[1] >= one.last_updated.timestamp() * 1e6
    except (ValueError, OverflowError) as error:
        raise Refused(
            "fhir.header_value", name="ifModifiedSince", value=str(since)[:60], example="2026-01-01T08:00:00+08:00"
        ) from error
