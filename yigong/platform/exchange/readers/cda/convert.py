"""One shared document turned into rows, a registration and the facts of the document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from yigong.kit.errors import Refused
from yigong.kit.moments import moment
from yigong.platform.exchange.batch import DocumentFacts
from yigong.platform.exchange.readers.gather import Gathered, Source, id_type, row_of
from yigong.standards.cda.api import ClinicalDocument, Row, open_document

SYSTEM = "CDA"
MEDIA_TYPE = "application/xml"
#: the field that says when it happened, surest first; else the document's own time
EVENT_AT = {
    "outpatient_record": ("visited_at",),
    "emergency_observation_record": ("visited_at",),
    "health_event_summary": ("visited_at", "admitted_at"),
    "inpatient_front_page": ("admitted_at",),
    "tcm_inpatient_front_page": ("admitted_at",),
    "admission_record": ("admitted_at",),
    "discharge_record": ("discharged_at",),
    "discharge_summary": ("discharged_at",),
    "western_prescription": ("prescribed_on",),
    "tcm_prescription": ("prescribed_on",),
    "laboratory_test_record": ("laboratory_test_report_on", "specimen_collected_at"),
    "examination_record": ("examination_report_on",),
    "inpatient_order": ("order_issued_at", "order_planned_start_at"),
    "surgery_record": ("surgery_started_at",),
}


def take(
    data: bytes, source: Source, gathered: Gathered, standards: Any, *, owner: Mapping[str, Any] | None = None
) -> DocumentFacts:
    """Take one document in; with *owner* (a registration) it is of that person, whatever number stands in it.

    Raises Refused for what is no readable shared document, ``org_missing`` and ``patient_missing``.
    """
    document = open_document(data, standards)
    head = document.header
    org_code = source.org_code or head.org_code
    if not org_code:
        raise Refused("org_missing")
    source.org_code = org_code
    key = f"{head.code or head.code_given}:{head.set_id or head.replaces or head.document_id or source.sha256[:16]}"
    local_id = head.patient.local_id or (f"DOC:{key}" if head.patient.full_name else "")
    if not local_id and owner is None:
        raise Refused("patient_missing")
    person = dict(owner) if owner else _person(document, org_code, local_id)
    local_id = str(person["local_id"])
    facts = replace(_facts(document, data, source, local_id, key), source_system=str(person["source_system"]))
    for data_set, rows in (document.rows.by_data_set or {"": []}).items():
        made = _rows(document, data_set, rows, source, local_id, key)
        gathered.add(data_set, [{**row, "person_system": facts.source_system} for row in made], person, facts)
    return facts


def _facts(document: ClinicalDocument, data: bytes, source: Source, local_id: str, key: str) -> DocumentFacts:
    head = document.header
    title = head.title or (document.kind.document.name_zh if document.kind else "") or head.code_given
    return DocumentFacts(
        key=f"{source.org_code}|{key}|{source.sha256[:12]}",
        original=data,
        media_type=MEDIA_TYPE,
        document_code=head.code,
        title=title,
        org_code=source.org_code,
        source_system=SYSTEM,
        local_id=local_id,
        authored_at=head.authored_at,
        author_name=head.author_name,
        set_id=head.set_id,
        version=head.version,
        encounter_key=head.encounter_key,
        findings=[_covered(document), *(found.as_json() for found in document.findings)],
        text=document.text,
        original_path=source.path,
        raw=source.raw(),
    )


def _covered(document: ClinicalDocument) -> dict[str, Any]:
    """How much of what the document says stands in fields of the standard now."""
    c = document.rows.coverage
    return {
        "rule": "coverage",
        "severity": "info",
        "field": "",
        "found": c.found,
        "placed": c.placed,
        "zh": f"共 {c.found} 项内容：{c.fields} 项进入标准字段，{c.head} 项为患者与文档信息，{c.extra} 项以原名保存",
        "en": f"{c.found} values: {c.fields} in standard fields, {c.head} of person and document, {c.extra} kept as named",
    }


def _person(document: ClinicalDocument, org_code: str, local_id: str) -> dict[str, Any]:
    patient = document.header.patient
    return {
        "org_code": org_code,
        "source_system": SYSTEM,
        "local_id": local_id,
        "full_name": patient.full_name,
        "sex_code": patient.sex_code,
        "born_on": patient.born_on,
        "id_type_code": id_type(patient.id_no),
        "id_no": patient.id_no,
        "phone": patient.phone,
        "address": patient.address,
        "health_card_no": patient.health_card_no,
        "registered_at": document.header.authored_at,
    }


def _rows(
    document: ClinicalDocument, data_set: str, rows: list[Row], source: Source, local_id: str, key: str
) -> list[dict[str, Any]]:
    made = []
    for number, row in enumerate(rows, start=1):
        waist = {
            "org_code": source.org_code,
            "source_system": SYSTEM,
            "source_key": key if len(rows) == 1 else f"{key}#{number}",
            "group_key": key,
            "encounter_key": document.header.encounter_key or None,
            "event_at": _event_at(document, data_set, row),
            "local_id": local_id,
            "_place": source.path if len(rows) == 1 else f"{source.path} 第 {number} 条",
            "_raw": json.dumps(source.raw(), ensure_ascii=False),
            "document_key": f"{source.org_code}|{key}|{source.sha256[:12]}",
        }
        made.append(row_of(waist, row.values, row.extra))
    return made


def _event_at(document: ClinicalDocument, data_set: str, row: Row) -> datetime | None:
    for name in EVENT_AT.get(data_set, ()):
        if text := row.values.get(name):
            return moment(text)
    return next(iter(document.header.times), None)
