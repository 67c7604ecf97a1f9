"""A quick look at a resource: yes only where the checker would find nothing. No places, no sentences. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from yigong.platform.fhir.definitions.model import MANY, Definitions, Element
from yigong.platform.fhir.validation.primitives import GAP, test_of

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Member:
    """One JSON name of a type: how its values are tested, how many there may be (0: one, not in a list)."""

    test: Test
    most: float
    choice: str  # the element, where this is one of several forms


@dataclass(slots=True)
class Glance:
    """Looks at resources; keeps what it worked out of each type."""

    definitions: Definitions
    _types: dict[str, tuple[dict[str, _Member], tuple[tuple[str, ...], ...], bool]] = field(default_factory=dict)

    def is_clean(self, resource: Mapping[str, Any]) -> bool:
        """Whether the checker would surely find nothing; no says only that it has to look."""
        kind = resource.get("resourceType")
        known = self.definitions.types.get(kind) if isinstance(kind, str) else None
        if known is None or known.kind != "resource" or known.abstract:
            return False
        return self._object(resource, str(kind))

    def _object(self, value: Any, kind: str) -> bool:
        if type(value) is not dict or not value:
            return False
        members, required, is_resource = self._types.get(kind) or self._of(kind)
        forms: set[str] = set()
        for name, inner in value.items():
            member = members.get(name)
            if member is None:
                if is_resource and name == "resourceType":
                    continue
                return False  # unknown, or beside a primitive
            if choice := member.choice:
                if choice in forms:
                    return False
                forms.add(choice)
            if member.most:
                if type(inner) is not list or not inner or len(inner) > member.most:
                    return False
                test = member.test
                for one in inner:
                    if not test(one):
                        return False
            elif not member.test(inner):
                return False
        return all(any(name in value for name in names) for names in required)

    def _of(self, kind: str) -> tuple[dict[str, _Member], tuple[tuple[str, ...], ...], bool]:
        known = self.definitions.types[kind]
        required = tuple(tuple(e.json_names) for e in known.elements.values() if e.least)
        members = {name: member for e in known.elements.values() for name, member in self._members(e)}
        if known.kind == "resource":  # declared as a plain string, and yet an id (R4, Resource.id)
            members["id"] = _Member(test_of("id"), 0, "")
        self._types[kind] = (members, required, known.kind == "resource")
        return self._types[kind]

    def _members(self, element: Element) -> Iterator[tuple[str, _Member]]:
        targets = dict(element.types)
        many = element.most == MANY or element.most > 1
        most = (float("inf") if element.most == MANY else element.most) if many else 0
        codes = self.definitions.value_sets.get(element.value_set) if element.value_set else None
        for name, code in element.json_names.items():
            test = self._test(code, frozenset(targets.get(code, ())) - {"Resource"}, codes)
            yield name, _Member(test, most, element.name if element.choice else "")

    def _test(self, kind: str, targets: frozenset[str], codes: Mapping[str, tuple[str, ...]] | None) -> Test:
        known = self.definitions.types.get(kind)
        if kind == "Resource" or known is None:
            return lambda _value: False  # what is contained is for the checker
        if known.kind == "primitive":
            good = test_of(kind)
            return good if codes is None else lambda value: good(value) and value in codes
        if kind == "Reference":
            return lambda value: self._object(value, kind) and self._points(value.get("reference"), targets)
        if codes is not None and kind in ("Coding", "CodeableConcept"):
            return lambda value: self._object(value, kind) and _coded(value, kind, codes)
        return lambda value: self._object(value, kind)

    def _points(self, text: str | None, targets: frozenset[str]) -> bool:
        if text is None:
            return True
        if text[:1] == "#" or GAP.search(text):
            return False
        parts = text.partition("/_history/")[0].split("/")
        kind = parts[-2] if len(parts) >= 2 else ""
        return not targets or kind in targets or kind not in self.definitions.parameters


def _coded(value: Mapping[str, Any], kind: str, codes: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether one of the codings is of the set, or none has a code."""
    codings = [value] if kind == "Coding" else value.get("coding", ())
    found = [(c.get("system"), c["code"]) for c in codings if c.get("code")]
    return not found or any(system in codes.get(code, ()) for system, code in found)
