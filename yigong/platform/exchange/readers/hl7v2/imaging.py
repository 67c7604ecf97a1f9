"""Reports of imaging in ORU: one examination row for each report, what was seen and what it means apart."""

from __future__ import annotations

import re
from collections.abc import Iterable

from yigong.kit.hl7v2.parse import Message, Segment
from yigong.platform.exchange.readers.hl7v2.facts import (
    Line,
    Person,
    Trouble,
    Visit,
    at,
    given,
    name_of,
    named,
    person_in,
)
from yigong.platform.exchange.readers.hl7v2.results import CORRECTED, result_of

DATA_SET = "examination_record"
#: services of table 0074 that look instead of measuring
SERVICES = {
    "RAD": "放射", "RX": "放射", "XRC": "放射", "CT": "CT", "NMR": "磁共振", "MR": "磁共振", "NMS": "核医学", "RUS": "超声", "US": "超声",
    "OUS": "超声", "VUS": "超声", "CUS": "心脏超声", "EC": "心电图", "ECG": "心电图", "CTH": "介入", "IMG": "影像", "ES": "内镜",
}  # fmt: skip
IMPRESSION = re.compile(r"&?IMP\b|19005-8|59783-1|55110-1|结论|印象|提示|诊断|impression", re.IGNORECASE)


def is_imaging(obr: Segment) -> bool:
    """Whether a report is one of imaging by its service (OBR-24)."""
    return obr.value(24).strip().upper() in SERVICES


def line_of(
    message: Message, obr: Segment, observations: Iterable[Segment], key: str, person: Person, visit: Visit, troubles: list[Trouble]
) -> Line:  # fmt: skip
    """The row of one report; every OBX stays in it as words."""
    taken, reported = at(obr.value(7), "OBR-7", troubles), at(obr.value(22), "OBR-22", troubles)
    seen: list[str] = []
    meant: list[str] = []
    for obx in observations:
        words = "".join(result_of(obx, obx.value(2)))
        label = f"{obx.value(3)} {obx.value(3, 2)} {obx.value(4)}"
        if words:
            (meant if IMPRESSION.search(label) else seen).append(words)
    sent = at(message.get("MSH-7"), "MSH-7", troubles)
    line = Line(DATA_SET, key, key, reported or taken or sent)
    line.said_at, line.corrects = sent, obr.value(25) == CORRECTED
    line.values = given({
        "patient_type_code": visit.kind,
        ("inpatient_no" if visit.kind == "3" else "outpatient_no"): visit.number,
        "patient_name": person.full_name, "sex_code": person.sex_code, "phone_no": person.phone,
        "department_name": visit.department, "ward_name": visit.ward, "room_no": visit.room, "bed_no": visit.bed,
        "electronic_request_no": obr.value(2) or message.get("ORC-2"), "examination_report_no": obr.value(3) or obr.value(2),
        "examination_category": SERVICES[obr.value(24).strip().upper()], "examination_item_code": obr.value(4),
        "examination_on": taken.date().isoformat() if taken else "",
        "examination_report_on": reported.date().isoformat() if reported else "",
        "examination_report_objective_findings": "\n".join(seen),
        "examination_report_subjective_impression": "\n".join(meant),
        "reporting_physician_signature": person_in(obr, 32), "examination_technician_signature": person_in(obr, 34),
        "diagnosis_code": message.get("DG1-3"),
    })  # fmt: skip
    line.extra = given({"item_name": named(obr, 4), "申请医师": name_of(obr, 16, family=2), "报告状态": obr.value(25)})
    return line
