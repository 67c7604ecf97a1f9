"""Who is whom when a few registrations arrive: the steps of ``empi/deciding`` without frames."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from yigong.platform.empi import alike, moves, stored
from yigong.platform.empi.alike import Facts
from yigong.platform.empi.bands import AUTO, NONE
from yigong.platform.empi.deciding import Act, Decided, Scored, conclude
from yigong.platform.empi.deciding import hold as hold_persons_of
from yigong.platform.empi.engine.standard import Rows
from yigong.platform.empi.few import statements
from yigong.platform.empi.few.rows import Block, Row, blocks_of
from yigong.platform.empi.few.statements import Met
from yigong.platform.empi.matching import Board
from yigong.platform.empi.pairs import NEIGHBOURS
from yigong.platform.empi.rules import Rules, model

Couple = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Circle:
    """All registrations that are looked at together."""

    person: dict[int, int | None]
    facts: dict[int, Facts]
    board: Board
    rules: Rules

    def scored(self, couples: Iterable[Couple]) -> list[Scored]:
        """Pairs that are at least worth a question."""
        ends = list(couples)
        if not ends:
            return []
        bits = self.board.scores([a for a, _ in ends], [b for _, b in ends]).tolist()
        bounds, out = (self.rules.auto, self.rules.review), []
        for (a, b), bit in zip(ends, bits, strict=True):
            score, band = alike.judged(self.facts[a], self.facts[b], bit, bounds)
            if band != NONE:
                out.append(Scored(score, a, b, band))
        return out


def decide(
    act: Act, ready: Sequence[Row], forms: Rows, blocks: Sequence[list[Block]], changed: Collection[int], rules: Rules
) -> tuple[Decided, Circle]:
    """Who is whom among *ready* and what is stored; *forms* are the rows in the engine's form, *blocks* theirs.

    Known registrations that belong elsewhere now are moved; for all else the answer is only given.
    """
    fresh = [n for n, row in enumerate(ready) if row.person_id is None or row.registration_id in changed]
    ids = {n: ready[n].registration_id for n in fresh}
    mine = set(ids.values())
    met = statements.in_blocks([(n, blocks[n]) for n in fresh])
    outside = {(ids[n], one) for n, one, _ in met if one not in mine}
    couples = [(ids[a], ids[b]) for a, b in within({n: blocks[n] for n in fresh})] + sorted(outside)
    around = _held([ready[n] for n in fresh], {one for _, one in couples}, {person for *_, person in met})
    circle = _circle(ready, forms, around, rules)
    scored = circle.scored(couples)
    free = _free_persons(scored, circle)
    edges = _edges(scored, circle, mine, free)
    clustered = circle.board.clusters([e.left for e in edges], [e.right for e in edges], [e.score for e in edges])
    unjoined = [one for one in scored if clustered[0][one.left] != clustered[0][one.right]]
    numbers = {r.registration_id: r.id_no for r in ready if r.person_id is None and r.id_no and r.id_trust == "trusted"}
    return conclude(act, circle.board, circle.person, free, clustered, unjoined, numbers=numbers), circle


def within(blocks: dict[int, list[Block]]) -> list[Couple]:
    """Rows that share a block, each pair once; of a block that is too large only neighbours, as in ``pairs``."""
    stand: dict[Block, list[int]] = {}
    for n, mine in blocks.items():
        for block in mine:
            stand.setdefault(block, []).append(n)
    found: dict[Couple, None] = {}
    for together in stand.values():
        if len(together) <= stored.CAP:
            found |= dict.fromkeys(combinations(together, 2))
        else:
            for step in range(1, NEIGHBOURS + 1):
                found |= dict.fromkeys(zip(together, together[step:], strict=False))
    return list(found)


def _held(fresh: Sequence[Row], others: set[int], persons: set[int]) -> list[Met]:
    """Locks the persons this may touch; what is registered of those that *others* are of."""
    mine = {row.registration_id for row in fresh}
    known = {row.registration_id for row in fresh if row.person_id is not None}
    if known:
        hold_persons_of(others | mine)
    elif persons:
        statements.hold(persons)
    if not known and others <= mine:  # nothing of it is stored
        return []
    while True:
        met = statements.around(others | known)
        if persons.issuperset(one.person_id for one in met):
            return met
        persons |= {one.person_id for one in met}  # one was moved before the lock was had
        statements.hold(persons)


def _circle(ready: Sequence[Row], forms: Rows, around: Sequence[Met], rules: Rules) -> Circle:
    person: dict[int, int | None] = {row.registration_id: row.person_id for row in ready}
    rest = [one for one in around if one.registration_id not in person]
    facts = {row.registration_id: row.compared() for row in ready} | {one.registration_id: one.facts for one in rest}
    if rest:
        forms = np.concatenate([forms, alike.rows_of([one.facts for one in rest], model())])
    return Circle(person | {one.registration_id: one.person_id for one in rest}, facts, Board(facts, forms), rules)


def _free_persons(scored: Iterable[Scored], circle: Circle) -> set[int]:
    """Persons that something joins by itself, and about whom nobody has decided."""
    sure = (end for one in scored if one.band == AUTO for end in (one.left, one.right))
    met = {person for end in sure if (person := circle.person[end]) is not None}
    return met - moves.decided_by_people(met)


def _edges(scored: Iterable[Scored], circle: Circle, mine: set[int], free: set[int]) -> list[Scored]:
    """All pairs that join by themselves among what arrives and the persons it may be of."""
    person = circle.person
    open_to = {None, *free}
    arrived = [e for e in scored if e.band == AUTO and person[e.left] in open_to and person[e.right] in open_to]
    known = [one for one, of in person.items() if of in free and one not in mine]
    if len(known) < 2:
        return arrived
    width, rows = model().width, circle.board.rows
    places = [circle.board.place[one] for one in known]
    blocks = {n: blocks_of(rows[at * width : (at + 1) * width], model())[0] for n, at in enumerate(places)}
    among = circle.scored((known[a], known[b]) for a, b in within(blocks))
    return [*arrived, *(e for e in among if e.band == AUTO)]
