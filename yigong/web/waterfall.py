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
    lines = [_line(t, scale, [*bars, sum_bar]) for t in thresholds]
    return {"bars": bars, "sum": sum_bar, "total": true_minus(f"{total:.1f}"), "lines": lines, "zero": scale.y(0.0)}


def _line(threshold: object, scale: Scale, bars: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A threshold, its words where no bar and no number of a bar stands."""
    word, at, y = fact(threshold, "word"), fact(threshold, "at"), scale.y(float(fact(threshold, "at")))
    long = sum(12 if ord(sign) > 0x2E80 else 7 for sign in f"{word} {at}") + 8
    places = [LEFT - 2, *(bar["x"] for bar in bars), WIDTH - long]
    free = (x for x in places if x + long <= WIDTH and not any(_meets(bar, x, x + long, y) for bar in bars))
    return {"word": word, "at": true_minus(at), "tone": fact(threshold, "tone"), "y": y, "x": next(free, LEFT - 2)}


def _meets(bar: dict[str, Any], left: float, right: float, y: float) -> bool:
    """Whether words just above the height *y* would run into a bar or the number above it."""
    half = max(18.0, bar["width"] / 2)
    beside = bar["middle"] + half <= left or bar["middle"] - half >= right
    return not beside and bar["label_y"] - 14 < y and bar["y"] + bar["height"] > y - 18


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
