"""Resources that wait in quarantine, read again into rows when a clerk has mended what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yigong.platform.exchange.api import StandardBatch
from yigong.platform.fhir import db
from yigong.platform.fhir.bodies import read as read_body
from yigong.platform.fhir.carrying import batch, registration_of, row_of, waiting_of
from yigong.platform.fhir.mapping import mapping_for


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[StandardBatch]:
    """Nothing: resources come by HTTP or ``yigong fhir import``."""
    return iter(())


def again(raws: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Iterator[StandardBatch]:
    """The rows of resources as quarantine kept them, or as they were mended there."""
    for raw in raws:
        resource = read_body(str(raw.get("text", "{}")).encode())
        mapping = mapping_for(resource)
        rows = db.rows(
            """select r.id, r.type, r.fhir_id, r.version, r.deleted, r.org_code, r.source_system, r.body, g.org_code,
                g.source_system, g.local_id, jsonb_build_object('full_name', g.full_name, 'sex_code', g.sex_code,
                'born_on', g.born_on, 'id_no', g.id_no)::text
            from fhir_resource r join empi_registration g on g.id = r.registration_id
            where r.type = %(type)s and r.fhir_id = %(id)s and not r.deleted""",
            {"type": resource["resourceType"], "id": str(resource.get("id", ""))},
            raw_text=True,
        )
        if mapping is not None and rows:
            one = waiting_of(rows[0])
            yield batch(mapping.data_set, [row_of(one, mapping, resource)], [registration_of(one)])
