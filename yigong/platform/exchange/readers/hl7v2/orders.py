"""Orders (ORM, OML, OMG, OMI, OMP, RDE): each ORC with its item, and what its order control asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from yigong.kit.hl7v2.parse import Message, Segment
from yigong.platform.exchange.readers.hl7v2.facts import Line, Person, Trouble, Visit, at, name_of

DATA_SET = "inpatient_order"
KINDS = frozenset({
    "ORM^O01", "OML^O21", "OML^O33", "OML^O35", "OMG^O19", "OMI^O23", "OMP^O09", "RDE^O11", "RDE^O25",
})  # fmt: skip
#: order control (HL7 table 0119) -> verb of the life of an order
VERBS = {
    "NW": "place", "SN": "place", "PA": "place", "CH": "place", "RO": "place", "NA": "change", "OK": "change",
    "XO": "change", "XX": "change", "XR": "change", "UC": "change", "UD": "change", "UH": "change", "UR": "change",
    "UX": "change", "RU": "change", "RP": "replace", "RQ": "replace", "CA": "cancel", "OC": "cancel", "CR": "cancel",
    "DC": "stop", "OD": "stop", "DR": "stop", "HD": "hold", "OH": "hold", "HR": "hold", "RL": "release", "OE": "release",
    "OR": "release", "RE": "finish", "UA": "refuse", "DF": "refuse", "DE": "change",
}  # fmt: skip
#: order status (HL7 table 0038) of a message SC, SR, SS
STATUS = {
    "A": "run", "IP": "run", "SC": "change", "CM": "finish", "CA": "cancel", "DC": "stop", "HD": "hold", "RP": "replace", "ER": "refuse",
}  # fmt: skip
#: what the row of an inpatient order says of its state
WORDS = {
    "place": "待执行", "release": "待执行", "run": "执行中", "finish": "已完成", "cancel": "已取消", "stop": "已停止",
    "hold": "暂停", "refuse": "未执行", "replace": "已替换",
}  # fmt: skip
#: CV06.00.229 by the segment of the item
ITEMS = {"OBR": "", "RXO": "01", "RXE": "01", "ODS": "27", "ODT": "27", "RQD": "06"}
IMAGING = {
    "RAD",
    "RX",
    "CT",
    "CTH",
    "CUS",
    "EC",
    "EN",
    "IMG",
    "MRI",
    "NMR",
    "NMS",
    "NUC",
    "OUS",
    "PET",
    "RUS",
    "US",
    "VUS",
    "XRC",
}


@dataclass(slots=True)
class Order:
    """One ORC with the segments that belong to it."""

    orc: Segment
    item: Segment | None = None
    timing: Segment | None = None
    notes: list[str] = field(default_factory=list)
    specimen: str = ""
    diagnosis: str = ""


@dataclass(slots=True)
class Asked:
    """An order in words: its numbers, its verb, its item and its times."""

    number: str
    system: str  # that gave the number; empty: the sender
    filler_no: str
    group_key: str
    verb: str
    control: str
    item_code: str
    item_name: str
    category: str
    at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    facts: dict[str, Any]


def orders_of(message: Message, troubles: list[Trouble]) -> list[Asked]:
    """All orders of a message, each by a number of its own."""
    found, seen = [], set()
    for nth, order in enumerate(_gathered(message), start=1):
        asked = _asked(message, order, nth, troubles)
        if asked.number in seen:  # several items under one number
            asked.number = f"{asked.number}|{asked.item_code or nth}"
        seen.add(asked.number)
        found.append(asked)
    return found


def _gathered(message: Message) -> Iterator[Order]:
    order: Order | None = None
    for segment in message:
        if segment.name == "ORC":
            if order is not None:
                yield order
            order = Order(segment)
        elif segment.name in ITEMS:
            if order is None:  # a sender that leaves ORC out places what it asks for
                order = Order(Segment("ORC|NW".replace("|", message.separators.field), message.separators))
            if order.item is not None and segment.name == "OBR":
                yield order
                order = Order(order.orc)
            order.item = order.item or segment
        elif order is not None:
            _beside(order, segment)
    if order is not None:
        yield order


def _beside(order: Order, segment: Segment) -> None:
    match segment.name:
        case "TQ1":
            order.timing = order.timing or segment
        case "NTE":
            order.notes += [text for text in (segment.plain(raw).strip() for raw in segment.repetitions(3)) if text]
        case "SPM":
            order.specimen = order.specimen or segment.value(4, 2) or segment.value(4)
        case "DG1":
            order.diagnosis = order.diagnosis or segment.value(3, 2) or segment.value(4) or segment.value(3)


def _asked(message: Message, order: Order, nth: int, troubles: list[Trouble]) -> Asked:
    orc, item = order.orc, order.item
    placer, filler = orc.value(2), orc.value(3)
    if item is not None and item.name == "OBR":
        placer, filler = placer or item.value(2), filler or item.value(3)
    control = orc.value(1).upper()
    number = placer or filler or f"{message.get('MSH-10')}-{nth}"
    code, name = _item(item)
    starts, ends = _times(order, troubles)
    return Asked(
        number[:100], orc.value(2, 2)[:40] if orc.value(2) else "", filler, orc.value(4) or number,
        verb_of(control, orc.value(5).upper()), control, code, name, _category(message, item),
        at(orc.value(9), "ORC-9", troubles) or at(message.get("MSH-7"), "MSH-7", troubles), starts, ends,
        _facts(order, item, filler),
    )  # fmt: skip


def verb_of(control: str, status: str) -> str:
    """The verb of an order control and, for a change of status, of the status."""
    if control in ("SC", "SR", "SS"):
        return STATUS.get(status, "change")
    return VERBS.get(control, "change")


def _item(item: Segment | None) -> tuple[str, str]:
    if item is None:
        return "", ""
    place = {"OBR": 4, "RXO": 1, "RXE": 2, "ODS": 3, "ODT": 2, "RQD": 2}[item.name]
    return item.value(place), item.value(place, 2) or item.value(place, 9) or item.value(place)


def _category(message: Message, item: Segment | None) -> str:
    if item is None:
        return ""
    if item.name != "OBR":
        return ITEMS[item.name]
    section, kind = item.value(24).upper(), message.get("MSH-9.1")
    if section in IMAGING or kind == "OMI":
        return "02"
    return "03" if section or kind == "OML" else ""


def _times(order: Order, troubles: list[Trouble]) -> tuple[datetime | None, datetime | None]:
    """From TQ1, else the quantity and timing of ORC or OBR."""
    places: list[tuple[Segment | None, int, int, int]] = [
        (order.timing, 7, 1, 0), (order.orc, 7, 4, 0), (order.item if order.item and order.item.name == "OBR" else None, 27, 4, 0),
    ]  # fmt: skip
    starts = _first(places, troubles)
    ends = _first([(s, f + 1 if c == 1 else f, 1 if c == 1 else 5, n) for s, f, c, n in places], troubles)
    return starts, ends


def _first(places: list[tuple[Segment | None, int, int, int]], troubles: list[Trouble]) -> datetime | None:
    for segment, number, component, _ in places:
        if segment is not None and (
            found := at(segment.value(number, component), f"{segment.name}-{number}", troubles)
        ):
            return found
    return None


def _facts(order: Order, item: Segment | None, filler: str) -> dict[str, Any]:
    orc = order.orc
    facts: dict[str, Any] = {
        "filler_no": filler, "requester": name_of(orc, 12, family=2), "entered_by": name_of(orc, 10, family=2),
        "verified_by": name_of(orc, 11, family=2), "by": name_of(orc, 19, family=2), "department": orc.value(17, 2) or orc.value(17),
        "reason": order.diagnosis or orc.value(16, 2) or orc.value(16), "remark": "；".join(order.notes), "specimen": order.specimen,
        "priority": (order.timing.value(9) if order.timing else "") or orc.value(7, 6), "status": orc.value(5),
    }  # fmt: skip
    if item is not None and item.name in ("RXO", "RXE"):
        amount, unit = (2, 4) if item.name == "RXO" else (3, 5)
        facts |= {"dose": item.value(amount), "dose_unit": item.value(unit, 2) or item.value(unit)}
    return {name: value for name, value in facts.items() if value}


def line_of(asked: Asked, person: Person, visit: Visit, z: dict[str, str]) -> Line:
    """An inpatient order as a row; what the message leaves out stays as it was said before."""
    line = Line(DATA_SET, asked.number, asked.group_key, asked.at or asked.starts_at, guess=asked.verb != "place")
    line.system = asked.system
    f = asked.facts
    line.values = {
        "inpatient_no": visit.number, "department_name": visit.department, "ward_name": visit.ward, "room_no": visit.room,
        "bed_no": visit.bed, "patient_name": person.full_name, "sex_code": person.sex_code,
        "electronic_request_no": asked.number, "order_item_type_code": asked.category, "order_item_content": asked.item_name,
        "order_planned_start_at": _iso(asked.starts_at), "order_planned_end_at": _iso(asked.ends_at),
        "order_remark": f.get("remark", ""), "order_issuing_department": f.get("department", ""),
        "order_reviewer_signature": f.get("verified_by", ""), "order_execution_status": WORDS.get(asked.verb, ""),
    }  # fmt: skip
    line.values |= _signed(asked)
    line.extra = {"order_control": asked.control, "filler_no": asked.filler_no, "申请原因": f.get("reason", ""),
                  "项目代码": asked.item_code, "标本": f.get("specimen", ""), **z}  # fmt: skip
    return line


def _signed(asked: Asked) -> dict[str, str]:
    """Who did it and when, under the columns of the verb."""
    when, f = _iso(asked.at), asked.facts
    by = f.get("by") or f.get("requester") or f.get("entered_by") or ""
    columns = {
        "place": ("order_issued_at", "order_issuer_signature"), "cancel": ("order_cancelled_at", "order_canceller_signature"),
        "stop": ("order_stopped_at", "order_stopper_signature"), "finish": ("order_executed_at", "order_executor_signature"),
    }.get(asked.verb)  # fmt: skip
    if columns is None:
        return {}
    issuer = f.get("requester") or f.get("entered_by") or ""
    return {columns[0]: when, columns[1]: issuer if asked.verb == "place" else by}


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
