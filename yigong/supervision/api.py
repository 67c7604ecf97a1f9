"""The doors of supervision."""

from __future__ import annotations

from yigong.kit.clock import today
from yigong.supervision import board, shown
from yigong.supervision.periods import period
from yigong.web.parts import Figure


def figures() -> list[Figure]:
    """The six figures of the present month for the whole county."""
    return [shown.figure(f, "month", None) for f in board.figures(period("month", today()), None)]


__all__ = ["figures"]
