"""One value of a document: what a node says, and the words that stand around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

from lxml import etree

from yigong.kit.xml import XSI_TYPE

CATALOGUE = "2.16.156.10011.2.2.1"  # the codes of data elements: they name a value, they are none
ELEMENT_ID = re.compile(r"(DE\d\d\.\d\d\.\d\d\d\.\d\d|HDS[A-Z]\d\d\.\d\d\.\d\d\d)\Z")
#: what senders write for "nothing here"
BLANK = frozenset(
    {"", "-", "--", "---", "—", "——", "/", "\\", "*", ".", "NULL", "null", "None", "N/A", "NA", "NI", "UNK"}
)
#: nodes that frame a document and say nothing about the patient
FRAME = frozenset(
    [
        "realmCode",
        "typeId",
        "templateId",
        "confidentialityCode",
        "languageCode",
        "statusCode",
        "signatureCode",
        "qualifier",
        "setId",
        "versionNumber",
        "title",
        "text",
        "sequenceNumber",
        "originalText",
    ]
)
#: parents whose code is a value (what was done, given, who is related), unlike the code that names an observation
CODED = frozenset(
    [
        "procedure",
        "manufacturedMaterial",
        "manufacturedLabeledDrug",
        "relatedSubject",
        "encompassingEncounter",
        "associatedEntity",
    ]
)

#: parts that say their parent's value again, in other words
ASIDE = frozenset(["translation", "originalText"])


class Value(NamedTuple):
    """What one node says: text, code with its name, number with its unit."""

    text: str = ""
    code: str = ""
    display: str = ""
    unit: str = ""
    kind: str = ""  # xsi:type, or the element's name
    system: str = ""  # of the code

    @property
    def words(self) -> str:
        """The value as a reader wants to see it."""
        return self.display or self.text or self.code


def value_of(node: etree._Element) -> Value | None:
    """The value of a node, None where it says nothing."""
    said_of: list[tuple[str, str]] = node.items()  # type: ignore[assignment]
    if not said_of and not len(node):  # a name, the words of a signature
        text = (node.text or "").strip()
        return None if text in BLANK else _new(Value, (text, "", "", "", node.tag, ""))  # type: ignore[arg-type]
    text = extension = code = display = unit = currency = system = ""
    kind = node.get(XSI_TYPE)
    kind = kind.rpartition(":")[2].strip() if kind else None
    for name, said in said_of:
        if name == "extension":
            extension = said
        elif name == "root":
            continue
        elif name == "code":
            code = said.strip()
        elif name == "displayName":
            display = said.strip()
        elif name == "codeSystem":
            system = said
        elif name == "value":
            text = said
        elif name == "unit":
            unit = said
        elif name == "currency":
            currency = said
        elif kind is None and (name == "type" or name.endswith("}type")):
            kind = said.rpartition(":")[2].strip()
    text = text or extension or (node.text or "" if not len(node) else _text(node))
    if text and (text := text.strip()) in BLANK:
        text = ""
    if code and code in BLANK:
        code = ""
    if display and display in BLANK:
        display = ""
    if not (text or code or display):
        return None
    return _new(Value, (text, code, display, (unit or currency).strip(), kind or node.tag, system))


def _text(node: etree._Element) -> str:
    return " ".join(part for part in (str(piece).strip() for piece in node.itertext()) if part)


_new = cast("Callable[[type[Value], tuple[str, ...]], Value]", tuple.__new__)  # without the check of its arguments


def value_nodes(root: etree._Element) -> Iterator[tuple[etree._Element, Value]]:
    """Every node that says something of its own, in document order."""
    told = {part for text in root.iterfind(".//section/text") for part in text.iter()}  # the narrative says it again
    for node in root.iter(etree.Element):
        if node not in told and not _frames(node) and not _is_container(node) and (value := value_of(node)):
            yield node, value


def _frames(node: etree._Element) -> bool:
    parent = node.getparent()
    if parent is None or node.tag in FRAME or parent.tag in ("qualifier", "parentDocument"):
        return True
    if node.tag == "code":
        above = parent.getparent()
        tells = parent.tag in CODED or (above is not None and above.tag == "informant")
        return not tells or _names_an_element(node)
    return parent.tag == "ClinicalDocument" and node.tag in ("id", "code", "effectiveTime")


def _names_an_element(code: etree._Element) -> bool:
    return code.get("codeSystem") == CATALOGUE or bool(ELEMENT_ID.match(code.get("code", "")))


def _is_container(node: etree._Element) -> bool:
    """Whether the node's meaning is in its children: an interval, an address, a structure.

    A ``translation`` that says nothing hides nothing: the node then speaks for itself.
    """
    if not len(node) or node.tag == "name":
        return False
    if all(part.tag in ASIDE and value_of(part) is None for part in node):
        return False
    return node.tag != "value" or any(child.tag in ("low", "high", "center", "width") for child in node)


def context(node: etree._Element) -> list[str]:
    """The words that say what a node is about, nearest first: names of its observation, role, section."""
    found: list[str] = []
    for ancestor in [node, *node.iterancestors()]:
        if ancestor.tag in ("section", "structuredBody", "ClinicalDocument"):
            break
        found += _labels(ancestor)
    return list(dict.fromkeys(found))


#: who did something, in which role: the role's code stands deeper than the time and the name
ROLES = frozenset(
    "assignedEntity associatedEntity participantRole authenticator legalAuthenticator participant".split()  # noqa: SIM905
)


def _labels(element: etree._Element) -> list[str]:
    words = []
    for code in element.findall("code"):
        words += [name.get("displayName") or _text(name) for name in code.iterfind(".//qualifier/name")]
        words.append(code.get("displayName", ""))
    if element.tag in ROLES:
        words += [code.get("displayName", "") for code in element.iterfind(".//code")]
    return [word.strip() for word in words if word and word.strip() not in BLANK]


def element_id(node: etree._Element) -> str:
    """The data element that a value's observation (or the node's place in a role) declares; empty where none does."""
    parent = node.getparent()
    if parent is not None and (known := ROLE_ELEMENTS.get((parent.tag, str(node.tag)))):
        return known
    holder = (
        parent if node.tag == "value" else parent.getparent() if parent is not None and parent.tag == "value" else None
    )
    if holder is None:
        return ""
    codes = (code.get("code", "").strip() for code in holder.findall("code"))
    return next((code for code in codes if ELEMENT_ID.match(code)), "")


#: what a node is by its place alone: names of persons, times of signatures
ROLE_ELEMENTS = {
    ("assignedPerson", "name"): "DE02.01.039.00",
    ("associatedPerson", "name"): "DE02.01.039.00",
    ("playingEntity", "name"): "DE02.01.039.00",
    ("authenticator", "time"): "DE09.00.053.00",
    ("legalAuthenticator", "time"): "DE09.00.053.00",
}
