"""What the structure does not say and a reader minds: addresses that stand by themselves, codes that their system has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from yigong.platform.fhir.definitions.model import Definitions
from yigong.platform.fhir.terms.systems import System, Unknown
from yigong.platform.fhir.validation.findings import Finding, found
from yigong.platform.fhir.validation.items import walk

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
#: the system of identifiers that are addresses themselves
_URIS = "urn:ietf:rfc:3986"
#: types whose ``system`` or ``url`` means nothing where it is relative
_ADDRESSED = {"Identifier": "system", "Quantity": "system", "Extension": "url"}
#: the place of an extension inside another, which has a name there and no address
_INNER = re.compile(r"[eE]xtension\[\d+\]\.extension\[\d+\]$")
_QUANTITIES = {"Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"}


class Systems(Protocol):
    """Where code systems are found."""

    def system(self, url: str) -> System:
        """A code system whose concepts are known. Raises Unknown."""


def check(definitions: Definitions, resource: Mapping[str, Any], systems: Systems) -> list[Finding]:
    """Relative addresses, codes that a known and complete system has not, contained resources that nothing refers to."""
    kind = str(resource["resourceType"])
    out: list[Finding] = []
    for value, name, place, _ in walk(definitions, resource, kind, kind):
        out += _addresses(definitions, value, name, place)
        if name in ("Coding", "Quantity") or name in _QUANTITIES:
            out += _coding(value, place, systems)
        if value.get("contained"):
            out += _contained(value, place)
    return out


def _addresses(definitions: Definitions, value: Mapping[str, Any], name: str, place: str) -> Iterator[Finding]:
    part = _ADDRESSED.get("Quantity" if name in _QUANTITIES else name)
    if name == "Extension" and _INNER.search(place):
        part = None
    if part and isinstance(text := value.get(part), str) and not _ABSOLUTE.fullmatch(text):
        yield found("relative", f"{place}.{part}", name=part, value=text)
    if (
        name == "Identifier"
        and value.get("system") == _URIS
        and not _ABSOLUTE.fullmatch(str(value.get("value", "urn:none")))
    ):
        yield found("relative", f"{place}.value", name="value", value=value.get("value"))
    for element in definitions.types[name].elements.values():
        for key, code in element.json_names.items():
            if code != "canonical" or key not in value:
                continue
            for text in value[key] if isinstance(value[key], list) else [value[key]]:
                if isinstance(text, str) and text[:1] != "#" and not _ABSOLUTE.fullmatch(text):
                    yield found("relative", f"{place}.{element.name}", name=key, value=text)


def _coding(value: Mapping[str, Any], place: str, systems: Systems) -> Iterator[Finding]:
    url, code = value.get("system"), value.get("code")
    if not isinstance(url, str) or not isinstance(code, str):
        return
    try:
        system = systems.system(url)
    except Unknown:
        return
    if system.content == "complete" and system.find(code) is None:
        yield found("code_unknown", place, value=code, set=url)


def _contained(value: Mapping[str, Any], place: str) -> Iterator[Finding]:
    """dom-3: what is contained is referred to from the resource, or refers to it."""
    referred = set(_local(value))
    for number, one in enumerate(value["contained"]):
        if isinstance(one, dict) and f"#{one.get('id')}" not in referred and "#" not in _local(one):
            yield found("contained_alone", f"{place}.contained[{number}]", value=one.get("id"))


def _local(value: Any) -> Iterator[str]:
    """All texts that begin with ``#`` where a reference or an address may stand."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _local(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _local(inner)
    elif isinstance(value, str) and value[:1] == "#":
        yield value
