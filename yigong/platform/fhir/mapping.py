"""Mappings between FHIR elements and the columns of the platform, declared as YAML and read both ways. Pure.

A place is a path with selectors, ``code.coding[system=http://loinc.org].code``; ``a | b`` reads the first that is there
and writes the first that is named. A path that begins with ``?8310-5`` holds only where one of the resource's codes is that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from yigong.platform.fhir.validation import narrative

FOLDER = Path(__file__).parent / "mappings"
_STEP = re.compile(r"([A-Za-z_]\w*)((?:\[[^\]]*\])*)(?:\.|$)")
_SELECTOR = re.compile(r"\[([^\]]*)\]")


class Misdeclared(ValueError):  # noqa: N818
    """A mapping says what cannot be read; names file and place."""


@dataclass(frozen=True, slots=True)
class Step:
    """A member, and what picks one of a list: a number, or texts that its members must have."""

    name: str
    index: int | None = None
    having: tuple[tuple[str, str], ...] = ()
    code: str = ""  # of the whole resource, instead of a member


@dataclass(frozen=True, slots=True)
class Place:
    """Alternatives of paths."""

    ways: tuple[tuple[Step, ...], ...]


@lru_cache(maxsize=4096)
def place(text: str) -> Place:
    """A place from its text. Raises Misdeclared."""
    return Place(tuple(_path(one.strip()) for one in text.split(" | ")))


def _path(text: str) -> tuple[Step, ...]:
    steps, at = [], 0
    if text[0] == "?":
        code, _, text = text[1:].partition(".")
        steps.append(Step("", code=code))
    while at < len(text):
        hit = _STEP.match(text, at)
        if hit is None:
            raise Misdeclared(f"not a path: {text}")
        steps.append(_step(hit[1], _SELECTOR.findall(hit[2])))
        at = hit.end()
    return tuple(steps)


def _step(name: str, selectors: Sequence[str]) -> Step:
    index, having = None, []
    for one in selectors:
        if one.isdigit():
            index = int(one)
            continue
        for pair in one.split(","):
            key, _, value = pair.partition("=")
            having.append((key.strip(), value.strip()))
    return Step(name, index, tuple(having))


# ---- reading ----


def get(resource: Any, where: Place) -> Any:
    """The first value found at a place, or None."""
    for way in where.ways:
        found = _get(resource, way)
        if found is not None:
            return found
    return None


def _get(value: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        if not isinstance(value, dict):
            return None
        if step.code:
            if step.code not in every(value, place("code.coding.code")):
                return None
            continue
        value = value.get(step.name)
        if isinstance(value, list):
            value = _picked(value, step)
        elif value is not None and step.having and not _has(value, step.having):
            return None
        if value is None:
            return None
    return value


def _picked(values: Sequence[Any], step: Step) -> Any:
    if step.having:
        values = [v for v in values if _has(v, step.having)]
    place_of = step.index or 0
    return values[place_of] if place_of < len(values) else None


def _has(value: Any, having: tuple[tuple[str, str], ...]) -> bool:
    return all(_member(value, key.split("/")) == wanted for key, wanted in having)


def _member(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if isinstance(value, list):
            value = value[int(key)] if key.isdigit() and int(key) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def every(resource: Any, where: Place) -> list[Any]:
    """All values at a place, through every list on the way."""
    found: list[Any] = []
    for way in where.ways:
        front = [resource]
        for step in way:
            inner = [v.get(step.name) for v in front if isinstance(v, dict)]
            flat = [i for v in inner if v is not None for i in (v if isinstance(v, list) else [v])]
            front = [v for v in flat if not step.having or _has(v, step.having)]
        found += front
    return found


# ---- writing ----


def put(resource: dict[str, Any], where: Place, value: Any, lists: frozenset[str]) -> None:
    """Set *value* at the first way of a place; *lists* are the dotted names that hold lists."""
    at: Any = resource
    steps = where.ways[0]
    path = ""
    for number, step in enumerate(steps):
        path = f"{path}.{step.name}" if path else step.name
        last = number == len(steps) - 1
        if path in lists:
            at = _slot(at.setdefault(step.name, []), step, value if last else None)
        elif last:
            at[step.name] = value
        else:
            at = at.setdefault(step.name, {})
            for key, wanted in step.having:
                _put_member(at, key.split("/"), wanted)


def beside(where: Place) -> Place:
    """The place of what extends the primitive at the first way of a place."""
    *way, last = where.ways[0]
    return Place(((*way, replace(last, name=f"_{last.name}")),))


def _slot(values: list[Any], step: Step, value: Any) -> Any:
    """The element of a list that a step picks, made where it is absent."""
    if value is not None:
        values.append(value)
        return value
    if step.having:
        for one in values:
            if _has(one, step.having):
                return one
        made: dict[str, Any] = {}
        for key, wanted in step.having:
            _put_member(made, key.split("/"), wanted)
        values.append(made)
        return made
    while len(values) <= (step.index or 0):
        values.append({})
    return values[step.index or 0]


def _put_member(at: Any, keys: Sequence[str], value: str) -> None:
    for number, key in enumerate(keys[:-1]):
        following = keys[number + 1]
        fresh: Any = [] if following.isdigit() else {}
        if isinstance(at, list):
            while len(at) <= int(key):
                at.append(fresh)
            at = at[int(key)]
        else:
            at = at.setdefault(key, fresh)
    if isinstance(at, list):
        at.append(value)
    else:
        at[keys[-1]] = value


# ---- declarations ----


@dataclass(frozen=True, slots=True)
class Field:
    """A column and its place, with the table that turns codes (FHIR -> standard) and the kind of the value."""

    column: str
    place: Place
    codes: Mapping[str, str]
    kind: str = "text"

    def read(self, resource: Mapping[str, Any]) -> Any:
        """The value for the column, or None."""
        found = get(resource, self.place)
        if found is None:
            return None
        if self.kind == "narrative":
            return narrative.plain(str(found)) or None
        if self.codes:
            found = self.codes.get(str(found), self.codes.get("*"))
            return None if found is None or found == "=" else found
        return found if self.kind == "number" and isinstance(found, int | float) else _text(found)

    def back(self, value: Any) -> Any:
        """The value for the place, from that of the column."""
        if not self.codes:
            return value
        return next((k for k, v in self.codes.items() if v == str(value) and k != "*"), None)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return None
    return getattr(value, "text", None) or str(value)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared mapping: when it holds, and its places."""

    name: str
    resource: str
    data_set: str
    when: tuple[tuple[Place, frozenset[str]], ...]
    event_at: Place | None
    ended_at: Place | None
    group: Place | None
    encounter: Place | None
    fields: tuple[Field, ...]
    extra: tuple[Field, ...]
    fixed: tuple[tuple[Place, Any], ...]  # written into every resource that is made
    lists: frozenset[str]
    publish: bool = True

    def holds(self, resource: Mapping[str, Any]) -> bool:
        """Whether the mapping speaks of this resource."""
        return all(_any_of(resource, where, wanted) for where, wanted in self.when)


