"""Declared XPaths taken apart into steps: one walk finds every declared place, and the same steps build a document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from lxml import etree

STEP = re.compile(r"/([\w-]+)((?:\[[^\]]*\])*)")
EQUALS = re.compile(r"\[(\.//|)([\w/]*?)/?@([\w:]+)='([^']*)'\]")


class Condition(NamedTuple):
    """What a step asks of its element: an attribute of its own, of a child, or of any descendant."""

    deep: bool
    path: str
    attribute: str
    value: str

    def holds(self, node: etree._Element) -> bool:
        """Whether the element answers the condition."""
        if not self.path:
            return node.get(self.attribute) == self.value
        found = node.iter(self.path) if self.deep else node.iterfind(self.path)
        return any(part.get(self.attribute) == self.value for part in found)


class Step(NamedTuple):
    """One step of a path."""

    tag: str
    conditions: tuple[Condition, ...]


@lru_cache(maxsize=10_000)
def steps_of(xpath: str) -> tuple[Step, ...]:
    """The steps below the root, a section always within the structured body."""
    xpath = xpath.replace(
        "/ClinicalDocument/component/section", "/ClinicalDocument/component/structuredBody/component/section"
    )
    return tuple(
        Step(tag, tuple(Condition(bool(deep), path, name, value) for deep, path, name, value in EQUALS.findall(said)))
        for tag, said in STEP.findall(xpath)[1:]
    )


@dataclass(slots=True)
class Branch:
    """Declared places that share the beginning of their paths."""

    kids: dict[str, list[tuple[tuple[Condition, ...], Branch]]] = field(default_factory=dict)
    places: list[Any] = field(default_factory=list)

    def grow(self, steps: Iterable[Step], place: Any) -> None:
        """Adds a place at the end of its steps."""
        here = self
        for step in steps:
            alike = here.kids.setdefault(step.tag, [])
            found = next((branch for conditions, branch in alike if conditions == step.conditions), None)
            if found is None:
                found = Branch()
                alike.append((step.conditions, found))
            here = found
        here.places.append(place)

    def walk(self, node: etree._Element, hits: dict[int, list[etree._Element]]) -> None:
        """Collects under ``seq`` of each place the elements that stand there."""
        for place in self.places:
            hits.setdefault(place.seq, []).append(node)
        if self.kids:
            for child in node:
                for conditions, branch in self.kids.get(child.tag, ()):
                    if all(condition.holds(child) for condition in conditions):
                        branch.walk(child, hits)


def tree_of(places: Iterable[Any]) -> Branch:
    """The places of a document kind as one tree."""
    root = Branch()
    for place in places:
        root.grow(steps_of(place.xpath), place)
    return root
