"""The results of a message in the words of the standard: one laboratory row for each OBX. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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
    part,
    person_in,
)

#: HL7 table 0078 of what is out of its range; LOCAL.38 knows one code, abnormal
ABNORMAL_FLAGS, ABNORMAL = frozenset({"H", "L", "HH", "LL", "A", "AA"}), "1"
LOINC = {"LN", "LOINC"}  # as coding system (table 0396)
CORRECTED = "C"  # of OBR-25 (table 0123) and OBX-11 (table 0085)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?\Z")


class Observed(NamedTuple):
    """What is read of an OBX, by the fast way of ``Message.rows``."""

    kind: str
    code: str
    name: str
    sub_id: str
    unit: str
    range: str
    flag: str
    status: str
    observed_at: str
    method_code: str
    method: str
    system: str
    other_code: str
    other_system: str

    @property
    def loinc(self) -> str:
        """The LOINC code of the item, in whichever of the two triplets of OBX-3 it stands."""
        if self.system.upper() in LOINC:
            return self.code
        return self.other_code if self.other_system.upper() in LOINC else ""


OBSERVED = ("2", "3", "3.2", "4", "6", "7", "8", "11", "14", "17", "17.2", "3.3", "3.4", "3.6")


def observed_in(message: Message) -> list[Observed]:
    """Every OBX that belongs to a report, in order."""
    first = next((n for n, line in enumerate(message.lines) if line.startswith("OBR")), 0)
    homeless = sum(line.startswith("OBX") for line in message.lines[:first])
    return [Observed(*row) for row in message.rows("OBX", *OBSERVED)[homeless:]]


def results_of(
    message: Message, number: int, report: Report, observed: Iterable[Observed],
    person: Person, visit: Visit, troubles: list[Trouble],
) -> Iterator[Line]:  # fmt: skip
    """One laboratory row for each OBX of a report."""
    obr, observations, specimen = report
    shared = _report(message, obr, specimen, person, visit, troubles)
    key_of_report = report_key(message, obr, number)
    observed = list(observed)
    if shared.corrects and not any(said.status == CORRECTED for said in observed):
        shared.extra["报告状态"] = CORRECTED  # corrected as a whole, and no item says which: each bears the mark
    seen: Counter[str] = Counter()
    for obx, said in zip(observations, observed, strict=True):
        item = "|".join(part for part in (key_of_report, said.code or said.name, said.sub_id) if part)
        seen[item] += 1
        key = item if seen[item] == 1 else f"{item}|{seen[item]}"
        yield _result(obx, said, key, key_of_report, shared, troubles)


def report_key(message: Message, obr: Segment, number: int) -> str:
    """The number of a report: the filler's, the placer's, else that of the message."""
    return obr.value(3) or obr.value(2) or message.get("ORC-3") or f"{message.get('MSH-10')}-{number}"


#: OBR, its OBX, its SPM
Report = tuple[Segment, list[Segment], Segment | None]


def reports_of(message: Message) -> Iterator[Report]:
    """Every OBR of a message with what belongs to it."""
    obr: Segment | None = None
    observations: list[Segment] = []
    specimen: Segment | None = None
    for segment in message:
        match segment.name:
            case "OBR":
                if obr is not None:
                    yield obr, observations, specimen
                obr, observations, specimen = segment, [], None
            case "OBX" if obr is not None:
                observations.append(segment)
            case "SPM" if specimen is None:
                specimen = segment
    if obr is not None:
        yield obr, observations, specimen


def _report(
    message: Message, obr: Segment, specimen: Segment | None, person: Person, visit: Visit, troubles: list[Trouble]
) -> Line:
    """What all results of one report share."""
    reported, taken = at(obr.value(22), "OBR-22", troubles), at(obr.value(7), "OBR-7", troubles)
    collected = at(specimen.value(17), "SPM-17", troubles) if specimen else None
    received = (at(specimen.value(18), "SPM-18", troubles) if specimen else None) or at(
        obr.value(14), "OBR-14", troubles
    )
    sampled = collected or taken
    sent = at(message.get("MSH-7"), "MSH-7", troubles)
    line = Line("laboratory_test_record", "", "", reported or taken or sent)
    line.said_at, line.corrects = sent, obr.value(25) == CORRECTED
    line.values = {
        "patient_type_code": visit.kind,
        ("inpatient_no" if visit.kind == "3" else "outpatient_no"): visit.number,
        "patient_name": person.full_name,
        "sex_code": person.sex_code,
        "phone_no": person.phone,
        "department_name": visit.department,
        "ward_name": visit.ward,
        "room_no": visit.room,
        "bed_no": visit.bed,
        "electronic_request_no": obr.value(2) or message.get("ORC-2"),
        "laboratory_test_report_no": obr.value(3) or obr.value(2),
        "laboratory_test_category": obr.value(4, 2),
        "laboratory_test_report_on": reported.date().isoformat() if reported else "",
        "specimen_collected_at": sampled.isoformat() if sampled else "",
        "specimen_received_at": received.isoformat() if received else "",
        "specimen_status": named(specimen, 24) if specimen else "",
        "specimen_category": named(specimen, 4) if specimen else obr.value(15),
        "laboratory_test_specimen_no": specimen.value(2) if specimen else "",
        "reporting_physician_signature": person_in(obr, 32),
        "laboratory_technician_signature": person_in(obr, 34),
        "diagnosis_code": message.get("DG1-3"),
    }
    line.extra = {"panel_name": obr.value(4, 2) or obr.value(4), "申请医师": name_of(obr, 16, family=2)}
    return line


def _result(
    obx: Segment, said: Observed, key: str, report: str, shared: Line, troubles: list[Trouble]
) -> Line:  # fmt: skip
    observed = at(said.observed_at, "OBX-14", troubles)
    values = dict(shared.values)
    values["laboratory_test_item_code"] = said.code or said.name
    values["laboratory_test_on"] = observed.date().isoformat() if observed else ""
    values["laboratory_test_method_name"] = said.method or said.method_code
    values["laboratory_test_report_department"] = named(obx, 15)
    values["laboratory_test_report_organization_name"] = obx.value(23)
    values["laboratory_physician_signature"] = name_of(obx, 16, family=2)
    values["laboratory_test_result_code"] = ABNORMAL if obx.value(8).strip().upper() in ABNORMAL_FLAGS else ""
    values["laboratory_test_quantitative_result_unit"] = said.unit
    number, words = result_of(obx, said.kind)
    values["laboratory_test_quantitative_result"], values["laboratory_test_report_result"] = number, words
    extra = {
        **shared.extra,
        "item_name": said.name or said.code,
        "loinc": said.loinc,
        "reference_range": said.range.replace("_", "-"),
        "abnormal_flag": said.flag,
        "结果状态": said.status,
    }
    line = Line("laboratory_test_record", key, report, shared.event_at or observed, given(values), given(extra))
    line.said_at, line.corrects = shared.said_at, shared.corrects or said.status == CORRECTED
    return line


def result_of(obx: Segment, kind: str) -> tuple[str, str]:
    """The number of a result, or its words: a comparison (<0.01) and a range are words."""
    if kind == "SN":
        sign, first, between, second = (obx.value(5, n) for n in (1, 2, 3, 4))
        if sign in ("", "=") and not second and NUMBER.match(first.strip()):
            return first.strip(), ""
        return "", f"{sign}{first}{between}{second}"
    text = _plain(obx)
    if text is None:
        texts = [
            _coded(obx, raw) if kind in ("CE", "CWE", "CNE", "CF") else " ".join(obx.cut(raw)).strip()
            for raw in obx.repetitions(5)
        ]
        text = "\n".join(t for t in texts if t)
    return (text, "") if NUMBER.match(text) else ("", text)


def _plain(obx: Segment) -> str | None:
    """OBX-5 where no sign in it means anything; None where one does."""
    raw = next(iter(obx.line.split(obx.separators.field, 6)[5:6]), "")
    return None if any(sign in raw for sign in obx.separators[1:]) else raw.strip()


def _coded(obx: Segment, raw: str) -> str:
    parts = obx.cut(raw)
    return part(parts, 2) or part(parts, 9) or part(parts, 1)
