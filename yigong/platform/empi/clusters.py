"""Who goes with whom: joins likenesses by falling score under guards. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

#: from so many bits on, a pair needs no agreement of the rest: a person's own word or number stands against likeness
CERTAIN = 30.0


class Likeness(NamedTuple):
    """How alike two registrations are, each standing for the group (a person, or itself) it is in now."""

    left_group: int
    right_group: int
    score: float
    left: int  # registration
    right: int
    band: str  # auto review


@dataclass(slots=True)
class Groups:
    """Groups with their trusted identity numbers; negative ids are registrations without a person yet."""

    numbers: dict[int, frozenset[str]]
    apart: dict[int, set[int]]  # groups that a person has said are not the same
    parent: dict[int, int] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)  # registrations; a new one alone needs no entry

    def root(self, group: int) -> int:
        """The group that *group* has become part of."""
        while (up := self.parent.get(group, group)) != group:
            self.parent[group] = self.parent.get(up, up)
            group = up
        return group

    def forbids(self, left: int, right: int) -> str:
        """Why two groups never become one by themselves: ``numbers``, ``apart`` or nothing."""
        a, b = self.root(left), self.root(right)
        mine, yours = self.numbers.get(a, frozenset()), self.numbers.get(b, frozenset())
        if mine and yours and mine != yours:
            return "numbers"
        return "apart" if b in {self.root(g) for g in self.apart.get(a, ())} else ""

    def join(self, *groups: int) -> None:
        """Make groups one; an existing person stays, the oldest one when there are several."""
        keep, *rest = sorted({self.root(group) for group in groups}, key=lambda one: (one < 0, abs(one)))
        self.parent |= dict.fromkeys(rest, keep)
        members, numbers, apart = self.members.get(keep, [-keep]), self.numbers.get(keep, frozenset()), set[int]()
        for gone in rest:
            members = [*members, *self.members.pop(gone, [-gone])]
            numbers |= self.numbers.pop(gone, frozenset())
            apart |= self.apart.pop(gone, set())
        self.members[keep], self.numbers[keep] = members, numbers
        if apart or keep in self.apart:
            self.apart.setdefault(keep, set()).update(apart)
            for other in list(self.apart[keep]):
                self.apart.setdefault(self.root(other), set()).add(keep)


@dataclass(slots=True)
class Settlement:
    """What came out: the joins in the order made, and the pairs that a person must look at."""

    groups: Groups
    joins: list[Likeness] = field(default_factory=list)
    reviews: list[Likeness] = field(default_factory=list)


def settle(
    groups: Groups,
    likenesses: Iterable[Likeness],
    *,
    agree: Callable[[int, int], bool] | None = None,
) -> Settlement:
    """Join by falling score. *agree* says of two groups that are about to be joined whether they fit as wholes."""
    ordered = sorted(likenesses, key=lambda one: (-one.score, one.left, one.right))
    out = Settlement(groups)
    waiting: list[Likeness] = []
    for one in ordered:
        left, right = groups.root(one.left_group), groups.root(one.right_group)
        if left == right:
            continue
        if (
            one.band != "auto"
            or groups.forbids(left, right)
            or (one.score < CERTAIN and agree is not None and not agree(left, right))
        ):
            waiting.append(one)
        else:
            groups.join(left, right)
            out.joins.append(one)
    out.reviews = [one for one in waiting if _open(groups, one)]
    return out


def _open(groups: Groups, one: Likeness) -> bool:
    same = groups.root(one.left_group) == groups.root(one.right_group)
    return not same and groups.forbids(one.left_group, one.right_group) != "apart"


def one_for_each(reviews: Iterable[Likeness], groups: Groups) -> list[Likeness]:
    """The best pair for each two groups: a reviewer is asked once about two persons, not once for each registration."""
    best: dict[tuple[int, int], Likeness] = {}
    for one in reviews:
        a, b = groups.root(one.left_group), groups.root(one.right_group)
        best.setdefault((min(a, b), max(a, b)), one)
    return list(best.values())
