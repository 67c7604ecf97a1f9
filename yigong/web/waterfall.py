"""Why a score is what it is: the weights one after the other, drawn on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from yigong.web.marks import fact
from yigong.web.words import true_minus

WIDTH, TOP, BOTTOM, LEFT = 806, 22, 222, 42


@dataclass(frozen=True, slots=True)
class Scale:
    """From score to height on the picture."""

    low: float
    high: float

    def y(self, value: float) -> float:
        """The height of a value."""
        return round(BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP), 1)


def scale_for(totals: Sequence[float], lines: Sequence[float]) -> Scale:
    """A scale that holds every running total, zero and every line."""
    values = [0.0, *totals, *lines]
    low, high = min(values), max(values)
    room = (high - low or 1.0) * 0.06
    return Scale(low - room if low < 0 else 0.0, high + room)


def waterfall(steps: Sequence[object], thresholds: Sequence[object] = (), *, total_word: object = "") -> SafeString:
    """The score as steps from the first weight to the total, as SVG; the same numbers stand in its table."""
    weights = [float(fact(s, "weight", 0.0)) for s in steps]
    totals = list(accumulate(weights))
    scale = scale_for(totals, [float(fact(t, "at", 0.0)) for t in thresholds])
    return render_to_string("web/ui/waterfall.html", _picture(steps, weights, totals, thresholds, scale, total_word))


def _picture(
    steps: Sequence[object],
    weights: list[float],
    totals: list[float],
    thresholds: Sequence[object],
    scale: Scale,
    total_word: object,
) -> dict[str, Any]:
    pitch = (WIDTH - LEFT - 8) / (len(steps) + 1)
    width = round(pitch * 0.66, 1)
    starts = [0.0, *totals[:-1]] if totals else []
    bars = [
        _bar(fact(step, "word"), weight, start, LEFT + pitch * n, width, pitch, scale)
        for n, (step, weight, start) in enumerate(zip(steps, weights, starts, strict=True))
    ]
    total = totals[-1] if totals else 0.0
    sum_bar = _bar(total_word, total, 0.0, LEFT + pitch * len(steps), width, pitch, scale)
    lines = [
        {"word": fact(t, "word"), "at": fact(t, "at"), "tone": fact(t, "tone"), "y": scale.y(float(fact(t, "at")))}
        for t in thresholds
    ]
    return {"bars": bars, "sum": sum_bar, "total": true_minus(f"{total:.1f}"), "lines": lines, "zero": scale.y(0.0)}


def _bar(
    word: object, weight: float, start: float, x: float, width: float, pitch: float, scale: Scale
) -> dict[str, Any]:
    top, bottom = scale.y(max(start, start + weight)), scale.y(min(start, start + weight))
    return {
        "word": word,
        "shown": true_minus(f"{weight:+.1f}"),
        "x": round(x, 1),
        "y": top,
        "height": max(round(bottom - top, 1), 1.0),
        "width": width,
        "middle": round(x + width / 2, 1),
        "label_y": round(top - 4, 1),
        "end_y": scale.y(start + weight),
        "from_x": round(x + width, 1),
        "next_x": round(x + pitch, 1),
        "up": weight >= 0,
    }
