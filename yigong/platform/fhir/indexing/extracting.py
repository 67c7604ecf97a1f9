"""Compiles the search parameters of a type into one Python function over the JSON of a resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from yigong.platform.fhir.definitions.model import MANY, Definitions, Element, Parameter
from yigong.platform.fhir.indexing import values
from yigong.platform.fhir.indexing.expressions import (
    At,
    Field,
    NotFalse,
    NotUnderstood,
    OfType,
    Path,
    PointsTo,
    Where,
    paths,
)
from yigong.platform.fhir.indexing.shared_rows import Kept, kept_under
from yigong.platform.fhir.indexing.values import WRITERS, Sink, parameter_number, system_number

Extractor = Callable[[Mapping[str, Any], Sink], None]
#: parameters whose values stand in the table of resources itself
ON_RESOURCE = {"_id", "_lastUpdated"}
INDENT = "    "


@dataclass(slots=True)
class Compiled:
    """The function for a type, the parameters it fills and where, and those that could not be compiled with the reason."""

    extract: Extractor
    filled: frozenset[str]
    left: Mapping[str, str]
    source: str
    places: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(slots=True)
class _Writing:
    """The body under way."""

    definitions: Definitions
    names: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)  # member of the resource -> the variable that holds it
    count: int = 0

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def say(self, depth: int, text: str) -> None:
        self.lines.append(INDENT * depth + text)


@lru_cache(maxsize=256)
def extractor(definitions: Definitions, base: str) -> Compiled:
    """The extractor of a type of resource. ``definitions`` is taken by identity."""
    writing = _Writing(definitions, {})
    filled, left = set(), {}
    places = kept_under(definitions.parameters.get(base, {}))
    for code, parameter in definitions.parameters.get(base, {}).items():
        if code in ON_RESOURCE or parameter.type == "composite":
            continue
        before, taken = len(writing.lines), dict(writing.taken)
        if places[code].codes != (code,):
            continue
        try:
            for path in paths(parameter.expression):
                _branch(writing, parameter, base, path)
            filled.add(code)
        except NotUnderstood as reason:
            del writing.lines[before:]
            writing.taken = taken
            left[code] = str(reason)
    for code, kept in places.items():
        if missing := [c for c in kept.codes if c in left]:
            left[code] = left[missing[0]]
        elif filled.issuperset(kept.codes):
            filled.add(code)
    source = "\n".join(["def extract(r, s):", *(writing.lines or [f"{INDENT}return"])])
    space = dict(writing.names)
    exec(compile(source, f"<search parameters of {base}>", "exec"), space)  # noqa: S102  - our own text
    return Compiled(space["extract"], frozenset(filled), left, source, places)


def _branch(w: _Writing, parameter: Parameter, base: str, path: Path) -> None:
    if path and isinstance(path[-1], NotFalse):
        _not_false(w, parameter, base, path)
        return
    _walk(w, parameter, "r", base, path, depth=1, part="0", element=None)


def _not_false(w: _Writing, parameter: Parameter, base: str, path: Path) -> None:
    """``deceased[x]``: a boolean that says whether any of its forms is there and not false."""
    first = path[0]
    if len(path) != 2 or not isinstance(first, Field):
        raise NotUnderstood(parameter.expression)
    element = w.definitions.types[base].elements[first.name]
    tests = " or ".join(f'r.get("{name}") not in (None, False)' for name in element.json_names)
    number = parameter_number(f"{parameter.base}.{parameter.code}")
    w.names["token_boolean"] = values.token_boolean
    w.say(1, f"token_boolean(s, {number}, {tests}, 0, 0)")


def _walk(
    w: _Writing, p: Parameter, var: str, kind: str, path: Path, *, depth: int, part: str, element: Element | None
) -> None:
    """Write the code that goes on from *var*, which holds one value of type *kind*."""
    if not path:
        _leaf(w, p, var, kind, depth, part, element)
        return
    step, rest = path[0], path[1:]
    match step:
        case Where(name, value):
            w.say(depth, f'if {var}.get("{name}") == {value!r}:')
            _walk(w, p, var, kind, rest, depth=depth + 1, part=part, element=element)
        case PointsTo(target):
            inner = w.fresh()
            w.say(depth, f'{inner} = {var}.get("reference") or ""')
            w.say(depth, f'if "{target}/" in {inner} or {var}.get("type") == "{target}":')
            _walk(w, p, var, kind, rest, depth=depth + 1, part=part, element=element)
        case OfType(wanted):
            if wanted == kind:
                _walk(w, p, var, kind, rest, depth=depth, part=part, element=element)
        case Field(name):
            _field(w, p, var, kind, name, rest, depth=depth, part=part)
        case _:
            raise NotUnderstood(p.expression)


def _field(w: _Writing, p: Parameter, var: str, kind: str, name: str, rest: Path, *, depth: int, part: str) -> None:
    known = w.definitions.types.get(kind)
    if known is None or name not in known.elements:
        raise NotUnderstood(f"{kind} has no {name}")
    element = known.elements[name]
    wanted = rest[0].type if rest and isinstance(rest[0], OfType) else ""
    for json_name, code in element.json_names.items():
        if wanted and code != wanted:
            continue
        if not rest and not element.choice and code not in w.definitions.types:
            raise NotUnderstood(f"{kind}.{name} is {code}")
        if element.choice and not _useful(w, p, code, rest):
            continue
        _one_name(w, p, var, json_name, code, element, rest, depth=depth, part=part)


def _useful(w: _Writing, p: Parameter, code: str, rest: Path) -> bool:
    """Whether a form of a choice can be written as this kind of parameter."""
    after = rest[1:] if rest and isinstance(rest[0], OfType) else rest
    if not after:
        return (p.type, code) in WRITERS
    first = after[0]
    known = w.definitions.types.get(code)
    return not isinstance(first, Field) or (known is not None and first.name in known.elements)


def _one_name(
    w: _Writing,
    p: Parameter,
    var: str,
    json_name: str,
    code: str,
    element: Element,
    rest: Path,
    *,
    depth: int,
    part: str,
) -> None:
    inner = _member(w, var, json_name, depth)
    w.say(depth, f"if {inner} is not None:")
    depth += 1
    if rest and isinstance(rest[0], At):
        nth = rest[0].place
        item = w.fresh()
        w.say(depth, f"for {item} in {inner}[{nth}:{nth + 1}]:")
        _walk(w, p, item, code, rest[1:], depth=depth + 1, part=part, element=element)
        return
    if element.most != MANY and element.most <= 1:
        _walk(w, p, inner, code, rest, depth=depth, part=part, element=element)
        return
    item = w.fresh()
    if part == "0":
        place = f"i{item}"
        w.say(depth, f"for {place}, {item} in enumerate({inner}, 1):")
    else:
        place = part
        w.say(depth, f"for {item} in {inner}:")
    w.say(depth + 1, f"if {item} is not None:")
    _walk(w, p, item, code, rest, depth=depth + 2, part=place, element=element)


def _member(w: _Writing, var: str, json_name: str, depth: int) -> str:
    """The variable that holds a member; those of the resource itself are looked up once for all parameters."""
    if var == "r" and json_name in w.taken:
        return w.taken[json_name]
    inner = w.fresh()
    w.say(depth, f'{inner} = {var}.get("{json_name}")')
    if var == "r" and depth == 1:
        w.taken[json_name] = inner
    return inner


def _leaf(w: _Writing, p: Parameter, var: str, kind: str, depth: int, part: str, element: Element | None) -> None:
    writer = WRITERS.get((p.type, kind))
    if writer is None:
        raise NotUnderstood(f"{p.type} over {kind}")
    number = parameter_number(f"{p.base}.{p.code}")
    w.names[writer.__name__] = writer
    w.say(depth, f"{writer.__name__}(s, {number}, {var}, {part}, {_implied(w, kind, element)})")


def _implied(w: _Writing, kind: str, element: Element | None) -> int:
    """The system that a bare code has by its required binding."""
    if kind != "code" or element is None or not element.value_set:
        return 0
    listed = w.definitions.value_sets.get(element.value_set, {})
    systems = {s for where in listed.values() for s in where}
    return system_number(systems.pop()) if len(systems) == 1 else 0
