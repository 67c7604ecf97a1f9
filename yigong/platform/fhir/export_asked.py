"""What a bulk export is narrowed by: types, searches, elements (HL7 Bulk Data Access 2.0); and what of it is passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from yigong.kit.errors import Refused
from yigong.platform.fhir.answers import issue, told
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.search import asked as asking
from yigong.platform.fhir.search.compiling import Compiler

#: between two searches of one value; a comma inside a search stands before no type
_BETWEEN = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
MOST_FILTERS = 40


@dataclass(slots=True)
class Narrowed:
    """What is wanted of an export."""

    types: list[str] = field(default_factory=list)  # empty: all that may be read
    filters: dict[str, list[list[tuple[str, str]]]] = field(default_factory=dict)
    elements: dict[str, list[str]] = field(default_factory=dict)
    passed: list[dict[str, Any]] = field(default_factory=list)  # issues about what was not understood


class _Reading:
    """Reads the parameters; with *lenient* what is wrong is passed over and noted."""

    def __init__(self, caller: Caller, *, lenient: bool) -> None:
        self.caller, self.lenient, self.out = caller, lenient, Narrowed()

    def wrong(self, refused: Refused) -> None:
        if not self.lenient:
            raise refused
        self.out.passed.append(issue("warning", "not-supported", *told(refused), rule=refused.code))

    def types(self, given: Sequence[str]) -> None:
        kinds = list(dict.fromkeys(k.strip() for text in given for k in text.split(",") if k.strip()))
        for kind in kinds:
            try:
                self.readable(kind)
                self.out.types.append(kind)
            except Refused as refused:
                self.wrong(refused)
        if kinds and not self.out.types:
            raise Refused("fhir.operation_input", name="export", parameter=f"_type={','.join(kinds)[:60]}")

    def readable(self, kind: str) -> None:
        if kind not in definitions().parameters:
            raise Refused("fhir.export_type", type=kind[:60])
        self.caller.scopes.must(kind, "r")

    def filters(self, given: Sequence[str]) -> None:
        queries = [q for text in given for q in _BETWEEN.split(text) if q]
        if len(queries) > MOST_FILTERS:
            raise Refused("fhir.search_too_large", size=len(queries), limit=MOST_FILTERS)
        for query in queries:
            try:
                kind, pairs = self.filter(query)
                self.out.filters.setdefault(kind, []).append(pairs)
            except Refused as refused:
                self.wrong(refused)

    def filter(self, query: str) -> tuple[str, list[tuple[str, str]]]:
        kind, mark, text = query.partition("?")
        if not mark or (self.out.types and kind not in self.out.types):
            raise Refused("fhir.operation_input", name="export", parameter=f"_typeFilter={query[:60]}")
        self.readable(kind)
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=100)
        if control := next((n for n, _ in pairs if n.partition(":")[0] in asking.CONTROLS), ""):
            raise Refused("fhir.parameter_unserved", where="_typeFilter", name=control, known=["—"])
        if not asking.read(kind, pairs).clauses:
            raise Refused("fhir.condition_empty", type=kind)
        Compiler(self.caller).any_of(kind, [pairs])  # what a chain leads to must be in scope too
        return kind, pairs

    def elements(self, given: Sequence[str]) -> None:
        for name in (e.strip() for text in given for e in text.split(",") if e.strip()):
            kind, dot, element = name.rpartition(".")
            try:
                if dot and (kind not in definitions().parameters or element not in definitions().types[kind].elements):
                    raise Refused("fhir.operation_input", name="export", parameter=f"_elements={name[:60]}")
                self.out.elements.setdefault(kind or "*", []).append(element)
            except Refused as refused:
                self.wrong(refused)


def read(caller: Caller, given: Mapping[str, Sequence[str]], known: Sequence[str], *, lenient: bool) -> Narrowed:
    """What the parameters of an export ask for.

    Raises Refused fhir.parameter_unserved, fhir.export_type, fhir.scope, fhir.operation_input and those of searches; with
    *lenient* they become issues of the export instead.
    """
    reading = _Reading(caller, lenient=lenient)
    for name in given:
        if name not in known and name not in ("_format", "_pretty"):
            reading.wrong(Refused("fhir.parameter_unserved", where="$export", name=name[:60], known=list(known)))
    reading.types(given.get("_type", ()))
    reading.filters(given.get("_typeFilter", ()))
    reading.elements(given.get("_elements", ()))
    return reading.out


def wanted(elements: Mapping[str, Sequence[str]], kind: str) -> str:
    """The elements of a type as ``_elements`` of a search names them; empty for all of it."""
    return ",".join([*elements.get(kind, ()), *elements.get("*", ())])
