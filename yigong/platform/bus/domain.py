"""What the bus decides without a database: life cycles, the breaker, the bucket, the shares of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from yigong.kit.states import Life, Move


class Side(StrEnum):
    """Who moves: a person of the platform, or the platform by itself."""

    PERSON = "person"
    PLATFORM = "platform"


class ServiceState(StrEnum):
    """Where a service of the register stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUSPENDED = "suspended"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class SubscriptionState(StrEnum):
    """Whether a system may call a service or is told by it."""

    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class RouteState(StrEnum):
    """Whether a route takes messages."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


class DeliveryState(StrEnum):
    """How far a message is on its way to one endpoint."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    DISCARDED = "discarded"


class BreakerState(StrEnum):
    """Whether an endpoint is being sent to."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class RunState(StrEnum):
    """Where a run of a process stands."""

    RUNNING = "running"
    FINISHED = "finished"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    STUCK = "stuck"
    SETTLED = "settled"


class Priority(IntEnum):
    """The class of a message; the smaller goes first."""

    EMERGENCY = 0
    ROUTINE = 1
    BATCH = 2


_P, _A = Side.PERSON, Side.PLATFORM
_S = ServiceState
SERVICE = Life(
    #    verb        from            to              who  must be given
    Move("publish", _S.DRAFT, _S.PUBLISHED, _P),
    Move("suspend", _S.PUBLISHED, _S.SUSPENDED, _P, ("reason",), inverse="resume"),
    Move("resume", _S.SUSPENDED, _S.PUBLISHED, _P),
    Move("deprecate", _S.PUBLISHED, _S.DEPRECATED, _P, ("reason",), inverse="renew"),
    Move("renew", _S.DEPRECATED, _S.PUBLISHED, _P),
    Move("retire", _S.DEPRECATED, _S.RETIRED, _P, ("reason",)),
    Move("retire", _S.SUSPENDED, _S.RETIRED, _P, ("reason",)),
    Move("retire", _S.DRAFT, _S.RETIRED, _P),
)
#: a service in these states takes and tells
SERVING = frozenset({ServiceState.PUBLISHED, ServiceState.DEPRECATED})
_U = SubscriptionState
SUBSCRIPTION = Life(
    Move("approve", _U.REQUESTED, _U.ACTIVE, _P),
    Move("decline", _U.REQUESTED, _U.ENDED, _P, ("reason",)),
    Move("suspend", _U.ACTIVE, _U.SUSPENDED, _P, ("reason",), inverse="resume"),
    Move("resume", _U.SUSPENDED, _U.ACTIVE, _P),
    Move("end", _U.ACTIVE, _U.ENDED, _P, ("reason",)),
    Move("end", _U.SUSPENDED, _U.ENDED, _P, ("reason",)),
)
_R = RouteState
ROUTE = Life(
    Move("activate", _R.DRAFT, _R.ACTIVE, _P),
    Move("pause", _R.ACTIVE, _R.PAUSED, _P, inverse="activate"),
    Move("activate", _R.PAUSED, _R.ACTIVE, _P),
    Move("retire", _R.DRAFT, _R.RETIRED, _P),
    Move("retire", _R.PAUSED, _R.RETIRED, _P),
)
_D = DeliveryState
DELIVERY = Life(
    Move("claim", _D.WAITING, _D.SENDING, _A),
    Move("deliver", _D.SENDING, _D.DELIVERED, _A),
    Move("retry", _D.SENDING, _D.WAITING, _A),
    Move("bury", _D.SENDING, _D.DEAD, _A),
    Move("replay", _D.DEAD, _D.WAITING, _P, inverse="recall"),
    Move("recall", _D.WAITING, _D.DEAD, _P),
    Move("replay", _D.DISCARDED, _D.WAITING, _P),
    Move("hurry", _D.WAITING, _D.WAITING, _P),
    Move("discard", _D.DEAD, _D.DISCARDED, _P, ("reason",), inverse="replay"),
    Move("discard", _D.WAITING, _D.DISCARDED, _P, ("reason",), inverse="replay"),
)
#: a delivery in these states holds back those that follow it under the same key, and its message from the purge
OPEN_DELIVERIES = (DeliveryState.WAITING, DeliveryState.SENDING)
_B = BreakerState
BREAKER = Life(
    Move("trip", _B.CLOSED, _B.OPEN, _A),
    Move("probe", _B.OPEN, _B.HALF_OPEN, _A),
    Move("trip", _B.HALF_OPEN, _B.OPEN, _A),
    Move("restore", _B.HALF_OPEN, _B.CLOSED, _A),
    Move("reset", _B.OPEN, _B.CLOSED, _P),
    Move("reset", _B.HALF_OPEN, _B.CLOSED, _P),
)
_N = RunState
RUN = Life(
    Move("finish", _N.RUNNING, _N.FINISHED, _A),
    Move("compensate", _N.RUNNING, _N.COMPENSATING, _A),
    Move("cancel", _N.RUNNING, _N.COMPENSATING, _P, ("reason",)),
    Move("complete", _N.COMPENSATING, _N.COMPENSATED, _A),
    Move("give_up", _N.COMPENSATING, _N.STUCK, _A),
    Move("retry", _N.STUCK, _N.COMPENSATING, _P),
    Move("settle", _N.STUCK, _N.SETTLED, _P, ("reason",)),
)
OPEN_RUNS = (RunState.RUNNING, RunState.COMPENSATING)

TRIP_AFTER = 5  # failures of the endpoint in a row
REST_FIRST, REST_LONGEST = timedelta(seconds=15), timedelta(minutes=10)
LAST_FAILURE = 8
BACKOFF_FIRST, BACKOFF_LONGEST = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of an endpoint, as all workers see it."""

    state: str = BreakerState.CLOSED
    failures: int = 0  # in a row
    trips: int = 0  # openings since it last stood closed
    until: datetime | None = None  # open until then

    def admits(self, at: datetime) -> bool:
        """Whether anything may be sent now; an open one lets a probe through when its rest is over."""
        return self.state != BreakerState.OPEN or (self.until is not None and at >= self.until)

    def asked(self, at: datetime) -> Breaker:
        """The breaker after something was let through at this moment."""
        if self.state == BreakerState.OPEN and self.admits(at):
            return replace(self, state=self._move("probe"))
        return self

    def judged(self, answered: bool, at: datetime) -> Breaker:
        """The breaker after the endpoint answered or did not. An answer that refuses is an answer."""
        if answered:
            state = self._move("restore") if self.state == BreakerState.HALF_OPEN else self.state
            # a late answer of before the opening does not close it
            return self if state == BreakerState.OPEN else Breaker(state)
        failures = self.failures + 1
        if self.state == BreakerState.OPEN or (self.state == BreakerState.CLOSED and failures < TRIP_AFTER):
            return replace(self, failures=failures)
        rest = min(REST_LONGEST, REST_FIRST * 2**self.trips)
        return Breaker(self._move("trip"), failures, self.trips + 1, at + rest)

    def _move(self, verb: str) -> str:
        return BREAKER.move(self.state, verb, side=Side.PLATFORM).target.value


