"""The life of a referral, decided without a database."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from yigong.kit.states import Life, Move


class State(StrEnum):
    """Where a referral stands."""

    DRAFT = "draft"
    SENT = "sent"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    CLOSED = "closed"
    REFUSED = "refused"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


class Side(StrEnum):
    """The two institutions of a referral."""

    SENDER = "sender"
    RECEIVER = "receiver"


class Direction(StrEnum):
    """Which way the patient goes."""

    UP = "up"
    DOWN = "down"
    PEER = "peer"


class Urgency(StrEnum):
    """How soon an answer is needed."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ORDINARY = "ordinary"


#: an answer is due within (the county may set other limits; features 3.13: emergency 10-30 minutes, ordinary a day)
REPLY_WITHIN = {
    Urgency.EMERGENCY: timedelta(minutes=30),
    Urgency.URGENT: timedelta(hours=2),
    Urgency.ORDINARY: timedelta(hours=24),
}
ARRIVE_WITHIN = timedelta(days=7)

_S, _R = Side.SENDER, Side.RECEIVER
LIFE = Life(
    #    verb          from             to               who   must be given
    Move("send", State.DRAFT, State.SENT, _S, ("to_org", "reason", "diagnosis_name", "consent"), inverse="withdraw"),
    Move("send", State.RETURNED, State.SENT, _S, ("to_org", "reason", "diagnosis_name", "consent"), inverse="withdraw"),
    Move("discard", State.DRAFT, State.DISCARDED, _S, inverse="restore"),
    Move("restore", State.DISCARDED, State.DRAFT, _S),
    Move("withdraw", State.SENT, State.DRAFT, _S),
    Move("return", State.SENT, State.RETURNED, _R, ("reason",), REPLY_WITHIN[Urgency.ORDINARY]),
    Move("redirect", State.SENT, State.SENT, _R, ("to_org", "reason"), REPLY_WITHIN[Urgency.ORDINARY]),
    Move("accept", State.SENT, State.ACCEPTED, _R, ("clinic",), REPLY_WITHIN[Urgency.ORDINARY], inverse="release"),
    Move("release", State.ACCEPTED, State.SENT, _R, ("reason",)),
    Move("refuse", State.SENT, State.REFUSED, _R, ("reason",), REPLY_WITHIN[Urgency.ORDINARY], inverse="reconsider"),
    Move("reconsider", State.REFUSED, State.SENT, _R),
    Move("cancel", State.ACCEPTED, State.CANCELLED, _S, ("reason",)),
    Move("arrive", State.ACCEPTED, State.ARRIVED, _R, (), ARRIVE_WITHIN, inverse="unarrive"),
    Move("unarrive", State.ARRIVED, State.ACCEPTED, _R),
    Move("miss", State.ACCEPTED, State.NO_SHOW, _R, inverse="reinstate"),
    Move("reinstate", State.NO_SHOW, State.ACCEPTED, _R),
    Move("close", State.ARRIVED, State.CLOSED, _R, ("summary",), inverse="reopen"),
    Move("reopen", State.CLOSED, State.ARRIVED, _R, ("reason",)),
)

#: states in which the receiver may read the person's history because of the case
OPEN_TO_RECEIVER = frozenset({State.SENT, State.RETURNED, State.ACCEPTED, State.ARRIVED})
#: the case is over, yet the receiver may read on for some days
FADING = frozenset({State.CLOSED, State.NO_SHOW})
READ_DAYS_OPEN = 180
READ_DAYS_AFTER = 30


def reply_due(urgency: str, sent_at: datetime) -> datetime:
    """When the receiver's answer is due."""
    return sent_at + REPLY_WITHIN[Urgency(urgency)]


def read_days(state: str) -> int:
    """For how many days from now the receiver may read the history; 0 withdraws it."""
    if state in OPEN_TO_RECEIVER:
        return READ_DAYS_OPEN
    return READ_DAYS_AFTER if state in FADING else 0


def direction(from_kind: str, to_kind: str) -> Direction:
    """Up to a hospital, down from one, or between peers, by the kinds of the institutions."""
    above = {"county_hospital": 2, "tcm_hospital": 2, "maternal_hospital": 2, "village_clinic": 0}
    difference = above.get(to_kind, 1) - above.get(from_kind, 1)
    return Direction.UP if difference > 0 else Direction.DOWN if difference < 0 else Direction.PEER
