"""Required places that say nothing yet: what another place of the document says already, else that nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lxml import etree

from yigong.kit.xml import below
from yigong.standards.cda.names import likeness
from yigong.standards.cda.paths import Step, steps_of

NO_INFORMATION = "NI"
#: elements that stand for what is in them
ACTS = frozenset(["observation", "procedure", "organizer", "substanceAdministration", "act", "encounter", "household"])
#: likeness of names from which two places of one field say the same
SAME = 0.85
At = Callable[[etree._Element, Sequence[Step], str], etree._Element]


def wanting(root: etree._Element, document: Any) -> Iterator[Any]:
    """The declared places that are required and do not stand; those of an optional group only where the group does."""
    groups = {(p.section_zh, p.group_zh) for p in document.elements if p.group_zh and stands(root, p)}
    for place in document.elements:
        optional = place.group_cardinality.startswith("0") and (place.section_zh, place.group_zh) not in groups
        if place.cardinality.startswith("1") and place.xpath and not optional and not stands(root, place):
            yield place


def said_elsewhere(root: etree._Element, plan: Any, rows: Mapping[str, Any]) -> Iterator[tuple[Any, tuple[str, str]]]:
    """Places that want what a field says at another place, with that field: the bed's number again as the bed's name."""
    compiled = {place.xpath: place for place in plan.kind.places if not place.by_structure}
    for declared in wanting(root, plan.kind.document):
        place = compiled.get(declared.xpath)
        for data_set, field in place.fields if place is not None else ():
            key = (data_set, field.identifier)
            way = plan.ways.get(key)
            if way is None or not any(row.get(field.identifier) for row in rows.get(data_set, ())):
                continue
            if max(likeness(declared.name_zh, name) for name in (field.name_zh, way.place.name_zh)) >= SAME:
                yield place, key
                break


def nulls(root: etree._Element, document: Any, at: At) -> None:
    """``nullFlavor`` NI where something is required and the records say nothing."""
    for place in wanting(root, document):
        node = at(root, steps_of(place.xpath), place.name_zh)
        if node.tag == "value":
            node.set("type", place.cda_type or "ST")
        if node.tag not in ACTS:
            node.set("nullFlavor", NO_INFORMATION)


def stands(root: etree._Element, place: Any) -> bool:
    """Whether there is an element at a declared place."""
    here = [root]
    for step in steps_of(place.xpath):
        here = [part for part in below(here, step.tag) if step.holds(part)]
    return bool(here) and bool(place.xpath)