def _any_of(resource: Mapping[str, Any], where: Place, wanted: frozenset[str]) -> bool:
    return any(str(found) in wanted for found in every(resource, where))


@cache
def mappings() -> tuple[Declaration, ...]:
    """All declared mappings, in the order of their files. Raises Misdeclared."""
    found: list[Declaration] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text("utf-8")):
            try:
                found.append(_mapping(path.stem, one))
            except (KeyError, TypeError, AttributeError) as error:
                raise Misdeclared(f"{path.name}: {error!r}") from error
    return tuple(found)


def mapping_for(resource: Mapping[str, Any]) -> Declaration | None:
    """The first mapping to a data set that holds for a resource."""
    kind = resource["resourceType"]
    return next((m for m in mappings() if m.resource == kind and m.data_set and m.holds(resource)), None)


def _mapping(name: str, said: Mapping[str, Any]) -> Declaration:
    codes = {k: {str(a): str(b) for a, b in table.items()} for k, table in said.get("codes", {}).items()}
    wanted = [
        (place(k), frozenset(str(v) for v in (vs if isinstance(vs, list) else [vs])))
        for k, vs in said.get("when", {}).items()
    ]
    optional = {k: place(said[k]) if k in said else None for k in ("event_at", "ended_at", "group", "encounter")}
    return Declaration(
        said.get("name", name), said["resource"], said.get("data_set", ""), tuple(wanted), optional["event_at"],
        optional["ended_at"], optional["group"], optional["encounter"], _fields(said.get("fields", {}), codes),
        _fields(said.get("extra", {}), codes), tuple((place(k), v) for k, v in said.get("fixed", {}).items()),
        frozenset(said.get("lists", ())), said.get("publish", True),
    )  # fmt: skip


def _fields(said: Mapping[str, Any], codes: Mapping[str, Mapping[str, str]]) -> tuple[Field, ...]:
    found = []
    for column, where in said.items():
        facts = where if isinstance(where, dict) else {"at": where}
        found.append(
            Field(column, place(facts["at"]), codes.get(facts.get("codes", ""), {}), facts.get("kind", "text"))
        )
    return tuple(found)
