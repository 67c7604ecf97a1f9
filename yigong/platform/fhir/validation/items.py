"""The elements of a resource as a profile speaks of them: value, what extends it, type and place. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from yigong.platform.fhir.definitions.model import Definitions, Element


@dataclass(frozen=True, slots=True)
class Item:
    """One element of a resource."""

    value: Any
    kind: str  # type, or the name of a part as ``Observation.component``
    place: str
    beside: Mapping[str, Any] | None = None  # what extends a primitive

    @property
    def holder(self) -> Mapping[str, Any]:
        """Where the elements inside it stand."""
        return self.value if isinstance(self.value, dict) else (self.beside or {})


def inside(definitions: Definitions, item: Item, name: str) -> list[Item]:
    """The elements of a name (without type, as ``value``) inside another."""
    known = definitions.types.get(item.kind)
    element = known.elements.get(name) if known else None
    if element is None:
        return []
    found: list[Item] = []
    for json_name, code in element.json_names.items():
        found += _of(item.holder, json_name, f"{item.place}.{name}", code)
    return found


def _of(holder: Mapping[str, Any], name: str, place: str, code: str) -> Iterator[Item]:
    value, beside = holder.get(name), holder.get(f"_{name}")
    if isinstance(value, list) or isinstance(beside, list):
        values = value if isinstance(value, list) else []
        extras = beside if isinstance(beside, list) else []
        for number in range(max(len(values), len(extras))):
            one = values[number] if number < len(values) else None
            extra = extras[number] if number < len(extras) else None
            yield _item(one, extra, f"{place}[{number}]", code)
    elif value is not None or beside is not None:
        yield _item(value, beside, place, code)


def _item(value: Any, beside: Any, place: str, code: str) -> Item:
    kind = str(value.get("resourceType")) if code == "Resource" and isinstance(value, dict) else code
    return Item(value, kind, place, beside if isinstance(beside, dict) else None)


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(v, other[k]) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def holds_pattern(value: Any, pattern: Any) -> bool:
    """Whether a value has at least what a pattern has (FHIR R4, ElementDefinition.pattern)."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and holds_pattern(value[k], v) for k, v in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(holds_pattern(v, p) for v in value) for p in pattern)
    return equal(value, pattern)


def codes_of(item: Item) -> list[tuple[str | None, str]]:
    """(system, code) of what a binding speaks of; the system of a bare code is None."""
    match item.kind:
        case "CodeableConcept":
            given = item.holder.get("coding")
            codings = [c for c in given if isinstance(c, dict)] if isinstance(given, list) else []
        case "Coding" | "Quantity":
            codings = [dict(item.holder)]
        case _:
            return [(None, item.value)] if isinstance(item.value, str) else []
    return [(str(c.get("system", "")), str(c["code"])) for c in codings if c.get("code")]


def walk(
    definitions: Definitions, value: Any, kind: str, place: str, element: Element | None = None
) -> Iterator[tuple[Any, str, str, Element | None]]:
    """Every complex element with its type and place."""
    if not isinstance(value, dict) or kind not in definitions.types:
        return
    yield value, kind, place, element
    for part in definitions.types[kind].elements.values():
        for name, code in part.json_names.items():
            inner = value.get(name)
            if inner is None or (code in definitions.types and definitions.types[code].kind == "primitive"):
                continue
            many = inner if isinstance(inner, list) else [inner]
            for number, one in enumerate(many):
                at = f"{place}.{part.name}" + (f"[{number}]" if isinstance(inner, list) else "")
                of = str(one.get("resourceType")) if code == "Resource" and isinstance(one, dict) else code
                yield from walk(definitions, one, of, at, part)
