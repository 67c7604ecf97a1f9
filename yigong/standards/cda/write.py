"""A shared document written from standard records: declared paths become elements, values take their declared types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from lxml import etree

from yigong.kit.errors import Refused
from yigong.kit.moments import NotAMoment, in_china, moment
from yigong.standards.cda import absent
from yigong.standards.cda.fill import fill
from yigong.standards.cda.frame import CUSTODIAN, PATIENT
from yigong.standards.cda.header import ROOT
from yigong.standards.cda.narrative import narrate
from yigong.standards.cda.paths import Condition, Step, steps_of
from yigong.standards.cda.places import LINES
from yigong.standards.cda.plan import Key, Plan, Way, plan_of, spot
from yigong.standards.cda.rows import UNITS
from yigong.standards.cda.shape import add, complete, serialized
from yigong.standards.cda.values import BLANK, value_of

CATALOGUE, LOINC = "2.16.156.10011.2.2.1", "2.16.840.1.113883.6.1"
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
CODES = frozenset(
    [
        "CD",
        "CE",
        "CV",
        "code",
        "administrativeGenderCode",
        "maritalStatusCode",
        "ethnicGroupCode",
        "occupationCode",
        "routeCode",
        "targetSiteCode",
        "administrationUnitCode",
        "educationLevelCode",
        "nationality",
        "translation",
        "patienttypeCode",
    ]
)
TIMES = frozenset(["TS", "time", "effectiveTime", "low", "high", "birthTime"])
AMOUNTS = frozenset(["PQ", "MO", "REAL", "INT", "age", "doseQuantity", "rateQuantity"])
MEASURED = AMOUNTS - {"MO", "REAL", "INT"}
#: facts of the head -> where they stand
HEAD = (
    ("document_id", f"/ClinicalDocument/id[@root='{ROOT}1']"),
    ("set_id", f"/ClinicalDocument/setId[@root='{ROOT}1']"),
    ("version", "/ClinicalDocument/versionNumber"),
    ("authored_at", "/ClinicalDocument/author/time"),
    ("author_name", "/ClinicalDocument/author/assignedAuthor/assignedPerson/name"),
    ("author_code", f"/ClinicalDocument/author/assignedAuthor/id[@root='{ROOT}7']"),
    ("org_code", f"/ClinicalDocument/{CUSTODIAN}/id[@root='{ROOT}5']"),
    ("org_name", f"/ClinicalDocument/{CUSTODIAN}/name"),
    ("outpatient_no", f"/ClinicalDocument/{PATIENT}/id[@root='{ROOT}11']"),
    ("inpatient_no", f"/ClinicalDocument/{PATIENT}/id[@root='{ROOT}12']"),
    ("health_card_no", f"/ClinicalDocument/{PATIENT}/id[@root='{ROOT}19']"),
    ("phone", f"/ClinicalDocument/{PATIENT}/telecom"),
    ("id_no", f"/ClinicalDocument/{PATIENT}/patient/id[@root='{ROOT}3']"),
    ("full_name", f"/ClinicalDocument/{PATIENT}/patient/name"),
    ("sex_code", f"/ClinicalDocument/{PATIENT}/patient/administrativeGenderCode"),
    ("age_years", f"/ClinicalDocument/{PATIENT}/patient/age"),
    ("born_on", f"/ClinicalDocument/{PATIENT}/patient/birthTime"),
    ("admitted_at", "/ClinicalDocument/componentOf/encompassingEncounter/effectiveTime/low"),
    ("discharged_at", "/ClinicalDocument/componentOf/encompassingEncounter/effectiveTime/high"),
)


def write_document(code: str, facts: Mapping[str, Any], standards: Any) -> bytes:
    """The document of a kind from ``{"head": {…}, "rows": {data set: [row, …]}}``; the same facts give the same bytes.

    Raises Refused ``cda_kind_unknown``, ``cda_facts_wrong``.
    """
    if code not in standards.documents or not standards.documents[code].elements:
        raise Refused("cda_kind_unknown", document=code[:20])
    rows, head = facts.get("rows", {}), facts.get("head", {})
    if (
        not isinstance(rows, Mapping)
        or not isinstance(head, Mapping)
        or not all(isinstance(r, list) for r in rows.values())
    ):
        raise Refused("cda_facts_wrong", document=code)
    return written(plan_of(code, standards), rows, head, standards)


def said(value: Any) -> str:
    """A value of a row as text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return in_china(value).strftime("%Y-%m-%dT%H:%M:%S%z")
        case date():
            return value.isoformat()
    return str(value).strip()


