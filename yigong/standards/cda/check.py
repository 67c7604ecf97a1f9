"""A shared document judged by its declarations: head, sections, every declared place, and what must agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from yigong.kit import xml
from yigong.kit.errors import Refused
from yigong.kit.xml import children
from yigong.standards.cda.agree import agreements
from yigong.standards.cda.checks import Found, Report, found
from yigong.standards.cda.finder import Finder
from yigong.standards.cda.form import form_of
from yigong.standards.cda.frame import frame, title_of
from yigong.standards.cda.header import document_code
from yigong.standards.cda.paths import steps_of
from yigong.standards.cda.quick import Hits, Slot, Tables, says, tables_of

LOINC = "2.16.840.1.113883.6.1"
_TABLES: dict[tuple[int, str], Tables] = {}
_TEMPLATES: dict[int, dict[str, str]] = {}  # kind of document -> its template


def check_document(data: bytes, standards: Any) -> Report:
    """What is wrong with the document in *data*; raises Refused for what is no shared document (see open_document)."""
    parsed = xml.parse(data)
    root = next(parsed.root.iter("ClinicalDocument"), None)
    if root is None:
        raise Refused("cda_other_xml", root=str(parsed.root.tag)[:60])
    find = Finder(root)
    declared = standards.documents.get(document_code(root, find.said("code", "code"), _templates(standards)))
    findings = [found(note, root) for note in parsed.notes]
    findings += [*frame(find, declared), *agreements(find)]
    title = title_of(find)
    if declared is None:
        return Report("", title, tuple(findings), 0, 0, 0)
    tables = _tables(declared, standards)
    hits = tables.hits(root, parsed.elements)
    missing, satisfied, required = _required(root, tables, hits)
    findings += [*missing, *_forms(tables, hits, standards)]
    if tables.unjudged:
        findings.append(found("cardinality_undeclared", root, more=tables.unjudged))
    return Report(declared.code, title, tuple(findings), satisfied, required, tables.unjudged)


def _templates(standards: Any) -> dict[str, str]:
    key = id(standards)
    if key not in _TEMPLATES:
        _TEMPLATES[key] = {entry.code: entry.template_oid for entry in standards.documents.values()}
    return _TEMPLATES[key]


def _tables(declared: Any, standards: Any) -> Tables:
    key = (id(standards), declared.code)
    if key not in _TABLES:
        _TABLES[key] = tables_of(declared, standards)
    return _TABLES[key]


def _required(root: etree._Element, tables: Tables, hits: Hits) -> tuple[list[Found], int, int]:
    """Sections and required places that are missing; how many of those required are filled, and how many there are."""
    wanted = tables.required.of(hits)
    findings = [*_sections(root, tables, wanted)]
    absent = {entry.name for entry in findings if entry.rule == "section_missing"}
    satisfied = 0
    for place, slot in wanted:
        standing = hits[slot]
        if standing and (standing[0][1] is not None or any(says(hit) for hit in standing)):
            satisfied += 1
        elif standing:
            findings.append(found("required_blank", standing[0][0], name=(place.name_zh, place.name_en)))
        elif place.section_zh not in absent:
            findings.append(found("required_missing", _nearest(root, place), name=(place.name_zh, place.name_en)))
    return findings, satisfied, len(wanted)


def _sections(root: etree._Element, tables: Tables, wanted: list[tuple[Any, int]]) -> Iterator[Found]:
    """Sections that the kind declares and the document has not; a section's own cardinality is not in the facts."""
    codes = [part for section in root.iter("section") for part in children(section) if part.tag == "code"]
    given = {code.get("code", "") for code in codes} | {code.get("displayName", "") for code in codes}
    others = [code for code in codes if code.get("codeSystem") != LOINC]
    for section, name in tables.sections:
        if name not in given:
            body = root.find("component/structuredBody")
            needed = sum(place.section_zh == section.title_zh for place, _ in wanted)
            rule = "section_missing" if needed else "section_absent"
            called = (section.title_zh or section.display, section.title_en or section.display)
            yield found(rule, body if body is not None else root, name=called, more=needed)
        for code in others:
            if section.loinc and code.get("code") == section.loinc:
                yield found(
                    "section_code_system",
                    code,
                    name=(section.title_zh or section.display, section.title_en or section.display),
                )


def _forms(tables: Tables, hits: Hits, standards: Any) -> Iterator[Found]:
    """What is wrong with the values that stand at declared places, each value once."""
    judged: set[etree._Element] = set()
    for number, slot in tables.judged:
        standing = hits[number]
        if not standing:
            continue
        many, shared, accepts = len(slot.places) > 1, slot.shared, slot.accepts[0]
        for node, value in standing:
            if value is None or (shared and node in judged):
                continue
            if shared:
                judged.add(node)
            at = _called(node, slot) if many else 0
            if not (slot.accepts[at] if at else accepts)(value):
                yield from form_of(node, value, slot.places[at], standards)
        if slot.once and len(standing) > len(slot.places):
            speaking = [hit[0] for hit in standing if says(hit)]
            if len(speaking) > len(slot.places):
                name = (slot.places[0].name_zh, slot.places[0].name_en)
                yield found("too_many", speaking[1], name=name, more=len(speaking))


def _called(node: etree._Element, slot: Slot) -> int:
    """Of several places with one path the one whose name the document says, else that with its unit."""
    parent = node.getparent()
    code = next((part for part in children(parent) if part.tag == "code"), None) if parent is not None else None
    at = slot.by_name.get(code.get("displayName", "") if code is not None else "")
    if at is not None:
        return at
    unit = node.get("unit", "")
    return next((at for at, place in enumerate(slot.places) if unit and place.unit == unit), 0)


def _nearest(root: etree._Element, place: Any) -> etree._Element:
    """The deepest element on the way to a place that the document has."""
    here = root
    for step in steps_of(place.xpath):
        alike = (
            child for child in children(here) if child.tag == step.tag and all(c.holds(child) for c in step.conditions)
        )
        if (child := next(alike, None)) is None:
            break
        here = child
    return here
