"""The order in which resources arrive leaves no trace, nor does what they said once and say no longer.

What was carried before the Encounter that decides of it is carried again; what was made of a resource that is deleted, or
bears another number now, is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from yigong.platform.fhir import db, inpatient, telling
from yigong.platform.fhir.official import numbers

INPATIENT = "inpatient_order"


class Before(NamedTuple):
    """What became of a resource when it was carried last."""

    version: int = 0
    outcome: str = ""
    data_set: str = ""
    key: str = ""  # of the row, or the number of the matter


NEVER = Before()


def carried(ids: Sequence[int]) -> Mapping[int, Before]:
    """What became of resources before, of those that were carried."""
    sql = "select resource_id, version, outcome, data_set, key from fhir_carried where resource_id = any(%(ids)s)"
    return {row[0]: Before(*row[1:]) for row in db.rows(sql, {"ids": list(ids)})}


def wake(encounters: Iterable[str], besides: Sequence[int]) -> None:
    """Have the requests of Encounters that came, changed or went carried again, but for those that are being carried with them."""
    targets = [f"Encounter/{fhir_id}" for fhir_id in encounters]
    if targets:
        db.do(
            """insert into fhir_pending (resource_id, version)
                select distinct r.id, r.version from fhir_reference f join fhir_resource r on r.id = f.resource_id
                where f.target = any(%(targets)s) and f.param = any(%(params)s) and r.type = any(%(types)s)
                    and r.origin = 'fhir' and not r.deleted and r.id <> all(%(besides)s)""",
            {
                "targets": targets, "besides": list(besides), "types": list(inpatient.STATUSES),
                "params": [n for kind in inpatient.STATUSES for n in numbers(kind, "encounter")],
            },
        )  # fmt: skip


def is_told(one: Any, before: Before) -> bool:
    """Whether a matter was told of this very version."""
    return (before.version, before.outcome, before.data_set) == (one.version, "loaded", "")


def rows_left(waiting: Iterable[Any], before: Mapping[int, Before]) -> dict[str, list[dict[str, Any]]]:
    """Rows, as deletions by data set, that resources made before and make no longer: they make another one, or none."""
    gone: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in waiting:
        was = before.get(one.resource_id, NEVER)
        if was.data_set and (was.data_set, was.key) != (one.data_set, one.key):
            gone[was.data_set].append(
                {
                    "org_code": one.org_code, "source_system": one.source_system, "source_key": was.key, "_op": "delete",
                    "_place": f"{one.type}/{one.fhir_id}",
                }
            )  # fmt: skip
    if orders := gone.get(INPATIENT):
        ours = _of_others(orders, [one.resource_id for one in waiting])
        gone[INPATIENT] = [
            row for row in orders if (row["org_code"], row["source_system"], row["source_key"]) not in ours
        ]
    return {data_set: rows for data_set, rows in gone.items() if rows}


_SHARED = """select r.id, r.version, r.org_code, r.source_system, c.key from fhir_carried c join fhir_resource r on r.id = c.resource_id
    where c.data_set = 'inpatient_order' and c.key = any(%(keys)s) and not r.deleted and r.id <> all(%(besides)s)"""


def _of_others(orders: Sequence[Mapping[str, Any]], besides: Sequence[int]) -> set[tuple[str, str, str]]:
    """Orders among these that another resource tells of by the same number: they stay, as that one tells them."""
    gone = {(row["org_code"], row["source_system"], row["source_key"]) for row in orders}
    found = db.rows(_SHARED, {"keys": sorted({key for _, _, key in gone}), "besides": list(besides)})
    shared = [row for row in found if row[2:] in gone]
    if shared:
        db.do(
            "insert into fhir_pending (resource_id, version) select * from unnest(%(ids)s::bigint[], %(versions)s::integer[])",
            {"ids": [row[0] for row in shared], "versions": [row[1] for row in shared]},
        )
    return {row[2:] for row in shared}


def matters_left(waiting: Iterable[Any], before: Mapping[int, Before]) -> dict[telling.Key, str]:
    """Matters that resources told before and tell no longer, with how the control ids of their moves begin.

    Also those told of another person (version 0, see ``store.adopt``), which are told again.
    """
    left: dict[telling.Key, str] = {}
    for one in waiting:
        was = before.get(one.resource_id, NEVER)
        told = one.type in telling.TYPES and was.outcome == "loaded" and not was.data_set and was.key
        if told and (was.version == 0 or (one.data_set, one.key) != ("", was.key)):
            key = (telling.TYPES[one.type], one.org_code, one.source_system, was.key)
            left[key] = f"fhir {one.type}/{one.fhir_id} "
    return left
