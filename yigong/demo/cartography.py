"""Draws the county's map: Voronoi cells of the township seats inside a drawn outline, with winding borders.

``python -m yigong.demo.cartography`` writes ``data/county.geojson``; the same seed draws the same county.
"""

from __future__ import annotations

import json
import math
import random

from yigong.demo.world import DATA

Point = tuple[float, float]
SEED = 532998
ORIGIN: Point = (101.46, 25.38)  # an invented place
#: seat of each township in a plane of about 100 by 80
SEATS: dict[str, Point] = {
    "城关镇": (50, 42), "东河镇": (68, 44), "柳林镇": (60, 57), "石桥镇": (40, 55), "大营镇": (33, 40),
    "白云乡": (20, 62), "清水镇": (44, 27), "青山乡": (12, 44), "龙潭镇": (62, 29), "马家乡": (24, 25),
    "双河镇": (82, 34), "高坪镇": (50, 71), "南坝镇": (55, 12), "太平乡": (78, 62), "新桥镇": (76, 17),
}  # fmt: skip


def outline(rng: random.Random) -> list[Point]:
    """The county's border, an uneven oval."""
    phases = [rng.uniform(0, 2 * math.pi) for _ in range(5)]
    return [_on_border(2 * math.pi * k / 72, phases) for k in range(72)]


def _on_border(angle: float, phases: list[float]) -> Point:
    wave = sum(math.sin(n * angle + p) / (n + 1) for n, p in enumerate(phases, start=2))
    radius = 1 + 0.13 * wave
    return 49 + 47 * radius * math.cos(angle), 40 + 38 * radius * math.sin(angle)


def cell(seat: Point, others: list[Point], border: list[Point]) -> list[Point]:
    """The part of *border*'s inside that is nearer to *seat* than to any other seat."""
    shape = border
    for other in others:
        shape = _nearer(shape, seat, other)
    return shape


def _nearer(shape: list[Point], seat: Point, other: Point) -> list[Point]:
    middle = ((seat[0] + other[0]) / 2, (seat[1] + other[1]) / 2)
    normal = (other[0] - seat[0], other[1] - seat[1])

    def side(p: Point) -> float:
        return (p[0] - middle[0]) * normal[0] + (p[1] - middle[1]) * normal[1]

    kept: list[Point] = []
    for a, b in zip(shape, shape[1:] + shape[:1], strict=True):
        da, db = side(a), side(b)
        if da <= 0:
            kept.append(a)
        if da * db < 0:
            t = da / (da - db)
            kept.append((round(a[0] + t * (b[0] - a[0]), 6), round(a[1] + t * (b[1] - a[1]), 6)))
    return kept


def winding(a: Point, b: Point, depth: int = 4) -> list[Point]:
    """The edge from *a* to *b* made uneven, the same from both sides; *b* left out."""
    low, high = sorted((a, b))
    length = math.dist(a, b)
    if depth == 0 or length < 1.2:
        return [a]
    push = random.Random(f"{low}{high}").uniform(-0.16, 0.16)  # noqa: S311  - a drawing
    middle = (
        round((low[0] + high[0]) / 2 - push * (high[1] - low[1]), 6),
        round((low[1] + high[1]) / 2 + push * (high[0] - low[0]), 6),
    )
    return winding(a, middle, depth - 1) + winding(middle, b, depth - 1)


def to_degrees(p: Point) -> list[float]:
    """A point of the drawing as longitude and latitude."""
    return [round(ORIGIN[0] + (p[0] - 50) * 0.0072, 5), round(ORIGIN[1] + (p[1] - 40) * 0.0065, 5)]


def county() -> dict[str, object]:
    """The whole map as GeoJSON."""
    border = [(round(x, 6), round(y, 6)) for x, y in outline(random.Random(SEED))]  # noqa: S311
    features = [_feature(name, border) for name in SEATS]
    return {"type": "FeatureCollection", "name": "青禾县（虚构）", "features": features}


def _feature(name: str, border: list[Point]) -> dict[str, object]:
    seat = SEATS[name]
    shape = cell(seat, [p for n, p in SEATS.items() if n != name], border)
    ring = [q for a, b in zip(shape, shape[1:] + shape[:1], strict=True) for q in winding(a, b)]
    points = [to_degrees(p) for p in ring]
    return {
        "type": "Feature",
        "properties": {"name": name, "center": to_degrees(seat)},
        "geometry": {"type": "Polygon", "coordinates": [[*points, points[0]]]},
    }


def main() -> None:
    """Write the map."""
    (DATA / "county.geojson").write_text(json.dumps(county(), ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
