"""FHIRPath Patch: Parameters whose operations add, insert, delete, replace and move elements of a resource (R4, fhirpatch.html). Pure.

A library computes the paths; here their elements are found in the JSON, where a repeating element is a list, a choice bears
its type in its name, and what extends a primitive lies beside it under ``_name``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import fhirpathpy
from fhirpathpy.models import models

from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.definitions.api import MANY, Definitions, Element

#: operations of one patch, and signs of one path; together with the functions below they bound the work
MOST, LONGEST = 500, 500
#: functions that select elements; the rest reach outside the resource or may take for ever
FUNCTIONS = {
    "all", "as", "contains", "count", "empty", "endsWith", "exists", "extension", "first", "hasValue", "iif", "is", "last",
    "lower", "not", "ofType", "single", "skip", "startsWith", "tail", "take", "toString", "upper", "where",
}  # fmt: skip
INVALID = (
    "path 不是有效的 FHIRPath，或无法在此资源上求值",
    "the path is no valid FHIRPath, or cannot be computed on this resource",
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'")
_CALLED = re.compile(r"(\w+)\s*\(")
_EXTENSION = re.compile(r"\bextension\(\s*('(?:[^'\\]|\\.)*')\s*\)")
_STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")


class Wrong(Exception):  # noqa: N818
    """What is wrong with an operation, in Chinese and in English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class Place(NamedTuple):
    """Where an element lies: in an object under a name, at an index if it repeats."""

    holder: JSON
    name: str
    at: int | None

    @property
    def value(self) -> Any:
        """The element."""
        found = self.holder.get(self.name)
        return found if self.at is None or found is None else found[self.at]


class Operation(NamedTuple):
    """One operation as it was sent."""

    kind: str
    path: str
    name: str
    numbers: tuple[int | None, int | None, int | None]  # index source destination
    value: Mapping[str, Any] | None


def patched(definitions: Definitions, resource: JSON, parameters: Mapping[str, Any]) -> JSON:
    """The resource, changed in place, after all operations in their order. Raises Refused fhir.patch_operation."""
    sent = parameters.get("parameter") or ()
    if parameters.get("resourceType") != "Parameters" or not isinstance(sent, list) or not 0 < len(sent) <= MOST:
        zh, en = f"须为 Parameters，含 1 至 {MOST} 个 operation", f"Parameters with 1 to {MOST} operations are needed"
        raise Refused("fhir.patch_operation", number=0, path="", zh=zh, en=en)
    for number, one in enumerate(sent, 1):
        path = ""
        try:
            operation = _read(one)
            path = operation.path
            _MOVES[operation.kind](_Target(definitions, resource), operation)
        except Wrong as wrong:
            raise Refused("fhir.patch_operation", number=number, path=path, zh=wrong.zh, en=wrong.en) from wrong
    return resource


# ---- what was sent ----


def _read(sent: Any) -> Operation:
    if not isinstance(sent, dict) or sent.get("name") != "operation":
        raise Wrong("参数名须为 operation", "the parameter must be called operation")
    parts = {str(p.get("name")): p for p in sent.get("part") or () if isinstance(p, dict)}
    kind, path, name = (str(_plain(parts.get(n)) or "") for n in ("type", "path", "name"))
    if kind not in _MOVES:
        raise Wrong(
            f"没有操作类型“{kind[:40]}”，可用：{'、'.join(_MOVES)}",
            f"there is no type {kind[:40]!r}; known: {', '.join(_MOVES)}",
        )
    needed = [n for n in _NEEDED[kind] if n not in parts]
    if not path or needed:
        raise Wrong(f"缺少 {needed[0] if path else 'path'}", f"{needed[0] if path else 'path'} is missing")
    numbers = tuple(_number(parts.get(n)) for n in ("index", "source", "destination"))
    return Operation(kind, path, name, numbers, parts.get("value"))  # type: ignore[arg-type]  # three of them


def _plain(part: Mapping[str, Any] | None) -> Any:
    return next((v for k, v in (part or {}).items() if k.startswith("value")), None)


def _number(part: Mapping[str, Any] | None) -> int | None:
    value = _plain(part)
    if part is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Wrong(
            f"{part.get('name')} 须为不小于 0 的整数", f"{part.get('name')} must be a whole number that is not negative"
        )
    return value


# ---- paths ----


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Callable[..., Any]:
    bare = _QUOTED.sub("''", path)
    strange = sorted({f for f in _CALLED.findall(bare) if f not in FUNCTIONS})
    if strange or "%" in bare or len(path) > LONGEST:
        what = f"{strange[0]}()" if strange else "%" if "%" in bare else f"> {LONGEST}"
        raise Wrong(
            f"path 中不可用 {what}，只可选取资源自身的元素",
            f"{what} cannot stand in a path, which selects elements of the resource only",
        )
    try:
        # the library loses the way through extension('…'), which is short for where
        return fhirpathpy.compile(
            _EXTENSION.sub(r"extension.where(url=\1)", path), models["r4"], {"returnRawData": True}
        )
    except Exception as error:
        raise Wrong(*INVALID) from error


