"""Measures as declared: one file each, SQL that a data clerk can read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "measures"


class BadMeasure(ValueError):  # noqa: N818  - reads as a sentence
    """A declaration that cannot be used; the sentence names the file."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: how it is counted, over which rows, and when it may be shown."""

    id: str
    name: str
    name_en: str
    unit: str
    unit_en: str
    table: str  # of the warehouse
    at: str  # column of the time that decides the window
    numerator: str  # aggregate
    denominator: str  # aggregate; "1" for a plain count
    numerator_name: str
    denominator_name: str
    rows: str  # condition: the rows that are counted at all
    numerator_rows: str  # condition: those of them in the numerator
    columns: tuple[str, ...]  # shown when drilled
    scale: float
    digits: int
    better: str  # up down none
    target: float | None
    definition: str
    definition_en: str
    definition_version: str
    source: str
    owner: str
    needs_denominator: int  # below it the figure is withheld
    withheld: str  # a reason why the county cannot compute it now
    withheld_en: str
    remedy: str
    remedy_en: str


_DEFAULTS: dict[str, Any] = {
    "denominator": "1", "denominator_name": "", "scale": 1.0, "digits": 1, "better": "none", "target": None,
    "rows": "true", "numerator_rows": "true", "needs_denominator": 1, "withheld": "", "withheld_en": "", "remedy": "",
    "remedy_en": "", "source": "", "owner": "", "columns": (), "numerator": "count(*)", "table": "event", "at": "event_at",
    "unit_en": "",
}  # fmt: skip


@cache
def measures() -> dict[str, Measure]:
    """All declared measures by id. Raises BadMeasure naming file and fault."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return {m.id: m for m in found}


def _read(path: Path) -> Measure:
    try:
        facts = yaml.safe_load(path.read_text("utf-8"))
        facts["columns"] = tuple(facts.get("columns", ()))
        measure = Measure(**{**_DEFAULTS, **facts})
    except (yaml.YAMLError, TypeError) as error:
        raise BadMeasure(f"{path.name}: {error} / 指标定义文件有误") from error
    if measure.id != path.stem:
        raise BadMeasure(f"{path.name}: id {measure.id!r} must be the file's name / 编号须与文件名相同")
    return measure
