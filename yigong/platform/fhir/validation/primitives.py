"""Whether a JSON value is a FHIR primitive. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.validation import narrative

_DAY = re.compile(r"^\d{4}(-\d\d(-\d\d)?)?$")
_MOMENT = re.compile(r"^\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?$")
_INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_TIME = re.compile(r"^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?$")
_CODE = re.compile(r"^[^\s]+( [^\s]+)*$")
ID = re.compile(r"^[A-Za-z0-9\-.]{1,64}$")
_OID = re.compile(r"^urn:oid:[0-2](\.(0|[1-9]\d*))+$")
_UUID = re.compile(r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_BASE64 = re.compile(r"^[0-9A-Za-z+/=\s]+$")
_URI = re.compile(r"^\S+$")
#: what no address of a reference has
GAP = re.compile(r"\s")


def _calendar(shape: re.Pattern[str]) -> Callable[[str], bool]:
    def good(text: str) -> bool:
        if not shape.match(text):
            return False
        try:
            moments(text)
        except (ValueError, OverflowError):
            return False
        return True

    return good


def _shape(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.match(text) is not None


def _any(text: str) -> bool:
    return bool(text.strip())


_TEXTS: dict[str, Callable[[str], bool]] = {
    "string": _any, "markdown": _any, "xhtml": lambda text: narrative.trouble(text) is None,
    "code": _shape(_CODE), "id": _shape(ID), "uri": _shape(_URI), "url": _shape(_URI), "canonical": _shape(_URI),
    "oid": _shape(_OID), "uuid": _shape(_UUID), "base64Binary": _shape(_BASE64), "time": _shape(_TIME),
    "date": _calendar(_DAY), "dateTime": _calendar(_MOMENT), "instant": _calendar(_INSTANT),
}  # fmt: skip
_LEAST = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}


def test_of(kind: str) -> Callable[[Any], bool]:
    """A test of values of a primitive type: whether :func:`trouble` finds nothing."""
    check = _TEXTS.get(kind)
    if check is None:
        return lambda value: not trouble(kind, value)
    if kind in ("string", "markdown"):
        return lambda value: type(value) is str and "\x00" not in value and not value.isspace() and value != ""
    return lambda value: type(value) is str and "\x00" not in value and check(value)


def trouble(kind: str, value: Any) -> str:
    """``type`` when the JSON type is wrong, ``format`` when the text is, else nothing."""
    check = _TEXTS.get(kind)
    if check is not None:
        if type(value) is not str:
            return "type"
        return "" if "\x00" not in value and check(value) else "format"
    if kind == "boolean":
        return "" if type(value) is bool else "type"
    if kind == "decimal":
        return "" if isinstance(value, int | float) and type(value) is not bool else "type"
    if kind in _LEAST:
        if type(value) is not int:
            return "type"
        return "" if _LEAST[kind] <= value < 2**31 else "format"
    return ""
