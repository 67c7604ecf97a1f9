"""XML from outside, read so that no file can harm: no entities, no network, bounded size, depth and time."""

from __future__ import annotations

import codecs
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

from lxml import etree

from yigong.kit.encoding import decode
from yigong.kit.errors import Refused

LIMIT = 32 * 1024 * 1024  # bytes of one document
DEPTH = 256  # what libxml2 itself allows without huge_tree
PROLOG = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
DECLARATION_CODED = re.compile(rb"\A\s*<\?xml\b[^>]*\?>")
PROLOG_CODED = re.compile(PROLOG.pattern.encode(), re.DOTALL)
DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
DECLARED_ENCODING = re.compile(rb"""\A[\s\xef\xbb\xbf]*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: an attribute of the first tag that is no default namespace, and that tag up to its default namespace
ATTRIBUTE = rb"""\s+(?!xmlns\s*=)[\w:.-]+\s*=\s*(?:"[^"<&]*"|'[^'<&]*')"""
DEFAULT_NAMESPACE = re.compile(
    rb"""(<[\w.-]+(?:%b)*)(\s+xmlns\s*=\s*(["'])(?!http://www.w3.org/)[\w:/.-]*\3)(?=(?:%b)*\s*/?>)"""
    % (ATTRIBUTE, ATTRIBUTE)
)
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
DECLARES = re.compile(b"xmlns")
SPACES = bytes(
    sign if bytes([sign]).isspace() else 0x20 for sign in range(256)
)  # white space stays, all else becomes a space
UTF_8 = ("", "utf-8", "utf8")
BAD_REFERENCE = re.compile(r"&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2\d|3[01]));")


_OWN = threading.local()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree whose element names carry no namespace, and what had to be overlooked to get it."""

    root: etree._Element
    encoding: str
    notes: tuple[str, ...]  # xml_encoding_wrong, xml_signs_lost, xml_signs_forbidden


def parse(data: bytes, *, limit: int = LIMIT, blanks: bool = True) -> Parsed:
    """The tree of *data*; without *blanks* the white space between elements is left out, which is quicker.

    Raises Refused xml_empty, xml_too_large, xml_doctype, xml_broken (with line and column).
    """
    if len(data) > limit:
        raise Refused("xml_too_large", size=len(data), limit=limit)
    if not data or data.isspace():
        raise Refused("xml_empty")
    found = DECLARED_ENCODING.match(data[:400])
    declared = found.group(1).decode("ascii") if found else ""
    if declared.lower() in UTF_8 and (read := _quickly(data, blanks)):
        return Parsed(read[0], "utf-8", read[1])
    decoded = decode(data, declared)
    is_plain = decoded.encoding == "utf-8" and not decoded.lossy
    root, notes = (_quickly(data, blanks) if is_plain else None) or _without_namespaces(*_read(decoded.text, blanks))
    if decoded.wrong and not decoded.lossy:
        notes = ("xml_encoding_wrong", *notes)
    if decoded.lossy:
        notes = ("xml_signs_lost", *notes)
    return Parsed(root, decoded.encoding, notes)


Read = tuple[etree._Element, tuple[str, ...]]


def _quickly(data: bytes, blanks: bool) -> Read | None:
    """The tree of plain UTF-8 as it came; None where anything about it is unusual, or it is no UTF-8 (libxml2 looks)."""
    if b"&" in data:
        return None
    coded = data.removeprefix(codecs.BOM_UTF8)
    declaration = DECLARATION_CODED.match(coded)
    if declaration:
        coded = b"\n" * declaration.group().count(b"\n") + coded[declaration.end() :]
    start = PROLOG_CODED.match(coded).end()  # type: ignore[union-attr]
    if coded[start : start + 9].upper() == b"<!DOCTYPE":
        return None
    coded = _bared(coded, start)
    try:
        root = _tree(coded, blanks)
    except Refused:
        return None
    is_bare = _is_bare(root, coded, coded.find(b">", start))
    return (root, ()) if is_bare else _without_namespaces(root, ())


def _is_bare(root: etree._Element, coded: bytes, end: int) -> bool:
    """Whether surely no element has a namespace: none is declared after the *end* of the first tag, and no element is in one of the root's."""
    declared = root.nsmap
    if None in declared or DECLARES.search(coded, end):
        return False
    named = [f"{{{uri}}}*" for uri in (*declared.values(), "http://www.w3.org/XML/1998/namespace")]
    return next(root.iter(*named), None) is None


def _read(text: str, blanks: bool) -> Read:
    """The tree of any text, without signs that XML forbids; lines keep their number."""
    declaration = DECLARATION.match(text)
    if declaration:
        text = "\n" * declaration.group(0).count("\n") + text[declaration.end() :]
    cleaned, count = NOT_XML.subn("", text)
    cleaned, references = BAD_REFERENCE.subn("", cleaned)
    if cleaned[PROLOG.match(cleaned).end() :][:9].upper() == "<!DOCTYPE":  # type: ignore[union-attr]
        raise Refused("xml_doctype")
    tree = _tree(cleaned.encode("utf-8", "replace"), blanks)
    return tree, ("xml_signs_forbidden",) if count + references else ()


def _bared(coded: bytes, start: int) -> bytes:
    """The text with spaces for the default namespace of its first tag: bare names come cheaper so than by renaming."""
    found = DEFAULT_NAMESPACE.match(coded, start)
    if found is None:
        return coded
    return b"%b%b%b" % (coded[: found.end(1)], found.group(2).translate(SPACES), coded[found.end() :])


def _parser(blanks: bool) -> etree.XMLParser:
    """The parser of this thread: made once, for making one costs as much as a tenth of a document."""
    name = "parser" if blanks else "brief"
    parser: etree.XMLParser | None = getattr(_OWN, name, None)
    if parser is None:
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            remove_blank_text=not blanks,
            encoding="utf-8",
        )
        setattr(_OWN, name, parser)
    return parser


def _tree(coded: bytes, blanks: bool) -> etree._Element:
    try:
        return etree.fromstring(coded, _parser(blanks))
    except etree.XMLSyntaxError as error:
        line, column = error.position if error.position else (0, 0)
        raise Refused("xml_broken", line=line, column=column, because=_reason(error)) from None


def _reason(error: etree.XMLSyntaxError) -> str:
    """What libxml2 said, without the file's own words, which may be personal data."""
    return (error.msg or "").split(", line ", 1)[0].split(":", 1)[0][:120]


def _without_namespaces(root: etree._Element, notes: tuple[str, ...]) -> Read:
    """Gives every element its bare name: senders leave namespaces out, or invent their own."""
    for element in root.iter(etree.Element):
        if "}" in element.tag:
            element.tag = element.tag.rpartition("}")[2]
    return root, notes


def xsi_type(element: etree._Element) -> str:
    """The declared type of a value without its prefix, empty where it is not said; xsi:type before any other ``type``."""
    if given := element.get(XSI_TYPE):
        return given.rpartition(":")[2].strip()
    for name, value in ((str(n), str(v)) for n, v in element.attrib.items()):
        if name == "type" or name.endswith("}type"):
            return value.rpartition(":")[2].strip()
    return ""


#: the children of an element as a list, several times cheaper than walking over it
children = cast("Callable[[etree._Element], list[etree._Element]]", itemgetter(slice(None)))


def below(nodes: list[etree._Element], tag: str) -> list[etree._Element]:
    """The children of elements that have a name."""
    return [part for node in nodes for part in children(node) if part.tag == tag]
