"""A shared document judged by its declarations: head, sections, every declared place, and what must agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from yigong.kit import xml
from yigong.kit.errors import Refused
from yigong.standards.cda.agree import agreements
from yigong.standards.cda.checks import Found, Report, found
from yigong.standards.cda.form import form_of
from yigong.standards.cda.frame import frame
from yigong.standards.cda.header import document_code
from yigong.standards.cda.paths import Branch, steps_of, tree_of
from yigong.standards.cda.values import value_of

LOINC = "2.16.840.1.113883.6.1"
Hits = dict[int, list[etree._Element]]
_TREES: dict[tuple[int, str], Branch] = {}


def check_document(data: bytes, standards: Any) -> Report:
    """What is wrong with the document in *data*; raises Refused for what is no shared document (see open_document)."""
    parsed = xml.parse(data)
    root = next(parsed.root.iter("ClinicalDocument"), None)
    if root is None:
        raise Refused("cda_other_xml", root=str(parsed.root.tag)[:60])
    code = root.find("code")
    known = {entry.code: entry.template_oid for entry in standards.documents.values()}
    declared = standards.documents.get(document_code(root, code.get("code", "") if code is not None else "", known))
    findings = [found(note, root) for note in parsed.notes]
    findings += [*frame(root, declared), *agreements(root)]
    title = (root.findtext("title") or "").strip()
    if declared is None:
        return Report("", title, tuple(findings), 0, 0, 0)
    hits: Hits = {}
    _tree(declared, standards).walk(root, hits)
    missing, satisfied, required = _required(root, declared, hits)
    findings += [*missing, *_forms(declared, hits, standards)]
    unjudged = sum(not place.cardinality for place in declared.elements)
    if unjudged:
        findings.append(found("cardinality_undeclared", root, more=unjudged))
    return Report(declared.code, title, tuple(findings), satisfied, required, unjudged)


def _tree(declared: Any, standards: Any) -> Branch:
    key = (id(standards), declared.code)
    if key not in _TREES:
        _TREES[key] = tree_of(place for place in declared.elements if place.xpath)
    return _TREES[key]


def says(node: etree._Element) -> bool:
    """Whether an element has a value, or parts that have one."""
    return value_of(node) is not None or any(value_of(part) is not None for part in node)


def _required(root: etree._Element, declared: Any, hits: Hits) -> tuple[list[Found], int, int]:
    """Sections and required places that are missing; how many of those required are filled, and how many there are."""
    wanted = _wanted(declared, hits)
    findings = [*_sections(root, declared, wanted)]
    absent = {entry.name for entry in findings if entry.rule == "section_missing"}
    satisfied = 0
    for place in wanted:
        nodes = hits.get(place.seq, [])
        if any(says(node) for node in nodes):
            satisfied += 1
        elif nodes:
            findings.append(found("required_blank", nodes[0], name=(place.name_zh, place.name_en)))
        elif place.section_zh not in absent:
            findings.append(found("required_missing", _nearest(root, place), name=(place.name_zh, place.name_en)))
    return findings, satisfied, len(wanted)


def _wanted(declared: Any, hits: Hits) -> list[Any]:
    """Required places, each path once; those of an optional group only where the group is there."""
    groups = {(p.section_zh, p.group_zh) for p in declared.elements if p.group_zh and p.seq in hits}
    wanted: dict[Any, Any] = {}
    for place in declared.elements:
        optional = place.group_cardinality.startswith("0") and (place.section_zh, place.group_zh) not in groups
        if place.cardinality.startswith("1") and place.xpath and not optional:
            wanted.setdefault((steps_of(place.xpath), place.name_zh), place)
    return list(wanted.values())


def _sections(root: etree._Element, declared: Any, wanted: list[Any]) -> Iterator[Found]:
    """Sections that the kind declares and the document has not; a section's own cardinality is not in the facts."""
    body = root.find("component/structuredBody")
    codes = list(root.iterfind(".//section/code"))
    given = {code.get("code", "") for code in codes} | {code.get("displayName", "") for code in codes}
    for section in declared.sections:
        name = (section.title_zh, section.title_en)
        if (section.loinc or section.display) not in given:
            needed = sum(place.section_zh == section.title_zh for place in wanted)
            rule = "section_missing" if needed else "section_absent"
            yield found(rule, body if body is not None else root, name=name, more=needed)
        for code in codes:
            if section.loinc and code.get("code") == section.loinc and code.get("codeSystem") != LOINC:
                yield found("section_code_system", code, name=name)


def _forms(declared: Any, hits: Hits, standards: Any) -> Iterator[Found]:
    """What is wrong with the values that stand at declared places, each value once."""
    judged: set[etree._Element] = set()
    alike: dict[Any, list[Any]] = {}
    for place in declared.elements:
        alike.setdefault(steps_of(place.xpath), []).append(place)
    for steps, places in alike.items():
        for node in hits.get(places[0].seq, []):
            if node not in judged:
                judged.add(node)
                yield from form_of(node, _called(node, places), standards)
        nodes = [node for node in hits.get(places[0].seq, []) if says(node)]
        if len(nodes) > len(places) and steps[0].tag == "recordTarget" and places[0].cardinality.endswith("..1"):
            yield found("too_many", nodes[1], name=(places[0].name_zh, places[0].name_en), more=len(nodes))


def _called(node: etree._Element, places: list[Any]) -> Any:
    """Of several places with one path the one whose name the document says."""
    code = node.getparent().find("code") if node.getparent() is not None else None  # type: ignore[union-attr]
    said = code.get("displayName", "") if code is not None else ""
    unit = node.get("unit", "")
    return next((p for p in places if p.name_zh == said), None) or next(
        (p for p in places if unit and p.unit == unit), places[0]
    )


def _nearest(root: etree._Element, place: Any) -> etree._Element:
    """The deepest element on the way to a place that the document has."""
    here = root
    for step in steps_of(place.xpath):
        alike = (child for child in here.iterchildren(step.tag) if all(c.holds(child) for c in step.conditions))
        if (child := next(alike, None)) is None:
            break
        here = child
    return here
