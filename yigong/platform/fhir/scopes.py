"""SMART scopes: which types an application may read, search, create, change and delete. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from yigong.kit.errors import Refused

_SCOPE = re.compile(r"^(system|user|patient)/([A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?$")
#: the older words for what an application may do
_OLD = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: a type (or *), letters of create, read, update, delete, search, and a narrowing query."""

    kind: str
    acts: str
    query: tuple[tuple[str, str], ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Scopes:
    """All scopes of one token."""

    all: tuple[Scope, ...] = ()

    def of(self, kind: str, act: str) -> tuple[Scope, ...]:
        """The scopes that let *act* be done to a type; empty when none does."""
        return tuple(s for s in self.all if s.kind in ("*", kind) and act in s.acts)

    def must(self, kind: str, act: str) -> None:
        """Raises Refused fhir.scope."""
        if not self.of(kind, act):
            raise Refused("fhir.scope", act=act, type=kind)

    def kinds(self, act: str, known: Iterable[str]) -> list[str]:
        """The types of *known* to which *act* may be done."""
        return [k for k in known if self.of(k, act)]

    def queries(self, kind: str, act: str) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The narrowing queries of a type, any of which must hold; empty when a scope lets everything be seen."""
        found = tuple(s.query for s in self.of(kind, act))
        return () if any(not q for q in found) else found

    def __str__(self) -> str:
        return " ".join(s.text for s in self.all)


EVERYTHING = Scopes((Scope("*", "cruds", (), "system/*.cruds"),))


def parse(text: str, known: Iterable[str] | None = None) -> Scopes:
    """The scopes written with spaces between them. Raises Refused fhir.scope_unknown."""
    found = []
    names = set(known) if known is not None else None
    for word in text.split():
        hit = _SCOPE.match(word)
        if hit is None or not hit[3] or (names is not None and hit[2] != "*" and hit[2] not in names):
            raise Refused("fhir.scope_unknown", scope=word)
        query = tuple(parse_qsl(hit[4], keep_blank_values=True)) if hit[4] else ()
        found.append(Scope(hit[2], _OLD.get(hit[3], hit[3]), query, word))
    return Scopes(tuple(found))


def within(asked: Scopes, held: Scopes) -> bool:
    """Whether everything that is asked for is held."""
    return all(
        any(
            h.kind in ("*", a.kind) and set(a.acts) <= set(h.acts) and (not h.query or h.query == a.query)
            for h in held.all
        )
        for a in asked.all
    )
