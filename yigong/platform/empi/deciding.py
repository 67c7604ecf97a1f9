"""Who is whom when registrations arrive or change: what the machine alone has placed is looked at again as a whole (ADR 22).

The registrations that arrive, and all registrations of the persons they resemble, are clustered as a bulk run over the
same records would cluster them, so that the order of arrival leaves no trace. A person about whom people have decided
stays as it is; others are joined with it by falling score, under guards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from yigong.kit.ctx import Ctx
from yigong.platform.empi import matching, moves, pairs, stored
from yigong.platform.empi.bands import AUTO, NONE, REVIEW
from yigong.platform.empi.clusters import Groups, Likeness, Settlement, settle


@dataclass(frozen=True, slots=True)
class Act:
    """The act of registering in which this is decided; a *quiet* one leaves the announcing to its caller."""

    ctx: Ctx
    number: int
    quiet: bool = False


@dataclass(slots=True)
class Decided:
    """Who goes with whom, and the persons that known registrations left or came to on the way."""

    ready: pl.DataFrame
    settlement: Settlement
    touched: set[int] = field(default_factory=set)


def decide(act: Act, ready: pl.DataFrame, changed: Collection[int], keys: pl.DataFrame) -> Decided:
    """Who is whom among *ready* (standardised, with ids) and what is stored; *keys* are the blocks of *ready*.

    Known registrations that belong elsewhere now are moved; for all else the answer is only given.
    """
    fresh, keys = _asked(ready, changed, keys)
    couples = pairs.candidates(fresh, keys)
    _hold(couples, fresh)
    mine = ready.select(list(stored.FACTS))
    around = stored.facts_around(couples.get_column("right").unique().to_list())
    facts = pl.concat([mine, around.join(mine, on="registration_id", how="anti")])
    board = matching.Board(facts)
    scored = matching.score(pairs.side_by_side(couples, facts), board).filter(pl.col("band") != NONE)
    free = _free_persons(scored)
    root, why = board.clusters(_edges(scored, facts, fresh, free, board))
    gone = _move(act, root, facts, free)
    facts, ready = (_with_persons(frame, gone) for frame in (facts, ready))
    settlement = _settle(ready, _likenesses(_unjoined(scored, root), facts, free), facts, board, (root, why))
    return Decided(ready, settlement, {*gone.values(), *free} if gone else set())


def _asked(ready: pl.DataFrame, changed: Collection[int], keys: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The registrations about which something is to be decided, with their blocks."""
    fresh = ready.filter(pl.col("person_id").is_null() | pl.col("registration_id").is_in(list(changed)))
    return fresh, keys if fresh.height == ready.height else matching.block_keys(fresh)


def _hold(couples: pl.DataFrame, fresh: pl.DataFrame) -> None:
    """Lock the persons this may touch; again, when one of them was moved before the lock was had."""
    if fresh.height > stored.SMALL:
        return  # the whole index is held
    ids = [*couples.get_column("right").to_list(), *fresh.get_column("registration_id").to_list()]
    held: set[int] = set()
    while (found := stored.persons_of(ids)) - held:
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


def _move(act: Act, root: dict[int, int], facts: pl.DataFrame, free: set[int]) -> dict[int, int]:
    """Known registrations that are not with the rest of their person leave it; where they went."""
    known = facts.filter(_of(free)).select("registration_id", "person_id").sort("registration_id").rows()
    held: dict[int, Counter[int]] = {}
    for one, person in known:
        held.setdefault(person, Counter())[root[one]] += 1
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


def _with_persons(frame: pl.DataFrame, gone: dict[int, int]) -> pl.DataFrame:
    if not gone:
        return frame
    moved = pl.col("registration_id").replace_strict(gone, default=None, return_dtype=pl.Int64)
    return frame.with_columns(pl.coalesce(moved, "person_id").alias("person_id"))


def _unjoined(scored: pl.DataFrame, root: dict[int, int]) -> pl.DataFrame:
    """The pairs whose ends have not come together."""
    first = [root[one] != root[other] for one, other in scored.select("left", "right").rows()]
    return scored.filter(pl.Series(first, dtype=pl.Boolean))


def _likenesses(scored: pl.DataFrame, facts: pl.DataFrame, free: set[int]) -> list[Likeness]:
    """Pairs worth a join or a question; what has been decided as a whole is but a question where it was not joined."""
    person = dict(facts.select("registration_id", "person_id").rows())
    made = []
    columns = ("score", "left", "right", "band", "person_id", "person_id_right")
    for score, left, right, band, *before in scored.select(columns).rows():
        decided = all(held is None or held in free for held in before)
        one, other = person[left] or -left, person[right] or -right
        made.append(Likeness(one, other, score, left, right, REVIEW if decided else band))
    return made


def _settle(
    ready: pl.DataFrame,
    likenesses: list[Likeness],
    facts: pl.DataFrame,
    board: matching.Board,
    found: tuple[dict[int, int], list[tuple[float, int, int]]],
) -> Settlement:
    root, why = found
    groups = _groups(ready, likenesses, facts)
    person = dict(facts.select("registration_id", "person_id").rows())
    group = {one: (held or -one) for one, held in person.items()}
    together: dict[int, set[int]] = {}
    for one, first in root.items():
        together.setdefault(first, set()).add(group[one])
    for some in together.values():
        if len(some) > 1:
            groups.join(*some)
    settlement = settle(groups, likenesses, agree=board.agree(groups.members))
    joins = [Likeness(group[a], group[b], score, a, b, AUTO) for score, a, b in why]
    settlement.joins = [*joins, *settlement.joins]
    return settlement


def _groups(ready: pl.DataFrame, likenesses: list[Likeness], facts: pl.DataFrame) -> Groups:
    persons = {*facts.get_column("person_id").drop_nulls()}
    asked = {g for one in likenesses for g in (one.left_group, one.right_group) if g > 0}
    numbers = stored.numbers(asked)
    new = ready.filter(pl.col("person_id").is_null() & (pl.col("id_trust") == "trusted"))
    numbers |= {-r: frozenset([n]) for r, n in new.select("registration_id", "id_no").rows()}
    held = facts.filter(_of(persons)).group_by("person_id").agg("registration_id")
    return Groups(numbers, stored.apart(asked), members=dict(held.rows()))
