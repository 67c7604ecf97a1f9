"""A household as a tree: generations by age, ties by what the registrations say of each other. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from yigong.kit.clock import years_between

#: years between a parent and a child at least
GENERATION = 16
_NEWBORN = re.compile(r"^(.+?)之[大小长次]?[子女婴]")


@dataclass(frozen=True, slots=True)
class Soul:
    """One member as far as kinship goes; *contacts* are the names that the registrations give as contact."""

    person_id: int
    full_name: str
    sex_code: str
    born_on: date | None
    contacts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tie:
    """What makes two members belong together: *younger* names *elder*."""

    younger: int
    elder: int
    kind: str  # child: called the elder's child; contact: names the elder as contact


@dataclass(frozen=True, slots=True)
class Tree:
    """Generations, the eldest first, members without a birth date in a last row; the ties between members."""

    generations: list[list[Soul]]
    undated: list[Soul]
    ties: list[Tie]


def tree(members: Sequence[Soul]) -> Tree:
    """The household laid out. Nothing is claimed: age makes the rows, and only what is written makes a tie."""
    dated = sorted((m for m in members if m.born_on), key=lambda m: (m.born_on or date.max, m.person_id))
    rows: list[list[Soul]] = []
    for member in dated:
        begun = rows[-1][0].born_on if rows else None
        if begun and member.born_on and years_between(begun, member.born_on) < GENERATION:
            rows[-1].append(member)
        else:
            rows.append([member])
    ties = [tie for one in members for other in members if one is not other and (tie := _tie(one, other))]
    return Tree(rows, [m for m in members if not m.born_on], ties)


def _tie(one: Soul, other: Soul) -> Tie | None:
    """The tie by which *one* names *other*."""
    named = _NEWBORN.match(one.full_name)
    if named and named[1] == other.full_name:
        return Tie(one.person_id, other.person_id, "child")
    if other.full_name and other.full_name in one.contacts:
        return Tie(one.person_id, other.person_id, "contact")
    return None
