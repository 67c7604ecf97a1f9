"""Registers a few identities without frames: recognise, standardise, compare, settle, write, as ``empi/register`` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from yigong.kit.ctx import Ctx
from yigong.platform.empi import alike, bulk, golden, moves, rules, stored
from yigong.platform.empi.alike import Facts
from yigong.platform.empi.deciding import Act, part_ways
from yigong.platform.empi.few import statements
from yigong.platform.empi.few.deciding import Circle, decide
from yigong.platform.empi.few.rows import Block, Key, Row, arranged, blocks_of, forms_of, standardised
from yigong.platform.empi.few.statements import Known
from yigong.platform.empi.frames import IDENTITY, stable_number
from yigong.platform.empi.identity import MANY_NAMES
from yigong.platform.empi.intake import Intake, changes, intake, lines, merge, outcomes, tell
from yigong.platform.empi.questions import Asked
from yigong.platform.empi.rules import Rules, model

_TRUSTED = ("trusted", "doubtful", "other")


def register(ctx: Ctx, frame: pl.DataFrame) -> list[tuple[int, int, str]]:
    """Make the identities of a small frame known: registration, person and outcome of each row, in order.

    The caller has begun a transaction. Raises Refused empi.columns_missing or empi.key_empty.
    """
    rows = arranged(frame)
    if len(rows) > bulk.PLANNED_ANEW:
        bulk.plan_anew()
    units = {row.key: row for row in rows}  # of one key the last counts
    order = list(dict.fromkeys(row.key for row in reversed(rows)))[::-1]
    held = dict(zip(order, statements.known(order), strict=True))
    fresh = [units[key] for key in order if units[key].hash != held[key].hash]
    words = _take_in(ctx, fresh) if fresh else {}
    if fresh:  # written here, or by another who was quicker
        held = dict(zip(order, statements.known(order), strict=True))
    return [(held[r.key].registration_id or 0, held[r.key].person_id or 0, words.get(r.key, "known")) for r in rows]


def _take_in(ctx: Ctx, fresh: list[Row]) -> dict[Key, str]:
    """The outcome for each key that was new or said something else."""
    forms = standardised(fresh, model())
    blocks = blocks_of(forms, model())
    names = (stable_number("\x1f".join(row.key)) for row in fresh)
    stored.lock([*names, *{key for some in blocks for _, key in some}])
    found, number, version = statements.numbered([row.key for row in fresh])
    ready = [_placed(row, one) for row, one in zip(fresh, found, strict=True) if one.hash != row.hash]
    if not ready:  # another was quicker
        return {}
    lost_trust = _distrust(ready)
    if lost_trust is not None or len(ready) < len(fresh):
        forms = forms_of(ready, model())
        blocks = blocks_of(forms, model())
    act = Act(ctx, number)
    touched = {*(lost_trust or ()), *(row.person_id for row in ready if row.person_id is not None)}
    changed = _write_changes([row for row in ready if row.person_id is not None])
    for one, person in part_ways(act, changed).items():
        next(row for row in ready if row.registration_id == one).person_id = person
    made, circle = decide(act, ready, forms, blocks, changed, rules.in_force(*version))
    decided = intake(number, [row.registration_id for row in ready], made, changed)
    touched |= {row.person_id for row in ready if row.person_id is not None}
    _write(ctx, decided, ready, blocks, circle, touched)
    return dict(zip([row.key for row in ready], outcomes(decided), strict=True))


def _placed(row: Row, known: Known) -> Row:
    row.registration_id, row.person_id = known.registration_id or 0, known.person_id
    return row


def _distrust(ready: Sequence[Row]) -> list[int] | None:
    """Numbers that stand under many names lose trust, here and in the index; the persons this concerns, None if there is none."""
    mine = {(row.id_no, row.name_key) for row in ready if row.id_no is not None}
    if not mine:
        return None
    names: dict[str, set[str | None]] = {}
    for number, name in mine | statements.names_under(sorted({number for number, _ in mine})):
        names.setdefault(number, set()).add(name)
    shared = [number for number, some in names.items() if len(some) > MANY_NAMES]
    if not shared:
        return None
    for row in ready:
        if row.id_no in shared and row.id_trust in _TRUSTED:
            row.id_trust = "shared"
    return stored.distrust(shared)


def _write_changes(old: Sequence[Row]) -> dict[int, str]:
    """Writes what known registrations say now; of which something changed that identity hangs on, as JSON text."""
    if not old:
        return {}
    before = statements.held([row.registration_id for row in old])
    statements.change(old)
    out = {}
    for row in old:
        was, now = before[row.registration_id], row.compared()
        said = {
            name: [getattr(was, name), getattr(now, name)]
            for name in IDENTITY
            if getattr(was, name) != getattr(now, name)
        }
        if said:
            out[row.registration_id] = json.dumps(said, default=str, ensure_ascii=False)
    return out


def _write(
    ctx: Ctx, made: Intake, ready: Sequence[Row], blocks: Sequence[list[Block]], circle: Circle, touched: set[int]
) -> None:
    new = [replace(row, person_id=made.persons[one]) for row in ready if (one := row.registration_id) in made.persons]
    stand = ((row.registration_id, block) for row, some in zip(ready, blocks, strict=True) for block in some)
    columns = lines(made)
    said = [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]
    statements.add(ctx, new, stand, [*said, *changes(made)], made.act)
    golden.born(made.born)
    touched |= {*made.persons.values(), *merge(ctx, made), *made.touched}
    if made.reviews:
        moves.offer(ctx, _questions(made, circle.facts, circle.rules), act=made.act)
    golden.refresh(touched - made.born)
    tell(ctx, made)


def _questions(made: Intake, facts: dict[int, Facts], held: Rules) -> list[Asked]:
    """The pairs that a person must look at; a high risk is a grave mistake if joined wrongly."""
    asked = [(one, alike.kind(facts[one.left], facts[one.right])) for one in made.reviews]
    return [
        (one.left, one.right, one.score, kind, held.risk.get(kind, 1))
        for one, kind in asked
        if (least := held.ask_from.get(kind)) is None or one.score >= least
    ]
