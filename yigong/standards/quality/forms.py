"""Patterns as automata over bytes: for the forms of codes and numbers, anchored at both ends. Others stay with Polars."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

_parser: Any = re._parser  # type: ignore[attr-defined]
MOST_PLACES, MOST_STATES = 120, 250


@dataclass(frozen=True)
class Automaton:
    """``steps[state, byte]`` is the next state; 0 is dead, 1 the start. *shape*: the bytes at each place, if they are fixed."""

    steps: np.ndarray
    accepts: np.ndarray
    shape: np.ndarray | None = None


class _NotSimple(Exception):  # noqa: N818
    """The pattern uses what bytes alone do not decide."""


@dataclass(frozen=True)
class _Part:
    """A piece of a pattern: whether it may be nothing, its first and last places."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


class _Places:
    """The places of a pattern: which bytes stand there, and what may follow (Glushkov's construction)."""

    def __init__(self) -> None:
        self.bytes: list[frozenset[int]] = []
        self.follow: list[set[int]] = []

    def one(self, some: Iterable[int]) -> _Part:
        if len(self.bytes) >= MOST_PLACES:
            raise _NotSimple
        self.bytes.append(frozenset(some))
        self.follow.append(set())
        at = frozenset({len(self.bytes) - 1})
        return _Part(False, at, at)

    def then(self, a: _Part, b: _Part) -> _Part:
        for place in a.last:
            self.follow[place] |= b.first
        first = a.first | b.first if a.empty else a.first
        last = a.last | b.last if b.empty else b.last
        return _Part(a.empty and b.empty, first, last)

    def all(self, parts: Iterable[_Part]) -> _Part:
        found = _Part(True, frozenset(), frozenset())
        for part in parts:
            found = self.then(found, part)
        return found

    def read(self, tokens: Any) -> _Part:
        return self.all(self.token(op, value) for op, value in tokens)

    def token(self, op: Any, value: Any) -> _Part:
        match str(op):
            case "LITERAL":
                return self.all(self.one({b}) for b in chr(value).encode())
            case "IN":
                return self.one(_members(value))
            case "SUBPATTERN":
                return self.read(value[3])
            case "BRANCH":
                some = [self.read(b) for b in value[1]]
                union = frozenset[int]()
                return _Part(
                    any(s.empty for s in some),
                    union.union(*(s.first for s in some)),
                    union.union(*(s.last for s in some)),
                )
            case "MAX_REPEAT":
                return self._repeat(*value)
        raise _NotSimple

    def _repeat(self, least: int, most: Any, tokens: Any) -> _Part:
        if str(most) == "MAXREPEAT":
            must = self.all(self.read(tokens) for _ in range(max(least, 1)))
            looped = self.read(tokens)
            self.then(looped, looped)
            found = self.then(must, _Part(True, looped.first, looped.last))
            return found if least else _Part(True, found.first, found.last)
        parts = [self.read(tokens) for _ in range(int(most))]
        return self.all(part if at < least else _Part(True, part.first, part.last) for at, part in enumerate(parts))


def _members(value: Any) -> set[int]:
    found: set[int] = set()
    for op, said in value:
        match str(op):
            case "LITERAL":
                found.add(said)
            case "RANGE":
                found |= set(range(said[0], said[1] + 1))
            case "CATEGORY" if str(said) == "CATEGORY_DIGIT":
                raise _NotSimple  # digits of every script, which bytes do not decide
            case _:
                raise _NotSimple
    if any(c > 127 for c in found):
        raise _NotSimple
    return found


@cache
def automaton(pattern: str) -> Automaton | None:
    """The automaton of a pattern; None when it is not anchored at both ends or uses what bytes do not decide."""
    try:
        tokens = list(_parser.parse(pattern))
        if len(tokens) < 2 or _anchor(tokens[0]) != "AT_BEGINNING" or _anchor(tokens[-1]) != "AT_END":
            return None
        places = _Places()
        return _states(places, places.read(tokens[1:-1]))
    except (_NotSimple, re.error):
        return None


def _anchor(token: Any) -> str:
    return str(token[1]) if str(token[0]) == "AT" else ""


def _states(places: _Places, whole: _Part) -> Automaton:
    """Sets of places as states."""
    start = frozenset({-1})
    known, open_ = {frozenset[int](): 0, start: 1}, [start]
    rows: dict[int, np.ndarray] = {0: np.zeros(256, dtype=np.uint8)}
    while open_:
        state = open_.pop()
        row = np.zeros(256, dtype=np.uint8)
        may = whole.first if state == start else frozenset().union(*(places.follow[p] for p in state))
        for byte in {b for p in may for b in places.bytes[p]}:
            after = frozenset(p for p in may if byte in places.bytes[p])
            if after not in known:
                if len(known) >= MOST_STATES:
                    raise _NotSimple
                known[after] = len(known)
                open_.append(after)
            row[byte] = known[after]
        rows[known[state]] = row
    accepts = np.array([bool(s & whole.last) or (s == start and whole.empty) for s in known], dtype=np.bool_)
    return Automaton(np.stack([rows[i] for i in range(len(known))]), accepts, _shape(places, whole))


def _shape(places: _Places, whole: _Part) -> np.ndarray | None:
    """Place after place without choice, short enough to lie inside a view; None for other forms."""
    size = len(places.bytes)
    chained = all(places.follow[p] == ({p + 1} if p + 1 < size else set()) for p in range(size))
    if not (chained and whole.first == {0} and whole.last == {size - 1} and 0 < size <= 12):
        return None
    allowed = np.zeros((size, 256), dtype=np.bool_)
    for place, some in enumerate(places.bytes):
        allowed[place, list(some)] = True
    return allowed
