"""A profile as a tree of its elements: from its snapshot as given, or from its differential laid over what it is based on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

CORE = "http://hl7.org/fhir/StructureDefinition/"
#: profiles upon profiles
DEEPEST = 20
#: what a differential says of an element that replaces what was said before
REPLACED = ("min", "max", "type", "binding", "slicing", "maxLength", "short", "mustSupport", "contentReference")
#: members whose names begin so hold a value of any type
VALUED = ("fixed", "pattern", "minValue", "maxValue")
_SYSTEM_TYPE = "http://hl7.org/fhirpath/System."


class Unusable(ValueError):  # noqa: N818  - reads as a sentence
    """A profile that cannot be made use of, with the reason in Chinese and English."""

    def __init__(self, url: str, zh: str, en: str) -> None:
        super().__init__(f"{url}: {en}")
        self.url, self.zh, self.en = url, zh, en


class Shelves(Protocol):
    """Where definitions are found."""

    def structure(self, url: str) -> Mapping[str, Any] | None:
        """The StructureDefinition of an address, perhaps with its version behind a bar."""


@dataclass(slots=True)
class Node:
    """One element of a profile with what the profile says of it, the elements inside it and its slices."""

    name: str  # without [x]
    choice: bool
    facts: dict[str, Any]
    children: dict[str, Node] = field(default_factory=dict)
    slices: dict[str, Node] = field(default_factory=dict)
    slice_name: str = ""
    shorthand: tuple[str, ...] = ()  # of a choice: names as valueQuantity by which a differential spoke of it
    whole: list[Any] = field(default_factory=list)  # its types before that

    @property
    def types(self) -> tuple[str, ...]:
        """The types that a value may have; empty where the profile does not say."""
        return tuple(code_of(t) for t in self.facts.get("type", ()))

    def valued(self, kind: str) -> tuple[str, Any] | None:
        """Name and value of ``fixed[x]``, ``pattern[x]`` and the like."""
        return next(((k, v) for k, v in self.facts.items() if k.startswith(kind) and k != kind), None)

    def copied(self, **changed: Any) -> Node:
        """The same with all inside it, to be changed apart."""
        one = Node(self.name, self.choice, {**self.facts, **changed}, slice_name=self.slice_name)
        one.children = {k: c.copied() for k, c in self.children.items()}
        one.slices = {k: s.copied() for k, s in self.slices.items()}
        return one


@dataclass(slots=True)
class Profile:
    """A StructureDefinition that was made use of."""

    url: str
    name: str
    type: str
    root: Node
    generated: bool = False  # its snapshot was made here
    contexts: tuple[tuple[str, str], ...] = ()  # of an extension: (kind, expression) of where it may stand


def code_of(one: Mapping[str, Any]) -> str:
    """The type of an entry of ``ElementDefinition.type``."""
    code = str(one.get("code", ""))
    if code.startswith(_SYSTEM_TYPE):
        said = next((e.get("valueUrl") or e.get("valueUri") for e in one.get("extension", ()) if "fhir-type" in str(e.get("url"))), None)  # fmt: skip
        return str(said) if said else code.removeprefix(_SYSTEM_TYPE).lower()
    return code


class Forest:
    """Profiles as trees, each made once."""

    def __init__(self, shelves: Shelves) -> None:
        self.shelves = shelves
        self._made: dict[str, Profile | None] = {}
        self._under_way: list[str] = []

    def profile(self, url: str) -> Profile | None:
        """The profile of an address; None where nobody knows it. Raises Unusable."""
        if url not in self._made:
            if url in self._under_way or len(self._under_way) >= DEEPEST:
                raise Unusable(
                    url, "配置文件以自身为基础，或层层相依过深", "it is based on itself, or on too many others"
                )
            self._under_way.append(url)
            try:
                found = self.shelves.structure(url)
                self._made[url] = None if found is None else self._grown(url, found)
            finally:
                self._under_way.pop()
        return self._made[url]

    def _grown(self, url: str, definition: Mapping[str, Any]) -> Profile:
        kind = str(definition.get("type", ""))
        called = str(definition.get("title") or definition.get("name") or url)
        snapshot = (definition.get("snapshot") or {}).get("element")
        contexts = tuple((str(c.get("type")), str(c.get("expression"))) for c in definition.get("context") or ())
        if snapshot:
            return Profile(url, called, kind, planted(url, snapshot), contexts=contexts)
        base = self.profile(str(definition.get("baseDefinition", "")))
        if base is None:
            said = str(definition.get("baseDefinition", ""))[:200]
            raise Unusable(url, f"它所依据的 {said} 平台没有", f"{said}, which it is based on, is not known here")
        root = base.root.copied()
        for steps, facts in _differential(url, (definition.get("differential") or {}).get("element") or ()):
            self._apply(url, root, steps, facts)
        return Profile(url, called, kind, root, generated=True, contexts=contexts)

    # ---- a differential ----

    def _apply(self, url: str, root: Node, steps: Sequence[tuple[str, str]], facts: Mapping[str, Any]) -> None:
        node = root
        for name, slice_name in steps:
            node = self._step(url, root, node, name, slice_name)
        _merge(node, facts)

    def _step(self, url: str, root: Node, node: Node, name: str, slice_name: str) -> Node:
        self.expand(node, root)
        bare = name.removesuffix("[x]")
        child = node.children.get(bare)
        if child is None:
            child, slice_name = _choice(node, bare, slice_name)
            if child is not None and not child.facts.get("slicing"):
                _narrowed(child, slice_name)
        if child is None:
            where = f"{node.name}.{name}"
            raise Unusable(url, f"元素 {where} 不存在", f"there is no element {where}")
        for part in _reslices(slice_name):
            child = child.slices.get(part) or self._sliced(child, part)
        return child

    def _sliced(self, node: Node, slice_name: str) -> Node:
        """A new slice of an element: as the element is, but that none of it need be there."""
        made = node.copied(min=0)
        made.facts.pop("slicing", None)
        made.slices, made.slice_name = {}, slice_name
        if node.choice:
            kinds = ((code_of(t), t) for t in node.whole or node.facts.get("type", ()))
            known = {node.name + code[:1].upper() + code[1:]: one for code, one in kinds}
            if one := known.get(slice_name.rpartition("/")[2]):
                made.facts["type"] = [one]
        node.slices[slice_name] = made
        return made

    def expand(self, node: Node, root: Node) -> None:
        """Give a node the elements of its type, where its profile went no further."""
        if node.children:
            return
        if reference := node.facts.get("contentReference"):
            source = found_at(root, str(reference).rpartition("#")[2])
        else:
            source = self._of_type(node)
        if source is not None:
            node.children = {k: c.copied() for k, c in source.children.items()}

    def _of_type(self, node: Node) -> Node | None:
        """The tree of the profile or type that a node's values are of."""
        of = node.facts.get("type") or ()
        named = next((p for one in of for p in one.get("profile", ())), None) if len(of) == 1 else None
        found = self.profile(str(named)) if named else None
        if found is None:
            found = self.profile(CORE + (node.types[0] if len(node.types) == 1 else "Element"))
        return found.root if found else None


