"""What a message says in the words of the standard: the person, the stay, the results. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from yigong.kit.hl7v2.parse import NULL, Message, Segment
from yigong.kit.moments import NotAMoment, day, is_blank, moment

SEX = {"M": "1", "F": "2", "U": "0", "O": "9", "A": "9", "N": "9", "1": "1", "2": "2", "0": "0", "9": "9"}
#: type of an identifier in PID-3 -> how well it serves as the institution's own patient number
LOCAL = {"PI": 0, "MR": 1, "MRN": 1, "PT": 2, "PN": 2, "EHRID": 3, "": 4, "VN": 5, "AN": 6}
IDENTITY = {"NI", "NNCHN", "NNCN", "ID", "SFZ", "IDCARD", "NN", "CZ"}
CARD = {"HC", "JKK", "JHN", "HCN"}
PATIENT_CLASS = {"O": "1", "E": "2", "I": "3", "R": "1", "P": "3", "B": "3"}
#: HL7 table 0078 of what is out of its range; LOCAL.38 knows one code, abnormal
ABNORMAL_FLAGS, ABNORMAL = frozenset({"H", "L", "HH", "LL", "A", "AA"}), "1"
LOINC = {"LN", "LOINC"}  # as coding system (table 0396)
CORRECTED = "C"  # of OBR-25 (table 0123) and OBX-11 (table 0085)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?\Z")
CHINESE = re.compile("[\u3400-\u9fff]")


@dataclass(slots=True)
class Person:
    """PID and NK1 under the names of a registration."""

    local_id: str = ""
    full_name: str = ""
    sex_code: str = ""
    born_on: date | None = None
    id_no: str = ""
    phone: str = ""
    address: str = ""
    health_card_no: str = ""
    contact_name: str = ""
    contact_phone: str = ""


@dataclass(slots=True)
class Visit:
    """PV1: where and when the person was seen."""

    kind: str = ""  # code of CV09.00.404
    number: str = ""
    department: str = ""
    ward: str = ""
    room: str = ""
    bed: str = ""
    physician: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class Line:
    """One standard row made from a message."""

    data_set: str
    source_key: str
    group_key: str
    event_at: datetime | None
    values: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    ends: bool = False  # the row is taken back
    clears: tuple[str, ...] = ()  # columns that hold no longer
    guess: bool = False  # event_at is only when the message was sent
    system: str = ""  # that numbers the row, where it is not the sender
    said_at: datetime | None = None  # of a result: when it was sent; what was said later is not overruled
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place in a message that is not as the standard has it."""

    rule: str
    place: str
    zh: str
    en: str


def at(text: str, place: str, troubles: list[Trouble]) -> datetime | None:
    """The point in time a field says; one that no calendar has is noted."""
    if is_blank(text) or text == NULL:
        return None
    try:
        return moment(text)
    except NotAMoment:
        zh, en = f"{place} 的日期“{text[:30]}”不存在", f"{place}: there is no such date as “{text[:30]}”"
        troubles.append(Trouble("date_impossible", place, zh, en))
        return None


def person_of(message: Message, troubles: list[Trouble]) -> Person | None:
    """The person of the first PID; None where the message names none."""
    pid = message.first("PID")
    if pid is None:
        return None
    ids = [pid.cut(raw) for raw in pid.repetitions(3)] + [pid.cut(raw) for raw in pid.repetitions(2)]
    typed = [(_part(i, 5).upper(), _said(_part(i, 1))) for i in ids if _said(_part(i, 1))]
    own = [(LOCAL[kind], number) for kind, number in typed if kind in LOCAL]
    cards = [number for kind, number in typed if kind in CARD]
    person = Person(
        local_id=min(own, key=lambda known: known[0])[1] if own else next((n for _, n in typed), ""),
        full_name=name_of(pid, 5),
        sex_code=SEX.get(_said(pid.value(8)).upper()[:1], ""),
        born_on=_day(pid.value(7), troubles),
        id_no=next((n for kind, n in typed if kind in IDENTITY), "") or _identity(_said(pid.value(19))),
        phone=_phone(pid, 13) or _phone(pid, 14),
        address=_address(pid, 11),
        health_card_no=cards[0] if cards else "",
    )
    if kin := message.first("NK1"):
        person.contact_name, person.contact_phone = name_of(kin, 2), _phone(kin, 5)
    return person


def _identity(number: str) -> str:
    """PID-19 holds the identity number in China; elsewhere something shorter, which is none."""
    return number if re.fullmatch(r"\d{17}[\dXx]|\d{15}", number) else ""


def _part(parts: list[str], number: int) -> str:
    return parts[number - 1].strip() if number <= len(parts) else ""


def _said(text: str) -> str:
    """The text, empty for what deletes or says nothing."""
    return "" if text.strip() in (NULL, "-", "NULL") else text.strip()


def name_of(segment: Segment, number: int, family: int = 1) -> str:
    """A person's name as it is written: Chinese without a space, others family name first."""
    parts = segment.components(number)
    said = [_said(_part(parts, family)), _said(_part(parts, family + 1))]
    between = "" if any(CHINESE.search(part) for part in said) else " "
    return between.join(part for part in said if part)


def _phone(segment: Segment, number: int) -> str:
    for raw in segment.repetitions(number):
        parts = segment.cut(raw)
        whole = "".join(_part(parts, n) for n in (6, 7))
        if text := _said(_part(parts, 1)) or _said(_part(parts, 12)) or _said(whole):
            return text
    return ""


def _address(segment: Segment, number: int) -> str:
    """From large to small, as addresses are written here."""
    parts = segment.components(number)
    said = [_said(_part(parts, n)) for n in (4, 3, 9, 2, 1)]
    return ("" if any(CHINESE.search(part) for part in said) else " ").join(part for part in said if part)


def _day(text: str, troubles: list[Trouble]) -> date | None:
    if is_blank(text) or text == NULL:
        return None
    try:
        return day(text)
    except NotAMoment:
        if at(text, "PID-7", troubles) is None:
            return None
        troubles.append(
            Trouble("date_impossible", "PID-7", "PID-7 的出生日期不完整", "PID-7: the date of birth is incomplete")
        )
        return None


def visit_of(message: Message, troubles: list[Trouble]) -> Visit:
    """The first PV1; empty where the message has none."""
    pv1 = message.first("PV1")
    if pv1 is None:
        return Visit()
    place = pv1.components(3)
    return Visit(
        kind=PATIENT_CLASS.get(pv1.value(2).upper(), ""),
        number=_said(pv1.value(19)),
        department=_said(pv1.value(10)) or _said(_part(place, 1)),
        ward=_said(_part(place, 1)),
        room=_said(_part(place, 2)),
        bed=_said(_part(place, 3)),
        physician=name_of(pv1, 7, family=2),
        began_at=at(pv1.value(44), "PV1-44", troubles),
        ended_at=at(pv1.value(45), "PV1-45", troubles),
    )


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


def named(segment: Segment, number: int) -> str:
    """The name of a code, else the code."""
    return segment.value(number, 2) or segment.value(number)


def person_in(segment: Segment, number: int) -> str:
    """A name inside a composite whose first component is itself a name with sub-components."""
    whole = [segment.value(number, 1, 1, sub) for sub in (2, 3)]
    joined = ("" if any(CHINESE.search(w) for w in whole) else " ").join(w for w in whole if w)
    return joined or name_of(segment, number, family=2)


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
    return _part(parts, 2) or _part(parts, 9) or _part(parts, 1)


def given(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that say something."""
    return {name: value for name, value in facts.items() if value not in ("", None)}
