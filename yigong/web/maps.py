"""Maps drawn on the server from local GeoJSON: areas in five steps, nodes whose shape says their state, links, labels with a halo."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

Point = tuple[float, float]
Ring = list[Point]
TONES = ("ok", "run", "late", "low", "bad", "hold", "idle")


@dataclass(frozen=True, slots=True)
class Node:
    """A place on the map; *tone* is its shape: ok run late low bad hold idle, or hub for the centre."""

    key: str
    word: object
    longitude: float
    latitude: float
    tone: str = "ok"
    url: str = ""
    note: object = ""


@dataclass(frozen=True, slots=True)
class Tie:
    """A line between two nodes; its thickness is the volume."""

    source: str
    target: str
    volume: float = 0.0
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Projection:
    """From longitude and latitude to the picture; a county is small enough for a plain cylinder at its own latitude."""

    west: float
    north: float
    scale: float
    squeeze: float
    left: float
    top: float

    def __call__(self, point: Sequence[float]) -> Point:
        """The place of a point."""
        x = self.left + (point[0] - self.west) * self.squeeze * self.scale
        y = self.top + (self.north - point[1]) * self.scale
        return round(x, 1), round(y, 1)


def rings(geometry: Mapping[str, Any]) -> Iterator[Ring]:
    """All rings of a polygon or of several."""
    shapes = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    for shape in shapes:
        for ring in shape:
            yield [(float(p[0]), float(p[1])) for p in ring]


def projection(points: Sequence[Point], width: float, height: float, margin: float) -> Projection:
    """The projection that fits *points* into a picture of that size."""
    longitudes, latitudes = [p[0] for p in points], [p[1] for p in points]
    west, east, south, north = min(longitudes), max(longitudes), min(latitudes), max(latitudes)
    squeeze = math.cos(math.radians((south + north) / 2))
    wide, high = max((east - west) * squeeze, 1e-9), max(north - south, 1e-9)
    scale = min((width - 2 * margin) / wide, (height - 2 * margin) / high)
    return Projection(west, north, scale, squeeze, (width - wide * scale) / 2, (height - high * scale) / 2)


def centre(ring: Ring) -> Point:
    """The centre of mass of a ring, where its label stands."""
    area = x = y = 0.0
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = x1 * y2 - x2 * y1
        area, x, y = area + cross, x + (x1 + x2) * cross, y + (y1 + y2) * cross
    if abs(area) < 1e-12:
        return sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)
    return x / (3 * area), y / (3 * area)


def extent(ring: Ring) -> float:
    """The area of a ring, to find the largest part of a place."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))) / 2


