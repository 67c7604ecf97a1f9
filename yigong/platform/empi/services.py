"""What people decide about persons: same, not same, merge, split, and taking each of these back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

import polars as pl
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import golden, moves, stored
from yigong.platform.empi.bulk import ask
from yigong.platform.empi.frames import KEY
from yigong.platform.empi.identities import Identity, Key, lookup
from yigong.platform.empi.models import Candidate, Decision
from yigong.platform.empi.register import register
from yigong.security.api import audit

LATER = timedelta(days=7)
_MOVING = {"link", "merge", "confirm", "split", "undo"}
ANSWERS = {"reject": "rejected", "later": "later"}


@transaction.atomic
def merge(ctx: Ctx, source: int, target: int, *, reason: str) -> int:
    """All registrations of *source* belong to *target* from now on; the id of the decision.

    Raises Refused empi.no_reason, empi.same_person, empi.no_such_person or empi.two_trusted_numbers.
    """
    _needs(reason)
    _hold(source, target)
    _joinable(source, target)
    decision = moves.move(ctx, "merge", moves.of_person(source), source, target, reason=reason)
    return _done(ctx, "empi.merge", decision, source, target)


@transaction.atomic
def merge_registrations(ctx: Ctx, survivor: Key, subsumed: Key, *, reason: str) -> int | None:
    """An institution's system says that it knew one patient under two ids (ADT A40): their persons are one from now on.

    The id of the decision, None when they were one already. Raises Refused empi.no_such_registration, and as merge does.
    """
    _needs(reason)
    kept, gone = (_registration(ctx, key) for key in (survivor, subsumed))
    if kept.person_id == gone.person_id:
        return None
    return merge(ctx, gone.person_id, kept.person_id, reason=reason)


def _registration(ctx: Ctx, key: Key) -> Identity:
    found = lookup(ctx, "local_id", key[2], org_code=key[0], source_system=key[1])
    if not found:
        raise Refused("empi.no_such_registration")
    return found[0]


@transaction.atomic
def update(ctx: Ctx, facts: Mapping[str, Any]) -> Identity:
    """A known registration says something else from now on (ADT A31); facts not named become unknown, as in register.

    Who it is of is decided again when identity hangs on what changed. Raises Refused empi.no_such_registration.
    """
    key = Key(*(str(facts.get(name) or "").strip() for name in KEY))
    _registration(ctx, key)
    register(ctx, pl.DataFrame([dict(facts)], infer_schema_length=None))
    return _registration(ctx, key)


@transaction.atomic
def split(ctx: Ctx, person_id: int, registration_ids: Collection[int], *, reason: str) -> int:
    """Some registrations of a person become a person of their own; the id of the decision.

    Raises Refused empi.no_reason, or empi.not_a_part when they are not some, but not all, of the person's registrations.
    """
    _needs(reason)
    _hold(person_id)
    going, all_of_it = set(registration_ids), set(moves.of_person(person_id))
    if not going or not going < all_of_it:
        raise Refused("empi.not_a_part", given=len(going), held=len(all_of_it))
    target = moves.new_person("split")
    decision = moves.move(ctx, "split", going, person_id, target, apart=True, reason=reason)
    moves.keep_apart(sorted(going), sorted(all_of_it - going), decision)
    return _done(ctx, "empi.split", decision, person_id, target)


@transaction.atomic
def confirm(ctx: Ctx, candidate_id: int, *, reason: str = "") -> int:
    """The two registrations of a question are of one person; the id of the decision. Raises Refused as merge does."""
    question, left, right = _question(candidate_id)
    _joinable(right, left)
    source, target = max(left, right), min(left, right)
    anchor = question.left_id
    decision = moves.move(
        ctx, "confirm", moves.of_person(source), source, target, reason=reason, score=question.score, anchor_id=anchor
    )
    return _done(ctx, "empi.confirm", decision, source, target)


@transaction.atomic
def reject(ctx: Ctx, candidate_id: int, *, reason: str = "") -> int:
    """The two registrations of a question are not of one person, and nobody is asked again; the id of the decision."""
    question, left, right = _question(candidate_id)
    pair = [question.left_id, question.right_id]
    decision = moves.note(ctx, "reject", pair, from_person=left, to_person=right, reason=reason, score=question.score)
    moves.answer_question(candidate_id, "rejected", decision)
    return _done(ctx, "empi.reject", decision)


@transaction.atomic
def later(ctx: Ctx, candidate_id: int, *, reason: str = "") -> int:
    """Put a question off for a week; the id of the decision."""
    question, left, right = _question(candidate_id)
    pair = [question.left_id, question.right_id]
    decision = moves.note(ctx, "later", pair, from_person=left, to_person=right, reason=reason, score=question.score)
    moves.answer_question(candidate_id, "later", decision, until=now() + LATER)
    return _done(ctx, "empi.later", decision)


@transaction.atomic
def undo(ctx: Ctx, decision_id: int, *, reason: str) -> int:
    """Take a decision back: every registration it moved, and every one that came because of those, returns.

    What a machine had joined stays apart afterwards. Raises Refused empi.no_reason, empi.no_such_decision,
    empi.cannot_undo, empi.already_undone or empi.moved_since (undo the later decision first).
    """
    _needs(reason)
    decision = _undoable(decision_id)
    root, depth = _root(decision)
    if root.verb in ANSWERS:
        return _take_back_answer(ctx, decision, root, reason)
    return _move_back(ctx, decision, root, reason, in_force=depth % 2 == 1)


def _root(decision: Decision) -> tuple[Decision, int]:
    """The act that a chain of undoings is about, and how many undoings *decision* stands after it."""
    depth = 0
    while decision.undoes is not None:
        decision, depth = Decision.objects.get(pk=decision.undoes), depth + 1
    return decision, depth


def _take_back_answer(ctx: Ctx, decision: Decision, root: Decision, reason: str) -> int:
    left, right = decision.registration_ids
    question = Candidate.objects.get(left_id=left, right_id=right)
    undone = moves.note(ctx, "undo", [left, right], undoes=decision.pk, reason=reason)
    if question.decision_id == decision.pk:
        moves.reopen_questions(decision.pk)
    elif decision.verb == "undo" and question.state == "open":
        moves.answer_question(question.pk, ANSWERS[root.verb], undone)
    else:
        raise Refused("empi.moved_since", moved=2)
    return _done(ctx, "empi.undo", undone)


def _move_back(ctx: Ctx, decision: Decision, root: Decision, reason: str, *, in_force: bool) -> int:
    """*in_force*: the root act holds again after this, since an undoing of it is undone."""
    here = int(decision.to_person or 0)
    home = decision.from_person or moves.new_person("split")
    _hold(here, home)
    going = _followers(decision, here)
    parts = (root.verb == "split") == in_force
    undone = moves.move(ctx, "undo", going, here, home, apart=parts, undoes=decision.pk, reason=reason)
    moves.reopen_questions(decision.pk)
    by_machine = root.verb == "link" or (root.verb == "merge" and root.reason == "auto")
    if parts and (by_machine or root.verb == "split"):
        moves.keep_apart(decision.registration_ids, moves.of_person(here), undone)
    return _done(ctx, "empi.undo", undone, here, home)


def _undoable(decision_id: int) -> Decision:
    decision = Decision.objects.filter(pk=decision_id).first()
    if decision is None:
        raise Refused("empi.no_such_decision")
    if decision.verb not in _MOVING and decision.verb not in ANSWERS:
        raise Refused("empi.cannot_undo", verb=decision.verb)
    _hold(*[p for p in (decision.from_person, decision.to_person) if p])
    if Decision.objects.filter(undoes=decision_id).exists():
        raise Refused("empi.already_undone")
    return decision


def _followers(decision: Decision, here: int) -> list[int]:
    """What the decision moved, and what was linked to *here* later because it is like something moved."""
    moved, present = set(decision.registration_ids), set(moves.of_person(here))
    if not moved <= present:
        raise Refused("empi.moved_since", moved=len(moved - present))
    rows = ask(
        """select d.id, (d.registration_ids->>0)::bigint, d.anchor_id from empi_decision d
           where d.to_person = %s and d.verb = 'link' and d.id > %s order by d.id""",
        [here, decision.pk],
        {"id": pl.Int64, "registration": pl.Int64, "anchor": pl.Int64},
    )
    for _, registration, anchor in rows.rows():
        if anchor in moved and registration in present:
            moved.add(registration)
    return sorted(moved)


def _question(candidate_id: int) -> tuple[Candidate, int, int]:
    """A question still waiting, with the two persons, both locked. Raises Refused empi.no_such_pair or empi.answered."""
    question = Candidate.objects.select_related("left", "right").filter(pk=candidate_id).first()
    if question is None:
        raise Refused("empi.no_such_pair")
    _hold(question.left.person_id, question.right.person_id)
    question = Candidate.objects.select_for_update(of=("self",)).select_related("left", "right").get(pk=candidate_id)
    if question.state not in ("open", "later"):
        raise Refused("empi.answered", state=question.state)
    return question, question.left.person_id, question.right.person_id


def _hold(*person_ids: int) -> None:
    stored.lock_persons(person_ids)


def _needs(reason: str) -> None:
    if not reason.strip():
        raise Refused("empi.no_reason")


def _joinable(source: int, target: int) -> None:
    if source == target:
        raise Refused("empi.same_person")
    if not moves.of_person(source) or not moves.of_person(target):
        raise Refused("empi.no_such_person")
    held = stored.numbers([source, target])
    if len(held) == 2 and held[source] != held[target]:
        raise Refused("empi.two_trusted_numbers")


def _done(ctx: Ctx, action: str, decision: int, *persons: int) -> int:
    golden.refresh(persons)
    row = Decision.objects.get(pk=decision)
    audit(
        ctx,
        action,
        "empi_decision",
        decision,
        registration_id=row.registration_ids[0] if row.registration_ids else None,
        before={"person": row.from_person},
        after={"person": row.to_person, "registrations": row.registration_ids, "reason": row.reason},
    )
    return decision
