"""The form of one value: data type, format, value set, code system, unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lxml import etree

from yigong.kit.moments import is_moment_or_blank
from yigong.kit.text import narrow
from yigong.kit.xml import xsi_type
from yigong.standards import formats
from yigong.standards.cda.checks import Found, found
from yigong.standards.cda.values import Value

NUMBER = re.compile(r"[-+]?(\d+)(?:\.(\d+))?\Z")
FLAGS = frozenset({"true", "false", "1", "0", "t", "f"})
#: types that senders may use for one another
AKIN = ({"CD", "CE", "CV", "CO", "CS"}, {"ST", "ED", "SC"}, {"PQ", "REAL", "INT", "MO"}, {"TS", "IVL_TS"})


def form_of(node: etree._Element, value: Value, place: Any, standards: Any) -> Iterator[Found]:
    """What is wrong with the value of an element at a declared place."""
    name = (place.name_zh, place.name_en)
    if node.tag == "value":
        yield from _type(node, place, name)
    match place.type:
        case "D" | "DT":
            if not is_moment_or_blank(value.text):
                yield found("date_impossible", node, name=name, value=value.words)
        case "N":
            yield from _number(node, value, place, name)
        case "L":
            if (value.text or value.code).lower() not in FLAGS:
                yield found("flag_unreadable", node, name=name, value=value.words)
        case "S2" | "S3" if place.value_set_id:
            yield from _code(node, value, place, standards.value_sets.get(place.value_set_id), name)
        case _:
            yield from _length(node, value, place, name)
    if place.cda_type in ("PQ", "doseQuantity", "age") and place.type == "N":
        yield from _unit(node, value, place, name)


def _type(node: etree._Element, place: Any, name: tuple[str, str]) -> Iterator[Found]:
    given = xsi_type(node)
    if not given:
        yield found("type_missing", node, name=name, more=place.cda_type)
    elif given != place.cda_type and not any({given, place.cda_type} <= akin for akin in AKIN):
        yield found("type_wrong", node, name=name, value=given, more=place.cda_type)


def _number(node: etree._Element, value: Value, place: Any, name: tuple[str, str]) -> Iterator[Found]:
    parts = NUMBER.match(narrow(value.text or value.code))
    if parts is None:
        yield found("number_unreadable", node, name=name, value=value.words)
        return
    form = format_of(place.format)
    if form and form.signs == "N" and form.most:
        decimals = form.decimals or 0
        whole, part = parts.group(1).lstrip("0"), (parts.group(2) or "").rstrip("0")
        if len(whole) > form.most - decimals or len(part) > decimals:
            yield found("number_digits", node, name=name, value=value.text, more=place.format)


def _length(node: etree._Element, value: Value, place: Any, name: tuple[str, str]) -> Iterator[Found]:
    form = format_of(place.format)
    text = value.text or value.code
    if form is None or form.signs not in ("A", "AN", "N") or not text:
        return
    if form.most and len(text) > form.most:
        yield found("too_long", node, name=name, value=text, more=place.format)
    elif form.least and form.least > 1 and len(text) < form.least and not _is_code_without_zeros(text, place):
        yield found("too_short", node, name=name, value=text, more=place.format)


def _is_code_without_zeros(text: str, place: Any) -> bool:
    """A code of digits may leave out its leading zeros, as most sources do (9 for 09)."""
    return place.type in ("S2", "S3") and text.isascii() and text.isdigit()


def _code(node: etree._Element, value: Value, place: Any, codes: Any, name: tuple[str, str]) -> Iterator[Found]:
    """A code that a complete value set has not; a set that is known in part refuses nothing."""
    given = value.code or value.text
    if codes is not None and codes.complete and given and codes.find(given) is None:
        yield found("code_unknown", node, name=name, value=given, more=f"{codes.id} {codes.name_zh}")
    if place.code_system_oid and value.code and value.system and value.system != place.code_system_oid:
        yield found("code_system_wrong", node, name=name, value=value.system, more=place.code_system_oid)


def _unit(node: etree._Element, value: Value, place: Any, name: tuple[str, str]) -> Iterator[Found]:
    expected = place.unit.strip("-x/")
    if not expected:
        return
    if not value.unit:
        yield found("unit_missing", node, name=name, value=value.text, more=place.unit)
    elif narrow(value.unit).lower() != narrow(place.unit).lower() and place.cda_type == "PQ":
        yield found("unit_wrong", node, name=name, value=value.unit, more=place.unit)


@lru_cache(maxsize=1000)
def format_of(written: str) -> formats.Format | None:
    """The format as numbers; None where it is not declared or cannot be read."""
    try:
        return formats.read(written)
    except ValueError:
        return None