class _Target:
    """A resource under change, with what the definitions say of its elements."""

    def __init__(self, definitions: Definitions, resource: JSON) -> None:
        self.types, self.resource = definitions.types, resource

    def nodes(self, path: str) -> list[str]:
        """Where the elements lie that a path selects, as ``Patient.name[0]``; the resource itself is its type."""
        computed = _compiled(path)
        try:
            found = computed(self.resource, {})
        except Exception as error:
            raise Wrong(*INVALID) from error
        return list(dict.fromkeys(self._name_of(node) for node in found))

    def _name_of(self, node: Any) -> str:
        kind = str(self.resource["resourceType"])
        if getattr(node, "data", None) is self.resource:
            return kind
        name = getattr(node, "propName", None)
        if not isinstance(name, str) or not name.startswith(f"{kind}."):
            raise Wrong("path 选取的不是资源的元素", "the path selects something that is no element of the resource")
        return name

    def one(self, path: str, *, absent: bool = False) -> Place | None:
        """The single element of a path. Raises Wrong for none (unless *absent*), several, or the resource itself."""
        names = self.nodes(path)
        if not names and absent:
            return None
        _single(names)
        if "." not in names[0]:
            raise Wrong("不能替换或删除整个资源", "the resource itself can be neither replaced nor deleted")
        return self._place(names[0])

    def _place(self, name: str) -> Place:
        return list(self._along(name))[-1][0]

    def _along(self, name: str) -> Iterator[tuple[Place, str]]:
        """The places on the way to an element, each with the type of what lies there."""
        holder, kind = self.resource, str(self.resource["resourceType"])
        for step in name.split(".")[1:]:
            found = _STEP.fullmatch(step)
            element = self.types[kind].elements.get(found[1]) if found and kind in self.types else None
            if found is None or element is None or not isinstance(holder, dict):
                raise Wrong("无法在资源中定位 path 选取的元素", "what the path selects cannot be found in the resource")
            key = present(holder, element) or element.name
            place = Place(holder, key, int(found[2]) if found[2] else None)
            holder, kind = place.value, self._type_of(place, element)
            yield place, kind

    def _type_of(self, place: Place, element: Element) -> str:
        kind = element.json_names.get(place.name, "")
        value = place.value
        return str(value["resourceType"]) if isinstance(value, dict) and "resourceType" in value else kind

    def inside(self, path: str) -> tuple[JSON, str]:
        """The object that a path selects, with its type; for a primitive what extends it."""
        names = self.nodes(path)
        _single(names)
        if "." not in names[0]:
            return self.resource, names[0]
        place, kind = list(self._along(names[0]))[-1]
        return (place.value, kind) if isinstance(place.value, dict) else (_extended(place), "Element")

    def element(self, kind: str, name: str) -> Element:
        """An element of a type by its name, of a choice with or without its type. Raises Wrong."""
        of = self.types[kind if kind in self.types else "Element"].elements
        found = of.get(name) or next((e for e in of.values() if e.choice and name in e.json_names), None)
        if found is None:
            raise Wrong(f"{kind} 没有元素 {name[:60]}", f"{kind} has no element {name[:60]}")
        return found

    def collection(self, path: str) -> tuple[JSON, str, list[Any]]:
        """The list that a path selects: who holds it, under which name. Raises Wrong where it is no whole list."""
        places = [self._place(name) for name in self.nodes(path)]
        if not places:
            return self._empty(path)
        holder, name, index = places[0]
        same = all(p.holder is holder and p.name == name for p in places)
        if index is None or not same or len(places) != len(holder[name]):
            raise Wrong("path 须选取一个完整的列表", "the path must select the whole of one list")
        return holder, name, holder[name]

    def _empty(self, path: str) -> tuple[JSON, str, list[Any]]:
        parent, _, name = path.rpartition(".")
        if not parent or not name.isidentifier():
            raise Wrong("path 没有选取到列表", "the path selects no list")
        holder, kind = self.inside(parent)
        element = self.element(kind, name)
        if element.most != MANY:
            raise Wrong(f"{name} 不是可重复的元素", f"{name} does not repeat")
        return holder, name, []

    def made(self, element: Element, part: Mapping[str, Any] | None) -> tuple[str, Any]:
        """Name in JSON and value that a part of the Parameters gives for an element. Raises Wrong."""
        given = [(k, v) for k, v in (part or {}).items() if k != "name"]
        if len(given) != 1:
            raise Wrong(
                "须恰有一个值（value[x]、part 或 resource）", "exactly one value is needed: value[x], part or resource"
            )
        key, value = given[0]
        if key == "part" and isinstance(value, list):
            name, kind = next(iter(element.json_names.items()))
            return name, self._of_parts(kind, value)
        if not element.choice:
            return element.name, value
        name = element.name + key.removeprefix("value")
        if name not in element.json_names:
            raise Wrong(f"{element.name} 不能是 {key}", f"{element.name} cannot be a {key}")
        return name, value

    def _of_parts(self, kind: str, parts: Sequence[Any]) -> JSON:
        """An object of a type that Parameters have no value for, out of its elements."""
        found: JSON = {}
        for part in parts:
            if not isinstance(part, dict):
                raise Wrong("part 须为对象", "a part must be an object")
            element = self.element(kind, str(part.get("name")))
            _added(found, element, *self.made(element, part))
        return found


