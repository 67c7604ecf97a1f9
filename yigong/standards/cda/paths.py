"""Declared XPaths taken apart into steps: one walk finds every declared place, and the same steps build a document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from sys import intern
from typing import NamedTuple

from lxml import etree

from yigong.kit.xml import below

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
            found = node.iterfind(self.path) if "/" in self.path else below([node], self.path)
        return self.value in [part.get(self.attribute) for part in found]


class Step(NamedTuple):
    """One step of a path."""

    tag: str
    conditions: tuple[Condition, ...]

    def holds(self, node: etree._Element) -> bool:
        """Whether an element of the step's name answers all its conditions."""
        return not self.conditions or all(condition.holds(node) for condition in self.conditions)


@lru_cache(maxsize=10_000)
def steps_of(xpath: str) -> tuple[Step, ...]:
    """The steps below the root, a section always within the structured body."""
    xpath = xpath.replace(
        "/ClinicalDocument/component/section", "/ClinicalDocument/component/structuredBody/component/section"
    )
    return tuple(
        Step(
            intern(tag),
            tuple(
                Condition(bool(deep), intern(path), intern(name), value)
                for deep, path, name, value in EQUALS.findall(said)
            ),
        )
        for tag, said in STEP.findall(xpath)[1:]
    )
