"""Every kind of shared document, made from its own declarations, gives its values back in the right fields."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from yigong.standards.api import load
from yigong.standards.cda.api import open_document
from yigong.standards.cda.names import likeness

STEP = re.compile(r"/([\w-]+)((?:\[[^\]]*\])*)")
EQUALS = re.compile(r"\[(\.//|)([\w/]*?)/?@([\w:]+)='([^']*)'\]")
HOSPITAL = [d for d in load().documents.values() if d.code.startswith("C") and d.data_sets]
TEXT = {"N": "7", "D": "20260301", "DT": "20260301093000", "L": "true"}


def build(document: object) -> tuple[etree._Element, dict[str, str]]:
    """A document with one value at every declared place that has an inner id; inner id -> field name."""
    root = etree.Element("ClinicalDocument")
    etree.SubElement(root, "code", code=document.code)  # type: ignore[attr-defined]
    expected = {}
    for place in document.elements:  # type: ignore[attr-defined]
        if not place.inner_id or not place.section_loinc:
            continue
        node = _at(root, place.xpath)
        if not len(node) and not node.attrib:  # several elements may share one path and differ by role only
            expected[place.inner_id] = place.name_zh
            _say(node, place)
    return root, expected


def _at(root: etree._Element, xpath: str) -> etree._Element:
    here = root
    for name, conditions in STEP.findall(xpath)[1:]:
        wanted = EQUALS.findall(conditions)
        found = next((child for child in here.findall(name) if all(_holds(child, *w) for w in wanted)), None)
        if found is None:
            found = etree.SubElement(here, name)
            for _, path, attribute, value in wanted:
                _make(found, path, attribute, value)
        here = found
    return here


def _holds(node: etree._Element, deep: str, path: str, attribute: str, value: str) -> bool:
    nodes = [node] if not path else node.findall(f".//{path}" if deep else path)
    return any(n.get(attribute) == value for n in nodes)


def _make(node: etree._Element, path: str, attribute: str, value: str) -> None:
    for name in path.split("/") if path else []:
        node = etree.SubElement(node, name)
    node.set(attribute, value)


def _say(node: etree._Element, place: object) -> None:
    """A value of the declared type; an observation says the name of its element, as senders do."""
    text = TEXT.get(place.type, "甲")  # type: ignore[attr-defined]
    node.set("value" if place.type in TEXT else "code", text)  # type: ignore[attr-defined]
    code = node.getparent().find("code") if node.tag == "value" else None
    if code is not None and not code.get("displayName"):
        code.set("displayName", place.name_zh)  # type: ignore[attr-defined]


@pytest.mark.feature("A03")
@pytest.mark.parametrize("document", HOSPITAL, ids=lambda d: d.code)
def test_every_kind_is_read_into_its_fields(document: object) -> None:
    """At least nine tenths of the coded values of a document arrive in the field of their inner id or of like name."""
    root, expected = build(document)
    opened = open_document(etree.tostring(root, encoding="utf-8"), load())
    assert opened.kind is not None
    fields = [f for read in opened.reads for f in read.fields.values()]
    arrived = {f.inner_id for f in fields}
    names = [f.name_zh for f in fields]
    lost = {
        inner: name
        for inner, name in expected.items()
        if inner not in arrived and not any(likeness(name, other) > 0.6 for other in names)
    }
    assert len(lost) <= len(expected) * 0.1, lost