def _single(names: Sequence[str]) -> None:
    if (many := len(names)) != 1:
        raise Wrong(f"path 选取了 {many} 个元素，须恰为 1 个", f"the path selects {many} elements, not one")


def present(holder: Mapping[str, Any], element: Element) -> str:
    """Under which name an element is there, itself or only what extends it; empty: it is not."""
    return next((n for n in element.json_names if n in holder or f"_{n}" in holder), "")


# ---- lists, with what extends their primitives ----


def _extended(place: Place) -> JSON:
    """What extends a primitive, there from now on."""
    beside = f"_{place.name}"
    if place.at is None:
        found = place.holder.setdefault(beside, {})
    else:
        row = place.holder.setdefault(beside, [None] * len(place.holder[place.name]))
        row[place.at] = found = row[place.at] or {}
    return found  # type: ignore[no-any-return]


def _lists(holder: JSON, name: str) -> list[list[Any]]:
    """A list and the one of what extends its primitives, as far as they are there."""
    rows = [holder.get(name), holder.get(f"_{name}")]
    return [row for row in rows if isinstance(row, list)] if isinstance(rows[0], list) else []


def _tidied(holder: JSON, name: str) -> None:
    """Nothing empty stays: neither a list without elements, nor one of nulls beside it."""
    for key in (name, f"_{name}"):
        found = holder.get(key)
        if found == [] or (key[0] == "_" and isinstance(found, list) and not any(found)):
            del holder[key]


def _added(holder: JSON, element: Element, name: str, value: Any) -> None:
    """Put a value under its name: behind the others, or where there is none yet."""
    if element.most == MANY:
        for row, one in zip(_lists(holder, name), (value, None), strict=False):
            row.append(one)
        holder.setdefault(name, [value])
        return
    if there := present(holder, element):
        raise Wrong(
            f"{there} 已有值，不可重复；请用 replace", f"{there} is there already and does not repeat; use replace"
        )
    holder[name] = value


# ---- the operations ----


def _add(target: _Target, asked: Operation) -> None:
    holder, kind = target.inside(asked.path)
    element = target.element(kind, asked.name)
    _added(holder, element, *target.made(element, asked.value))


def _insert(target: _Target, asked: Operation) -> None:
    holder, name, present_list = target.collection(asked.path)
    index = asked.numbers[0] or 0
    if index > len(present_list):
        raise Wrong(
            f"index {index} 超出列表（共 {len(present_list)} 个）",
            f"index {index} lies beyond the list of {len(present_list)}",
        )
    _, value = target.made(_element_of(target, asked.path, holder, name), asked.value)
    holder.setdefault(name, [])
    for row, one in zip(_lists(holder, name), (value, None), strict=False):
        row.insert(index, one)


def _element_of(target: _Target, path: str, holder: JSON, name: str) -> Element:
    """The element behind a list that a path selects."""
    names = target.nodes(path)
    if not names:
        return target.element(target.inside(path.rpartition(".")[0])[1], name)
    above = names[0].rpartition(".")[0]
    kind = list(target._along(above))[-1][1] if "." in above else above
    return target.element(kind, name)


def _delete(target: _Target, asked: Operation) -> None:
    place = target.one(asked.path, absent=True)
    if place is None:
        return
    if place.at is None:
        for key in (place.name, f"_{place.name}"):
            place.holder.pop(key, None)
        return
    for row in _lists(place.holder, place.name):
        del row[place.at]
    _tidied(place.holder, place.name)


def _replace(target: _Target, asked: Operation) -> None:
    place = target.one(asked.path)
    assert place is not None
    names = target.nodes(asked.path)
    name, value = target.made(
        _element_of(target, asked.path, place.holder, names[0].rpartition(".")[2].partition("[")[0]), asked.value
    )
    if place.at is None:
        place.holder.pop(f"_{place.name}", None)
        if name != place.name:
            place.holder.pop(place.name, None)
        place.holder[name] = value
        return
    for row, one in zip(_lists(place.holder, place.name), (value, None), strict=False):
        row[place.at] = one
    _tidied(place.holder, place.name)


def _move(target: _Target, asked: Operation) -> None:
    holder, name, present_list = target.collection(asked.path)
    source, destination = asked.numbers[1] or 0, asked.numbers[2] or 0
    if max(source, destination) >= len(present_list):
        raise Wrong(
            f"source 或 destination 超出列表（共 {len(present_list)} 个）",
            f"source or destination lies beyond the list of {len(present_list)}",
        )
    for row in _lists(holder, name):
        row.insert(destination, row.pop(source))


_MOVES: Mapping[str, Callable[[_Target, Operation], None]] = {
    "add": _add, "insert": _insert, "delete": _delete, "replace": _replace, "move": _move,
}  # fmt: skip
_NEEDED: Mapping[str, Sequence[str]] = {
    "add": ("name", "value"), "insert": ("index", "value"), "delete": (), "replace": ("value",), "move": ("source", "destination"),
}  # fmt: skip
