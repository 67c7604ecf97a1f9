"""Plain paths below the root of a document, each looked up once."""

from __future__ import annotations

from typing import Any

from lxml import etree

from yigong.kit.xml import children


class Finder:
    """Gives the first element at a path of plain names, as ``find`` does, without walking the same steps again."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.kept: dict[str, Any] = {}  # what rules have worked out of the document, for each other
        self.first: dict[str, etree._Element | None] = {"": root}
        for child in reversed(children(root)):
            self.first[child.tag] = child  # type: ignore[index]

    def __call__(self, path: str) -> etree._Element | None:
        """The first element at *path*, None where there is none."""
        try:
            return self.first[path]
        except KeyError:
            found = self.first[path] = self._look(path)
            return found

    def _look(self, path: str) -> etree._Element | None:
        before, _, tag = path.rpartition("/")
        above = self(before) if before else None
        if above is None:
            return None
        for part in children(above):
            if part.tag == tag:
                return part
        return None if self._is_only(above) else self.root.find(path)  # in a later element of the same name

    def all(self, path: str) -> list[etree._Element]:
        """Every element at *path*."""
        before, _, tag = path.rpartition("/")
        above = self(before)
        if above is None:
            return []
        return (
            [part for part in children(above) if part.tag == tag] if self._is_only(above) else self.root.findall(path)
        )

    def _is_only(self, node: etree._Element) -> bool:
        """Whether no other element has the path of *node*."""
        while node is not self.root:
            above: etree._Element = node.getparent()  # type: ignore[assignment]
            for part in children(above):
                if part.tag == node.tag and part is not node:
                    return False
            node = above
        return True

    def said(self, path: str, attribute: str) -> str:
        """An attribute of the first element at *path*, empty where there is none."""
        node = self(path)
        return "" if node is None else node.get(attribute, "").strip()
