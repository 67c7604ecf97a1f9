"""What a record said at any time: its versions, what each correction changed, and what was known on a day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any

from yigong.kit.ctx import Ctx
from yigong.platform.records.event_rules import rule
from yigong.platform.records.facts import Change, Correction, RecordVersion, Row
from yigong.platform.records.reading import fetch
from yigong.platform.records.words import row
from yigong.security.api import persons_in_reach
from yigong.standards.api import load as standards

SHOWN = 50


def record_versions(ctx: Ctx, data_set: str, record_id: int) -> list[RecordVersion]:
    """All versions of a record, the newest first; none when its person is out of reach. Raises KeyError for no data set.

    The newest says what is known now (``known_until`` is None), unless the record was withdrawn.
    """
    return [version for _, version in _versions(ctx, data_set, [record_id])]


def as_known_on(ctx: Ctx, data_set: str, record_id: int, moment: datetime) -> RecordVersion | None:
    """What the record said at a moment; None when it was not known then, or withdrawn."""
    for version in record_versions(ctx, data_set, record_id):
        if version.known_from <= moment and (version.known_until is None or moment < version.known_until):
            return version
    return None


def corrections(ctx: Ctx, data_set: str, rows: Sequence[Row]) -> list[Correction]:
    """What was corrected in rows of one data set, the latest first: the fields with what they said before and after.

    A version that says the same in every field (sent again with another document) is no correction.
    """
    ids = [r.id for r in rows if r.version > 1][:SHOWN]
    if not ids:
        return []
    found = []
    for _, group in groupby(_versions(ctx, data_set, ids), key=lambda pair: pair[0]):
        line = [version for _, version in group]
        pairs = pairwise(line)
        found += [
            Correction(after.row.source_key, _named(after.row), after.version, after.known_from, changes)
            for after, before in pairs
            if (changes := _changes(before.row, after.row))
        ]
    return sorted(found, key=lambda c: c.at, reverse=True)


def _named(found: Row) -> str:
    by = rule(found.data_set)
    name = by.line[0] if by and by.line else ""
    if name.startswith("extra."):
        return str(found.extra.get(name.removeprefix("extra."), ""))
    return next((c.value for c in found.cells if c.field == name), "")


def _changes(before: Row, after: Row) -> tuple[Change, ...]:
    old, new = ({c.field: c for c in r.cells} for r in (before, after))
    names = [*new, *(n for n in old if n not in new)]
    pairs = [(n, old.get(n), new.get(n)) for n in names]
    return tuple(
        Change((a or b).label_zh, (a or b).label_en, b.value if b else "", a.value if a else "")  # type: ignore[union-attr]
        for _, b, a in pairs
        if (b.value if b else None) != (a.value if a else None)
    )


def _versions(ctx: Ctx, data_set: str, ids: Sequence[int]) -> list[tuple[int, RecordVersion]]:
    assert data_set in standards().data_sets, data_set  # it becomes the name of a table
    scope = persons_in_reach(ctx, "r.person_id")
    found = fetch(
        f"""select v.* from (
                select record_id, version, registration_id, known_from, known_until, withdrawn, row
                from records_version where data_set = %(data_set)s and record_id = any(%(ids)s)
                union all
                select t.id, t.version, t.registration_id, t.loaded_at, null::timestamptz, false, to_jsonb(t)
                from records_{data_set} t where t.id = any(%(ids)s)) v
            join empi_registration r on r.id = v.registration_id
            where {scope.sql} order by v.record_id, v.version desc""",
        {"data_set": data_set, "ids": list(ids), **scope.params},
    )
    return [
        (record, RecordVersion(version, begin, end, withdrawn, row(data_set, _typed(data_set, content))))
        for record, version, _, begin, end, withdrawn, content in found
    ]


def _typed(data_set: str, content: Any) -> Mapping[str, Any]:
    """The columns of a row kept as JSON, moments as moments and numbers as they were written."""
    record = json.loads(content, parse_float=Decimal) if isinstance(content, str) else dict(content)
    moments = ["event_at", *(f.identifier for f in standards().data_sets[data_set].fields if f.kind == "instant")]
    for name in moments:
        if isinstance(record.get(name), str):
            record[name] = datetime.fromisoformat(record[name])
    return record


__all__ = ["as_known_on", "corrections", "record_versions"]