def canonical(field: Any, text: str, standards: Any) -> str | None:
    """The text as the reading gives it back."""
    node = etree.Element("value", code=text) if field.type in ("S2", "S3") else etree.Element("value", value=text)
    value = value_of(node)
    return fill(field, value, standards.value_sets.get(field.value_set_id)).text if value else None


def written(plan: Plan, rows: Rows, head: Mapping[str, Any], standards: Any) -> bytes:
    """The document by a plan."""
    root = _frame(plan.kind.document, head)
    writer = _Writer(plan, root, standards)
    writer.write(rows)
    for name, xpath in HEAD:
        if text := said(head.get(name)):
            node = _at(root, steps_of(xpath))
            if value_of(node) is None:
                _put(node, xpath.rsplit("/", 1)[1].split("[")[0], text)
                if name == "age_years":
                    node.set("unit", "岁")
    for path in ("author", CUSTODIAN, "component/structuredBody"):
        _at(root, tuple(Step(tag, ()) for tag in path.split("/")))
    if head.get("nulls"):
        writer.repeat(rows)
        absent.nulls(root, plan.kind.document, lambda root, steps, name: _at(root, steps, -1, 0, name))
    _body(root, plan.kind.document)
    _replaces(root, head)
    complete(root)
    if head.get("narrative", True):
        narrate(root, plan.kind)
    return serialized(root)


def _replaces(root: etree._Element, head: Mapping[str, Any]) -> None:
    """The version that this one takes the place of: ``{"document_id", "set_id", "version"}``."""
    before = head.get("replaces")
    if not before:
        return
    related = add(root, "relatedDocument")
    related.set("typeCode", "RPLC")
    parent = etree.SubElement(related, "parentDocument")
    etree.SubElement(parent, "id", root=f"{ROOT}1", extension=said(before.get("document_id")))
    etree.SubElement(parent, "setId", root=f"{ROOT}1", extension=said(before.get("set_id")))
    etree.SubElement(parent, "versionNumber", value=said(before.get("version")))


