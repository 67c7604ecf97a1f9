"""Declared XPaths taken apart into steps: one walk finds every declared place, and the same steps build a document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from yigong.kit.xml import children

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
        if self.deep:
            found: Iterable[etree._Element] = node.iter(self.path)
        else:
            found = (
                (part for part in children(node) if part.tag == self.path)
                if "/" not in self.path
                else node.iterfind(self.path)
            )
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
