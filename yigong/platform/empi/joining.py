"""Joining persons that somebody names: a clerk who found both, or an institution's message. A grave one is only proposed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import polars as pl
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import matching, moves, pairs, questions, rules, services, stored
from yigong.platform.empi.models import Candidate

#: pairs of registrations compared at most to find the two most alike
_COMPARED = 400


@dataclass(frozen=True, slots=True)
class Likeness:
    """The two most alike registrations of two persons, and how grave it would be to join those wrongly."""

    left: int
    right: int
    score: float
    kind: str
    risk: int


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of it."""

    decision: int
    waits: bool  # only proposed: another person must agree


def likeness(one: int, other: int) -> Likeness:
    """How alike two persons are by their most alike registrations; persons whom nothing likens are of kind ``unlike``.

    Raises Refused empi.no_such_person.
    """
    ones, others = moves.of_person(one), moves.of_person(other)
    if not ones or not others:
        raise Refused("empi.no_such_person")
    return of_registrations(ones, others, named=True)


def of_registrations(ones: list[int], others: list[int], *, named: bool = False) -> Likeness:
    """The most alike of these with those; *named*: what nothing likens is said to be so."""
    facts = stored.facts([*ones, *others])
    couples = pl.DataFrame(list(product(ones, others))[:_COMPARED], schema=["left", "right"], orient="row")
    scored = matching.score(pairs.side_by_side(couples.cast(pl.Int64), facts), matching.Board.of(facts))
    best = scored.sort("score", "left", "right", descending=[True, False, False]).head(1)
    held, row = rules.current(), best.row(0, named=True)
    kind = matching.kind_of(best)
    if named and row["band"] == matching.NONE:
        kind = "unlike"
    return Likeness(row["left"], row["right"], row["score"], kind, held.risk.get(kind, 3))


@transaction.atomic
def join(ctx: Ctx, one: int, other: int, *, reason: str) -> Joined:
    """A clerk says that two persons are one: joined, or proposed where their kind of likeness wants two people.

    Raises Refused as ``services.merge`` does, and empi.second_person to who has proposed it already.
    """
    if not reason.strip():
        raise Refused("empi.no_reason")
    stored.lock_persons([one, other])
    source, target = max(one, other), min(one, other)
    services.joinable(source, target)
    if waiting := _waiting(one, other):
        decision = services.confirm(ctx, waiting, reason=reason)
        return Joined(decision, Candidate.objects.filter(pk=waiting, state="pending").exists())
    found = likeness(one, other)
    if found.risk < rules.current().two_from_risk and not _kept_apart(one, other):
        return Joined(services.merge(ctx, source, target, reason=reason), waits=False)
    return Joined(propose(ctx, found, (one, other), reason=reason), waits=True)


def _waiting(one: int, other: int) -> int:
    """The question about two persons that waits, 0 when there is none."""
    return _question(one, other, list(questions.WAITING))


def _kept_apart(one: int, other: int) -> bool:
    """Whether somebody has said that they are not one: that is not undone by one word of another."""
    return _question(one, other, ["rejected"]) > 0


def _question(one: int, other: int, states: list[str]) -> int:
    both = {"left__person_id__in": [one, other], "right__person_id__in": [one, other]}
    found = Candidate.objects.filter(state__in=states, **both).order_by("-risk", "id").first()
    return found.pk if found else 0


def propose(
    ctx: Ctx, found: Likeness, persons: tuple[int, int], *, reason: str, states: list[list[Any]] | None = None
) -> int:
    """Ask a second person to agree that two are one; the id of the decision. *states*: marks that go with it."""
    pair, decision = questions.ordered(found.left, found.right), moves.number()
    kept = questions.standing([pair]).get(pair, {"created_at": now().isoformat()})
    said = {
        "score": found.score, "kind": found.kind, "risk": found.risk, "state": "pending", "decision_id": decision,
        "decided_at": now().isoformat(), "later_until": None,
    }  # fmt: skip
    facts: dict[str, Any] = {"from_person": persons[0], "to_person": persons[1], "score": found.score, "reason": reason}
    changed = questions.put({pair: {**kept, **said}})
    moves.note(ctx, "propose", pair, decision=decision, pairs=changed, states=states or [], **facts)
    return services.done(ctx, "empi.propose", decision)
