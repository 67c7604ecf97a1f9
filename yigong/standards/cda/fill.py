"""A value of a document as the text of a field: code or words, date or number, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.kit.text import narrow
from yigong.standards.cda.values import Value

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?\Z")
NAMED = ("_name", "_signature", "_department", "_text", "_description")  # endings of fields that hold words, not codes
YES, NO = {"true", "1", "t", "y", "yes", "是", "有"}, {"false", "0", "f", "n", "no", "否", "无"}


class Filled(NamedTuple):
    """The text of a field, None where it cannot be had, and the rule that is broken."""

    text: str | None
    broken: str = ""  # date_impossible, number_unreadable, flag_unreadable, code_unknown, code_named_only


def fill(field: Any, value: Value, codes: Any | None) -> Filled:
    """What *value* is in *field*; *codes* is the value set of the field, None where there is none."""
    match field.type:
        case "D":
            return _moment(value, "%Y-%m-%d")
        case "DT":
            return _moment(value, "%Y-%m-%dT%H:%M:%S%z")
        case "T":
            return Filled(value.text or value.words)
        case "N":
            return _number(value)
        case "L":
            return _flag(value)
    if field.type in ("S2", "S3") or field.identifier.endswith("_code"):
        return _code(value, codes)
    if field.identifier.endswith(NAMED) or value.text:
        return Filled(value.words if not value.text or value.display else value.text)
    return Filled(value.words)


def _moment(value: Value, form: str) -> Filled:
    text = value.text
    if is_blank(text):
        return Filled(None)
    try:
        return Filled(moment(text).strftime(form))
    except NotAMoment:
        return Filled(None, "date_impossible")


def _number(value: Value) -> Filled:
    text = narrow(value.text or value.code).replace(",", "")
    return Filled(text) if NUMBER.match(text) else Filled(None, "number_unreadable")


def _flag(value: Value) -> Filled:
    word = (value.text or value.code or value.display).lower()
    if word in YES | NO:
        return Filled("true" if word in YES else "false")
    return Filled(None, "flag_unreadable")


def _code(value: Value, codes: Any | None) -> Filled:
    given = value.code or ("" if value.display else value.text)
    if codes is None or not codes.codes:
        return Filled(given or value.words)
    if not given:
        named = [entry.code for entry in codes.codes.values() if narrow(entry.name_zh) == narrow(value.words)]
        return Filled(named[0], "code_named_only") if named else Filled(value.words, "code_unknown")
    stripped = given.lstrip("0") or "0"
    entry = codes.find(given) or next((e for c, e in codes.codes.items() if (c.lstrip("0") or "0") == stripped), None)
    if entry is not None:
        return Filled(entry.code)
    return Filled(given, "code_unknown" if codes.complete else "")
