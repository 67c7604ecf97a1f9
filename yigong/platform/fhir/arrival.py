"""The order in which resources arrive leaves no trace: what was carried before the Encounter that decides of it is carried again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from yigong.platform.fhir import db, inpatient, telling
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.official import numbers

INPATIENT = "inpatient_order"


class Before(NamedTuple):
    """What became of a resource when it was carried last."""

    version: int = 0
    outcome: str = ""
    data_set: str = ""


NEVER = Before()


def carried(ids: Sequence[int]) -> Mapping[int, Before]:
    """What became of resources before, of those that were carried."""
    sql = "select resource_id, version, outcome, data_set from fhir_carried where resource_id = any(%(ids)s)"
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


def rows_left(
    present: Iterable[tuple[Any, JSON]], before: Mapping[int, Before]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows, as deletions by data set, that resources made before and make no longer: they make another one, or none."""
    gone: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one, resource in present:
        was = before.get(one.resource_id, NEVER)
        if was.outcome == "loaded" and was.data_set not in ("", one.data_set):
            place = f"{one.type}/{one.fhir_id}"
            key = telling.number_of(resource) if was.data_set == INPATIENT else place
            gone[was.data_set].append(
                {"org_code": one.org_code, "source_system": one.source_system, "source_key": key, "_op": "delete", "_place": place}
            )  # fmt: skip
    yield from gone.items()


def matters_left(
    present: Iterable[tuple[Any, JSON]], stays: Collection[int], before: Mapping[int, Before]
) -> dict[telling.Key, str]:
    """Matters that resources told before and are none of now, with how the control ids of their moves begin.

    Those of requests of a stay, and those told of another person (version 0, see ``store.adopt``).
    """
    return {
        telling.key_of(one, resource): f"fhir {one.type}/{one.fhir_id} "
        for one, resource in present
        if one.type in telling.TYPES
        and (was := before.get(one.resource_id, NEVER))[1:] == ("loaded", "")
        and (one.resource_id in stays or was.version == 0)
    }
