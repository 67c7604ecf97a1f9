"""Value sets: what is in them, worked out from the code systems and value sets that are kept (FHIR R4, ValueSet.compose)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from yigong.platform.fhir.terms.systems import System, Unknown, Unusable

#: value sets within value sets, and codes that are worked out at all
DEEPEST, LARGEST = 10, 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A code of a value set."""

    system: str
    code: str
    display: str = ""
    active: bool = True
    abstract: bool = False
    designations: tuple[Mapping[str, Any], ...] = ()


Codes = dict[tuple[str, str], Entry]


class Sources(Protocol):
    """Where value sets and code systems are found; ``url`` may bear a version behind a bar."""

    def value_set(self, url: str) -> Mapping[str, Any] | None:
        """A ValueSet."""

    def code_system(self, url: str) -> Mapping[str, Any] | None:
        """A CodeSystem."""


class Terminology:
    """Works out value sets; keeps what it worked out."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._systems: dict[str, System] = {}
        self._sets: dict[str, Codes] = {}

    def system(self, url: str) -> System:
        """A code system whose concepts are known. Raises Unknown."""
        if url not in self._systems:
            found = self.sources.code_system(url)
            if found is None or not found.get("concept"):
                raise Unknown("CodeSystem", url)
            self._systems[url] = System(found)
        return self._systems[url]

    def codes(self, value_set: Mapping[str, Any], depth: int = 0) -> Codes:
        """All codes of a value set in its order. Raises Unknown, Unusable."""
        if depth > DEEPEST:
            raise Unusable("值集嵌套过深或包含自身", "it is nested too deeply, or holds itself")
        compose = value_set.get("compose") or {}
        if not compose and (given := (value_set.get("expansion") or {}).get("contains")):
            return _expanded(given)
        found: Codes = {}
        for part in compose.get("include") or ():
            found |= self._part(part, depth)
            if len(found) > LARGEST:
                raise Unusable(f"超过 {LARGEST:,} 个代码", f"it has more than {LARGEST:,} codes", costly=True)
        for part in compose.get("exclude") or ():
            for key in self._part(part, depth):
                found.pop(key, None)
        return {k: e for k, e in found.items() if e.active} if compose.get("inactive") is False else found

    def named(self, url: str, depth: int = 0) -> Codes:
        """All codes of the value set of an address. Raises Unknown, Unusable."""
        if url not in self._sets:
            found = self.sources.value_set(url)
            if found is None:
                raise Unknown("ValueSet", url)
            self._sets[url] = self.codes(found, depth)
        return self._sets[url]

    def _part(self, part: Mapping[str, Any], depth: int) -> Codes:
        ways: list[Codes] = [self._own(part)] if part.get("system") else []
        ways += [self.named(str(url), depth + 1) for url in part.get("valueSet") or ()]
        first, *others = ways or [{}]
        return {key: e for key, e in first.items() if all(key in other for other in others)}

    def _own(self, part: Mapping[str, Any]) -> Codes:
        """The codes of a system that a part lists, or that its filters keep."""
        url = str(part["system"])
        if listed := part.get("concept"):
            return {(url, str(c.get("code"))): self._listed(url, c) for c in listed}
        version = f"|{part['version']}" if part.get("version") else ""
        system = self.system(url + version)
        kept = [system.kept(f) for f in part.get("filter") or ()]
        return {
            (url, c.code): Entry(url, c.code, c.display, c.active, c.abstract, tuple(c.facts.get("designation") or ()))
            for c in system.concepts.values()
            if all(c.code in codes for codes in kept)
        }

    def _listed(self, url: str, one: Mapping[str, Any]) -> Entry:
        code, display, active = str(one.get("code")), str(one.get("display") or ""), True
        try:
            if (known := self.system(url).find(code)) is not None:
                display, active = display or known.display, known.active
        except Unknown:
            pass  # a system that is not here: the code is as the value set lists it
        return Entry(url, code, display, active, designations=tuple(one.get("designation") or ()))

    # ---- is it in? ----

    def holds(self, url: str, system: str | None, code: str) -> bool:
        """Whether the value set of an address has a code; without *system* (an element of type code) of any system.

        Raises Unknown where it cannot be said, Unusable.
        """
        found = self.sources.value_set(url)
        if found is None:
            raise Unknown("ValueSet", url)
        return self._in_set(found, system, code, 0)

    def _in_set(self, value_set: Mapping[str, Any], system: str | None, code: str, depth: int) -> bool:
        if depth > DEEPEST:
            raise Unusable("值集嵌套过深或包含自身", "it is nested too deeply, or holds itself")
        compose = value_set.get("compose") or {}
        if not compose:
            return any(c == code and system in (None, s) for s, c in self.codes(value_set))
        inside = _any(compose.get("include") or (), lambda part: self._in_part(part, system, code, depth))
        return inside and not _any(compose.get("exclude") or (), lambda part: self._in_part(part, system, code, depth))

    def _in_part(self, part: Mapping[str, Any], system: str | None, code: str, depth: int) -> bool:
        url = str(part.get("system", ""))
        if url and system not in (None, url):
            return False
        if url and not self._in_own(part, code):
            return False
        for inner in part.get("valueSet") or ():
            found = self.sources.value_set(str(inner))
            if found is None:
                raise Unknown("ValueSet", str(inner))
            if not self._in_set(found, system, code, depth + 1):
                return False
        return bool(url or part.get("valueSet"))

    def _in_own(self, part: Mapping[str, Any], code: str) -> bool:
        if listed := part.get("concept"):
            return any(c.get("code") == code for c in listed)
        version = f"|{part['version']}" if part.get("version") else ""
        system = self.system(str(part["system"]) + version)
        found = system.find(code)
        if found is None:
            if system.content not in ("complete", ""):
                raise Unknown("CodeSystem", system.url)
            return False
        return all(found.code in system.kept(f) for f in part.get("filter") or ())


def _any(parts: Any, test: Callable[[Any], bool]) -> bool:
    """Whether one of the parts holds; what is unknown matters only where none does. Raises Unknown."""
    unknown: Unknown | None = None
    for part in parts:
        try:
            if test(part):
                return True
        except Unknown as error:
            unknown = error
    if unknown is not None:
        raise unknown
    return False


def _expanded(contains: Any) -> Codes:
    """The codes of an expansion that came with its value set."""
    found: Codes = {}
    waiting = list(reversed(contains))
    while waiting:
        one = waiting.pop()
        if one.get("code") and not one.get("abstract"):
            key = (str(one.get("system", "")), str(one["code"]))
            found[key] = Entry(*key, str(one.get("display") or ""), not one.get("inactive", False))
        waiting += list(reversed(one.get("contains") or ()))
    return found
