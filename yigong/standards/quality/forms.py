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
    """``steps[state, byte]`` is the next state; 0 is dead, 1 the start."""

    steps: np.ndarray
    accepts: np.ndarray

    def shapes(self, longest: int, most: int) -> list[list[frozenset[int]]] | None:
        """Everything it accepts as at most *most* shapes, the bytes allowed at each place; None when that cannot be."""
        found: list[list[frozenset[int]]] = []
        open_: list[tuple[int, list[frozenset[int]]]] = [(1, [])]
        while open_:
            state, way = open_.pop()
            if self.accepts[state]:
                found.append(way)
            after = [(int(to), np.flatnonzero(self.steps[state] == to)) for to in np.unique(self.steps[state]) if to]
            if len(found) > most or len(open_) > most * longest or (after and len(way) == longest):
                return None
            open_ += [(to, [*way, frozenset(some.tolist())]) for to, some in after]
        return found


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
                return self._in(value)
            case "ANY":
                return self._any()
            case "SUBPATTERN":
                return self.read(value[3])
            case "BRANCH":
                return self._either([self.read(b) for b in value[1]])
            case "MAX_REPEAT":
                return self._repeat(*value)
        raise _NotSimple

    def _either(self, some: list[_Part]) -> _Part:
        union = frozenset[int]()
        return _Part(
            any(s.empty for s in some), union.union(*(s.first for s in some)), union.union(*(s.last for s in some))
        )

    def _in(self, value: Any) -> _Part:
        """One of some signs; those of several bytes one after the other."""
        found, wide = _members(value)
        some = [self.all(self.one({b}) for b in chr(c).encode()) for c in sorted(wide)]
        return self._either([*([self.one(found)] if found else []), *some])

    def _any(self) -> _Part:
        """Any sign but the end of a line, as UTF-8 writes it."""
        on, heads = range(0x80, 0xC0), (range(0xC2, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF5))
        wide = [self.all([self.one(head), *(self.one(on) for _ in range(n))]) for n, head in enumerate(heads, 1)]
        return self._either([self.one(set(range(0x80)) - {0x0A}), *wide])

    def _repeat(self, least: int, most: Any, tokens: Any) -> _Part:
        if str(most) == "MAXREPEAT":
            must = self.all(self.read(tokens) for _ in range(max(least, 1)))
            looped = self.read(tokens)
            self.then(looped, looped)
            found = self.then(must, _Part(True, looped.first, looped.last))
            return found if least else _Part(True, found.first, found.last)
        parts = [self.read(tokens) for _ in range(int(most))]
        return self.all(part if at < least else _Part(True, part.first, part.last) for at, part in enumerate(parts))


def _members(value: Any) -> tuple[set[int], set[int]]:
    """The signs of a class: those of one byte, and others."""
    found: set[int] = set()
    for op, said in value:
        match str(op):
            case "LITERAL":
                found.add(said)
            case "RANGE" if said[1] < 128:
                found |= set(range(said[0], said[1] + 1))
            case _:  # \d too: digits of every script, which bytes do not decide
                raise _NotSimple
    return {c for c in found if c < 128}, {c for c in found if c > 127}


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
    return Automaton(np.stack([rows[i] for i in range(len(known))]), accepts)