#: how far a class may empty the bucket: what is below is kept for the classes before it
RESERVES = {Priority.EMERGENCY: 0.0, Priority.ROUTINE: 0.2, Priority.BATCH: 0.5}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens of an endpoint's quota; a quota of 0 is no bound."""

    per_minute: int
    tokens: float
    filled_at: datetime

    def filled(self, at: datetime) -> Bucket:
        """The bucket as it stands at this moment: it holds at most ten seconds of the quota, and at least one message."""
        grown = self.tokens + max(0.0, (at - self.filled_at).total_seconds()) * self.per_minute / 60
        return replace(self, tokens=min(self.capacity, grown), filled_at=at)

    @property
    def capacity(self) -> float:
        """What it holds when it is full."""
        return max(1.0, self.per_minute / 6)

    def gives(self, priority: Priority) -> int | None:
        """How many messages of a class it gives now; None without a bound."""
        if not self.per_minute:
            return None
        kept = self.capacity * RESERVES[priority]
        whole = int(self.tokens - kept)
        # a quota so small that the reserve would shut a class out for ever: a full bucket always gives one
        return max(whole, 1 if self.tokens >= self.capacity else 0)

    def less(self, count: int) -> Bucket:
        """The bucket after *count* were taken."""
        return replace(self, tokens=self.tokens - count) if self.per_minute else self


WEIGHTS = {Priority.EMERGENCY: 8, Priority.ROUTINE: 3, Priority.BATCH: 1}


def shares(waiting: Mapping[Priority, int], places: int) -> dict[Priority, int]:
    """How *places* are shared out: each class that waits by its weight, none idle while anything waits.

    A class gets at least one place where there are as many places as classes that wait; with fewer the first classes do.
    What a class does not need goes to the others in their order.
    """
    asked = {p: n for p, n in sorted(waiting.items()) if n > 0}
    weight = sum(WEIGHTS[p] for p in asked)
    given = dict.fromkeys(asked, 0)
    left = places
    for priority, count in asked.items():
        fair = max(1, places * WEIGHTS[priority] // weight)
        given[priority] = min(count, fair, left)
        left -= given[priority]
    for priority, count in asked.items():
        more = min(count - given[priority], left)
        given[priority] += more
        left -= more
    return _none_left_out(given, places)


def _none_left_out(given: dict[Priority, int], places: int) -> dict[Priority, int]:
    """Where one class was left with nothing although there are places for all, the richest gives one."""
    for priority in given if places >= len(given) else ():
        if not given[priority]:
            richest = max(given, key=lambda p: given[p])
            given[richest] -= 1
            given[priority] += 1
    return given


def plan(
    breaker: Breaker, bucket: Bucket, waiting: Mapping[Priority, int], places: int, at: datetime
) -> dict[Priority, int]:
    """How many messages of each class an endpoint is sent now; nothing from an open breaker, one from one that probes."""
    if places <= 0 or not breaker.admits(at):
        return {}
    if breaker.state != BreakerState.CLOSED:
        places = 1
    taken, rest = {}, bucket
    for priority, share in shares(waiting, places).items():
        gives = rest.gives(priority)
        taken[priority] = share if gives is None else min(share, gives)
        rest = rest.less(taken[priority])
    return {p: n for p, n in taken.items() if n > 0}


def backoff(failures: int) -> timedelta:
    """How long a delivery waits after its n-th failure: 30 s, 1, 2, 4 … minutes, at most an hour."""
    return min(BACKOFF_LONGEST, BACKOFF_FIRST * 2 ** max(0, min(failures, 20) - 1))


TELL_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Told:
    """What was last told of a cause of trouble: that it is there or over, when it was said to be there, up to which dead letter."""

    is_open: bool = False
    at: datetime | None = None
    newest: int = 0


def word_of(before: Told, newest: int | None, at: datetime) -> str:
    """What is to be told now of a cause whose newest dead letter is *newest* (None: it is gone): opened, closed or nothing.

    That it is there is told once an hour at most, and again only when more has died; that it is over, once after each.
    """
    if newest is None:
        return "closed" if before.is_open else ""
    if before.at is not None and at - before.at < TELL_AGAIN:
        return ""
    return "opened" if not before.is_open or newest > before.newest else ""
