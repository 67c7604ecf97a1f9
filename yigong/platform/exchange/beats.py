"""Whether somebody runs what is due: the signs of life of the workers, and what a page says when there are none."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from yigong.kit.clock import now
from yigong.platform.exchange.models import WorkerBeat

EVERY = timedelta(seconds=15)  # between two signs of one worker
QUIET = timedelta(minutes=2)  # after which nobody is believed to work
KEPT = timedelta(days=30)  # how long a worker that is gone is remembered


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a worker runs, and when the last sign of one came (None: never)."""

    runs: bool
    beat_at: datetime | None


class Beat:
    """The sign of life of this process, given at most once in *EVERY*."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()[:80]} {os.getpid()}"
        self.started_at, self.at = now(), None  # type: datetime, datetime | None

    def give(self) -> None:
        """Say that this process is at work."""
        moment = now()
        if self.at is None or moment - self.at >= EVERY:
            self.at = moment
            facts = {"started_at": self.started_at, "beat_at": moment}
            WorkerBeat.objects.update_or_create(name=self.name, defaults=facts)


def clean() -> int:
    """Forget workers that are long gone; how many."""
    return int(WorkerBeat.objects.filter(beat_at__lt=now() - KEPT).delete()[0])


def standing() -> Standing:
    """How it stands with the workers now."""
    last = WorkerBeat.objects.order_by("-beat_at").values_list("beat_at", flat=True).first()
    return Standing(last is not None and now() - last < QUIET, last)
