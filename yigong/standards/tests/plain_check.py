"""The check of a document as its rules say it, without tables: every place is sought and judged by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from yigong.kit import xml
from yigong.kit.errors import Refused
from yigong.standards.cda.agree import agreements
from yigong.standards.cda.checks import Found, Report, found
from yigong.standards.cda.finder import Finder
from yigong.standards.cda.form import form_of
from yigong.standards.cda.frame import frame
from yigong.standards.cda.header import document_code
from yigong.standards.cda.paths import Step, steps_of
from yigong.standards.cda.places import belongs
from yigong.standards.cda.unknown import silent, unknown
from yigong.standards.cda.values import value_of

LOINC = "2.16.840.1.113883.6.1"
Nodes = list[etree._Element]


def plain_check(data: bytes, standards: Any) -> Report:
    """What ``check_document`` must say."""
    parsed = xml.parse(data)
    root = next(parsed.root.iter("ClinicalDocument"), None)
    if root is None:
        raise Refused("cda_other_xml", root=str(parsed.root.tag)[:60])
    code = root.find("code")
    known = {entry.code: entry.template_oid for entry in standards.documents.values()}
    declared = standards.documents.get(document_code(root, code.get("code", "") if code is not None else "", known))
    findings = [found(note, root) for note in parsed.notes]
    findings += [*frame(Finder(root), declared), *agreements(Finder(root))]
    title = (root.findtext("title") or "").strip()
    if declared is None:
        return Report("", title, tuple(findings), 0, 0, 0)
    hits = {p.seq: _standing(root, steps_of(p.xpath)) for p in declared.elements if p.xpath}
    wanted = _wanted(declared, hits)
    findings += _sections(root, declared, wanted)
    given = {c.get(name, "") for c in root.iterfind(".//section/code") for name in ("code", "displayName")}
    absent = [section for section in declared.sections if (section.loinc or section.display) not in given]
    for place in wanted:
        nodes, name = hits[place.seq], (place.name_zh, place.name_en)
        if nodes and not any(map(_says, nodes)):
            is_unknown = not [node for node in nodes if not node.get("nullFlavor")]
            findings.append(found("required_unknown" if is_unknown else "required_blank", nodes[0], name=name))
        elif not nodes and not any(belongs(place, section) for section in absent):
            findings.append(found("required_missing", _nearest(root, place), name=name))
    filled = [place for place in wanted if any(map(_says, hits[place.seq]))]
    unsaid = [
        (place, hits[place.seq][0])
        for place in wanted
        if hits[place.seq] and place not in filled and all(node.get("nullFlavor") for node in hits[place.seq])
    ]
    findings += unknown(root, filled, unsaid, len(wanted))
    body = [nodes for p in declared.elements if "/structuredBody/" in p.xpath for nodes in hits[p.seq]]
    if not wanted and not any(map(_says, body)):
        findings.append(silent(root))
    findings += _forms(declared, hits, standards)
    unjudged = sum(not place.cardinality for place in declared.elements)
    if unjudged:
        findings.append(found("cardinality_undeclared", root, more=unjudged))
    return Report(declared.code, title, tuple(findings), len(filled), len(wanted), unjudged, len(unsaid))


def _standing(root: etree._Element, steps: tuple[Step, ...]) -> Nodes:
    here = [root]
    for step in steps:
        below = [child for node in here for child in node.iterchildren(step.tag)]
        here = [child for child in below if all(condition.holds(child) for condition in step.conditions)]
    return here


def _says(node: etree._Element) -> bool:
    return value_of(node) is not None or any(value_of(part) is not None for part in node)


def _wanted(declared: Any, hits: dict[int, Nodes]) -> list[Any]:
    groups = {(p.section_zh, p.group_zh) for p in declared.elements if p.group_zh and hits.get(p.seq)}
    wanted: dict[Any, Any] = {}
    for place in declared.elements:
        optional = place.group_cardinality.startswith("0") and (place.section_zh, place.group_zh) not in groups
        if place.cardinality.startswith("1") and place.xpath and not optional:
            wanted.setdefault((steps_of(place.xpath), place.name_zh), place)
    return list(wanted.values())


def _sections(root: etree._Element, declared: Any, wanted: list[Any]) -> Iterator[Found]:
    body = root.find("component/structuredBody")
    codes = list(root.iterfind(".//section/code"))
    given = {code.get("code", "") for code in codes} | {code.get("displayName", "") for code in codes}
    for section in declared.sections:
        name = (section.title_zh or section.display, section.title_en or section.display)
        if (section.loinc or section.display) not in given:
            needed = sum(belongs(place, section) for place in wanted)
            rule = "section_missing" if needed else "section_absent"
            yield found(rule, body if body is not None else root, name=name, more=needed)
        for code in codes:
            if section.loinc and code.get("code") == section.loinc and code.get("codeSystem") != LOINC:
                yield found("section_code_system", code, name=name)


def _forms(declared: Any, hits: dict[int, Nodes], standards: Any) -> Iterator[Found]:
    judged: set[etree._Element] = set()
    alike: dict[Any, list[Any]] = {}
    for place in declared.elements:
        if place.xpath:
            alike.setdefault(steps_of(place.xpath), []).append(place)
    for steps, places in alike.items():
        nodes = hits[places[0].seq]
        for node in nodes:
            value = value_of(node)
            if node not in judged and value is not None:
                judged.add(node)
                yield from form_of(node, value, _called(node, places), standards)
        speaking = [node for node in nodes if _says(node)]
        if len(speaking) > len(places) and steps[0].tag == "recordTarget" and places[0].cardinality.endswith("..1"):
            yield found("too_many", speaking[1], name=(places[0].name_zh, places[0].name_en), more=len(speaking))


def _called(node: etree._Element, places: list[Any]) -> Any:
    parent = node.getparent()
    code = parent.find("code") if parent is not None else None
    said = code.get("displayName", "") if code is not None else ""
    unit = node.get("unit", "")
    return next((p for p in places if p.name_zh == said), None) or next(
        (p for p in places if unit and p.unit == unit), places[0]
    )


def _nearest(root: etree._Element, place: Any) -> etree._Element:
    steps = steps_of(place.xpath)
    for length in range(len(steps), 0, -1):
        here: etree._Element | None = root
        for step in steps[:length]:
            below = here.iterchildren(step.tag) if here is not None else ()
            here = next((c for c in below if all(condition.holds(c) for condition in step.conditions)), None)
        if here is not None:
            return here
    return root
