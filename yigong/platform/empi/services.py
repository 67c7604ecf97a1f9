"""What people decide about persons: same, not same, merge, split, and taking each of these back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import golden, joining, moves, questions, rewind, rules, stored
from yigong.platform.empi.domain import ANSWERS, LIFE, MARKS, VERBS, Side
from yigong.platform.empi.frames import KEY
from yigong.platform.empi.identities import Identity, Key, lookup
from yigong.platform.empi.models import Candidate, Decision, Person, Registration
from yigong.platform.empi.register import register
from yigong.security.api import audit

LATER = timedelta(days=7)
#: what may be taken back: all that people decide, and what the machine joined
_UNDOABLE = {*VERBS, "link", "join"}


@transaction.atomic
def merge(ctx: Ctx, source: int, target: int, *, reason: str) -> int:
    """All registrations of *source* belong to *target* from now on; the id of the decision.

    Raises Refused empi.no_reason, empi.same_person, empi.no_such_person or empi.two_trusted_numbers.
    """
    _needs(reason)
    _hold(source, target)
    joinable(source, target)
    decision = moves.move(ctx, "merge", moves.of_person(source), source, target, reason=reason)
    return done(ctx, "empi.merge", decision, source, target)


@transaction.atomic
def merge_registrations(ctx: Ctx, survivor: Key, subsumed: Key, *, reason: str) -> int | None:
    """An institution's system says that it knew one patient under two ids (ADT A40): their persons are one from now on.

    Where their kind of likeness wants two people (``rules``), the message is the first word and waits in the queue for the
    second. The id of the decision, None when it was known already. Raises Refused empi.no_such_registration, and as merge.
    """
    _needs(reason)
    kept, gone = (_registration(ctx, key) for key in (survivor, subsumed))
    retired = [] if gone.state == "merged" else [[gone.registration_id, gone.state, "merged"]]
    _set_states(retired)
    if kept.person_id == gone.person_id:
        person = kept.person_id
        facts: dict[str, Any] = {"from_person": person, "to_person": person, "states": retired, "reason": reason}
        return done(ctx, "empi.merge", moves.note(ctx, "mark", [gone.registration_id], **facts)) if retired else None
    _hold(kept.person_id, gone.person_id)
    joinable(gone.person_id, kept.person_id)
    found = joining.of_registrations([kept.registration_id], [gone.registration_id])
    if found.risk >= rules.current().two_from_risk:
        return joining.propose(ctx, found, (kept.person_id, gone.person_id), reason=reason, states=retired)
    going, (source, target) = moves.of_person(gone.person_id), (gone.person_id, kept.person_id)
    decision = moves.move(ctx, "merge", going, source, target, reason=reason, states=retired)
    return done(ctx, "empi.merge", decision, source, target)


def _set_states(states: list[list[Any]]) -> None:
    for registration, _, after in states:
        Registration.objects.filter(pk=registration).update(state=after)


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
    return done(ctx, "empi.split", decision, person_id, target)


@transaction.atomic
def mark(ctx: Ctx, person_id: int, verb: str, *, reason: str) -> int:
    """Attest, declare dead or cancelled, or take one of these back (``domain.MARKS``); the id of the decision.

    Raises Refused empi.no_such_person, wrong_state, wrong_side or missing.
    """
    if verb not in MARKS:
        raise Refused("empi.no_such_mark")
    _hold(person_id)
    state = Person.objects.filter(pk=person_id).values_list("state", flat=True).first()
    held = list(Registration.objects.filter(person_id=person_id).exclude(state="merged").values_list("pk", "state"))
    if state is None or not held:
        raise Refused("empi.no_such_person")
    LIFE.move(state, verb, side=Side.CLERK, given={"reason": reason.strip()})
    going = [(one, before) for one, before in held if before != MARKS[verb]]
    states: list[list[Any]] = [[one, before, MARKS[verb]] for one, before in going]
    _set_states(states)
    facts: dict[str, Any] = {"from_person": person_id, "to_person": person_id, "states": states, "reason": reason}
    decision = moves.note(ctx, "mark", [one for one, _ in going], **facts)
    return done(ctx, f"empi.{verb}", decision, person_id)


@transaction.atomic
def withdraw(ctx: Ctx, registration_ids: Collection[int], *, reason: str) -> list[int]:
    """The source of these registrations took them back: they are cancelled, and say nothing of their persons any more; which were."""
    return _marked(ctx, registration_ids, ("active", "cancelled"), "cancel", reason)


@transaction.atomic
def reinstate(ctx: Ctx, registration_ids: Collection[int], *, reason: str) -> list[int]:
    """The source of withdrawn registrations gives them again; which were."""
    return _marked(ctx, registration_ids, ("cancelled", "active"), "restore", reason)


def _marked(ctx: Ctx, registration_ids: Collection[int], way: tuple[str, str], verb: str, reason: str) -> list[int]:
    """Mark single registrations; a line of the log for each person, which ``undo`` takes back as any mark."""
    _needs(reason)
    wanted = Registration.objects.filter(pk__in=list(registration_ids), state=way[0])
    _hold(*wanted.values_list("person_id", flat=True))
    of: dict[int, list[int]] = {}
    for one, person in wanted.order_by("pk").values_list("pk", "person_id"):
        of.setdefault(person, []).append(one)
    for person, going in of.items():
        states: list[list[Any]] = [[one, *way] for one in going]
        _set_states(states)
        facts: dict[str, Any] = {"from_person": person, "to_person": person, "states": states, "reason": reason}
        done(ctx, f"empi.{verb}", moves.note(ctx, "mark", going, **facts), person)
    return [one for going in of.values() for one in going]


@transaction.atomic
def confirm(ctx: Ctx, candidate_id: int, *, reason: str = "") -> int:
    """The two registrations of a question are of one person; the id of the decision.

    From a risk on (``rules``) the first to say so only proposes; another person must say it too.
    Raises Refused empi.second_person to the same one, and as merge does.
    """
    question, left, right = _question(candidate_id)
    joinable(right, left)
    if question.risk >= rules.current().two_from_risk:
        if question.state != "pending":
            return _answer(ctx, "propose", question, left, right, reason)
        if _proposer(question) == ctx.actor_id:
            raise Refused("empi.second_person")
    source, target = max(left, right), min(left, right)
    anchor = question.left_id
    decision = moves.move(
        ctx, "confirm", moves.of_person(source), source, target, reason=reason, score=question.score, anchor_id=anchor
    )
    return done(ctx, "empi.confirm", decision, source, target)


def _proposer(question: Candidate) -> int:
    return Decision.objects.get(pk=question.decision_id or 0).by_id


def _answer(
    ctx: Ctx, verb: str, question: Candidate, left: int, right: int, reason: str, *, until: datetime | None = None
) -> int:
    """An answer that moves nobody."""
    pair, decision = (question.left_id, question.right_id), moves.number()
    changed = questions.answer([pair], ANSWERS[verb], decision, until=until.isoformat() if until else None)
    facts: dict[str, Any] = {"from_person": left, "to_person": right, "reason": reason, "score": question.score}
    moves.note(ctx, verb, pair, decision=decision, pairs=changed, **facts)
    return done(ctx, f"empi.{verb}", decision)


@transaction.atomic
def reject(ctx: Ctx, candidate_id: int, *, reason: str = "") -> int:
    """The two registrations of a question are not of one person, and nobody is asked again; the id of the decision."""
    return _answer(ctx, "reject", *_question(candidate_id), reason)


@transaction.atomic
def later(ctx: Ctx, candidate_id: int, *, reason: str = "") -> int:
    """Put a question off for a week; the id of the decision."""
    return _answer(ctx, "later", *_question(candidate_id), reason, until=now() + LATER)


@transaction.atomic
def undo(ctx: Ctx, decision_id: int, *, reason: str) -> int:
    """Take a decision back; the id of the decision that does it.

    What a person decided is as if it had never been: what it moved and answered is as before, and what arrived since
    is decided anew. What the machine had joined is parted, with what came because of it, and stays apart.
    Raises Refused empi.no_reason, empi.no_such_decision, empi.cannot_undo, empi.already_undone or empi.moved_since
    (a person has decided about the same persons since; that must be taken back first).
    """
    _needs(reason)
    stored.lock_index()
    decision = _undoable(decision_id)
    machine = decision.verb in moves.MACHINE
    undone = rewind.part(ctx, decision, reason) if machine else rewind.rewind(ctx, decision, reason)
    return done(ctx, "empi.undo", undone)


def _undoable(decision_id: int) -> Decision:
    decision = Decision.objects.filter(pk=decision_id).first()
    if decision is None:
        raise Refused("empi.no_such_decision")
    if decision.verb not in _UNDOABLE or (decision.verb == "undo" and decision.act != decision.pk):
        raise Refused("empi.cannot_undo", verb=decision.verb)
    if Decision.objects.filter(undoes=decision_id).exists():
        raise Refused("empi.already_undone")
    return decision


def _question(candidate_id: int) -> tuple[Candidate, int, int]:
    """A question still waiting, with the two persons, both locked. Raises Refused empi.no_such_pair or empi.answered."""
    question = Candidate.objects.select_related("left", "right").filter(pk=candidate_id).first()
    if question is None:
        raise Refused("empi.no_such_pair")
    _hold(question.left.person_id, question.right.person_id)
    question = Candidate.objects.select_for_update(of=("self",)).select_related("left", "right").get(pk=candidate_id)
    if question.state not in questions.WAITING:
        raise Refused("empi.answered", state=question.state)
    return question, question.left.person_id, question.right.person_id


def _hold(*person_ids: int) -> None:
    stored.lock_persons(person_ids)


def _needs(reason: str) -> None:
    if not reason.strip():
        raise Refused("empi.no_reason")


def joinable(source: int, target: int) -> None:
    """Raises Refused empi.same_person, empi.no_such_person or empi.two_trusted_numbers."""
    if source == target:
        raise Refused("empi.same_person")
    if not moves.of_person(source) or not moves.of_person(target):
        raise Refused("empi.no_such_person")
    held = stored.numbers([source, target])
    if len(held) == 2 and held[source] != held[target]:
        raise Refused("empi.two_trusted_numbers")


def done(ctx: Ctx, action: str, decision: int, *persons: int) -> int:
    """Bring the persons up to date and audit the decision; its id."""
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