@lru_cache(maxsize=16)
def _read(path: Path, changed: float) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def geojson(source: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    """A feature collection, read once from its file or taken as it is."""
    if isinstance(source, Mapping):
        return source
    path = Path(source)
    return _read(path, path.stat().st_mtime)


def step_of(value: float | None, steps: Sequence[float]) -> int | None:
    """In which of the five steps a value falls: below the first bound is 0; None when there is no value."""
    return None if value is None else sum(value >= bound for bound in steps)


def even_steps(values: Sequence[float | None]) -> tuple[float, ...]:
    """Four bounds that part the values that are there into five steps of about equal number."""
    known = sorted({v for v in values if v is not None})
    if len(known) < 2:
        return tuple(known[:1]) * 4 or (0.0,) * 4
    return tuple(round(known[min(len(known) - 1, round(len(known) * n / 5))], 4) for n in range(1, 5))


def county_map(
    source: Mapping[str, Any] | str | Path,
    values: Mapping[str, float | None] | None = None,
    *,
    steps: Sequence[float] = (),
    nodes: Sequence[Node] = (),
    ties: Sequence[Tie] = (),
    links: Mapping[str, str] | None = None,
    words: Callable[[float], str] | None = None,
    by: str = "name",
    title: object = "",
    unit: object = "",
    size: tuple[int, int] = (640, 470),
    legend: bool = True,
) -> SafeString:
    """The county: areas tinted by *values* (by the property *by*; None or missing is hatched), nodes and ties above them.

    *steps* are the four bounds between the five tints; *links* gives an area its address; *words* writes a value.
    """
    features = geojson(source)["features"]
    width, height = size
    bounds = tuple(steps) or (even_steps(list(values.values())) if values else ())
    every = [p for f in features for ring in rings(f["geometry"]) for p in ring]
    place = projection(every, width, height, 10)
    say = words or (lambda value: f"{value:g}")
    areas = [_area(f, place, values, bounds, links or {}, say, by) for f in features]
    spots = {n.key: place((n.longitude, n.latitude)) for n in nodes}
    heights = label_heights(nodes, spots)
    context = {
        "areas": areas,
        "choropleth": values is not None,
        "nodes": [{"node": n, "x": spots[n.key][0], "y": spots[n.key][1], "label_y": heights[n.key]} for n in nodes],
        "ties": [drawn for t in ties if (drawn := _tie(t, spots, ties))],
        "width": width,
        "height": height,
        "title": title,
        "legend": [(n, w) for n, w in enumerate(legend_words(bounds, say))] if legend and values is not None else [],
        "missing": values is not None and any(a["step"] is None for a in areas),
        "unit": unit,
    }
    return render_to_string("web/ui/map.html", context)


def legend_words(bounds: Sequence[float], say: Callable[[float], str]) -> list[str]:
    """The words of the five steps: < 50, 50–58, … ≥ 70."""
    if not bounds:
        return []
    inner = [f"{say(a)}–{say(b)}" for a, b in pairwise(bounds)]
    return [f"< {say(bounds[0])}", *inner, f"≥ {say(bounds[-1])}"]


def _area(
    feature: Mapping[str, Any],
    place: Projection,
    values: Mapping[str, float | None] | None,
    bounds: Sequence[float],
    links: Mapping[str, str],
    say: Callable[[float], str],
    by: str,
) -> dict[str, Any]:
    properties = feature["properties"]
    key, name = str(properties.get(by, "")), properties.get("name", "")
    shapes = list(rings(feature["geometry"]))
    x, y = place(centre(max(shapes, key=extent)))
    value = values.get(key) if values else None
    shown = _("数据不足") if value is None else say(value)
    return {
        "path": "".join(_path([place(p) for p in ring]) for ring in shapes),
        "name": name,
        "x": x,
        "y": y,
        "below": round(y + 14, 1),
        "step": step_of(value, bounds),
        "shown": shown,
        "url": links.get(key, ""),
    }


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in points) + "Z"


def label_heights(nodes: Sequence[Node], spots: Mapping[str, Point]) -> dict[str, float]:
    """The base line of each label: below its node, or above where it would cover another label or node less."""
    taken = [(x - 10, y - 10, x + 10, y + 10) for x, y in spots.values()]
    heights = {}
    for node in sorted(nodes, key=lambda n: spots[n.key][1]):
        x, y = spots[node.key]
        room, half = (42 if node.tone == "hub" else 24), 6 * len(f"{node.word}") + 2
        boxes = {at: (x - half, at - 11, x + half, at + 3) for at in (y + room, y - room + 10)}
        best = min(boxes, key=lambda at: sum(_covered(boxes[at], other) for other in taken))
        taken.append(boxes[best])
        heights[node.key] = round(best, 1)
    return heights


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _covered(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _tie(tie: Tie, spots: Mapping[str, Point], ties: Sequence[Tie]) -> dict[str, Any] | None:
    if tie.source not in spots or tie.target not in spots:
        return None
    (x1, y1), (x2, y2) = spots[tie.source], spots[tie.target]
    bend_x, bend_y = (x1 + x2) / 2 + (y2 - y1) * 0.12, (y1 + y2) / 2 - (x2 - x1) * 0.12
    most = max((t.volume for t in ties), default=0.0) or 1.0
    middle = f"{x2:g},{y2:g}" if tie.tone == "bad" else f"Q{bend_x:.1f},{bend_y:.1f} {x2:g},{y2:g}"
    path = f"M{x1:g},{y1:g}{'L' if tie.tone == 'bad' else ''}{middle}"
    return {"path": path, "thick": round(1.2 + 3.2 * tie.volume / most, 1), "tone": tie.tone}
