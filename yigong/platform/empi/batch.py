"""Many questions answered together: shown beforehand, done in one transaction, taken back together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import moves, rules, services, stored
from yigong.platform.empi.models import Candidate, Decision
from yigong.platform.empi.selectors import ask_rows
from yigong.security.api import persons_in_reach

MOST = 200
_ACTS = {"same": services.confirm, "different": services.reject, "later": services.later}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What answering these questions would do."""

    pairs: int
    joined: int  # pairs whose persons become one
    moving: int  # registrations that change their person
    proposed: int  # pairs that a second person must confirm
    locked: int  # pairs of two trusted numbers, which stay as they are


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: the batch (0 when nothing was), how many decisions, and why others were not made."""

    batch: int
    made: int
    refused: dict[str, int]


def waiting(ctx: Ctx, candidate_ids: Collection[int]) -> list[int]:
    """Those of these questions that wait and are within reach. Raises Refused empi.too_many or empi.none_chosen."""
    if len(candidate_ids) > MOST:
        raise Refused("empi.too_many", given=len(candidate_ids), most=MOST)
    reach = persons_in_reach(ctx, "l.person_id")
    found = ask_rows(
        f"""select c.id from empi_candidate c join empi_registration l on l.id = c.left_id
            where c.id = any(%(ids)s) and c.state in ('open', 'later', 'pending') and {reach.sql} order by c.id""",
        {"ids": list(candidate_ids), **reach.params},
    )
    if not found:
        raise Refused("empi.none_chosen")
    return [row["id"] for row in found]


def outlook(ctx: Ctx, candidate_ids: Collection[int], answer: str) -> Outlook:
    """What *answer* (same different later) to these questions would do. Raises Refused as waiting does."""
    asked = Candidate.objects.select_related("left", "right").filter(pk__in=waiting(ctx, candidate_ids))
    if answer != "same":
        return Outlook(len(asked), 0, 0, 0, 0)
    from_risk, joined, moving, proposed, locked = rules.current().two_from_risk, 0, set[int](), 0, 0
    for question in asked:
        persons = {question.left.person_id, question.right.person_id}
        numbers = stored.numbers(persons)
        if len(numbers) == 2 and len(set(numbers.values())) == 2:
            locked += 1
        elif question.risk >= from_risk and question.state != "pending":
            proposed += 1
        else:
            joined += 1
            moving.add(max(persons))
    held = ask_rows("select count(*) as n from empi_registration where person_id = any(%(ids)s)", {"ids": list(moving)})
    return Outlook(len(asked), joined, int(held[0]["n"]), proposed, locked)


@transaction.atomic
def answer_many(ctx: Ctx, candidate_ids: Collection[int], answer: str, *, reason: str) -> Done:
    """Answer these questions, each a decision of its own, all of one batch; what may not be is left out and counted."""
    act, made, refused = _ACTS[answer], list[int](), dict[str, int]()
    for one in waiting(ctx, candidate_ids):
        try:
            with transaction.atomic():
                made.append(act(ctx, one, reason=reason))
        except Refused as why:
            refused[why.code] = refused.get(why.code, 0) + 1
    batch = moves.note(ctx, "batch", [], changed={"decisions": made, "answer": answer}, reason=reason) if made else 0
    return Done(batch, len(made), refused)


@transaction.atomic
def undo_many(ctx: Ctx, batch: int, *, reason: str) -> int:
    """Take a batch back, the latest first; how many decisions. Raises Refused empi.no_such_decision, or as undo does."""
    line = Decision.objects.filter(pk=batch, verb="batch").first()
    if line is None:
        raise Refused("empi.no_such_decision")
    made = sorted((line.changed or {})["decisions"], reverse=True)
    gone = set(Decision.objects.filter(undoes__in=made).values_list("undoes", flat=True))
    for decision in made:
        if decision not in gone:
            services.undo(ctx, decision, reason=reason)
    return len(made) - len(gone)
