"""What one act of registering has decided, and what is written of it the same way for a few registrations and for many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from yigong.kit.ctx import Ctx
from yigong.outbox.api import say
from yigong.platform.empi import bulk, moves
from yigong.platform.empi.clusters import Likeness, Settlement, one_for_each
from yigong.platform.empi.deciding import Decided
from yigong.platform.empi.events import PersonRegistered
from yigong.security.api import audit


@dataclass(slots=True)
class Intake:
    """What one act of registering decides."""

    placed: dict[int, int | None]  # registration -> person, None where the registration was unknown
    settlement: Settlement
    persons: dict[int, int]  # registration -> person, for what is new
    founders: set[int]
    reviews: list[Likeness]
    act: int
    changed: dict[int, str] = field(
        default_factory=dict
    )  # known registrations -> what changed of identity, as JSON text
    touched: set[int] = field(default_factory=set)  # persons that known registrations left or came to
    quiet: bool = False

    @property
    def born(self) -> set[int]:
        """Persons that did not exist."""
        return {self.persons[one] for one in self.founders}


def intake(
    act: int,
    registrations: Iterable[int],
    made: Decided,
    changed: dict[int, str],
    homes: dict[int, int] | None = None,
) -> Intake:
    """What is to be done about these registrations; *homes*: when it is done once more, the persons that stand ready."""
    placed = {one: made.person[one] for one in registrations}
    groups = made.settlement.groups
    roots = {one: groups.root(-one) for one, person in placed.items() if person is None}
    unborn = sorted({root for root in roots.values() if root < 0}, reverse=True)
    born = {root: homes[-root] for root in unborn} if homes else {}
    born |= dict(zip(rest := [r for r in unborn if r not in born], bulk.ids("empi_person", len(rest)), strict=True))
    persons = {registration: born.get(root, root) for registration, root in roots.items()}
    reviews = one_for_each(made.settlement.reviews, groups)
    founders = {-root for root in unborn}
    return Intake(placed, made.settlement, persons, founders, reviews, act, changed, made.touched)


def lines(made: Intake) -> dict[str, list[Any]]:
    """The lines of the log about what is new, as columns."""
    why: dict[int, tuple[int, float]] = {}
    for one in made.settlement.joins:
        why.setdefault(one.left, (one.right, one.score))
        why.setdefault(one.right, (one.left, one.score))
    founded = [registration in made.founders for registration in made.persons]
    because = [
        why.get(one, (None, None)) if not first else (None, None)
        for one, first in zip(made.persons, founded, strict=True)
    ]
    return {
        "verb": ["new" if first else "link" for first in founded],
        "registration_ids": [f"[{registration}]" for registration in made.persons],
        "to_person": list(made.persons.values()),
        "score": [score for _, score in because],
        "anchor_id": [anchor for anchor, _ in because],
        "moved": [True] * len(founded),
    }


def changes(made: Intake) -> list[dict[str, Any]]:
    """The lines of the log about known registrations whose identity changed."""
    return [
        {"verb": "change", "registration_ids": f"[{one}]", "to_person": person, "changed": made.changed[one]}
        for one, person in made.placed.items()
        if one in made.changed
    ]


def merge(ctx: Ctx, made: Intake) -> set[int]:
    """Existing persons that the new facts show to be one become one; those that this concerns."""
    groups, touched = made.settlement.groups, set[int]()
    why = {groups.root(one.left_group): one for one in made.settlement.joins}
    for gone in [g for g in groups.parent if g > 0 and groups.root(g) != g]:
        target = groups.root(gone)
        moves.absorb(ctx, gone, target, act=made.act, why=why.get(target), quiet=made.quiet)
        touched |= {gone, target}
    return touched


def tell(ctx: Ctx, made: Intake) -> None:
    """Audit the act and announce what is new."""
    one = next(iter(made.persons), None) if len(made.persons) == 1 else None
    counts = {
        "new": len(made.persons),
        "persons": len(made.founders),
        "changed": len(made.placed) - len(made.persons),
    }
    audit(ctx, "empi.register", "registration", one or "", registration_id=one, after=counts)
    if made.persons:
        say(PersonRegistered(list(made.persons), list(made.persons.values())))


def outcomes(made: Intake) -> list[str]:
    """``changed linked new review`` of each registration."""
    asked = {r for one in made.reviews for r in (one.left, one.right)}
    words = []
    for registration, person in made.placed.items():
        if person is not None:
            words.append("changed")
        elif registration not in made.founders:
            words.append("linked")
        else:
            words.append("review" if registration in asked else "new")
    return words
