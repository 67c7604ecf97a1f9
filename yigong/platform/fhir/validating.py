"""Validation with the definitions of this installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.fhir.library import Library
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.validation import invariants, meaning
from yigong.platform.fhir.validation.findings import Finding
from yigong.platform.fhir.validation.glance import Glance
from yigong.platform.fhir.validation.profiles import ProfileChecker
from yigong.platform.fhir.validation.structure import Checker
from yigong.platform.fhir.validation.trees import CORE, Forest


@cache
def checker() -> Checker:
    """The one checker of this process."""
    return Checker(definitions())


@cache
def glance() -> Glance:
    """The one quick look of this process."""
    return Glance(definitions())


def findings(resource: Mapping[str, Any]) -> list[Finding]:
    """What the structure definitions say of a resource. Raises Refused fhir.too_deep."""
    try:
        return [] if glance().is_clean(resource) else checker().check(resource)
    except RecursionError as error:
        raise Refused("fhir.too_deep") from error


def must_conform(resource: Mapping[str, Any]) -> None:
    """Raises Refused fhir.invalid with the findings as issues."""
    errors = [f for f in findings(resource) if f.severity == "error"]
    if errors:
        raise Refused("fhir.invalid", count=len(errors), findings=[f.issue() for f in errors])


def all_findings(resource: Mapping[str, Any]) -> list[Finding]:
    """Structure and, where that holds, invariants and meaning."""
    found = findings(resource)
    if any(f.severity == "error" for f in found):
        return found
    systems = Terminology(Library())
    return [*found, *invariants.check(definitions(), resource), *meaning.check(definitions(), resource, systems)]


def profiled(resource: Mapping[str, Any], asked: Sequence[str] = ()) -> list[Finding]:
    """What the profiles say that are asked for or claimed in ``meta.profile``, and the definitions of the extensions used.

    A profile that is asked for and unknown is an error, one that is only claimed a warning. Raises Refused fhir.too_deep.
    """
    library = Library()
    one = ProfileChecker(definitions(), Forest(library), Terminology(library))
    own = CORE + str(resource["resourceType"])
    asked_for = [p for p in asked if p.partition("|")[0] != own]
    claims = [p for p in claimed(resource) if p not in asked and p.partition("|")[0] != own]
    try:
        one.check(resource, asked_for)
        one.check(resource, claims, unknown="warning")
        for place, inner in _inside(resource):
            base = CORE + str(inner["resourceType"])
            urls = [p for p in claimed(inner) if p.partition("|")[0] != base]
            one.check(inner, urls, unknown="warning", place=place)
        return one.extensions(resource)
    except RecursionError as error:
        raise Refused("fhir.too_deep") from error


def _inside(resource: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The resources of a Bundle and those contained, with their places."""
    kind = resource["resourceType"]
    entries = resource.get("entry") if kind == "Bundle" else None
    held = [(f"Bundle.entry[{n}].resource", e.get("resource")) for n, e in enumerate(_dicts(entries))]
    held += [(f"{kind}.contained[{n}]", c) for n, c in enumerate(_dicts(resource.get("contained")))]
    yield from ((at, one) for at, one in held if isinstance(one, dict) and isinstance(one.get("resourceType"), str))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v if isinstance(v, dict) else {} for v in value] if isinstance(value, list) else []


def claimed(resource: Mapping[str, Any]) -> list[str]:
    """The profiles that a resource says it keeps, in ``meta.profile``."""
    meta = resource.get("meta")
    said = meta.get("profile") if isinstance(meta, dict) else None
    return [p for p in said if isinstance(p, str)] if isinstance(said, list) else []