def _choice(node: Node, bare: str, slice_name: str) -> tuple[Node | None, str]:
    """``valueQuantity`` of a differential is the slice of that name of ``value[x]``."""
    for child in node.children.values():
        if child.choice and bare.startswith(child.name) and bare != child.name:
            kinds = {code_of(t)[:1].upper() + code_of(t)[1:] for t in child.whole or child.facts.get("type", ())}
            if not kinds or bare.removeprefix(child.name) in kinds:
                return child, slice_name or bare
    return None, slice_name


def _narrowed(child: Node, slice_name: str) -> None:
    """A differential that speaks of ``valueQuantity`` and never slices ``value[x]`` lets no other types be."""
    child.shorthand = (*child.shorthand, slice_name)
    named = {
        child.name + code_of(t)[:1].upper() + code_of(t)[1:]: t for t in (child.whole or child.facts.get("type", ()))
    }
    child.whole = child.whole or list(named.values())
    if kept := [t for name, t in named.items() if name in child.shorthand]:
        child.facts["type"] = kept


def _reslices(slice_name: str) -> Iterator[str]:
    """``a/b`` is a slice of the slice ``a``."""
    parts = slice_name.split("/") if slice_name else []
    for number in range(len(parts)):
        yield "/".join(parts[: number + 1])


