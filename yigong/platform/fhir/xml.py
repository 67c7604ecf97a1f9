"""Resources as XML and back, by the official definitions: order of elements, attributes, lists, narrative. Pure but for the definitions.

R4 2.6.1: each element is an XML element of its name, a primitive bears ``value``, ``id`` and ``url`` of extensions are attributes,
the narrative is XHTML, a contained resource stands inside ``contained`` under its own name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from lxml import etree

from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import JSON, Digits
from yigong.platform.fhir.definitions.model import Element
from yigong.platform.fhir.official import definitions

FHIR, XHTML = "http://hl7.org/fhir", "http://www.w3.org/1999/xhtml"
_NUMBERS = frozenset(("decimal", "integer", "positiveInt", "unsignedInt"))
_RESOURCE = ("Resource", "DomainResource")


# ---- out ----


def to_xml(resource: Mapping[str, Any]) -> bytes:
    """A resource as an XML document."""
    kind = str(resource["resourceType"])
    root = etree.Element(f"{{{FHIR}}}{kind}", nsmap={None: FHIR})  # type: ignore[dict-item]
    _members(root, kind, resource)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _members(into: Any, kind: str, value: Mapping[str, Any]) -> None:
    for element, name, code in _in_order(kind):
        given, beside = value.get(name), value.get(f"_{name}")
        if given is None and beside is None:
            continue
        if name == "id" and kind not in _resources():
            into.set("id", str(given))
        elif name == "url" and kind == "Extension":
            into.set("url", str(given))
        else:
            _element(into, element, name, code, given, beside)


def _element(into: Any, element: Element, name: str, code: str, given: Any, beside: Any) -> None:
    several = isinstance(given, list) or isinstance(beside, list)
    values = given if isinstance(given, list) else [given]
    besides = beside if isinstance(beside, list) else [beside]
    for nth in range(max(len(values), len(besides)) if several else 1):
        one = values[nth] if nth < len(values) else None
        more = besides[nth] if nth < len(besides) else None
        if one is not None or more is not None:
            _one(into, name, code, one, more)


def _one(into: Any, name: str, code: str, one: Any, more: Any) -> None:
    if code == "xhtml":
        into.append(etree.fromstring(str(one), _parser()))
        return
    made = etree.SubElement(into, f"{{{FHIR}}}{name}")
    if isinstance(one, dict) and "resourceType" in one:
        inner = etree.SubElement(made, f"{{{FHIR}}}{one['resourceType']}")
        _members(inner, str(one["resourceType"]), one)
    elif isinstance(one, dict):
        _members(made, code, one)
    elif one is not None:
        made.set("value", _written(one))
    if isinstance(more, dict):
        if "id" in more:
            made.set("id", str(more["id"]))
        for extension in more.get("extension", ()):
            _members(etree.SubElement(made, f"{{{FHIR}}}extension"), "Extension", extension)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Digits) else str(value)


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _in_order(kind: str) -> Iterator[tuple[Element, str, str]]:
    """Elements of a type in the order of the standard, each name that it has in JSON with its type."""
    known = definitions().types.get(kind)
    for element in known.elements.values() if known else ():
        for name, code in element.json_names.items():
            yield element, name, code


def _resources() -> Sequence[str]:
    return definitions().resources


# ---- in ----


def from_xml(raw: bytes) -> JSON:
    """A resource from an XML document. Raises Refused fhir.not_xml with the line."""
    try:
        root = etree.fromstring(raw, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("fhir.not_xml", line=getattr(error, "lineno", 0) or 0, why=str(error)[:160]) from error
    if root.getroottree().docinfo.doctype:
        raise Refused("fhir.not_xml", line=1, why="DOCTYPE")
    return _resource(root)


def _resource(node: Any) -> JSON:
    name = etree.QName(node)
    if name.namespace != FHIR or name.localname not in _resources():
        raise _wrong(node, f"{name.localname[:60]} is no resource of {FHIR}")
    return {"resourceType": name.localname, **_read(node, name.localname)}


def _wrong(node: Any, why: str) -> Refused:
    return Refused("fhir.not_xml", line=node.sourceline or 0, why=why)


@cache
def _names(kind: str) -> dict[str, tuple[Element, str]]:
    return {name: (element, code) for element, name, code in _in_order(kind)}


def _read(node: Any, kind: str) -> JSON:
    """The members of one element."""
    names = _names(kind)
    made: JSON = {name: value for name, value in node.attrib.items() if name in ("id", "url")}
    lists: dict[str, tuple[list[Any], list[Any]]] = {}
    for child in node.iterchildren(tag=etree.Element):
        local = etree.QName(child).localname
        known = names.get(local)
        if known is None:
            raise _wrong(child, f"{kind} has no {local[:60]}")
        one, more = _value(child, known[1])
        values, besides = lists.setdefault(local, ([], []))
        values.append(one)
        besides.append(more)
    for local, (values, besides) in lists.items():
        _put(made, node, local, names[local][0], values, besides)
    return made


def _put(made: JSON, node: Any, name: str, element: Element, values: list[Any], besides: list[Any]) -> None:
    if element.most == 1:
        if len(values) > 1:
            raise _wrong(node, f"{name} stands more than once")
        if values[0] is not None:
            made[name] = values[0]
        if besides[0]:
            made[f"_{name}"] = besides[0]
        return
    if any(v is not None for v in values):
        made[name] = values
    if any(besides):
        made[f"_{name}"] = [b or None for b in besides]


def _value(node: Any, code: str) -> tuple[Any, JSON]:
    """The value of an element, and what stands beside a primitive."""
    if etree.QName(node).namespace == XHTML:
        tail, node.tail = node.tail, None
        text = etree.tostring(node, encoding="unicode")
        node.tail = tail
        return text, {}
    if code in _RESOURCE:
        inner = next(node.iterchildren(tag=etree.Element), None)
        if inner is None:
            raise _wrong(node, "a resource is missing")
        return _resource(inner), {}
    if not code[:1].islower():
        return _read(node, code), {}
    beside: JSON = {"id": node.get("id")} if node.get("id") else {}
    extensions = [_read(child, "Extension") for child in node.iterchildren(f"{{{FHIR}}}extension")]
    if extensions:
        beside["extension"] = extensions
    return _plain(node, code, node.get("value")), beside


def _plain(node: Any, code: str, text: str | None) -> Any:
    if text is None:
        return None
    if code == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if code in _NUMBERS:
        try:
            found = json.loads(text, parse_float=Digits, parse_int=int)
        except ValueError as error:
            raise _wrong(node, f"{text[:40]} is no number") from error
        return found if isinstance(found, int | float) else text
    return text
