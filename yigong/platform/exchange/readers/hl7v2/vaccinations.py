"""VXU: each vaccine that was given as a row of vaccination (2009 trial data set); what was refused is none."""

from __future__ import annotations

from collections.abc import Iterator

from yigong.kit.hl7v2.parse import Message, Segment
from yigong.platform.exchange.readers.hl7v2.facts import Line, Person, Trouble, at, given, name_of, named

DATA_SET = "vaccination_2009"
KINDS = frozenset({"VXU^V04"})
NOT_GIVEN = frozenset({"RE", "NA"})  # table 0322: refused, not administered


def lines_of(message: Message, person: Person, troubles: list[Trouble]) -> Iterator[Line]:
    """The vaccines of a message; RXA-21 D takes one back."""
    order: Segment | None = None
    line: Line | None = None
    for segment in message:
        match segment.name:
            case "ORC":
                order = segment
            case "RXA":
                if line is not None:
                    yield line
                line, order = _line(segment, order, person, troubles), None
            case "RXR" if line is not None:
                line.extra |= given({"接种途径": named(segment, 1), "接种部位": named(segment, 2)})
    if line is not None:
        yield line


def _line(rxa: Segment, order: Segment | None, person: Person, troubles: list[Trouble]) -> Line | None:
    if rxa.value(20) in NOT_GIVEN:
        troubles.append(
            Trouble("hl7_not_given", "RXA-20", "疫苗没有接种（拒绝或未执行），不作接种记录", "the vaccine was not given (refused or not done): no record of vaccination")
        )  # fmt: skip
        return None
    when = at(rxa.value(3), "RXA-3", troubles)
    number = (order.value(3) or order.value(2)) if order is not None else ""
    key = number or "|".join(part for part in (rxa.value(3)[:8], rxa.value(5), rxa.value(15)) if part)
    line = Line(DATA_SET, key, key, when, ends=rxa.value(21) == "D")
    line.values = given({
        "person_name": person.full_name, "sex_code": person.sex_code,
        "born_on": person.born_on.isoformat() if person.born_on else "",
        "identity_document_no": person.id_no, "contact_phone_no": person.phone,
        "vaccinated_on": when.date().isoformat() if when else "", "vaccine_name_code": rxa.value(5),
        "vaccine_lot_no": rxa.value(15), "vaccine_manufacturer_code": rxa.value(17),
        "vaccinator_name": name_of(rxa, 10, family=2), "vaccination_unit_name": rxa.value(11, 4) or rxa.value(27, 4),
    })  # fmt: skip
    dose = f"{rxa.value(6)} {rxa.value(7)}".strip() if rxa.value(6) != "999" else ""
    line.extra = given(
        {"vaccine_name": rxa.value(5, 2), "剂量": dose, "生产厂家": rxa.value(17, 2), "失效日期": rxa.value(16)}
    )
    return line
