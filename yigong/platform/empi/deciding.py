"""Who is whom when registrations arrive or change: what the machine alone has placed is looked at again as a whole (ADR 22).

The registrations that arrive, and all registrations of the persons they resemble, are clustered as a bulk run over the
same records would cluster them, so that the order of arrival leaves no trace. A person about whom people have decided
stays as it is; others are joined with it by falling score, under guards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from yigong.kit.ctx import Ctx
from yigong.platform.empi import bulk, matching, moves, pairs, stored
from yigong.platform.empi.bands import AUTO, NONE, REVIEW
from yigong.platform.empi.clusters import Groups, Likeness, Settlement, settle


@dataclass(frozen=True, slots=True)
class Act:
    """The act of registering in which this is decided; a *quiet* one leaves the announcing to its caller."""

    ctx: Ctx
    number: int
    quiet: bool = False


class Scored(NamedTuple):
    """Two registrations compared."""

    score: float
    left: int
    right: int
    band: str  # auto review none


_AGAINST = """select r.id, r.person_id from empi_registration r where r.id = any(%s) and r.id_trust = 'trusted'
    and exists (select 1 from empi_registration o where o.person_id = r.person_id
                and o.id_trust = 'trusted' and o.id_no <> r.id_no)"""
#: for each registration the one that stands for its cluster, and the pairs (score, left, right) that joined
Clustered = tuple[dict[int, int], list[tuple[float, int, int]]]


@dataclass(slots=True)
class Decided:
    """Who goes with whom, and where known registrations went on the way."""

    settlement: Settlement
    person: dict[int, int | None]  # all registrations that were looked at; None where it has no person yet
    touched: set[int] = field(default_factory=set)  # persons that known registrations left or came to


def decide(act: Act, ready: pl.DataFrame, changed: Collection[int], keys: pl.DataFrame) -> Decided:
    """Who is whom among *ready* (standardised, with ids) and what is stored; *keys* are the blocks of *ready*.

    Known registrations that belong elsewhere now are moved; for all else the answer is only given.
    """
    fresh, keys = _asked(ready, changed, keys)
    couples = pairs.candidates(fresh, keys)
    _hold(couples, fresh)
    mine = ready.select(list(stored.FACTS))
    known = fresh.filter(pl.col("person_id").is_not_null()).get_column("registration_id")
    around = stored.facts_around(list({*couples.get_column("right"), *known}))
    facts = pl.concat([mine, around.join(mine, on="registration_id", how="anti")])
    board = matching.Board.of(facts)
    scored = matching.score(pairs.side_by_side(couples, facts), board).filter(pl.col("band") != NONE)
    free = _free_persons(scored)
    edges = _edges(scored, facts, fresh, free, board)
    clustered = board.clusters(*(edges.get_column(name).to_numpy() for name in ("left", "right", "score")))
    person = dict(facts.select("registration_id", "person_id").rows())
    return conclude(act, board, person, free, clustered, _unjoined(scored, clustered[0]), numbers=_numbers(ready))


def _asked(ready: pl.DataFrame, changed: Collection[int], keys: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The registrations about which something is to be decided, with their blocks."""
    fresh = ready.filter(pl.col("person_id").is_null() | pl.col("registration_id").is_in(list(changed)))
    return fresh, keys if fresh.height == ready.height else matching.block_keys(fresh)


def _hold(couples: pl.DataFrame, fresh: pl.DataFrame) -> None:
    """Lock the persons this may touch."""
    if fresh.height <= stored.SMALL:  # for more the whole index is held
        hold([*couples.get_column("right").to_list(), *fresh.get_column("registration_id").to_list()])


def hold(registration_ids: Collection[int]) -> None:
    """Lock the persons of stored registrations; again, when one of them was moved before the lock was had."""
    held: set[int] = set()
    while (found := stored.persons_of(registration_ids)) - held:
        held |= found
        stored.lock_persons(held)


def _free_persons(scored: pl.DataFrame) -> set[int]:
    """Persons that something joins by itself, and about whom nobody has decided."""
    sure = scored.filter(pl.col("band") == AUTO)
    met = {*sure.get_column("person_id").drop_nulls(), *sure.get_column("person_id_right").drop_nulls()}
    return met - moves.decided_by_people(met)


def _of(persons: Collection[int], name: str = "person_id") -> pl.Expr:
    return pl.col(name).is_in(list(persons))


def _edges(
    scored: pl.DataFrame, facts: pl.DataFrame, fresh: pl.DataFrame, free: set[int], board: matching.Board
) -> pl.DataFrame:
    """``left, right, score`` of all pairs that join by themselves among what arrives and the persons it may be of."""
    both = [pl.col(name).is_null() | _of(free, name) for name in ("person_id", "person_id_right")]
    arrived = scored.filter(pl.col("band") == AUTO, *both).select("left", "right", "score")
    known = facts.filter(_of(free), ~_of(fresh.get_column("registration_id"), "registration_id"))
    if known.height < 2:
        return arrived
    ids = known.get_column("registration_id")
    found = pairs.within(matching.block_keys(known))
    couples = found.select(ids.gather(found.get_column(side)).alias(side) for side in ("left", "right"))
    among = matching.score(pairs.side_by_side(couples, facts), board).filter(pl.col("band") == AUTO)
    return pl.concat([arrived, among.select("left", "right", "score")])


