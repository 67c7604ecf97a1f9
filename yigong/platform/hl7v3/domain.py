"""The life of a health record: opened, cancelled by who keeps it, taken over by another (B01). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from yigong.kit.errors import Refused
from yigong.kit.states import Life, Move


class RecordState(StrEnum):
    """Where a health record stands."""

    NONE = "none"
    OPEN = "open"
    CANCELLED = "cancelled"


class Side(StrEnum):
    """Who asks."""

    CUSTODIAN = "custodian"
    OTHER = "other"


LIFE = Life(
    Move("open", RecordState.NONE, RecordState.OPEN, Side.OTHER),
    Move("open", RecordState.CANCELLED, RecordState.OPEN, Side.OTHER),
    Move("open", RecordState.CANCELLED, RecordState.OPEN, Side.CUSTODIAN),
    Move("cancel", RecordState.OPEN, RecordState.CANCELLED, Side.CUSTODIAN, needs=("reason",)),
    Move("transfer", RecordState.OPEN, RecordState.OPEN, Side.OTHER, needs=("reason",)),
)
#: a record that has just come stays at least so long, so that two institutions do not pull it to and fro
STAY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as the rules see it."""

    state: RecordState = RecordState.NONE
    number: str = ""
    custodian: str = ""
    transferred_at: datetime | None = None


def decide(verb: str, found: Standing, org_code: str, *, reason: str, now: datetime) -> Move:
    """The move that an institution's request makes. Raises Refused v3.record_open, v3.record_cancelled, v3.no_record,
    v3.not_custodian, v3.is_custodian, v3.transferred_lately, v3.missing."""
    facts = {"number": found.number, "org_code": found.custodian}
    side = Side.CUSTODIAN if found.custodian == org_code else Side.OTHER
    if verb == "open" and found.state == RecordState.OPEN:
        raise Refused("v3.record_open", **facts)
    if verb != "open" and found.state == RecordState.NONE:
        raise Refused("v3.no_record")
    if verb != "open" and found.state == RecordState.CANCELLED:
        raise Refused("v3.record_cancelled", **facts)
    if verb == "cancel" and side == Side.OTHER:
        raise Refused("v3.not_custodian", **facts)
    if verb == "transfer" and side == Side.CUSTODIAN:
        raise Refused("v3.is_custodian", **facts)
    if verb != "open" and not reason:
        raise Refused("v3.missing", field="原因", place="/HealthRecordRequest/Reason")
    if verb == "transfer" and found.transferred_at and now - found.transferred_at < STAY:
        raise Refused("v3.transferred_lately", days=STAY.days, **facts)
    return LIFE.move(found.state, verb, side=side, given={"reason": reason})
