"""What a column says, as the element of FHIR that it goes to can say it. Pure but for the definitions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from yigong.platform.fhir.bodies import Digits
from yigong.platform.fhir.mapping import Place
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.validation import narrative
from yigong.platform.fhir.validation.primitives import trouble
from yigong.standards.api import load

#: a day where FHIR has only moments stands as an extension: no time of day is invented
DAY = "urn:yigong:fhir:day"
#: the codes of one system of one institution: urn:yigong:code:{organisation code}:{system}
OWN_CODES = "urn:yigong:code:"
#: flags of results as HL7 writes them (v3-ObservationInterpretation)
FLAGS = frozenset(
    ["A", "AA", "H", "HH", "HU", "L", "LL", "LU", "N", "POS", "NEG", "IND", "S", "R", "I", "SDD", "NS", "DET", "ND"]
)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_WHOLE = ("integer", "positiveInt", "unsignedInt")


def plain(value: Any) -> Any:
    """A value of a column as JSON of FHIR has it."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00") if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            return Digits(str(value))
    return value


def said(kind: str, value: Any) -> Any:
    """The value as an element of type *kind*; an object is what extends the element; None where it cannot be said so."""
    found = plain(value)
    if isinstance(found, str) and _NUMBER.fullmatch(found) and (kind == "decimal" or kind in _WHOLE):
        found = Digits(found) if kind == "decimal" else int(found) if found.isdigit() else found
    if kind == "xhtml":
        found = narrative.made(str(found))
    if kind not in definitions().types or definitions().types[kind].kind != "primitive":
        return found
    if not trouble(kind, found):
        return found
    if kind == "instant" and not trouble("date", found):
        return {"extension": [{"url": DAY, "valueDate": found}]}
    return None


def table_system(table: Any) -> str:
    """The address of a national code table: its object identifier where the sources agree on it."""
    return f"urn:oid:{table.oid}" if table.oid else f"urn:yigong:code-system:{table.id}"


def code_system(data_set: str, column: str, code: str, org_code: str, source_system: str) -> str:
    """The system of a code of a record: the standard's table where it has the code, else that of the source's own codes."""
    if column == "abnormal_flag" and code in FLAGS:
        return "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    table = _tables(data_set).get(column)
    if table is not None and (not table.codes or code in table.codes):  # some tables are too large to be kept here
        return table_system(table)
    return f"{OWN_CODES}{org_code}:{quote(source_system, safe='')}"


@lru_cache(maxsize=256)
def _tables(data_set: str) -> dict[str, Any]:
    """The code tables of the coded columns of a data set."""
    standard = load()
    fields = standard.data_sets[data_set].fields if data_set in standard.data_sets else ()
    return {
        f.identifier: standard.value_sets[f.value_set_id]
        for f in fields
        if f.coded and f.value_set_id in standard.value_sets
    }


@lru_cache(maxsize=4096)
def kind_at(resource: str, where: Place, *, above: int = 0) -> str:
    """The type of the element at the first way of a place, or *above* it; nothing where it is no element."""
    kind = resource
    for step in where.ways[0][: len(where.ways[0]) - above]:
        known = definitions().types.get(kind)
        names = {n: c for e in known.elements.values() for n, c in e.json_names.items()} if known else {}
        kind = names.get(step.name, "")
    return kind
