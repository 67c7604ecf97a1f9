"""Plain paths below the root of a document, each looked up once."""

from __future__ import annotations

from typing import Any

from lxml import etree

from yigong.kit.xml import children

Nodes = list[etree._Element]
NONE: Nodes = []


class Finder:
    """Gives the elements at a path of plain names, as ``find`` and ``findall`` do, without walking a step again."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.kept: dict[str, Any] = {}  # what rules have worked out of the document, for each other
        self.below: dict[str, dict[str, Nodes]] = {"": _by_name([root])}  # path -> what stands below, by name
        self.known: dict[str, Nodes] = {}

    def know(self, found: dict[str, Nodes]) -> None:
        """Takes over what a walk has found at paths already."""
        self.known.update(found)

    def all(self, path: str) -> Nodes:
        """Every element at *path*, in the order of the document."""
        found = self.known.get(path)
        if found is None:
            above, _, tag = path.rpartition("/")
            if above not in self.below:
                self.below[above] = _by_name(self.all(above))
            found = self.known[path] = self.below[above].get(tag, NONE)
        return found

    def __call__(self, path: str) -> etree._Element | None:
        """The first element at *path*, None where there is none."""
        found = self.all(path)
        return found[0] if found else None

    def said(self, path: str, attribute: str) -> str:
        """An attribute of the first element at *path*, empty where there is none."""
        found = self.all(path)
        return (found[0].get(attribute) or "").strip() if found else ""


def _by_name(nodes: Nodes) -> dict[str, Nodes]:
    """The children of elements by their names."""
    found: dict[str, Nodes] = {}
    for node in nodes:
        for part in children(node):
            tag: str = part.tag  # type: ignore[assignment]
            if tag in found:
                found[tag].append(part)
            else:
                found[tag] = [part]
    return found
