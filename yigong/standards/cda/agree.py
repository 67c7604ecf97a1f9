"""What must agree inside one document: days in their order, age, sex and birth with the identity number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from operator import mul

from lxml import etree

from yigong.kit import clock
from yigong.kit.moments import NotAMoment, day
from yigong.kit.xml import below
from yigong.standards.cda.checks import Found, found
from yigong.standards.cda.finder import Finder
from yigong.standards.cda.header import moment_of

STAY = "componentOf/encompassingEncounter/effectiveTime"
PERSON = "recordTarget/patientRole/patient"
BIRTH, AGE, ID, SEX = f"{PERSON}/birthTime", f"{PERSON}/age", f"{PERSON}/id", f"{PERSON}/administrativeGenderCode"
DAY = timedelta(days=1)
ID_NO = re.compile(r"\d{17}[\dXx]\Z")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def agreements(find: Finder) -> Iterator[Found]:
    """Everything in the document that contradicts itself."""
    for rule in RULES:
        yield from rule(find)


def is_id_no(number: str) -> bool:
    """Whether the birth date and the check digit of an identity number of 18 signs are right."""
    total = sum(map(mul, map(int, number[:17]), WEIGHTS))
    return "10X98765432"[total % 11] == number[17].upper() and born_by(number) is not None


def born_by(number: str) -> date | None:
    """The birth date in an identity number, None where no calendar has it."""
    try:
        return day(number[6:14])
    except NotAMoment:
        return None


def _at(find: Finder, node: etree._Element | None) -> datetime | None:
    """The point in time that an element says to the day at least, worked out once."""
    if node is None:
        return None
    if node not in find.moments:
        find.moments[node] = moment_of(node) if len(node.get("value", "")) >= 8 else None
    return find.moments[node]


def _made(find: Finder) -> datetime | None:
    """When the document was made."""
    return _at(find, find("effectiveTime"))


def _part(node: etree._Element | None, tag: str) -> etree._Element | None:
    """The first part of a name."""
    return next(iter(below([node], tag)), None) if node is not None else None


def _discharge(find: Finder) -> Iterator[Found]:
    node = find(STAY)
    if node is None:
        return
    low, high = _at(find, _part(node, "low")), _at(find, _part(node, "high"))
    if low and high and high.date() < low.date():
        at = _part(node, "high")
        yield found("discharge_before_admission", at, value=high.date().isoformat(), more=low.date())  # type: ignore[arg-type]


def _future(find: Finder) -> Iterator[Found]:
    node = find("effectiveTime")
    at = _made(find)
    if node is not None and at and at > clock.now() + DAY:
        yield found("document_in_future", node, value=at.date().isoformat())


def _born(find: Finder) -> tuple[etree._Element | None, date | None]:
    node = find(BIRTH)
    at = _at(find, node)
    return node, at.date() if at else None


def _birth(find: Finder) -> Iterator[Found]:
    node, born = _born(find)
    made = _made(find)
    if node is not None and born and made and born > made.date():
        yield found("born_after_document", node, value=born.isoformat(), more=made.date())


def _age(find: Finder) -> Iterator[Found]:
    """An age in years against the birth date (or that of the identity number) on the day of the visit or document."""
    ages = find.all(AGE)
    if not ages:
        return
    born = _born(find)[1]
    if not born and (number := _id_no(find)[1]) and is_id_no(number):
        born = born_by(number)
    visit = find(STAY)
    low = _part(visit, "low")
    on = _at(find, low) or _at(find, visit) or _at(find, find("author/time")) or _made(find)
    for node in ages:
        years = node.get("value", "")
        if born and on and years.isdigit() and node.get("unit", "岁") in ("岁", "a", "Y"):
            expected = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
            if abs(int(years) - expected) > 1:
                yield found("age_against_birth", node, value=years, more=expected)


def _id_no(find: Finder) -> tuple[etree._Element | None, str]:
    node = find(ID)
    number = node.get("extension", "").strip() if node is not None else ""
    return (node, number) if ID_NO.match(number) else (None, "")


def _identity(find: Finder) -> Iterator[Found]:
    node, number = _id_no(find)
    if node is None:
        return
    if not is_id_no(number):
        yield found("id_no_wrong", node)
        return
    sex = find(SEX)
    if sex is not None and sex.get("code") in ("1", "2") and int(number[16]) % 2 != int(sex.get("code", "")) % 2:
        yield found("sex_against_id_no", sex, value=sex.get("code", ""))
    birth, born = _born(find)
    if birth is not None and born and born != born_by(number):
        yield found("birth_against_id_no", birth, value=born.isoformat())


RULES: tuple[Callable[[Finder], Iterator[Found]], ...] = (_discharge, _future, _birth, _age, _identity)
