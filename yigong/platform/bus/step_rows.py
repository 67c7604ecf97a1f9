"""Transformations as rows of a table: operation, place, value. What a row cannot say stays JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

SET, CODES, BUILD = "hl7v2.set", "hl7v2.codes", "json.build"
DROP, DROP_SEGMENT, DROP_FIELD = "hl7v2.drop", "hl7v2.drop:segment", "hl7v2.drop:field"
REST = "*"  # in a table of codes: what becomes of all others
FIELDS = {DROP_SEGMENT: "segments", DROP_FIELD: "fields_out"}


class Row(NamedTuple):
    """One row: what is done, where, and with which value or expression."""

    operation: str
    path: str = ""
    value: str = ""


def rows_of(steps: Sequence[Mapping[str, Any]], options: Mapping[str, Sequence[str]]) -> list[Row] | None:
    """The steps as rows; None where rows cannot say all of them. *options* has those of each step that has one option only."""
    rows = [row for step in steps for row in _told(step, options)]
    return rows if steps_of(rows, options) == list(steps) else None


def _told(step: Mapping[str, Any], options: Mapping[str, Sequence[str]]) -> Iterable[Row]:
    name = str(step.get("step", ""))
    if name in (SET, BUILD):
        return [Row(name, str(k), str(v)) for k, v in dict(step.get("fields") or {}).items()]
    if name == DROP:
        return [Row(kind, str(p)) for kind, option in FIELDS.items() for p in step.get(option) or ()]
    if name == CODES:
        return [Row(name, str(step.get("field", "")), _codes(step))]
    only = next(iter(options.get(name, ())), "")
    return [Row(name, "", str(step.get(only, "")))]


def _codes(step: Mapping[str, Any]) -> str:
    """``M=1, F=2, *=refuse``, or ``=CV02.01.104`` for a value set."""
    if "value_set" in step:
        pairs = [f"={step['value_set']}"]
    else:
        pairs = [f"{k}={v}" for k, v in dict(step.get("codes") or {}).items()]
    return ", ".join([*pairs, *([f"{REST}={step['otherwise']}"] if "otherwise" in step else [])])


def steps_of(rows: Iterable[Row], options: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The steps that rows say; neighbours of one operation are one step, unless they speak of one place twice."""
    found: list[dict[str, Any]] = []
    for name, group in groupby(rows, key=lambda row: row.operation.partition(":")[0]):
        for row in group:
            last = found[-1] if found and found[-1]["step"] == name else None
            if name in (SET, BUILD):
                if last is None or row.path in last["fields"]:
                    found.append({"step": name, "fields": {}})
                found[-1]["fields"][row.path] = row.value
            elif name == DROP:
                if last is None:
                    found.append({"step": name})
                found[-1].setdefault(FIELDS[row.operation], []).append(row.path)
            elif name == CODES:
                found.append({"step": name, "field": row.path, **_table(row.value)})
            else:
                found.append({"step": name, **dict.fromkeys(options.get(name, ())[:1], row.value)})
    return found


def _table(said: str) -> dict[str, Any]:
    pairs = [(k.strip(), v.strip()) for part in said.split(",") if part.strip() for k, _, v in [part.partition("=")]]
    codes = {k: v for k, v in pairs if k not in (REST, "")}
    sets = [v for k, v in pairs if not k]
    table: dict[str, Any] = {"value_set": sets[0]} if sets else {"codes": codes}
    rest = [v for k, v in pairs if k == REST]
    return table | ({"otherwise": rest[-1]} if rest else {})


def faults(rows: Sequence[Row], options: Mapping[str, Sequence[str]]) -> list[tuple[int, str]]:
    """Rows that cannot be taken, each with what is missing: ``path`` or ``value``."""
    found = []
    for number, row in enumerate(rows, start=1):
        named = row.operation in (SET, BUILD, CODES, DROP_SEGMENT, DROP_FIELD)
        if named and not row.path:
            found.append((number, "path"))
        elif not row.value and (row.operation in (SET, BUILD, CODES) or options.get(row.operation)):
            found.append((number, "value"))
    return found
