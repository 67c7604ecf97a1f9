"""Which slice of a profile an element belongs to, by the discriminators (FHIR R4, profiling, 5.1.0.13). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yigong.platform.fhir.definitions.model import Definitions
from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.terms.systems import Unknown
from yigong.platform.fhir.terms.systems import Unusable as NoSet
from yigong.platform.fhir.validation.items import Item, codes_of, equal, holds_pattern, inside
from yigong.platform.fhir.validation.trees import CORE, Forest, Node, Unusable

_STEP = re.compile(r"extension\(\s*['\"]([^'\"]+)['\"]\s*\)|(\$this|resolve\(\)|ofType\([A-Za-z.]+\)|[A-Za-z]\w*)")
_BY_URL: Sequence[Mapping[str, str]] = ({"type": "value", "path": "url"},)
_BY_TYPE: Sequence[Mapping[str, str]] = ({"type": "type", "path": "$this"},)


class Matcher:
    """Decides for elements which slice they are of."""

    def __init__(
        self, definitions: Definitions, forest: Forest, terminology: Terminology, conforms: Callable[[Item, str], bool]
    ) -> None:
        self.definitions, self.forest, self.terminology, self.conforms = definitions, forest, terminology, conforms
        self._decides: dict[int, bool] = {}

    def slice_of(self, node: Node, item: Item) -> Node | None:
        """The first slice of *node* that all discriminators allow; None for an element of no slice."""
        by = (node.facts.get("slicing") or {}).get("discriminator")
        if not by:
            by = _BY_URL if node.name in ("extension", "modifierExtension") else _BY_TYPE if node.choice else ()
        if not by:
            return None
        whole = (s for name, s in node.slices.items() if "/" not in name)
        return next((s for s in whole if all(self._by(d, s, item) for d in by)), None)

    def _by(self, discriminator: Mapping[str, str], one: Node, item: Item) -> bool:
        steps = [m[0] for m in _STEP.finditer(str(discriminator.get("path", "$this"))) if m[0] != "$this"]
        kind = discriminator.get("type")
        if kind == "type":
            return self._by_type(one, item, steps)
        node, items, left = self._reached(one, [item], steps)
        if kind == "exists":
            wanted = not left and node.facts.get("max") != "0" and (node is one or node.facts.get("min", 0) > 0)
            return wanted == bool(items)
        if kind == "profile":
            named = [str(p) for t in node.facts.get("type", ()) for p in t.get("profile", ())]
            return any(self.conforms(i, p) for i in items for p in named)
        if not items:
            return not left and node.facts.get("max") == "0"
        return self.decides(node) and any(self.fits(node, i) for i in items)

    def _reached(self, node: Node, items: list[Item], steps: Sequence[str]) -> tuple[Node, list[Item], list[str]]:
        """The element of a slice that a path leads to, or the nearest before it that the slice speaks of."""
        left = list(steps)
        while left:
            step = left[0]
            following, met = self._follow(node, items, step)
            if following is None or any(s.facts.get("min", 0) and self.decides(s) for s in following.slices.values()):
                break  # what is fixed there is fixed of slices inside
            node, items = following, met
            left.pop(0)
        return node, items, left

    def _follow(self, node: Node, items: list[Item], step: str) -> tuple[Node | None, list[Item]]:
        if step.startswith("ofType("):
            return node, [i for i in items if i.kind == step[7:-1]]
        if step.startswith("extension("):
            url = step.split("'")[1] if "'" in step else step.split('"')[1]
            found = [
                i for one in items for i in inside(self.definitions, one, "extension") if i.holder.get("url") == url
            ]
            of = self._children(node).get("extension")
            return next((s for s in (of.slices.values() if of else ()) if url_of(s) == url), None), found
        if step == "resolve()":
            return None, items
        child = self._children(node).get(step)
        return child, [i for one in items for i in inside(self.definitions, one, step)]

    def _children(self, node: Node) -> Mapping[str, Node]:
        """The elements inside a node, or inside the profile that its type names."""
        if node.children:
            return node.children
        for profile in (str(p) for t in node.facts.get("type", ()) for p in t.get("profile", ())):
            if profile.startswith(CORE) and profile.removeprefix(CORE) in self.definitions.types:
                continue
            try:
                found = self.forest.profile(profile)
            except Unusable:
                continue
            if found is not None:
                return found.root.children
        return {}

    # ---- by type ----

    def _by_type(self, one: Node, item: Item, steps: Sequence[str]) -> bool:
        resolves = bool(steps) and steps[-1] == "resolve()"
        node, items, left = self._reached(one, [item], steps[:-1] if resolves else steps)
        if left or not items:
            return False
        if resolves:
            wanted = {str(p).rpartition("/")[2] for t in node.facts.get("type", ()) for p in t.get("targetProfile", ())}
            return any(target_kind(i) in wanted for i in items)
        return any(i.kind in node.types for i in items)

    # ---- by value ----

    def decides(self, node: Node) -> bool:
        """Whether an element, or one that must be inside it, has a value by which slices are told apart."""
        key = id(node)
        if key not in self._decides:
            self._decides[key] = True  # for elements that hold themselves
            self._decides[key] = bool(
                node.valued("fixed") or node.valued("pattern") or _is_bound(node) or (url_of(node) and node.slice_name)
                or any(self.decides(c) for c in node.children.values())
                or any(self.decides(s) for s in node.slices.values() if s.facts.get("min", 0))
            )  # fmt: skip
        return self._decides[key]

    def fits(self, node: Node, item: Item) -> bool:
        """Whether an element has the values that a slice fixes, in itself and in what is inside."""
        if fixed := node.valued("fixed"):
            return equal(item.value, fixed[1])
        if (pattern := node.valued("pattern")) and not holds_pattern(item.value, pattern[1]):
            return False
        if not pattern and _is_bound(node) and not self._in_set(node, item):
            return False
        if item.kind == "Extension" and (url := url_of(node)):
            return bool(item.holder.get("url") == url)
        return all(self._fits_inside(child, item) for child in node.children.values())

    def _fits_inside(self, child: Node, item: Item) -> bool:
        wanted = [s for s in child.slices.values() if s.facts.get("min", 0) and self.decides(s)]
        if _is_own(child, self.decides) and (child.facts.get("min", 0) or not wanted):
            wanted.append(child)
        if not wanted:
            return True
        items = inside(self.definitions, item, child.name)
        return all(any(self.fits(w, i) for i in items) for w in wanted)

    def _in_set(self, node: Node, item: Item) -> bool:
        url = str(node.facts["binding"]["valueSet"])
        try:
            return any(self.terminology.holds(url, s, c) for s, c in codes_of(item))
        except (Unknown, NoSet):
            return False


def _is_own(node: Node, decides: Callable[[Node], bool]) -> bool:
    """Whether an element itself, not only a slice of it, has what decides."""
    direct = node.valued("fixed") or node.valued("pattern")
    return bool(direct or any(decides(c) for c in node.children.values() if c.facts.get("min", 0) or c.valued("fixed")))


def _is_bound(node: Node) -> bool:
    binding = node.facts.get("binding") or {}
    return bool(node.slice_name and binding.get("strength") == "required" and binding.get("valueSet"))


def url_of(node: Node) -> str:
    """The address of the extensions of a slice: fixed inside, or that of the profile it names."""
    inner = node.children.get("url")
    if inner is not None and (fixed := inner.valued("fixed")):
        return str(fixed[1])
    if "Extension" not in node.types:
        return ""
    named = next((str(p) for t in node.facts.get("type", ()) for p in t.get("profile", ())), "")
    return named.partition("|")[0]


def target_kind(item: Item) -> str:
    """The type of resource that a Reference points to, as far as it says so; empty otherwise."""
    text = str(item.holder.get("reference") or "")
    parts = text.partition("/_history/")[0].split("/")
    if len(parts) >= 2 and parts[-2][:1].isupper():
        return parts[-2]
    said: Any = item.holder.get("type")
    return str(said) if said else ""
