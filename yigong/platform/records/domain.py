"""Matters: what later messages follow up. Their life cycles, and what a further message makes of one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from yigong.kit.errors import Refused
from yigong.kit.states import Life, Move


class Kind(StrEnum):
    """Sorts of matters."""

    ORDER = "order"
    APPOINTMENT = "appointment"
    DOCUMENT = "document"


class State(StrEnum):
    """Where a matter stands."""

    NONE = "none"  # before its first message
    PLACED = "placed"
    HELD = "held"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    BOOKED = "booked"
    MISSED = "missed"
    DRAFT = "draft"
    FINAL = "final"
    REPLACED = "replaced"


class Side(StrEnum):
    """Who says so: always the system at the institution."""

    SENDER = "sender"


def _moves(verb: str, target: State, *sources: State) -> list[Move]:
    return [Move(verb, source, target, Side.SENDER) for source in sources]


_OPEN_ORDER = (State.PLACED, State.HELD, State.RUNNING)
ORDER = Life(
    *_moves("place", State.PLACED, State.NONE), *_moves("change", State.PLACED, State.PLACED),
    *_moves("change", State.RUNNING, State.RUNNING), *_moves("change", State.HELD, State.HELD),
    *_moves("hold", State.HELD, State.PLACED, State.RUNNING), *_moves("release", State.PLACED, State.HELD),
    *_moves("run", State.RUNNING, State.PLACED, State.HELD, State.RUNNING), *_moves("finish", State.DONE, *_OPEN_ORDER),
    *_moves("stop", State.STOPPED, *_OPEN_ORDER), *_moves("cancel", State.CANCELLED, *_OPEN_ORDER),
    *_moves("refuse", State.REFUSED, State.PLACED, State.HELD), *_moves("replace", State.REPLACED, *_OPEN_ORDER),
)  # fmt: skip
APPOINTMENT = Life(
    *_moves("book", State.BOOKED, State.NONE), *_moves("reschedule", State.BOOKED, State.BOOKED, State.MISSED),
    *_moves("change", State.BOOKED, State.BOOKED), *_moves("arrive", State.DONE, State.BOOKED),
    *_moves("cancel", State.CANCELLED, State.BOOKED), *_moves("miss", State.MISSED, State.BOOKED),
)  # fmt: skip
DOCUMENT = Life(
    *_moves("draft", State.DRAFT, State.NONE, State.DRAFT), *_moves("issue", State.FINAL, State.NONE, State.DRAFT),
    *_moves("change", State.FINAL, State.FINAL), *_moves("replace", State.REPLACED, State.FINAL, State.DRAFT),
    *_moves("cancel", State.CANCELLED, State.FINAL, State.DRAFT, State.REPLACED),
)  # fmt: skip
LIVES = {Kind.ORDER: ORDER, Kind.APPOINTMENT: APPOINTMENT, Kind.DOCUMENT: DOCUMENT}
#: what a verb makes of a matter whose earlier messages we never had
_USUAL = {kind: {m.verb: m.target for m in life.moves} for kind, life in LIVES.items()}


def follow(kind: str, state: str, verb: str) -> tuple[str, bool]:
    """The state after *verb*, and whether the life cycle has that move.

    The institution says what happened: a message that comes out of order is believed, and said to be so.
    """
    life = LIVES[Kind(kind)]
    try:
        return str(life.move(state, verb, side=Side.SENDER).target), True
    except Refused:
        if verb == "change" and state != State.NONE:
            return state, False
        return str(_USUAL[Kind(kind)].get(verb, State(state))), state == State.NONE


def merged(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a matter after a further message: what it does not say stays; an explicit None takes away."""
    kept = {**known, **{name: value for name, value in said.items() if value not in ("", [], {})}}
    return {name: value for name, value in kept.items() if value is not None}
