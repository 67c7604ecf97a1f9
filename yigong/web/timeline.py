"""A person's year across institutions: one lane each, drawn on the server; every mark is a link in tab order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from yigong.web.marks import KINDS, fact, found_institution
from yigong.web.parts import Lane, Mark, Span, Supply
from yigong.web.words import day_words, month_word

LEFT, FIRST, STEP = 96, 40, 32


@dataclass(frozen=True, slots=True)
class Axis:
    """From day to place."""

    start: date
    end: date
    width: int = 868

    def x(self, day: date) -> float:
        """The place of a day, held inside the picture."""
        share = (day - self.start).days / max((self.end - self.start).days, 1)
        return round(LEFT + min(max(share, 0.0), 1.0) * (self.width - LEFT - 10), 1)


def timeline(
    lanes: Sequence[Lane],
    *,
    start: date,
    end: date,
    today: date | None = None,
    supplies: Sequence[Supply] = (),
    target: str = "",
    width: int = 868,
) -> SafeString:
    """The lanes between *start* and *end*; links load into *target* (an htmx selector) when given."""
    axis = Axis(start, end, width)
    height = FIRST + STEP * len(lanes)
    context = {
        "lanes": [_lane(lane, FIRST + STEP * n, axis) for n, lane in enumerate(lanes)],
        "months": _months(axis, today),
        "supplies": [_supply(s, height - 8 + 34 * n, axis) for n, s in enumerate(supplies)],
        "today": axis.x(today) if today and start <= today <= end else None,
        "height": height + 34 * len(supplies) + 6,
        "foot": height - 12 + 34 * len(supplies),
        "left": LEFT,
        "right": width - 6,
        "width": width,
        "target": target,
    }
    return render_to_string("web/ui/timeline.html", context)


def _lane(lane: Lane, y: int, axis: Axis) -> dict[str, Any]:
    institution = found_institution(lane.institution)
    kind = str(fact(institution, "kind", "centre"))
    word = lane.word or fact(institution, "short_name") or KINDS.get(kind, _("机构"))
    marks = [
        _mark(m, axis)
        for m in sorted(lane.marks, key=lambda m: m.at)
        if axis.start <= (m.until or m.at) and m.at <= axis.end
    ]
    return {"word": word, "kind": kind, "name": fact(institution, "name", word), "y": y, "marks": marks}


def _mark(mark: Mark, axis: Axis) -> dict[str, Any]:
    x = axis.x(mark.at)
    stay = round(max(axis.x(mark.until) - x, 8), 1) if mark.kind == "stay" and mark.until else 13
    title = f"{day_words(mark.at)} {mark.title}" + (" · " + _("已排未到") if mark.planned else "")
    return {
        "x": x,
        "kind": mark.kind,
        "stay": stay,
        "title": title,
        "url": mark.url,
        "planned": mark.planned,
        "tone": mark.tone,
        "on": mark.on,
    }


def _months(axis: Axis, today: date | None) -> list[dict[str, Any]]:
    """Firsts of months; every second one is worded when the time is long."""
    day, found = axis.start.replace(day=1), []
    while day <= axis.end:
        if day >= axis.start:
            found.append(day)
        day = (day + timedelta(days=32)).replace(day=1)
    every = max(1, -(-len(found) * 54 // (axis.width - LEFT)))
    here = axis.x(today) if today else -99.0
    return [
        {"x": axis.x(d), "word": _month_word(d, n, axis.x(d), axis, here) if n % every == 0 else ""}
        for n, d in enumerate(found)
    ]


def _month_word(day: date, place: int, x: float, axis: Axis, here: float) -> str:
    """The word of a month; none where it would run under the word 今天 or out of the picture."""
    word = f"{day:%Y-%m}" if day.month == 1 or place == 0 else month_word(day.month)
    end = x + 4 + 8 * len(word)
    return "" if end > axis.width or (x < here + 26 and end > here - 26) else word


def _supply(supply: Supply, y: int, axis: Axis) -> dict[str, Any]:
    return {"word": supply.word, "y": y, "spans": [_span(s, axis) for s in supply.spans]}


def _span(span: Span, axis: Axis) -> dict[str, Any]:
    x, end = axis.x(span.start), axis.x(span.end)
    kind = str(fact(found_institution(span.institution), "kind", "centre"))
    return {
        "x": x,
        "width": max(round(end - x, 1), 2),
        "middle": round((x + end) / 2, 1),
        "word": span.word,
        "gap": span.gap,
        "kind": kind,
    }