def _unjoined(scored: pl.DataFrame, root: dict[int, int]) -> list[Scored]:
    """The pairs whose ends have not come together."""
    first = [root[one] != root[other] for one, other in scored.select("left", "right").rows()]
    left = scored.filter(pl.Series(first, dtype=pl.Boolean))
    return list(map(Scored._make, left.select(Scored._fields).rows()))


def _numbers(ready: pl.DataFrame) -> dict[int, str]:
    """The trusted numbers of the registrations that have no person yet."""
    new = ready.filter(pl.col("person_id").is_null() & (pl.col("id_trust") == "trusted"))
    return dict(new.select("registration_id", "id_no").rows())


# ---- from here on one way for a few and for many ----


def part_ways(act: Act, changed: Collection[int]) -> dict[int, int]:
    """A known registration whose number now is another trusted one than its person's leaves that person; where it went."""
    gone: dict[int, int] = {}
    for registration, person in bulk.rows(_AGAINST, [bulk.array(changed)]) if changed else []:
        stored.lock_persons([person])
        gone[registration] = target = moves.new_person("register")
        moves.move(
            act.ctx, "part", [registration], person, target, apart=True, quiet=act.quiet, reason="auto", act=act.number
        )
    return gone


def conclude(
    act: Act,
    board: matching.Board,
    person: dict[int, int | None],
    free: set[int],
    clustered: Clustered,
    unjoined: Iterable[Scored],
    *,
    numbers: dict[int, str],
) -> Decided:
    """What comes of clusters and of the pairs that they leave apart.

    *person* are all registrations that were looked at, *free* the persons that were clustered anew, *numbers* the
    trusted numbers of registrations without a person.
    """
    gone = _move(act, clustered[0], sorted((one, held) for one, held in person.items() if held in free), free)
    after = {**person, **gone} if gone else person
    likenesses = [_likeness(one, person, after, free) for one in unjoined]
    settlement = _settle(after, likenesses, clustered, board, numbers)
    return Decided(settlement, after, {*gone.values(), *free} if gone else set())


def _move(act: Act, root: dict[int, int], known: list[tuple[int, Any]], free: set[int]) -> dict[int, int]:
    """Known registrations (with their persons) that are not with the rest of their person leave it; where they went."""
    held: dict[int, Counter[int]] = {person: Counter() for person in free}
    for one, person in known:
        held[person][root[one]] += 1
    homes = _homes(held)
    leaving: dict[tuple[int, int], list[int]] = {}
    for one, person in known:
        cluster = root[one]
        if len(held[person]) > 1 and homes.get(cluster) != person:  # who goes as a whole is merged, not moved
            leaving.setdefault((person, cluster), []).append(one)
    for (person, cluster), some in leaving.items():
        target = homes.setdefault(cluster, 0) or moves.new_person("register")
        homes[cluster] = target
        moves.move(act.ctx, "part", some, person, target, apart=True, quiet=act.quiet, reason="auto", act=act.number)
    return {one: homes[cluster] for (_, cluster), some in leaving.items() for one in some}


def _homes(held: dict[int, Counter[int]]) -> dict[int, int]:
    """The person that each cluster of known registrations keeps: whose registrations are most of it, the older of equals."""
    claims = sorted((-count, person, cluster) for person, some in held.items() for cluster, count in some.items())
    homes, taken = dict[int, int](), set[int]()
    for _, person, cluster in claims:
        if cluster not in homes and person not in taken:
            homes[cluster] = person
            taken.add(person)
    return homes


def _likeness(one: Scored, before: dict[int, int | None], after: dict[int, int | None], free: set[int]) -> Likeness:
    """A pair worth a join or a question; what has been decided as a whole is but a question where it was not joined."""
    decided = all(held is None or held in free for held in (before[one.left], before[one.right]))
    ends = (after[one.left] or -one.left, after[one.right] or -one.right)
    return Likeness(*ends, one.score, one.left, one.right, REVIEW if decided else one.band)


def _settle(
    person: dict[int, int | None],
    likenesses: list[Likeness],
    clustered: Clustered,
    board: matching.Board,
    numbers: dict[int, str],
) -> Settlement:
    root, why = clustered
    group = {one: (held or -one) for one, held in person.items()}
    clusters: dict[int, set[int]] = {}
    for one, first in root.items():
        clusters.setdefault(first, set()).add(group[one])
    together = [some for some in clusters.values() if len(some) > 1]
    groups = _groups(person, likenesses, together, numbers)
    for some in together:
        groups.join(*some)
    settlement = settle(groups, likenesses, agree=board.agree(groups.members))
    joins = [Likeness(group[a], group[b], score, a, b, AUTO) for score, a, b in why]
    settlement.joins = [*joins, *settlement.joins]
    return settlement


def _groups(
    person: dict[int, int | None], likenesses: list[Likeness], together: list[set[int]], numbers: dict[int, str]
) -> Groups:
    """Groups before the likenesses are settled. Those that clusters put together bring their numbers and what keeps them
    apart too: a likeness to what has just come to a person is one to that person."""
    met = {g for one in likenesses for g in (one.left_group, one.right_group)}
    asked = {g for g in met.union(*together) if g > 0} if met else set[int]()
    held = stored.numbers(asked) | {-one: frozenset([number]) for one, number in numbers.items()}
    members: dict[int, list[int]] = {}
    for one, of in person.items():
        if of is not None:
            members.setdefault(of, []).append(one)
    return Groups(held, stored.apart(asked), members=members)