def _frame(document: Any, head: Mapping[str, Any]) -> etree._Element:
    root = etree.Element("ClinicalDocument")
    etree.SubElement(root, "realmCode", code="CN")
    etree.SubElement(root, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_MT000040")
    etree.SubElement(root, "templateId", root=document.template_oid)
    etree.SubElement(root, "id", root=f"{ROOT}1")
    etree.SubElement(
        root, "code", code=document.code, codeSystem="2.16.156.10011.2.4", codeSystemName="卫生信息共享文档规范编码体系"
    )
    etree.SubElement(root, "title").text = said(head.get("title")) or document.name_zh
    made = etree.SubElement(root, "effectiveTime")
    if text := said(head.get("generated_at") or head.get("authored_at")):
        made.set("value", _time(text))
    etree.SubElement(
        root, "confidentialityCode", code="N", codeSystem="2.16.840.1.113883.5.25", codeSystemName="Confidentiality"
    )
    etree.SubElement(root, "languageCode", code="zh-CN")
    etree.SubElement(root, "setId")
    etree.SubElement(root, "versionNumber", value=said(head.get("version")) or "1")
    add(add(root, "recordTarget"), "patientRole")
    return root


def _body(root: etree._Element, document: Any) -> None:
    """Titles of sections, and their words for a reader."""
    known = {section.loinc or section.display: section for section in document.sections}
    body = root.find("component/structuredBody")
    if body is not None and not len(body):  # a body holds one section at least
        for name in list(known)[:1] or [""]:
            named = add(add(add(body, "component"), "section"), "code")
            if name:
                named.set("code" if known[name].loinc else "displayName", name)
    for section in root.iter("section"):
        code = section.find("code")
        declared = known.get(code.get("code") or code.get("displayName", "")) if code is not None else None
        if code is not None and code.get("code"):
            code.set("codeSystem", LOINC)
            code.set("codeSystemName", "LOINC")
            if declared is not None:
                code.set("displayName", declared.display)
        if declared is not None:
            add(section, "title").text = declared.title_zh


class _Writer:
    """Puts the rows of a document into its tree."""

    def __init__(self, plan: Plan, root: etree._Element, standards: Any) -> None:
        self.plan, self.root, self.standards = plan, root, standards
        self.fields = {(d.identifier, f.identifier): f for d in plan.kind.data_sets for f in d.fields}
        self.shared: dict[tuple[str, str], int] = {}  # spots of the path that several names share
        paths: dict[str, list[str]] = {}
        for way in plan.ways.values():
            names = paths.setdefault(way.place.xpath, [])
            if spot(way)[1] not in names:
                names.append(spot(way)[1])
        self.shared = {(xpath, name): at for xpath, names in paths.items() for at, name in enumerate(names)}

    def write(self, rows: Rows) -> None:
        """Every value at its place; the lines of a list each in an entry of its own."""
        for key, way in self.plan.ways.items():
            given = list(rows.get(key[0], ()))
            if not self._is_in_line(way):
                first = next((row for row in given[:1] if said(row.get(key[1]))), None)
                if first is not None:
                    self._put(key, way, first, 0)
                continue
            for at, row in enumerate(given):
                if said(row.get(key[1])):
                    self._put(key, way, row, at)

    def repeat(self, rows: Rows) -> None:
        """What a field says, also at a required place that its own place leaves empty."""
        for place, key in list(absent.said_elsewhere(self.root, self.plan, rows)):
            way = Way(place, place.name_zh)
            for at, row in enumerate(rows[key[0]] if self._is_in_line(way) else rows[key[0]][:1]):
                if said(row.get(key[1])):
                    self._put(key, way, row, at)

    def _is_in_line(self, way: Way) -> bool:
        lines = LINES.get(self.plan.kind.document.code)
        return lines is not None and f"/entry/{lines[0]}" in way.place.xpath

    def _put(self, key: Key, way: Way, row: Row, line: int) -> None:
        value = canonical(self.fields[key], said(row[key[1]]), self.standards)
        if value is None or value in BLANK:
            return
        ordinal = line if self._is_in_line(way) else -1
        node = _at(
            self.root, steps_of(way.place.xpath), ordinal, self.shared.get((way.place.xpath, spot(way)[1]), 0), way.name
        )
        if value_of(node) is not None:
            return  # another data set says it; what differs is a loss
        declared = self._declared(way)
        unit = declared.unit.strip("-x/") if declared is not None else ""
        if own := self._unit_field(key):  # the records alone know it: a dose of 5 is not one of 5 mg
            unit = said(row.get(own))
        self._say(node, declared, self.fields[key], value, unit)

    def _unit_field(self, key: Key) -> str:
        """The field in which a data set keeps the unit of this quantity; empty where it keeps none."""
        if (element := UNITS.get(self.fields[key].element_id)) is None:
            return ""
        return next(
            (name for (data_set, name), f in self.fields.items() if data_set == key[0] and f.element_id == element), ""
        )

    def _declared(self, way: Way) -> Any:
        return next((p for p in self.plan.kind.document.elements if p.xpath == way.place.xpath), None)

    def _say(self, node: etree._Element, declared: Any, field: Any, value: str, unit: str) -> None:
        kind = declared.cda_type if declared is not None and declared.cda_type else str(node.tag)
        is_code = field.type in ("S2", "S3") or field.identifier.endswith("_code")
        kind = "CD" if field.type in ("S2", "S3") and node.tag == "value" else kind
        kind = "ST" if kind in CODES and not is_code and node.tag == "value" else kind
        kind = "TS" if node.tag == "value" and field.type in ("D", "DT") else kind
        whole = kind == "INT" and value.isdigit()
        kind = "ST" if node.tag == "value" and kind in AMOUNTS and field.type != "N" and not whole else kind
        if node.tag == "value":
            node.set("type", kind)
        _put(node, kind, value, is_code=is_code)
        if kind in CODES and is_code:
            self._coded(node, declared, field, value)
        if node.tag == "age":
            unit = "月" if "月" in field.name_zh else "岁"
        if unit and kind in MEASURED:
            node.set("unit", unit.replace(" ", ""))

    def _coded(self, node: etree._Element, declared: Any, field: Any, value: str) -> None:
        codes = self.standards.value_sets.get(field.value_set_id)
        system = (declared.code_system_oid if declared is not None else "") or (codes.oid if codes is not None else "")
        if system:
            node.set("codeSystem", system)
            node.set("codeSystemName", (declared.code_system if declared is not None else "") or codes.name_zh)
        if codes is not None and (entry := codes.codes.get(value)) is not None:
            node.set("displayName", entry.name_zh)


def _time(text: str) -> str:
    """A point in time as HL7 writes it; a day stays a day."""
    try:
        at = in_china(moment(text))
    except NotAMoment:
        return text
    return at.strftime("%Y%m%d" if len(text) <= 10 else "%Y%m%d%H%M%S")


def _put(node: etree._Element, kind: str, text: str, *, is_code: bool = True) -> None:
    """A value in the form of its type."""
    if node.tag in ("id", "setId"):
        node.set("extension", text)
    elif kind in CODES:
        node.set("code" if is_code else "displayName", text)
    elif kind in TIMES or node.tag in TIMES:
        node.set("value", _time(text))
    elif kind in AMOUNTS or kind == "BL" or node.tag in ("telecom", "versionNumber"):
        node.set("value", text)
    else:
        node.text = text


WRAPS = frozenset({"entry", "component", "entryRelationship"})  # each holds one thing only


def _at(root: etree._Element, steps: Sequence[Step], line: int = -1, turn: int = 0, name: str = "") -> etree._Element:
    """The element at a path, made as far as it is not there: line *line* of the list, *turn* of a shared path."""
    here: etree._Element = root
    in_line = line >= 0
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if following is not None and step.tag in WRAPS and here is not root:
            mark = _mark(step.tag, here, line, turn, in_line)
            here = _wrap(here, step, following, mark, name)
        else:
            here = _child(here, step, name)
    above = here.getparent()
    if here.tag == "value" and above is not None and above.find("code") is None:
        add(above, "code").set("displayName", name)  # the facts give no code: the name tells it from its neighbours
    return here


def _mark(tag: str, here: etree._Element, line: int, turn: int, in_line: bool) -> str:
    """What keeps two wraps of one path apart: the line at an entry, the turn deeper or where there are no lines."""
    if tag == "entry":
        return str(line) if in_line else f"t{turn}"
    return "" if here.tag in ("structuredBody", "section") else f"t{turn}"


def _wrap(here: etree._Element, step: Step, inner: Step, mark: str, name: str) -> etree._Element:
    """The wrap that holds the inner step, or a new one."""
    for child in here.iterchildren(step.tag):
        held = next(child.iterchildren(inner.tag), None)
        if child.get("_mark", "") == mark and held is not None and _is_meant(held, inner, name):
            return child
    child = add(here, step.tag)
    if mark:
        child.set("_mark", mark)
    return child


def _is_meant(held: etree._Element, inner: Step, name: str) -> bool:
    """Whether what a wrap holds answers the step; where the step asks nothing, an observation goes by its name."""
    if inner.conditions or inner.tag != "observation":
        return all(condition.holds(held) for condition in inner.conditions)
    code = held.find("code")
    return code is None or (code.get("code") is None and code.get("displayName") == name)


def _child(here: etree._Element, step: Step, name: str) -> etree._Element:
    for child in here.iterchildren(step.tag):
        if all(c.holds(child) or _free(child, c) for c in step.conditions):
            break
    else:
        child = add(here, step.tag)
    for condition in step.conditions:
        if not condition.holds(child):
            _meet(child, condition, name)
    return child


def _free(child: etree._Element, condition: Condition) -> bool:
    """The document's own id and setId stand already, without what the path asks."""
    return not condition.path and child.get(condition.attribute) is None


def _meet(node: etree._Element, condition: Condition, name: str) -> None:
    """Makes a condition true: a code that names what is observed, or the role of who signs."""
    if not condition.path:
        node.set(condition.attribute, condition.value)
        return
    if condition.deep:
        top = node.getparent() is None or node.getparent().tag == "ClinicalDocument"  # type: ignore[union-attr]
        holder = ("associatedEntity" if top else "participantRole") if node.tag == "participant" else "assignedEntity"
        node = next(node.iterchildren(holder, "participantRole"), None) or add(node, holder)
    code = add(node, "code")
    code.set(condition.attribute, condition.value)
    if node.tag != "section" and condition.attribute == "code":
        code.set("codeSystem", CATALOGUE)
        code.set("codeSystemName", "卫生信息数据元目录")
        code.set("displayName", name)


__all__ = ["canonical", "said", "write_document", "written"]