def _merge(node: Node, facts: Mapping[str, Any]) -> None:
    node.facts |= {k: facts[k] for k in REPLACED if k in facts}
    for kind in VALUED:
        if given := {k: v for k, v in facts.items() if k.startswith(kind)}:
            node.facts = {k: v for k, v in node.facts.items() if not k.startswith(kind)} | given
    if constraints := facts.get("constraint"):
        node.facts["constraint"] = [*node.facts.get("constraint", ()), *constraints]


def _differential(url: str, elements: Sequence[Mapping[str, Any]]) -> Iterator[tuple[list[tuple[str, str]], Mapping[str, Any]]]:  # fmt: skip
    """Each element of a differential with its way from the root: (name, slice) by (name, slice)."""
    latest: dict[str, list[tuple[str, str]]] = {}
    for element in elements:
        path = str(element.get("path", ""))
        parent, dot, name = path.rpartition(".")
        if not dot:
            latest = {path: []}
            yield [], element
            continue
        if parent not in latest:
            latest[parent] = [(part, "") for part in parent.split(".")[1:]]
        if not name:
            raise Unusable(url, f"元素路径 {path[:80]} 有误", f"the path {path[:80]} of an element is wrong")
        steps = [*latest[parent], (name, str(element.get("sliceName") or ""))]
        latest = {k: v for k, v in latest.items() if not k.startswith(f"{path}.")} | {path: steps}
        yield steps, element


# ---- a snapshot ----


def planted(url: str, elements: Sequence[Mapping[str, Any]]) -> Node:
    """The tree of a snapshot, whose elements stand in the order of the tree. Raises Unusable."""
    stack: list[tuple[str, Node]] = []
    root: Node | None = None
    for element in elements:
        path = str(element.get("path", ""))
        node = _node(path, element)
        while stack and not path.startswith(f"{stack[-1][0]}."):
            stack.pop()
        if not stack:
            if root is not None:
                raise Unusable(
                    url, f"快照中 {path[:80]} 之前没有它的上级元素", f"nothing in the snapshot holds {path[:80]}"
                )
            root = node
        else:
            _hang(stack[-1][1], node)
        stack.append((path, node))
    if root is None:
        raise Unusable(url, "快照没有元素", "its snapshot has no elements")
    return root


def _node(path: str, element: Mapping[str, Any]) -> Node:
    name = path.rpartition(".")[2]
    kept = {
        k: v for k, v in element.items() if k in REPLACED or k.startswith(VALUED) or k in ("constraint", "sliceName")
    }
    return Node(name.removesuffix("[x]"), name.endswith("[x]"), kept, slice_name=str(element.get("sliceName") or ""))


def _hang(parent: Node, node: Node) -> None:
    """Put a node under its parent: as an element, or as a slice of the element before it."""
    sliced = parent.children.get(node.name)
    if sliced is None and node.slice_name:
        sliced = next((c for c in parent.children.values() if c.choice and node.name.startswith(c.name)), None)
    if sliced is None or not node.slice_name:
        parent.children[node.name] = node
        return
    *above, last = _reslices(node.slice_name)
    for part in above:
        sliced = sliced.slices.get(part, sliced)
    sliced.slices[last] = node


def found_at(root: Node, path: str) -> Node | None:
    """The element of a path as ``contentReference`` names it."""
    node: Node | None = root
    for step in path.split(".")[1:]:
        name, _, slice_name = step.partition(":")
        node = node.children.get(name.removesuffix("[x]")) if node else None
        node = node.slices.get(slice_name, node) if node and slice_name else node
    return copy(node) if node else None
