"""A document read by its declarations: every value with the field it fills, or with the name it goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from yigong.standards.cda.names import best_likeness
from yigong.standards.cda.places import Kind, Place
from yigong.standards.cda.values import ROLES, Value, context, element_id, value_nodes

KINDS_OF_PART = {"id": "编号", "time": "时间"}
SURE = 0.6  # likeness of names from which a value may take a field that no path gives it


@dataclass(slots=True)
class Read:
    """One value of a document and where it belongs."""

    node: etree._Element
    value: Value
    words: list[str]  # what the document calls it, nearest first
    element_id: str
    places: list[Place] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)  # data set -> field
    line: int = -1  # which line of a prescription or report; -1: the document's own

    @property
    def label(self) -> str:
        """The name the value goes by."""
        named = (place.name_zh for place in self.places if place.name_zh and place.name_zh != "-")
        words = [w for w in self.words if not w.isascii()]
        label = (words or [next(named, "")])[0] or str(self.node.tag)
        return label + KINDS_OF_PART.get(str(self.node.tag), "") if words and self.is_part_of_role else label

    @property
    def is_part_of_role(self) -> bool:
        """Whether the value is one of several things said of a person in a role: number, name, time."""
        return any(ancestor.tag in ROLES or ancestor.tag == "author" for ancestor in self.node.iterancestors())

    @property
    def path(self) -> str:
        """Where the value stands, as an XPath."""
        return str(self.node.getroottree().getpath(self.node))


def read_values(root: etree._Element, kind: Kind | None) -> list[Read]:
    """Every value of the document, each with its fields and its line."""
    reads = [Read(node, value, context(node), element_id(node)) for node, value in value_nodes(root)]
    if kind is None:
        return reads
    by_node = {read.node: read for read in reads}
    for place in kind.places:
        for node in place.find(root):
            if (read := by_node.get(node)) is not None:
                read.places.append(place)
    for number, container in enumerate(lines_of(root, kind)):
        for node in container.iter(etree.Element):
            if node in by_node:
                by_node[node].line = number
    for read in reads:
        read.fields = _chosen(read, kind)
    return reads


def lines_of(root: etree._Element, kind: Kind) -> list[etree._Element]:
    """The entries that are lines of one prescription, report or order sheet, in order."""
    if kind.lines is None:
        return []
    tag, element = kind.lines
    entries = [found for entry in root.iter("entry") for found in entry.findall(tag)]
    if element:
        entries = [e for e in entries if any(c.get("code") == element for c in e.iter("code"))]
    return entries


def _chosen(read: Read, kind: Kind) -> dict[str, Any]:
    """The field of each data set that the value fills."""
    chosen: dict[str, Any] = {}
    for data_set in kind.data_sets:
        best = _best(read, data_set.identifier, kind)
        if best is not None:
            chosen[data_set.identifier] = best
    return chosen


def _best(read: Read, data_set: str, kind: Kind) -> Any | None:
    scored = list(_scored(read, data_set, kind))
    if not scored:
        return None
    score, _, best = max(scored, key=lambda s: (s[0], s[1]))
    return best if score >= SURE else None


def _scored(read: Read, data_set: str, kind: Kind) -> Iterable[tuple[float, int, Any]]:
    """Candidates with how sure they are: the declared path weighs, but the document's own words may say otherwise."""
    stated = {id(f): f for place in read.places for d, f in place.fields if d == data_set}
    structural = {id(f) for place in read.places if place.by_structure for d, f in place.fields if d == data_set}
    alike = {id(f): f for d, f in kind.by_element.get(read.element_id, ()) if d == data_set}
    words = [w for w in read.words if not w.isascii()] or [place.name_zh for place in read.places]
    order = {key: -number for number, key in enumerate(stated)}
    alone = len(stated | alike) == 1
    for key, candidate in {**alike, **stated}.items():
        likeness = best_likeness(words, [candidate.name_zh])
        declared = 0.65 if key in stated else 0.55 if alone else 0.0
        bonus = 0.5 if key in structural else 0.1 if key in stated else 0.0
        bonus += _unit_fits(read, candidate)
        yield max(likeness, declared) + bonus + 0.2 * likeness, order.get(key, -99), candidate


def _unit_fits(read: Read, field: Any) -> float:
    """An age in years belongs to the field of years, one in months to that of months."""
    if read.node.tag != "age":
        return 0.0
    months = "月" in read.value.unit or read.value.unit in ("mo", "M")
    return 0.5 if ("月" in field.name_zh) == months else -1.0
