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
from yigong.standards.cda.places import belongs
from yigong.standards.cda.quick import Hits, Nodes, Slot, Tables, says, tables_of
from yigong.standards.cda.unknown import silent, unknown
from yigong.standards.cda.values import value_of

BODY = "/ClinicalDocument/component/"
LOINC = "2.16.840.1.113883.6.1"
_TABLES: dict[tuple[int, str], Tables] = {}
_TEMPLATES: dict[int, dict[str, str]] = {}  # kind of document -> its template


def check_document(data: bytes, standards: Any) -> Report:
    """What is wrong with the document in *data*; raises Refused for what is no shared document (see open_document)."""
    parsed = xml.parse(data, blanks=False)
    root = next(parsed.root.iter("ClinicalDocument"), None)
    if root is None:
        raise Refused("cda_other_xml", root=str(parsed.root.tag)[:60])
    find = Finder(root)
    declared = standards.documents.get(document_code(root, find.said("code", "code"), _templates(standards)))
    hits: Hits = {}
    if declared is not None:
        tables = _tables(declared, standards)
        hits = tables.hits(root)
        find.know({path: hits.get(slot, []) for path, slot in tables.head.items()})
    findings = [found(note, root) for note in parsed.notes]
    findings += [*frame(find, declared), *agreements(find)]
    title = title_of(find)
    if declared is None:
        return Report("", title, tuple(findings), 0, 0, 0)
    wrong, speaking = _forms(tables, hits, standards)
    missing, filled, unsaid, required = _required(root, tables, hits, speaking)
    findings += missing
    findings += unknown(root, filled, unsaid, required)
    if not required and not _tells(tables, hits):
        findings.append(silent(root))
    findings += wrong
    if tables.unjudged:
        findings.append(found("cardinality_undeclared", root, more=tables.unjudged))
    return Report(declared.code, title, tuple(findings), len(filled), required, tables.unjudged, len(unsaid))


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


def _required(
    root: etree._Element, tables: Tables, hits: Hits, speaking: set[int]
) -> tuple[list[Found], list[Any], list[tuple[Any, etree._Element]], int]:
    """Sections and required places that are missing; the required ones that are filled and that are unknown, and how many there are.

    *speaking* are slots that are known to have a value.
    """
    wanted = tables.required.of(hits)
    findings, absent = _sections(root, tables, wanted)
    filled: list[Any] = []
    unsaid: list[tuple[Any, etree._Element]] = []
    for place, slot in wanted:
        name = (place.name_zh, place.name_en)
        if slot in speaking or any(map(says, hits.get(slot, ()))):
            filled.append(place)
        elif slot not in hits:
            if not any(belongs(place, section) for section in absent):
                findings.append(found("required_missing", _nearest(root, place), name=name))
        elif is_unknown(hits[slot]):
            unsaid.append((place, hits[slot][0]))
            findings.append(found("required_unknown", hits[slot][0], name=name))
        else:
            findings.append(found("required_blank", hits[slot][0], name=name))
    return findings, filled, unsaid, len(wanted)


def _tells(tables: Tables, hits: Hits) -> bool:
    """Whether any declared place of the body has a value."""
    return any(
        any(map(says, standing))
        for number, standing in hits.items()
        if any(place.xpath.startswith(BODY) for place in tables.slots[number].places)
    )


def is_unknown(standing: Nodes) -> bool:
    """Whether what stands at a place says that nothing is known."""
    return all(node.get("nullFlavor") for node in standing)


def _sections(root: etree._Element, tables: Tables, wanted: list[tuple[Any, int]]) -> tuple[list[Found], list[Any]]:
    """What is wrong with the sections, and those that are missing; a section's own cardinality is not in the facts."""
    codes = [part for section in root.iter("section") for part in children(section) if part.tag == "code"]
    given = {code.get("code", "") for code in codes} | {code.get("displayName", "") for code in codes}
    others = [code for code in codes if code.get("codeSystem") != LOINC]
    findings: list[Found] = []
    absent: list[Any] = []
    if not others and tables.section_names <= given:
        return findings, absent
    for section, name in tables.sections:
        called = (section.title_zh or section.display, section.title_en or section.display)
        if name not in given:
            absent.append(section)
            findings.append(_absent(root, called, sum(belongs(place, section) for place, _ in wanted)))
        for code in others:
            if section.loinc and code.get("code") == section.loinc:
                findings.append(found("section_code_system", code, name=called))
    return findings, absent


def _absent(root: etree._Element, called: tuple[str, str], needed: int) -> Found:
    """A section that is not there: wrong only where places of it are required."""
    body = root.find("component/structuredBody")
    at = body if body is not None else root
    return found("section_missing" if needed else "section_absent", at, name=called, more=needed)


def _forms(tables: Tables, hits: Hits, standards: Any) -> tuple[list[Found], set[int]]:
    """What is wrong with the values that stand at declared places, each value once; and the slots that have a value."""
    findings: list[Found] = []
    judged: set[etree._Element] = set()
    speaking: set[int] = set()
    for number in sorted(hits):
        slot, standing = tables.slots[number], hits[number]
        if slot.free:
            continue
        right = slot.right
        for node in standing:
            if slot.shared:
                if node in judged:
                    continue
                judged.add(node)
            place = slot.place
            if right is None:
                at = _called(node, slot)
                place, is_right = slot.places[at], slot.rights[at](node)
            else:
                is_right = right(node)
            if is_right:
                speaking.add(number)
            elif (value := value_of(node)) is not None:
                speaking.add(number)
                findings += form_of(node, value, place, standards)
        if slot.once and len(standing) > len(slot.places):
            findings += _too_many(slot, standing)
    return findings, speaking


def _too_many(slot: Slot, standing: Nodes) -> Iterator[Found]:
    """More values at a place of the person than are declared."""
    speaking = [node for node in standing if says(node)]
    if len(speaking) > len(slot.places):
        name = (slot.places[0].name_zh, slot.places[0].name_en)
        yield found("too_many", speaking[1], name=name, more=len(speaking))


def _called(node: etree._Element, slot: Slot) -> int:
    """Of several places with one path the one whose name the document says, else that with its unit."""
    parent = node.getparent()
    code = next(parent.iterchildren("code"), None) if parent is not None else None
    at = slot.by_name.get(code.get("displayName") or "") if code is not None else slot.by_name.get("")
    if at is not None:
        return at
    unit = node.get("unit")
    return next((at for at, place in enumerate(slot.places) if place.unit == unit), 0) if unit else 0


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
