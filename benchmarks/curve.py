"""A picture of how time and memory grow, drawn as SVG without any library."""

from __future__ import annotations

from pathlib import Path

WIDE, HIGH, GAP = 340, 220, 70
COLORS = {"yigong": "#0b6e4f", "splink": "#9aa3ad"}
Curve = dict[str, list[tuple[int, float]]]


def draw(file: Path, panels: dict[str, Curve]) -> None:
    """One panel for each title, one line for each program; records across, values from 0 up."""
    parts = [_panel(title, curve, 60 + i * (WIDE + GAP)) for i, (title, curve) in enumerate(panels.items())]
    width = 60 + len(panels) * (WIDE + GAP)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HIGH + 90}" font-family="sans-serif" font-size="12">\n'
        + f'<rect width="{width}" height="{HIGH + 90}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n", "utf-8",
    )  # fmt: skip


def _panel(title: str, curve: Curve, left: int) -> str:
    most_x = max(x for line in curve.values() for x, _ in line)
    most_y = max([1e-9, *(y for line in curve.values() for _, y in line)])
    place = lambda x, y: (left + WIDE * x / most_x, 40 + HIGH - HIGH * y / most_y)  # noqa: E731
    made = [f'<text x="{left}" y="24" font-size="14">{title}</text>']
    for step in range(5):
        y, value = 40 + HIGH - HIGH * step / 4, most_y * step / 4
        made.append(f'<path d="M{left} {y:.0f}h{WIDE}" stroke="#e3e6e9"/>')
        made.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end" fill="#5b6570">{value:,.3g}</text>')
    for x in sorted({x for line in curve.values() for x, _ in line}):
        at = place(x, 0)[0]
        made.append(f'<text x="{at:.0f}" y="{HIGH + 58}" text-anchor="middle" fill="#5b6570">{x:,}</text>')
    for name, line in curve.items():
        dots = [place(x, y) for x, y in line]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in dots)
        color = COLORS.get(name, "#333")
        made.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        made += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in dots]
        x, y = dots[-1]
        made.append(
            f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="end" fill="{color}">{name} {line[-1][1]:,.3g}</text>'
        )
    return "\n".join(made)
