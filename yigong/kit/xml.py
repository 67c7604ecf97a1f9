"""XML from outside, read so that no file can harm: no entities, no network, bounded size, depth and time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from yigong.kit.encoding import decode
from yigong.kit.errors import Refused

LIMIT = 32 * 1024 * 1024  # bytes of one document
DEPTH = 256  # what libxml2 itself allows without huge_tree
PROLOG = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
DECLARED_ENCODING = re.compile(rb"""\A[\s\xef\xbb\xbf]*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
BAD_REFERENCE = re.compile(r"&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2\d|3[01]));")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree whose element names carry no namespace, and what had to be overlooked to get it."""

    root: etree._Element
    encoding: str
    notes: tuple[str, ...]  # xml_encoding_wrong, xml_signs_lost, xml_signs_forbidden


def parse(data: bytes, *, limit: int = LIMIT) -> Parsed:
    """The tree of *data*.

    Raises Refused xml_empty, xml_too_large, xml_doctype, xml_broken (with line and column).
    """
    if len(data) > limit:
        raise Refused("xml_too_large", size=len(data), limit=limit)
    if not data.strip():
        raise Refused("xml_empty")
    found = DECLARED_ENCODING.match(data[:400])
    decoded = decode(data, found.group(1).decode("ascii") if found else "")
    text, notes = _readable(decoded.text)
    if text[PROLOG.match(text).end() :][:9].upper() == "<!DOCTYPE":  # type: ignore[union-attr]
        raise Refused("xml_doctype")
    if decoded.wrong and not decoded.lossy:
        notes = ("xml_encoding_wrong", *notes)
    if decoded.lossy:
        notes = ("xml_signs_lost", *notes)
    return Parsed(_without_namespaces(_tree(text)), decoded.encoding, notes)


def _readable(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without its declaration (it is decoded) and without signs that XML forbids; lines keep their number."""
    declaration = DECLARATION.match(text)
    if declaration:
        text = "\n" * declaration.group(0).count("\n") + text[declaration.end() :]
    cleaned, count = NOT_XML.subn("", text)
    cleaned, references = BAD_REFERENCE.subn("", cleaned)
    return cleaned, ("xml_signs_forbidden",) if count + references else ()


def _tree(text: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position if error.position else (0, 0)
        raise Refused("xml_broken", line=line, column=column, because=_reason(error)) from None


def _reason(error: etree.XMLSyntaxError) -> str:
    """What libxml2 said, without the file's own words, which may be personal data."""
    return (error.msg or "").split(", line ", 1)[0].split(":", 1)[0][:120]


def _without_namespaces(root: etree._Element) -> etree._Element:
    """The same tree with bare names: senders leave namespaces out, or invent their own."""
    for element in root.iter(etree.Element):
        if "}" in element.tag:
            element.tag = element.tag.rpartition("}")[2]
    return root


def xsi_type(element: etree._Element) -> str:
    """The declared type of a value without its prefix, empty where it is not said."""
    for name, value in ((str(n), str(v)) for n, v in element.attrib.items()):
        if name == "type" or name.endswith("}type"):
            return value.rpartition(":")[2].strip()
    return ""
