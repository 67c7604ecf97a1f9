"""What is surely right at a declared place, told from the element itself.

A test says yes only where the element has a value and the exact rules (``form``) find nothing wrong with it; where it
says no, they judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from datetime import date
from operator import attrgetter
from typing import Any

from lxml import etree

from yigong.kit.text import narrow
from yigong.kit.xml import XSI_TYPE
from yigong.standards.cda.form import AKIN, FLAGS, format_of
from yigong.standards.cda.values import BLANK, value_of

Right = Callable[[etree._Element], bool]
Words = Callable[[str], bool]
Kinds = frozenset[str] | None


ANY_LENGTH = (0, 2**31)
#: what a test depends on
ASKED = attrgetter("type", "cda_type", "unit", "format", "value_set_id", "code_system_oid")


def anything(node: etree._Element) -> bool:
    """No value is wrong where nothing is declared of it."""
    return value_of(node) is not None


class Rights:
    """The tests of a kind's places; places that ask the same have the same test."""

    def __init__(self, standards: Any) -> None:
        self.standards = standards
        self.known: dict[tuple[Any, ...], Right] = {}

    def at(self, place: Any, *, is_value: bool) -> Right:
        """Whether the element at a place is surely right; one that is not may still be right."""
        key = (is_value, *ASKED(place))
        if key not in self.known:
            codes = self.standards.value_sets.get(place.value_set_id)
            self.known[key] = _right(place, codes, _kinds(place) if is_value else None)
        return self.known[key]


def _right(place: Any, codes: Any, kinds: Kinds) -> Right:
    if place.type == "N" and place.cda_type in ("PQ", "doseQuantity", "age") and place.unit.strip("-x/"):
        return _said(_number(place), kinds, _units(place))
    match place.type:
        case "D" | "DT":
            return _said(is_time, kinds)
        case "N":
            return _said(_number(place), kinds)
        case "L":
            return _said(lambda text: text.lower() in FLAGS, kinds)
        case "S2" | "S3" if place.value_set_id:
            return _code(place, codes, kinds)
    return _texted(_lengths(place), kinds)


def _kinds(place: Any) -> frozenset[str]:
    """The types that a value may declare."""
    return frozenset({place.cda_type}.union(*(akin for akin in AKIN if place.cda_type in akin))) - {"value", ""}


def _said(fits: Words, kinds: Kinds, units: Container[str | None] | None = None) -> Right:
    """Of the attribute ``value``, the type and the unit."""

    def right(node: etree._Element) -> bool:
        if kinds is not None and node.get(XSI_TYPE) not in kinds:
            return False
        text = node.get("value")
        return text is not None and fits(text) and (units is None or node.get("unit") in units)

    return right


def is_time(text: str) -> bool:
    """A day or a second as HL7 writes it."""
    if len(text) not in (8, 12, 14) or not (text.isascii() and text.isdigit()):
        return False
    if text[8:] and (text[8:10] > "23" or text[10:12] > "59"):
        return False
    try:
        date.fromisoformat(text[:8])
    except ValueError:
        return False
    return True


def _number(place: Any) -> Words:
    form = format_of(place.format)
    if form and form.signs == "N" and form.most:
        decimals = form.decimals or 0
        least = rf"0*[0-9]{{0,{max(form.most - decimals, 0)}}}(?:\.(?=[0-9])[0-9]{{0,{decimals}}}0*)?"
    else:
        least = r"[0-9]+(?:\.[0-9]+)?"
    fits = re.compile(rf"[-+]?(?=[0-9]){least}").fullmatch
    return lambda text: fits(text) is not None


def _lengths(place: Any) -> tuple[int, int]:
    """How long words may be by the format."""
    form = format_of(place.format)
    if form is None or form.signs not in ("A", "AN", "N"):
        return ANY_LENGTH
    return form.least if form.least and form.least > 1 else 0, form.most or ANY_LENGTH[1]


def _texted(lengths: tuple[int, int], kinds: Kinds) -> Right:
    """Of the words in an attribute, or between the tags of an element without parts."""
    if lengths == ANY_LENGTH and kinds is None:
        return anything
    least, most = lengths

    def right(node: etree._Element) -> bool:
        if kinds is not None and node.get(XSI_TYPE) not in kinds:
            return False
        text = node.get("value") or node.get("extension") or ("" if len(node) else node.text or "")
        return (text := text.strip()) not in BLANK and least <= len(text) <= most

    return right


def _code(place: Any, codes: Any, kinds: Kinds) -> Right:
    known = None
    if codes is not None and codes.complete:
        known = frozenset(codes.codes) | {code.as_found for code in codes.codes.values()} - BLANK
    systems = (None, "", place.code_system_oid) if place.code_system_oid else None

    def right(node: etree._Element) -> bool:
        if kinds is not None and node.get(XSI_TYPE) not in kinds:
            return False
        code = node.get("code")
        if code is None or not (code in known if known is not None else code.strip() not in BLANK):
            return False
        return systems is None or node.get("codeSystem") in systems

    return right


class _Any:
    """Whatever says something."""

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and bool(text.strip())


def _units(place: Any) -> Container[str | None]:
    if place.cda_type == "PQ":
        return frozenset({place.unit, narrow(place.unit), narrow(place.unit).lower()} - {""})
    return _Any()
