"""A code system: its concepts, what they are part of, and those that a filter of a value set keeps (FHIR R4, ValueSet.compose.include.filter)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

#: properties of R4 that say what a concept is part of, or what is part of it
UP, DOWN = ("parent", "subsumedBy"), ("child",)
#: statuses of a concept that is used no longer
ENDED = {"retired", "inactive"}


class Unusable(ValueError):  # noqa: N818  - reads as a sentence
    """A value set that cannot be worked out, with the reason in Chinese and English."""

    def __init__(self, zh: str, en: str, *, costly: bool = False) -> None:
        super().__init__(en)
        self.zh, self.en, self.costly = zh, en, costly


class Unknown(LookupError):  # noqa: N818  - reads as a sentence
    """A code system or value set that nobody here has."""

    def __init__(self, kind: str, url: str) -> None:
        super().__init__(f"{kind} {url}")
        self.kind, self.url = kind, url


@dataclass(slots=True)
class Concept:
    """One concept of a code system."""

    code: str
    display: str
    parents: list[str] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """The values of a property as text."""
        if name in ("code", "concept"):
            return [self.code]
        if name in ("display", "definition"):
            return [str(self.facts[name])] if self.facts.get(name) else []
        if name in UP:
            return self.parents
        return [_text(p) for p in self.facts.get("property") or () if p.get("code") == name]

    @property
    def active(self) -> bool:
        """Whether it is still used."""
        return "true" not in self.values("inactive") and not ENDED & set(self.values("status"))

    @property
    def abstract(self) -> bool:
        """Whether it only holds others together."""
        return "true" in self.values("notSelectable")


def _text(property_: Mapping[str, Any]) -> str:
    value = next((v for k, v in property_.items() if k.startswith("value")), "")
    if isinstance(value, dict):
        return str(value.get("code", ""))
    return str(value).lower() if isinstance(value, bool) else str(value)


class System:
    """The concepts of a code system by their codes, in its order."""

    def __init__(self, resource: Mapping[str, Any]) -> None:
        self.url = str(resource.get("url", ""))
        self.version = str(resource.get("version", ""))
        self.name = str(resource.get("title") or resource.get("name") or "")
        self.content = str(resource.get("content", ""))
        self.has_case = bool(resource.get("caseSensitive", True))
        self.concepts: dict[str, Concept] = {}
        self._read(resource.get("concept") or ())
        self.children = self._downward()

    def _read(self, concepts: Sequence[Mapping[str, Any]]) -> None:
        waiting = [(one, "") for one in reversed(concepts)]
        below: list[tuple[str, str]] = []
        while waiting:
            one, above = waiting.pop()
            code = str(one.get("code"))
            made = self.concepts.setdefault(code, Concept(code, str(one.get("display") or ""), [], one))
            made.parents += [above] if above else []
            for each in one.get("property") or ():
                if each.get("code") in UP:
                    made.parents.append(_text(each))
                elif each.get("code") in DOWN:
                    below.append((_text(each), code))
            waiting += [(inner, code) for inner in reversed(one.get("concept") or ())]
        for code, above in below:
            if code in self.concepts:
                self.concepts[code].parents.append(above)
        for made in self.concepts.values():
            made.parents = list(dict.fromkeys(p for p in made.parents if p in self.concepts and p != made.code))

    def _downward(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self.concepts.values():
            for above in one.parents:
                found.setdefault(above, []).append(one.code)
        return found

    def find(self, code: str) -> Concept | None:
        """The concept of a code."""
        found = self.concepts.get(code)
        if found is None and not self.has_case:
            found = next((c for c in self.concepts.values() if c.code.lower() == code.lower()), None)
        return found

    def below(self, code: str) -> set[str]:
        """All that a concept holds, without itself."""
        return self._reached(code, lambda c: self.children.get(c, ()))

    def above(self, code: str) -> set[str]:
        """All that a concept is part of, without itself."""
        return self._reached(code, lambda c: self.concepts[c].parents if c in self.concepts else ())

    @staticmethod
    def _reached(code: str, way: Callable[[str], Sequence[str]]) -> set[str]:
        found: set[str] = set()
        waiting = list(way(code))
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += way(one)
        return found - {code}

    def subsumes(self, one: str, other: str) -> str:
        """``equivalent``, ``subsumes``, ``subsumed-by`` or ``not-subsumed``: what the first is to the second."""
        if one == other:
            return "equivalent"
        if one in self.above(other):
            return "subsumes"
        return "subsumed-by" if other in self.above(one) else "not-subsumed"

    # ---- filters ----

    def kept(self, filter_: Mapping[str, Any]) -> set[str]:
        """The codes that a filter keeps. Raises Unusable."""
        name, op, value = (str(filter_.get(k, "")) for k in ("property", "op", "value"))
        decide = FILTERS.get(op)
        if decide is None:
            raise Unusable(f"不支持筛选方式 {op[:40]}", f"the filter operation {op[:40]} is not known")
        return decide(self, name, value)

    def _hierarchy(self, name: str, value: str) -> Concept:
        if name not in ("concept", "code", *UP):
            raise Unusable(f"属性 {name[:60]} 没有层级", f"the property {name[:60]} has no hierarchy")
        found = self.find(value)
        if found is None:
            raise Unusable(f"代码系统 {self.url} 没有代码 {value[:60]}", f"{self.url} has no code {value[:60]}")
        return found

    def _where(self, name: str, test: Callable[[list[str]], bool]) -> set[str]:
        return {c.code for c in self.concepts.values() if test(c.values(name))}

    def _equal(self, name: str, value: str) -> set[str]:
        if name in UP:
            return set(self.children.get(value, ()))
        if name in DOWN:
            found = self.find(value)
            return set(found.parents) if found else set()
        return self._where(name, lambda held: value in held)

    def _is_a(self, name: str, value: str) -> set[str]:
        top = self._hierarchy(name, value).code
        return {top} | self.below(top)

    def _descendent(self, name: str, value: str) -> set[str]:
        return self.below(self._hierarchy(name, value).code)

    def _is_not_a(self, name: str, value: str) -> set[str]:
        return set(self.concepts) - self._is_a(name, value)

    def _generalizes(self, name: str, value: str) -> set[str]:
        low = self._hierarchy(name, value).code
        return {low} | self.above(low)

    def _in(self, name: str, value: str) -> set[str]:
        wanted = {v.strip() for v in value.split(",")}
        return self._where(name, lambda held: bool(wanted & set(held)))

    def _not_in(self, name: str, value: str) -> set[str]:
        return set(self.concepts) - self._in(name, value)

    def _exists(self, name: str, value: str) -> set[str]:
        return self._where(name, lambda held: bool(held) == (value == "true"))

    def _regex(self, name: str, value: str) -> set[str]:
        """Those whose value matches from end to end; by an engine whose time grows with the text only."""
        held = [(c.code, v) for c in self.concepts.values() for v in c.values(name)]
        try:
            hits = pl.Series([v for _, v in held], dtype=pl.String).str.contains(f"^(?:{value})$", strict=True)
        except pl.exceptions.ComputeError as error:
            raise Unusable(f"正则表达式 {value[:80]} 有误", f"the regular expression {value[:80]} is wrong") from error
        return {code for (code, _), hit in zip(held, hits, strict=True) if hit}


FILTERS: Mapping[str, Callable[[System, str, str], set[str]]] = {
    "=": System._equal, "is-a": System._is_a, "descendent-of": System._descendent, "is-not-a": System._is_not_a,
    "generalizes": System._generalizes, "in": System._in, "not-in": System._not_in, "exists": System._exists, "regex": System._regex,
}  # fmt: skip
