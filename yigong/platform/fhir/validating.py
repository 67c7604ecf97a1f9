"""Validation with the definitions of this installation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.validation import invariants
from yigong.platform.fhir.validation.findings import Finding
from yigong.platform.fhir.validation.structure import Checker


@cache
def checker() -> Checker:
    """The one checker of this process."""
    return Checker(definitions())


def findings(resource: Mapping[str, Any]) -> list[Finding]:
    """What the structure definitions say of a resource. Raises Refused fhir.too_deep."""
    try:
        return checker().check(resource)
    except RecursionError as error:
        raise Refused("fhir.too_deep") from error


def must_conform(resource: Mapping[str, Any]) -> None:
    """Raises Refused fhir.invalid with the findings as issues."""
    errors = [f for f in findings(resource) if f.severity == "error"]
    if errors:
        raise Refused("fhir.invalid", count=len(errors), findings=[f.issue() for f in errors])


def all_findings(resource: Mapping[str, Any]) -> list[Finding]:
    """Structure and, where that holds, invariants."""
    found = findings(resource)
    if any(f.severity == "error" for f in found):
        return found
    return [*found, *invariants.check(definitions(), resource)]
