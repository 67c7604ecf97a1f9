"""What must agree inside one document: days in their order, age, sex and birth with the identity number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from lxml import etree

from yigong.kit import clock
from yigong.kit.moments import NotAMoment, day
from yigong.standards.cda.checks import Found, found
from yigong.standards.cda.header import moment_of

PERSON = "recordTarget/patientRole/patient"
ID_NO = re.compile(r"\d{17}[\dXx]\Z")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def agreements(root: etree._Element) -> Iterator[Found]:
    """Everything in the document that contradicts itself."""
    for rule in RULES:
        yield from rule(root)


def is_id_no(number: str) -> bool:
    """Whether the birth date and the check digit of an identity number of 18 signs are right."""
    total = sum(int(sign) * weight for sign, weight in zip(number, WEIGHTS, strict=False))
    return born_by(number) is not None and "10X98765432"[total % 11] == number[17].upper()


def born_by(number: str) -> date | None:
    """The birth date in an identity number, None where no calendar has it."""
    try:
        return day(number[6:14])
    except NotAMoment:
        return None


def _at(node: etree._Element | None) -> datetime | None:
    return moment_of(node) if node is not None and len(node.get("value", "")) >= 8 else None


def _discharge(root: etree._Element) -> Iterator[Found]:
    node = root.find("componentOf/encompassingEncounter/effectiveTime")
    if node is None:
        return
    low, high = _at(node.find("low")), _at(node.find("high"))
    if low and high and high.date() < low.date():
        at = node.find("high")
        yield found("discharge_before_admission", at, value=high.date().isoformat(), more=low.date())  # type: ignore[arg-type]


def _future(root: etree._Element) -> Iterator[Found]:
    node = root.find("effectiveTime")
    at = _at(node)
    if node is not None and at and at > clock.now() + timedelta(days=1):
        yield found("document_in_future", node, value=at.date().isoformat())


def _born(root: etree._Element) -> tuple[etree._Element | None, date | None]:
    node = root.find(f"{PERSON}/birthTime")
    at = _at(node)
    return node, at.date() if at else None


def _birth(root: etree._Element) -> Iterator[Found]:
    node, born = _born(root)
    made = _at(root.find("effectiveTime"))
    if node is not None and born and made and born > made.date():
        yield found("born_after_document", node, value=born.isoformat(), more=made.date())


def _age(root: etree._Element) -> Iterator[Found]:
    """An age in years against the birth date (or that of the identity number) on the day of the visit or document."""
    number = _id_no(root)[1]
    born = _born(root)[1] or (born_by(number) if is_id_no(number or "0" * 18) else None)
    visit = root.find("componentOf/encompassingEncounter/effectiveTime")
    low = visit.find("low") if visit is not None else None
    on = _at(low) or _at(visit) or _at(root.find("author/time")) or _at(root.find("effectiveTime"))
    for node in root.iterfind(f"{PERSON}/age"):
        years = node.get("value", "")
        if born and on and years.isdigit() and node.get("unit", "岁") in ("岁", "a", "Y"):
            expected = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
            if abs(int(years) - expected) > 1:
                yield found("age_against_birth", node, value=years, more=expected)


def _id_no(root: etree._Element) -> tuple[etree._Element | None, str]:
    node = root.find(f"{PERSON}/id")
    number = node.get("extension", "").strip() if node is not None else ""
    return (node, number) if ID_NO.match(number) else (None, "")


def _identity(root: etree._Element) -> Iterator[Found]:
    node, number = _id_no(root)
    if node is None:
        return
    if not is_id_no(number):
        yield found("id_no_wrong", node)
        return
    sex = root.find(f"{PERSON}/administrativeGenderCode")
    if sex is not None and sex.get("code") in ("1", "2") and int(number[16]) % 2 != int(sex.get("code", "")) % 2:
        yield found("sex_against_id_no", sex, value=sex.get("code", ""))
    birth, born = _born(root)
    if birth is not None and born and born != born_by(number):
        yield found("birth_against_id_no", birth, value=born.isoformat())


RULES: tuple[Callable[[etree._Element], Iterator[Found]], ...] = (_discharge, _future, _birth, _age, _identity)
