"""Profiles, value sets and code systems by their canonical addresses: those that were brought or written, then R4's own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from yigong.platform.fhir import db
from yigong.platform.fhir.bodies import JSON, read
from yigong.platform.fhir.official import numbers, official_shelf

#: by address and, where it is asked for, version; of several the one written last
_STORED = """select r.body from fhir_resource r join fhir_uri u on u.resource_id = r.id and u.param = any(%(params)s)
    where u.uri = %(url)s and r.type = %(kind)s and not r.deleted and (not %(brought)s or r.origin <> 'fhir') order by r.last_updated desc, r.id desc limit 20"""


def definition(kind: str, canonical: str, *, brought: bool = False) -> JSON | None:
    """The StructureDefinition, ValueSet or CodeSystem of an address, perhaps with ``|version``; None where there is none.

    Definitions are about nobody, so whoever validates is judged by all of them; but with *brought* by none that programs wrote.
    """
    url, _, version = canonical.partition("|")
    params = {"params": list(numbers(kind, "url")), "url": url, "kind": kind, "brought": brought}
    for (body,) in db.rows(_STORED, params, raw_text=True):
        found = read(body)
        if version in ("", found.get("version")):
            return found
    own = official_shelf().get(kind, url)
    return own if own is not None and version in ("", own.get("version")) else None


_BROUGHT = """select distinct u.uri from fhir_uri u join fhir_resource r on r.id = u.resource_id
    where u.param = any(%(params)s) and u.uri = any(%(urls)s) and r.type = 'StructureDefinition' and r.origin = 'profiles' and not r.deleted"""


def brought(urls: Collection[str]) -> frozenset[str]:
    """Those of the addresses whose profiles were brought by ``yigong fhir profiles``."""
    params = {"params": list(numbers("StructureDefinition", "url")), "urls": list(urls)}
    return frozenset(url for (url,) in db.rows(_BROUGHT, params))


_PROFILES = """select distinct t.uri, u.uri from fhir_resource r
    join fhir_uri u on u.resource_id = r.id and u.param = any(%(urls)s) join fhir_uri t on t.resource_id = r.id and t.param = any(%(types)s)
    where r.type = 'StructureDefinition' and r.origin <> 'definitions' and not r.deleted order by 1, 2 limit 1000"""


def profiles() -> tuple[tuple[str, str], ...]:
    """(type, address) of the profiles that were brought or written, R4's own aside."""
    urls, types = (list(numbers("StructureDefinition", code)) for code in ("url", "type"))
    return tuple(db.rows(_PROFILES, {"urls": urls, "types": types}))  # type: ignore[arg-type]  # two texts


class Library:
    """What one answer needs, each definition found once."""

    def __init__(self, find: Callable[[str, str], JSON | None] = definition) -> None:
        self.find = find
        self._found: dict[tuple[str, str], JSON | None] = {}

    def _get(self, kind: str, url: str) -> Any:
        key = (kind, url)
        if key not in self._found:
            self._found[key] = self.find(kind, url)
        return self._found[key]

    def structure(self, url: str) -> JSON | None:
        """A StructureDefinition."""
        found: JSON | None = self._get("StructureDefinition", url)
        return found

    def value_set(self, url: str) -> JSON | None:
        """A ValueSet."""
        found: JSON | None = self._get("ValueSet", url)
        return found

    def code_system(self, url: str) -> JSON | None:
        """A CodeSystem."""
        found: JSON | None = self._get("CodeSystem", url)
        return found
