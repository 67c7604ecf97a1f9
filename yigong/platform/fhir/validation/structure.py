"""Walks a resource beside its definition. Pure.

What is checked: known elements, cardinality, choice, types and formats, required bindings, kinds of reference, contained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yigong.platform.fhir.definitions.model import MANY, Definitions, Element
from yigong.platform.fhir.validation import narrative
from yigong.platform.fhir.validation.findings import Finding, found
from yigong.platform.fhir.validation.primitives import GAP, ID, trouble

#: findings beyond this tell nobody more
ENOUGH = 100
_PRIMITIVES_WITHOUT_EXTENSION = {"xhtml"}


@dataclass(slots=True)
class _Member:
    """A name as it may stand in JSON."""

    element: Element
    kind: str
    primitive: bool
    many: bool
    targets: frozenset[str]
    codes: Mapping[str, tuple[str, ...]] | None


@dataclass(slots=True)
class Checker:
    """Checks resources against definitions; keeps what it worked out of each type."""

    definitions: Definitions
    members: dict[str, dict[str, _Member]] = field(default_factory=dict)
    required: dict[str, tuple[Element, ...]] = field(default_factory=dict)

    def check(self, resource: Mapping[str, Any], place: str = "") -> list[Finding]:
        """All findings about a resource."""
        out: list[Finding] = []
        contained = {c.get("id") for c in _list(resource.get("contained")) if isinstance(c, dict)}
        self._resource(resource, place, out, contained)
        return out[:ENOUGH]

    def _resource(self, resource: Any, place: str, out: list[Finding], contained: set[Any]) -> None:
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        known = self.definitions.types.get(kind) if isinstance(kind, str) else None
        if known is None or known.kind != "resource" or known.abstract:
            out.append(found("resource_type", place or "$this", value=kind))
            return
        own = resource.get("id")  # declared as a plain string, and yet an id (R4, Resource.id)
        if isinstance(own, str) and not ID.match(own):
            out.append(found("format", f"{place or kind}.id", name="id", type="id", value=own))
        self._object(resource, str(kind), place or str(kind), out, contained)

    def _of(self, kind: str) -> dict[str, _Member]:
        if kind not in self.members:
            self.members[kind] = dict(self._worked_out(kind))
            elements = self.definitions.types[kind].elements.values()
            self.required[kind] = tuple(e for e in elements if e.least)
        return self.members[kind]

    def _worked_out(self, kind: str) -> Any:
        types = self.definitions.types
        for element in types[kind].elements.values():
            targets = dict(element.types)
            for name, code in element.json_names.items():
                primitive = code in types and types[code].kind == "primitive"
                codes = self.definitions.value_sets.get(element.value_set) if element.value_set else None
                allowed = frozenset(targets.get(code, ())) - {"Resource"}
                many = element.most == MANY or element.most > 1
                yield (
                    name,
                    _Member(element, code, primitive, many, allowed if code == "Reference" else frozenset(), codes),
                )

    def _object(self, value: Mapping[str, Any], kind: str, place: str, out: list[Finding], contained: set[Any]) -> None:
        members = self._of(kind)
        if not value:
            out.append(found("empty", place, name=place.rpartition(".")[2]))
        seen: dict[str, str] = {}
        for name, inner in value.items():
            if name == "resourceType" and (self.definitions.types[kind].kind == "resource"):
                continue
            member = members.get(name)
            if member is None:
                self._other(value, name, inner, kind, members, place, out, contained)
                continue
            if member.element.choice and seen.setdefault(member.element.name, name) != name:
                out.append(
                    found("choice", place, name=member.element.name, found=f"{seen[member.element.name]}, {name}")
                )
            self._value(value, name, inner, member, place, out, contained)
            if len(out) > ENOUGH:
                return
        for element in self.required[kind]:
            if not any(n in value or f"_{n}" in value for n in element.json_names):
                out.append(found("missing", place, name=element.name))

    def _other(
        self, value: Mapping[str, Any], name: str, inner: Any, kind: str, members: dict[str, _Member], place: str,
        out: list[Finding], contained: set[Any],
    ) -> None:  # fmt: skip
        """A name that is no element: extensions of a primitive, or nothing known."""
        member = members.get(name[1:]) if name[:1] == "_" else None
        if member is None or not member.primitive or member.kind in _PRIMITIVES_WITHOUT_EXTENSION:
            out.append(found("unknown", f"{place}.{name}", name=name, type=kind))
            return
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None:
                if isinstance(one, dict):
                    self._object(one, "Element", f"{place}.{name[1:]}", out, contained)
                else:
                    out.append(
                        found("type", f"{place}.{name[1:]}", name=name, type="Element", value=type(one).__name__)
                    )

    def _value(
        self, owner: Mapping[str, Any], name: str, inner: Any, member: _Member, place: str, out: list[Finding],
        contained: set[Any],
    ) -> None:  # fmt: skip
        at = f"{place}.{member.element.name}"
        if not member.many:
            if isinstance(inner, list):
                out.append(found("single", at, name=name))
            else:
                self._one(inner, name, member, at, out, contained)
            return
        if not isinstance(inner, list):
            out.append(found("list", at, name=name))
            return
        if not inner:
            out.append(found("empty", at, name=name))
        most = member.element.most
        if most != MANY and len(inner) > most:
            out.append(found("many", at, name=name, most=most, count=len(inner)))
        beside = owner.get(f"_{name}")
        for number, one in enumerate(inner):
            if (
                one is None
                and member.primitive
                and isinstance(beside, list)
                and number < len(beside)
                and beside[number]
            ):
                continue
            self._one(one, name, member, f"{at}[{number}]", out, contained)

    def _one(self, one: Any, name: str, member: _Member, at: str, out: list[Finding], contained: set[Any]) -> None:
        kind = member.kind
        if member.primitive:
            if (rule := trouble(kind, one)) == "format" and kind == "xhtml":
                out.append(found("narrative", at, name=name, why=narrative.trouble(one)))
            elif rule:
                out.append(found(rule, at, name=name, type=kind, value=one if rule == "format" else type(one).__name__))
            elif member.codes is not None and one not in member.codes:
                out.append(found("code", at, name=name, value=one, set=member.element.value_set))
            return
        if not isinstance(one, dict):
            out.append(found("type", at, name=name, type=kind, value=type(one).__name__))
            return
        if kind == "Resource":
            self._resource(
                one, at, out, {c.get("id") for c in _list(one.get("contained")) if isinstance(c, dict)} | contained
            )
            return
        if kind == "Reference":
            self._reference(one, name, member, at, out, contained)
        elif member.codes is not None:
            self._coded(one, name, member, at, out)
        self._object(one, kind, at, out, contained)

    def _reference(
        self, one: Mapping[str, Any], name: str, member: _Member, at: str, out: list[Finding], contained: set[Any]
    ) -> None:
        text = one.get("reference")
        if not isinstance(text, str):
            return
        if GAP.search(text):
            out.append(found("reference", at, name=name, value=text))
            return
        if text[:1] == "#":
            if len(text) > 1 and text[1:] not in contained:
                out.append(found("contained", at, name=name, value=text))
            return
        parts = text.partition("/_history/")[0].split("/")
        kind = parts[-2] if len(parts) >= 2 else ""
        if member.targets and kind in self.definitions.parameters and kind not in member.targets:
            # a warning: official examples of R4 themselves break it
            out.append(found("target", at, "warning", name=name, value=kind, set=", ".join(sorted(member.targets))))

    def _coded(self, one: Mapping[str, Any], name: str, member: _Member, at: str, out: list[Finding]) -> None:
        """A required binding on Coding or CodeableConcept: one of the codings is of the set."""
        if member.kind not in ("Coding", "CodeableConcept") or member.codes is None:
            return
        codings = [one] if member.kind == "Coding" else _list(one.get("coding"))
        codes = [(c.get("system"), c.get("code")) for c in codings if isinstance(c, dict) and c.get("code")]
        if codes and not any(s in member.codes.get(c, ()) if isinstance(c, str) else False for s, c in codes):
            out.append(found("code", at, name=name, value=codes[0][1], set=member.element.value_set))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
