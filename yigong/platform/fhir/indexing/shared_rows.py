"""Which search parameters need no index rows of their own: those whose values other parameters keep already.

``combo-code`` of Observation is ``code`` and ``component-code`` together; ``patient`` is ``subject`` where it is a Patient.
A value is written once and asked for under every name that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yigong.platform.fhir.definitions.model import Parameter
from yigong.platform.fhir.indexing.expressions import NotUnderstood, Path, PointsTo, paths


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the values of a parameter stand: under these codes, and of those only what points to *only*."""

    codes: tuple[str, ...]
    only: str = ""


def kept_under(parameters: Mapping[str, Parameter]) -> dict[str, Kept]:
    """Code -> where its values stand, for the parameters of one type; a code that keeps its own is its own place."""
    known = {code: p for code, p in parameters.items() if p.type != "composite"}
    reached = {code: found for code, p in known.items() if (found := _paths(p))}
    # the narrow ones first: what is wider is put together from them
    order = sorted(reached, key=lambda code: (len(reached[code]), _narrows(reached[code]), code))
    places: dict[str, Kept] = {}
    for code in order:
        own = [c for c, kept in places.items() if kept.codes == (c,) and known[c].type == known[code].type]
        places[code] = _wider(reached, own, code) or _together(reached, own, code) or Kept((code,))
    return {code: places.get(code, Kept((code,))) for code in parameters}


def _paths(parameter: Parameter) -> frozenset[Path]:
    try:
        return frozenset(paths(parameter.expression))
    except NotUnderstood:
        return frozenset()


def _narrows(found: frozenset[Path]) -> bool:
    return any(isinstance(step, PointsTo) for path in found for step in path)


def _wider(reached: Mapping[str, frozenset[Path]], own: list[str], code: str) -> Kept | None:
    """The parameter that keeps the same references to any type, for one that keeps those to a single type."""
    if len(reached[code]) != 1:
        return None
    (path,) = reached[code]
    last = path[-1] if path else None
    if not isinstance(last, PointsTo):
        return None
    found = next((c for c in own if reached[c] == {path[:-1]}), None)
    return Kept((found,), last.type) if found else None


def _together(reached: Mapping[str, frozenset[Path]], own: list[str], code: str) -> Kept | None:
    """Parameters that keep all paths of this one and no others."""
    left, codes = set(reached[code]), []
    for other in sorted(own, key=lambda c: -len(reached[c])):
        if reached[other] <= left:
            codes.append(other)
            left -= reached[other]
    return Kept(tuple(sorted(codes))) if codes and not left else None
