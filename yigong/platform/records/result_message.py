"""A result of HL7 v2 as a report that people read: its tests as a table, its remarks as words. Pure.

HL7 v2.5 chapters 4 (OBR, SPM) and 7 (OBX), tables 0078 (abnormal flags) and 0085 (status of a result).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from yigong.kit.hl7v2.parse import Message, Segment
from yigong.kit.moments import NotAMoment, moment
from yigong.platform.records.rendered import MARKS, Entry, SectionView, TableView

COLUMNS = ("项目", "结果", "单位", "参考范围", "提示", "状态")
COLUMNS_EN = ("Test", "Result", "Unit", "Reference range", "Flag", "Status")
SIGNS = {"high": "↑", "low": "↓", "abnormal": "!"}
STATUS = {
    "F": "最终", "C": "已更正", "P": "初步", "R": "未审核", "S": "部分", "I": "待结果", "X": "无法得出", "D": "已删除", "W": "原报告有误",
}  # fmt: skip
LONG = 60  # signs of a result that is told in words below the table
#: field of OBR -> its name
FACTS = (
    (3, "报告单号", "Report number"), (2, "申请单号", "Order number"), (7, "采集时间", "Collected"), (22, "报告时间", "Reported"), (16, "申请医师", "Ordered by"),
    (32, "审核者", "Verified by"),
)  # fmt: skip
TIMES = frozenset((7, 22))


def sections(message: Message) -> Iterator[SectionView]:
    """One section for each order of the message, in its order."""
    order: Segment | None = None
    held: list[Segment] = []
    for segment in message:
        if segment.name == "OBR":
            if order is not None:
                yield _section(order, held)
            order, held = segment, []
        elif order is not None:
            held.append(segment)
    if order is not None:
        yield _section(order, held)


def _section(order: Segment, held: Sequence[Segment]) -> SectionView:
    results = [s for s in held if s.name == "OBX"]
    short = [s for s in results if not _is_long(s)]
    tables = (TableView(COLUMNS, COLUMNS_EN, tuple(map(_row, short)), tuple(map(_mark, short))),) if short else ()
    words = [f"{_named(s, 3)}：{_result(s)}" for s in results if _is_long(s)]
    words += [text for s in held if s.name == "NTE" and (text := s.value(3))]
    name = _named(order, 4) or "检验检查结果"
    return SectionView(name, name, tuple(_facts(order, held)), tables, tuple(words))


def _facts(order: Segment, held: Sequence[Segment]) -> Iterator[Entry]:
    for number, zh, en in FACTS:
        said = _time(order.value(number)) if number in TIMES else _person(order, number)
        if said:
            yield Entry(zh, said, label_en=en)
    specimen = next((_named(s, 4) for s in held if s.name == "SPM"), "")
    if specimen:
        yield Entry("标本", specimen, label_en="Specimen")


def _person(segment: Segment, number: int) -> str:
    """A name where one stands, else the number; names stand in the second and third component, in OBR-32 in sub-components."""
    parts = [segment.value(number, 2), segment.value(number, 3)]
    inner = [segment.value(number, 1, 1, n) for n in (2, 3)]
    return "".join(parts) or "".join(inner) or segment.value(number)


def _named(segment: Segment, number: int) -> str:
    return segment.value(number, 2) or segment.value(number)


def _time(text: str) -> str:
    try:
        return moment(text).strftime("%Y-%m-%d %H:%M" if len(text) > 8 else "%Y-%m-%d") if text else ""
    except NotAMoment:
        return text


def _result(segment: Segment) -> str:
    """Every repetition of a value; a coded one by its name."""
    if segment.value(2) == "ED":
        return "附件"
    coded = segment.value(2) in ("CE", "CWE", "CNE")
    several = range(1, len(segment.repetitions(5)) + 1)
    said = [(segment.value(5, 2, n) if coded else "") or segment.value(5, 1, n) for n in several]
    if segment.value(2) == "SN":  # structured numeric: sign, number, separator, number
        said = ["".join(segment.value(5, part, n) for part in (1, 2, 3, 4)) for n in several]
    return "；".join(s for s in said if s)


def _is_long(segment: Segment) -> bool:
    return len(_result(segment)) > LONG


def _row(segment: Segment) -> tuple[str, ...]:
    mark = _mark(segment)
    status = segment.value(11)
    unit = segment.value(6) or segment.value(6, 2)
    return (
        _named(segment, 3), _result(segment) or "未记录", unit, segment.value(7), SIGNS.get(mark, segment.value(8).removeprefix("N")), STATUS.get(status, status),
    )  # fmt: skip


def _mark(segment: Segment) -> str:
    return MARKS.get(segment.value(8), "")


def reported(message: Message) -> datetime | None:
    """When the first report of the message was made."""
    try:
        return moment(message.get("OBR-22"))
    except NotAMoment:
        return None
