"""Moves of registrations between persons, each with its line in the log, its event, and what it means for open questions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import polars as pl

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.outbox.api import say
from yigong.platform.empi.bulk import add, ask, do
from yigong.platform.empi.clusters import Likeness
from yigong.platform.empi.events import PersonsMerged, PersonsSplit
from yigong.platform.empi.models import Decision, Person

#: a split of two large groups is remembered by so many pairs; one would do, more outlive later moves
_PAIRS_KEPT = 400


def note(ctx: Ctx, verb: str, registration_ids: Collection[int], **facts: Any) -> int:
    """One line in the log of decisions; its id."""
    row = Decision(
        verb=verb,
        registration_ids=sorted(registration_ids),
        by_id=ctx.actor_id,
        by_name=ctx.actor_name,
        org_code=ctx.org_code,
        at=now(),
        **facts,
    )
    row.save(force_insert=True)
    return row.pk


def new_person(origin: str) -> int:
    """A person without registrations yet."""
    return Person.objects.create(origin=origin, created_at=now()).pk


def of_person(person_id: int) -> list[int]:
    """The registrations of a person, by id."""
    found = ask("select id from empi_registration where person_id = %s order by id", [person_id], {"id": pl.Int64})
    return found.get_column("id").to_list()


def move(
    ctx: Ctx,
    verb: str,
    registration_ids: Collection[int],
    source: int,
    target: int,
    *,
    apart: bool = False,
    **facts: Any,
) -> int:
    """Give registrations of *source* to *target*: column, log, event, answered questions; the id of the decision."""
    do("update empi_registration set person_id = %s where id = any(%s)", [target, list(registration_ids)])
    decision = note(ctx, verb, registration_ids, from_person=source, to_person=target, **facts)
    kind = PersonsSplit if apart else PersonsMerged
    say(kind(decision, sorted(registration_ids), source, target))
    settle_questions(target, decision)
    return decision


def absorb(ctx: Ctx, source: int, target: int, *, why: Likeness | None = None) -> int:
    """All registrations of *source* go to *target*, because of a likeness that decides by itself."""
    facts: dict[str, Any] = {"score": why.score, "anchor_id": why.left, "reason": "auto"} if why else {}
    return move(ctx, "merge", of_person(source), source, target, **facts)


_PUSH = "trail = c.trail || jsonb_build_array(jsonb_build_array(c.state, c.decision_id))"


def settle_questions(person_id: int, decision_id: int) -> None:
    """Open questions about two registrations that now are of this one person are answered."""
    do(
        f"""update empi_candidate c set {_PUSH}, state = 'settled', decision_id = %s, decided_at = %s
            from empi_registration l, empi_registration r
            where l.id = c.left_id and r.id = c.right_id and l.person_id = %s and r.person_id = %s
              and c.state in ('open', 'later')""",
        [decision_id, now(), person_id, person_id],
    )


def answer_question(candidate_id: int, state: str, decision_id: int, *, until: datetime | None = None) -> None:
    """A question gets its answer from a decision."""
    do(
        f"""update empi_candidate c set {_PUSH}, state = %s, decision_id = %s, decided_at = %s, later_until = %s
            where id = %s""",
        [state, decision_id, now(), until, candidate_id],
    )


def keep_apart(ones: Collection[int], others: Collection[int], decision_id: int) -> None:
    """Remember that these registrations are not of the person of those; nobody is asked about it again."""
    pairs = [(min(a, b), max(a, b)) for a in ones for b in others][:_PAIRS_KEPT]
    do(
        f"""insert into empi_candidate as c (left_id, right_id, score, kind, risk, state, trail, decision_id, created_at)
            select l, r, 0, 'apart', 0, 'rejected', '[]', %s, %s from unnest(%s::bigint[], %s::bigint[]) u (l, r)
            on conflict (left_id, right_id) do update
                set {_PUSH}, state = 'rejected', decision_id = excluded.decision_id""",
        [decision_id, now(), [a for a, _ in pairs], [b for _, b in pairs]],
    )


def reopen_questions(decision_id: int) -> None:
    """Questions that a decision had answered stand again as they stood before it; those it made itself go."""
    do("delete from empi_candidate where decision_id = %s and trail = '[]'", [decision_id])
    do(
        """update empi_candidate set state = trail->-1->>0, decision_id = (trail->-1->>1)::bigint, trail = trail - (-1)
           where decision_id = %s""",
        [decision_id],
    )


def offer(questions: pl.DataFrame) -> int:
    """Put pairs (``left, right, score, kind, risk``) into the review queue, unless the two persons have been asked about."""
    if questions.is_empty():
        return 0
    columns = [questions.get_column(name).to_list() for name in ("left", "right", "score", "kind", "risk")]
    return do(
        """insert into empi_candidate (left_id, right_id, score, kind, risk, state, trail, created_at)
           select least(u.l, u.r), greatest(u.l, u.r), u.score, u.kind, u.risk, 'open', '[]', %s
           from unnest(%s::bigint[], %s::bigint[], %s::float[], %s::text[], %s::smallint[]) u (l, r, score, kind, risk)
               join empi_registration a on a.id = u.l join empi_registration b on b.id = u.r
           where a.person_id <> b.person_id and not exists (
               select 1 from empi_registration x
                   join empi_candidate c on c.left_id = x.id or c.right_id = x.id
                   join empi_registration y on y.id = c.left_id + c.right_id - x.id
               where x.person_id = a.person_id and y.person_id = b.person_id
                 and c.state in ('open', 'later', 'rejected'))
           on conflict (left_id, right_id) do update set state = 'open', score = excluded.score
               where empi_candidate.state = 'settled'""",
        [now(), *columns],
    )


def log_many(ctx: Ctx, rows: Iterable[dict[str, Any]]) -> None:
    """Many lines in the log at once; each row names verb, registration_ids (JSON text), to_person, score, anchor_id."""
    schema = {
        "verb": pl.String, "registration_ids": pl.String, "to_person": pl.Int64, "score": pl.Float64,
        "anchor_id": pl.Int64,
    }  # fmt: skip
    frame = pl.DataFrame(list(rows), schema=schema).with_columns(
        pl.lit(ctx.actor_id).alias("by_id"),
        pl.lit(ctx.actor_name).alias("by_name"),
        pl.lit(ctx.org_code).alias("org_code"),
        pl.lit(now()).alias("at"),
        pl.lit("").alias("reason"),
    )
    add("empi_decision", frame)
