"""Invariants of the structure definitions, computed by a FHIRPath library on each element they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import fhirpathpy
import polars as pl
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.engine.util import get_data
from fhirpathpy.models import models

from yigong.platform.fhir.definitions.model import Definitions
from yigong.platform.fhir.validation.findings import Finding, found
from yigong.platform.fhir.validation.items import walk

#: beyond this an invariant tells nobody more, or takes longer than it is worth
ENOUGH, LARGEST = 100, 5000
#: best practice (dom-6), and what is looked at elsewhere: structure (ref-1, ele-1), narrative (txt), meaning (dom-3)
LEFT = {"dom-3", "dom-6", "ref-1", "txt-1", "txt-2", "ele-1"}


#: an expression of a profile, which anyone with the scope may write, is no longer than this
LONGEST = 4000


def _matches(values: Any, pattern: Any) -> Any:
    """``matches`` by an engine whose time grows with the text only: patterns come with profiles."""
    if not values or not isinstance(pattern, str):
        return []
    return bool(pl.Series([str(get_data(values[0]))]).str.contains(f"(?s){pattern}", strict=True)[0])


def _replace_matches(*_: Any) -> Any:
    raise NotImplementedError("replaceMatches")


_OWN = {
    "userInvocationTable": {
        "matches": {"fn": _matches, "arity": {1: ["String"]}, "nullable": False},
        "replaceMatches": {"fn": _replace_matches, "arity": {2: ["String", "String"]}},
    }
}


@lru_cache(maxsize=4)
def known(definitions: Definitions) -> frozenset[tuple[str, str]]:
    """Key and expression of all invariants of R4's own types, which ``check`` computes."""
    found: set[tuple[str, str]] = set()
    for one in definitions.types.values():
        every = (*one.constraints, *(c for e in one.elements.values() for c in e.constraints))
        found |= {(key, expression) for key, _, _, expression in every}
    return frozenset(found)


def judged(
    value: Any, kind: str, resource: Mapping[str, Any], place: str, constraint: tuple[str, str, str, str]
) -> list[Finding]:
    """What a rule of a profile finds about an element."""
    key, severity, human, expression = constraint
    out: list[Finding] = []
    if len(expression) > LONGEST:
        return [found("uncomputed", place, "information", key=key, name=key, value=f"> {LONGEST}")]
    _judge(value, kind, resource, place, (key, severity, human, expression), out, _of_profile)
    return out


@lru_cache(maxsize=1024)
def _of_profile(expression: str) -> Callable[..., Any]:
    return fhirpathpy.compile(expression.replace(".hasValue()", ".exists()"), models["r4"], _OWN)


@lru_cache(maxsize=4096)
def _computed(expression: str) -> Callable[..., Any]:
    # the library has no hasValue; of a primitive that is there it says the same as exists
    return fhirpathpy.compile(expression.replace(".hasValue()", ".exists()"), models["r4"])


def check(definitions: Definitions, resource: Mapping[str, Any]) -> list[Finding]:
    """What invariants of the resource and of everything in it do not hold."""
    out: list[Finding] = []
    kind = str(resource["resourceType"])
    for number, (value, name, place, element) in enumerate(walk(definitions, resource, kind, kind)):
        if len(out) >= ENOUGH or number > LARGEST:
            break
        constraints = dict.fromkeys((*definitions.types[name].constraints, *(element.constraints if element else ())))
        for key, severity, human, expression in constraints:
            if key not in LEFT:
                _judge(value, name, resource, place, (key, severity, human, expression), out)
    return out


def _judge(
    value: Any, kind: str, resource: Any, place: str, constraint: tuple[str, str, str, str], out: list[Finding],
    compiled: Callable[[str], Callable[..., Any]] | None = None,
) -> None:  # fmt: skip
    key, severity, human, expression = constraint
    try:
        answer = (compiled or _computed)(expression)(
            ResourceNode.create_node(value, kind), {"resource": resource, "rootResource": resource, "context": value}
        )
    except Exception as error:
        out.append(
            found("uncomputed", place, "information", key=key, name=key, value=f"{type(error).__name__} {error}")
        )
        return
    if answer == [False]:
        grade = severity if severity in ("error", "warning") else "error"
        out.append(found("invariant", place, grade, key=key, name=key, value=human))
