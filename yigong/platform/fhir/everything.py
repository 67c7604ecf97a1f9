"""``Patient/id/$everything``: what is known of a person, narrowed by the dates of care, by type and by what is new, page by page."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse

from yigong.kit.errors import Refused
from yigong.platform.fhir import acts, db, reading
from yigong.platform.fhir.anchors import in_compartments
from yigong.platform.fhir.answers import JSON_TYPE, bundle, entry, is_lenient
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.official import definitions, numbers, supported
from yigong.platform.fhir.operations import asked_of
from yigong.platform.fhir.reading import Stored
from yigong.platform.fhir.search.asked import only, whole
from yigong.platform.fhir.search.compiling import Compiler
from yigong.platform.fhir.searching import address, note_reading
from yigong.platform.fhir.views import fhir

KNOWN = ("start", "end", "_since", "_type", "_count", "_after")
MOST = 1000
#: date parameters that tell of the person or of the bookkeeping, and not of when care was given
ASIDE = {
    "birthdate", "death-date", "value-date", "target-date", "issued", "recorded", "modified", "last-date", "payment-date",
    "entered-date",
}  # fmt: skip
#: types that a page brings along where its resources refer to them
ALONG = ("Organization", "Practitioner", "PractitionerRole", "Location", "Medication")


@fhir("fhir.read")
def everything(request: HttpRequest, caller: Caller, fhir_id: str) -> HttpResponse:
    """All resources of a person that the caller may see, with what they refer to; from every registration of the person."""
    caller.scopes.must("Patient", "r")
    patient = reading.read(caller, "Patient", acts.good_id(fhir_id))
    given = only("$everything", asked_of(request), KNOWN, lenient=is_lenient(request))
    kinds = [k for k in given.get("_type", "").split(",") if k]
    for kind in kinds:
        acts.kind_known(kind)
    count = max(1, min(whole("_count", given.get("_count", "200")), MOST))
    after = whole("_after", given.get("_after", "0"))
    head = [] if "_after" in given or (kinds and "Patient" not in kinds) else [patient]
    found = _of_person(caller, patient, kinds, given, after, count - len(head) + 1)
    page = [*head, *found[: count - len(head)]]
    along = _referred(caller, [one.id for one in page], kinds)
    note_reading(caller, "Patient", [patient, *page])
    entries = [entry(caller.base, one, "match") for one in page] + [entry(caller.base, one, "include") for one in along]
    more = len(found) > count - len(head)
    total = len(entries) if not more and "_after" not in given else None
    path = f"{caller.base}Patient/{fhir_id}/$everything"
    links = [("self", address(path, list(given.items())))]
    if more:
        last = page[-1].id if len(page) > len(head) else after
        links.append(
            ("next", address(path, [*((k, v) for k, v in given.items() if k != "_after"), ("_after", str(last))]))
        )
    return HttpResponse(bundle("searchset", entries, links=links, total=total), content_type=JSON_TYPE)


def _of_person(
    caller: Caller, patient: Stored, kinds: list[str], given: dict[str, str], after: int, limit: int
) -> list[Stored]:
    """The next resources of a person in the order of their numbers."""
    compiler = Compiler(caller)
    where = [
        in_compartments(compiler.bind([patient.registration_id])),
        f"r.id <> {compiler.bind(patient.id)} and not r.deleted and r.id > {compiler.bind(after)}",
        compiler.seen("r", ""),
        _types(caller, compiler, kinds),
    ]
    if since := given.get("_since"):
        where.append(f"r.last_updated >= to_timestamp({compiler.bind(_span('_since', since)[0] / 1e6)}::float8)")
    if given.get("start") or given.get("end"):
        where.append(_cared(compiler, given.get("start", ""), given.get("end", "")))
    sql = f"select {reading.COLUMNS} from fhir_resource r where {' and '.join(where)} order by r.id limit {compiler.bind(limit)}"
    return [reading.stored(row) for row in db.rows(sql, compiler.params, raw_text=True)]


def _types(caller: Caller, compiler: Compiler, kinds: list[str]) -> str:
    """True for the types that were asked for, as far as the scopes let each be read."""
    allowed = caller.scopes.kinds("r", kinds or definitions().resources)
    narrowed = [k for k in allowed if caller.scopes.queries(k, "r")]
    whole_types = compiler.bind([k for k in allowed if k not in narrowed])
    parts = [f"(r.type = {compiler.bind(k)} and {compiler.narrowing(k, 'r')})" for k in narrowed]
    return f"(r.type = any({whole_types}::text[]){''.join(f' or {part}' for part in parts)})"


def _cared(compiler: Compiler, start: str, end: str) -> str:
    """True for care between two days, both included; what bears no date of care cannot be left out."""
    dates = (
        f"select 1 from fhir_date d where d.resource_id = r.id and d.param = any({compiler.bind(list(_care_dates()))})"
    )
    within = []
    if start:
        within.append(f"d.high >= {compiler.bind(_span('start', start)[0])}")
    if end:
        within.append(f"d.low <= {compiler.bind(_span('end', end)[1])}")
    return f"(exists ({dates} and {' and '.join(within)}) or not exists ({dates}))"


@cache
def _care_dates() -> tuple[int, ...]:
    """Numbers of the parameters that tell when care was given, of all types of a patient's compartment."""
    kinds = [k for k in definitions().patient_compartment if k in definitions().parameters]
    named = ((k, p) for k in kinds for p in supported(k) if p.type == "date" and p.code[0] != "_")
    return tuple(sorted({number for k, p in named if p.code not in ASIDE for number in numbers(k, p.code)}))


def _span(name: str, text: str) -> tuple[int, int]:
    try:
        return moments(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise Refused("fhir.parameter_value", name=name, value=text[:60]) from error


def _referred(caller: Caller, ids: list[int], asked: list[str]) -> list[Stored]:
    """Institutions, staff, places and medications that a page refers to, of the types asked for."""
    kinds = [
        k for k in caller.scopes.kinds("r", ALONG) if not caller.scopes.queries(k, "r") and (not asked or k in asked)
    ]
    sql = f"""select distinct on (r.id) {reading.COLUMNS} from fhir_reference f
        join fhir_resource r on r.type = split_part(f.target, '/', 1) and r.fhir_id = split_part(f.target, '/', 2)
        where f.resource_id = any(%(ids)s) and r.type = any(%(kinds)s) and not r.deleted and r.id <> all(%(ids)s)
            and r.registration_id is null limit 1000"""
    given: dict[str, Any] = {"ids": ids, "kinds": kinds}
    return [reading.stored(row) for row in db.rows(sql, given, raw_text=True)] if kinds else []
