"""Plain paths below the root of a document, each looked up once."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from lxml import etree

from yigong.kit.xml import below, children

Nodes = list[etree._Element]
NONE: Nodes = []


class Finder:
    """Gives the elements at a path of plain names, as ``find`` and ``findall`` do, without walking a step again."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.moments: dict[etree._Element, datetime | None] = {}  # what rules have worked out, for each other
        self.known: defaultdict[str, Nodes] = defaultdict(list)  # path -> what stands there
        for part in children(root):
            self.known[part.tag].append(part)  # type: ignore[index]

    def know(self, found: dict[str, Nodes]) -> None:
        """Takes over what a walk has found at paths already."""
        self.known.update(found)

    def all(self, path: str) -> Nodes:
        """Every element at *path*, in the order of the document."""
        found = self.known.get(path)
        if found is None:
            above, _, tag = path.rpartition("/")
            found = self.known[path] = below(self.all(above), tag) if above else NONE
        return found

    def __call__(self, path: str) -> etree._Element | None:
        """The first element at *path*, None where there is none."""
        found = self.known.get(path) or self.all(path)
        return found[0] if found else None

    def said(self, path: str, attribute: str) -> str:
        """An attribute of the first element at *path*, empty where there is none."""
        found = self.known.get(path) or self.all(path)
        return (found[0].get(attribute) or "").strip() if found else ""
