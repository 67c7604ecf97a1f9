"""A shared document judged by its declarations: head, sections, every declared place, and what must agree."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from lxml import etree

from yigong.kit import xml
from yigong.kit.errors import Refused
from yigong.kit.xml import below, children
from yigong.standards.cda.agree import agreements
from yigong.standards.cda.checks import Found, Report, found
from yigong.standards.cda.finder import Finder
from yigong.standards.cda.form import form_of
from yigong.standards.cda.frame import frame, title_of
from yigong.standards.cda.header import document_code
from yigong.standards.cda.paths import steps_of
from yigong.standards.cda.places import belongs
from yigong.standards.cda.quick import Nodes, Slot, Stock, Tables, Wanted, says, tables_of
from yigong.standards.cda.unknown import silent, unknown
from yigong.standards.cda.values import value_of

LOINC = "2.16.840.1.113883.6.1"
_TABLES: dict[tuple[int, str], Tables] = {}
_TEMPLATES: dict[int, dict[str, str]] = {}  # kind of document -> its template


def check_document(data: bytes, standards: Any) -> Report:
    """What is wrong with the document in *data*; raises Refused for what is no shared document (see open_document)."""
    parsed = xml.parse(data, blanks=False)
    root = _document(parsed.root)
    find = Finder(root)
    declared = standards.documents.get(document_code(root, find.said("code", "code"), _templates(standards)))
    if declared is not None:
        tables = _tables(declared, standards)
        stock = tables.stock(root)
        find.know({path: stock.hits.get(slot, []) for path, slot in tables.head.items()})
    findings = [found(note, root) for note in parsed.notes]
    findings += [*frame(find, declared), *agreements(find)]
    title = title_of(find)
    if declared is None:
        return Report("", title, tuple(findings), 0, 0, 0)
    wanted = tables.required.of(stock)
    missing, filled, unsaid = _required(root, tables, stock, wanted)
    findings += missing
    if unsaid:
        findings += unknown(root, filled, unsaid, len(wanted))
    if not wanted and not _tells(tables, stock):
        findings.append(silent(root))
    findings += _forms(tables, stock, standards)
    if tables.unjudged:
        findings.append(found("cardinality_undeclared", root, more=tables.unjudged))
    return Report(declared.code, title, tuple(findings), len(filled), len(wanted), tables.unjudged, len(unsaid))


def _document(top: etree._Element) -> etree._Element:
    """The shared document, whatever it is wrapped in."""
    if top.tag == "ClinicalDocument":
        return top
    root = next(top.iter("ClinicalDocument"), None)
    if root is None:
        raise Refused("cda_other_xml", root=str(top.tag)[:60])
    return root


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
    root: etree._Element, tables: Tables, stock: Stock, wanted: list[Wanted]
) -> tuple[list[Found], list[Any], list[tuple[Any, etree._Element]]]:
    """Sections and required places that are missing; the required ones that are filled, and those that are unknown."""
    hits = stock.hits
    findings, absent = _sections(root, tables, wanted)
    sure = hits.keys() - tables.untested.union(*[branch.slots for branch, _ in stock.doubts])
    filled: list[Any] = []
    unsaid: list[tuple[Any, etree._Element]] = []
    for place, slot in wanted:
        if slot in sure or any(map(says, hits.get(slot, ()))):
            filled.append(place)
            continue
        name = (place.name_zh, place.name_en)
        if slot not in hits:
            if not any(belongs(place, section) for section in absent):
                findings.append(found("required_missing", _nearest(root, place), name=name))
        elif is_unknown(hits[slot]):
            unsaid.append((place, hits[slot][0]))
            findings.append(found("required_unknown", hits[slot][0], name=name))
        else:
            findings.append(found("required_blank", hits[slot][0], name=name))
    return findings, filled, unsaid


def _tells(tables: Tables, stock: Stock) -> bool:
    """Whether any declared place of the body has a value."""
    return any(any(map(says, stock.hits[number])) for number in stock.hits.keys() & tables.body)


def is_unknown(standing: Nodes) -> bool:
    """Whether what stands at a place says that nothing is known."""
    return all(node.get("nullFlavor") for node in standing)


def _sections(root: etree._Element, tables: Tables, wanted: list[Wanted]) -> tuple[list[Found], list[Any]]:
    """What is wrong with the sections, and those that are missing; a section's own cardinality is not in the facts."""
    codes = below(list(root.iter("section")), "code")
    given = {code.get("code", "") for code in codes} | {code.get("displayName", "") for code in codes}
    others = [code for code in codes if code.get("code") in tables.loincs and code.get("codeSystem") != LOINC]
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
            if code.get("code") == section.loinc:
                findings.append(found("section_code_system", code, name=called))
    return findings, absent


def _absent(root: etree._Element, called: tuple[str, str], needed: int) -> Found:
    """A section that is not there: wrong only where places of it are required."""
    body = root.find("component/structuredBody")
    at = body if body is not None else root
    return found("section_missing" if needed else "section_absent", at, name=called, more=needed)


def _forms(tables: Tables, stock: Stock, standards: Any) -> list[Found]:
    """What is wrong with the values that stand at declared places, in the order of their declaration."""
    wrong: list[tuple[int, Found]] = []
    for branch, node in stock.doubts:
        if (value := value_of(node)) is not None:
            number = branch.slots[0]
            slot = tables.slots[number]
            place = slot.places[slot.called(node)]
            wrong += [(number, entry) for entry in form_of(node, value, place, standards)]
    for number in tables.once:
        standing, slot = stock.hits.get(number, []), tables.slots[number]
        if len(standing) > len(slot.places):
            wrong += [(number, entry) for entry in _too_many(slot, standing)]
    return [entry for _, entry in sorted(wrong, key=itemgetter(0))]


def _too_many(slot: Slot, standing: Nodes) -> Iterator[Found]:
    """More values at a place of the person than are declared."""
    speaking = [node for node in standing if says(node)]
    if len(speaking) > len(slot.places):
        name = (slot.places[0].name_zh, slot.places[0].name_en)
        yield found("too_many", speaking[1], name=name, more=len(speaking))


def _nearest(root: etree._Element, place: Any) -> etree._Element:
    """The deepest element on the way to a place that the document has."""
    here = root
    for step in steps_of(place.xpath):
        for child in children(here):
            if child.tag == step.tag and step.holds(child):
                here = child
                break
        else:
            return here
    return here
