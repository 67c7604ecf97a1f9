"""A message read by declared paths, whatever its form: ``PID-3.1``, ``//patient/id/@extension``, ``$.subject.id``. Pure."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import orjson
from lxml import etree

from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.parse import Message, NotHl7
from yigong.kit.xml import parse as parse_xml

HL7V2, XML, JSON, OTHER = "hl7v2", "xml", "json", "other"
MEDIA = {
    HL7V2: "x-application/hl7-v2+er7",
    XML: "application/xml",
    JSON: "application/json",
    OTHER: "application/octet-stream",
}
_HL7 = re.compile(r"[A-Z][A-Z0-9]{2}-\d{1,3}(\.\d{1,3})?\Z")
_JSON_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\*)\]")
LONGEST_VALUE = 200
MOST_VALUES = 20


def form_of(body: bytes) -> str:
    """The form of a message by its first signs."""
    head = body[:200].lstrip(b"\xef\xbb\xbf\x0b \t\r\n")
    if head.startswith(b"MSH"):
        return HL7V2
    if head.startswith(b"<"):
        return XML
    return JSON if head[:1] in (b"{", b"[") else OTHER


def path_form(path: str) -> str:
    """The form of message a path belongs to. Raises Refused bus.bad_path."""
    if _HL7.match(path):
        return HL7V2
    if path.startswith("$"):
        if "".join(m.group(0) for m in _JSON_STEP.finditer(path[1:])) != path[1:]:
            raise Refused("bus.bad_path", path=path[:100])
        return JSON
    if path.startswith("/"):
        try:
            etree.XPath(path)
        except etree.XPathError as error:
            raise Refused("bus.bad_path", path=path[:100]) from error
        return XML
    raise Refused("bus.bad_path", path=path[:100])


class Content:
    """One message; it is opened when the first path asks."""

    def __init__(self, body: bytes, form: str = "", media: str = "") -> None:
        self.body = body
        self.form = form or form_of(body)
        self.media = media or MEDIA[self.form]

    @cached_property
    def tree(self) -> Any:
        """The message opened by its form; None when it is not readable."""
        try:
            match self.form:
                case "hl7v2":
                    text = decode(self.body)
                    return Message(text.text, text.charset)
                case "xml":
                    return parse_xml(self.body).root
                case "json":
                    return orjson.loads(self.body)
        except (NotHl7, Refused, ValueError, RecursionError):
            return None
        return None

    def values(self, path: str) -> list[str]:
        """All values at a path, in order; none where the form is another or nothing stands there."""
        if self.tree is None or path_form(path) != self.form:
            return []
        if self.form == HL7V2:
            found = _hl7(self.tree, path)
        else:
            found = _xml(self.tree, path) if self.form == XML else _json(self.tree, path)
        return [v[:LONGEST_VALUE] for v in (text.replace("\x00", "").strip() for text in found[:MOST_VALUES]) if v]

    def value(self, path: str) -> str:
        """The first value at a path, else empty."""
        return next(iter(self.values(path)), "")


def _hl7(message: Message, path: str) -> list[str]:
    name, _, number = path.partition("-")
    field, _, component = number.partition(".")
    found: list[str] = []
    for segment in message.segments(name):
        for repetition in range(1, max(1, len(segment.repetitions(int(field)))) + 1):
            found.append(segment.value(int(field), int(component or 1), repetition))
    return found


def _xml(root: etree._Element, path: str) -> list[str]:
    try:
        found = root.xpath(path)
    except etree.XPathError:
        return []
    if isinstance(found, str | float | bool):
        return [str(found)]
    return [str(f) if not isinstance(f, etree._Element) else "".join(map(str, f.itertext())) for f in found]


def _json(tree: Any, path: str) -> list[str]:
    here = [tree]
    for step in _JSON_STEP.finditer(path[1:]):
        name, number = step.groups()
        here = [found for value in here for found in _stepped(value, name, number)]
    return [text for value in here if (text := _said(value))]


def _stepped(value: Any, name: str | None, number: str | None) -> list[Any]:
    if name is not None:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    return value if number == "*" else value[int(number or 0) :][:1]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
