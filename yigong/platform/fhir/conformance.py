"""The definitions that the server works by, as resources: StructureDefinitions, value sets and code systems of R4, and the nation's code tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from yigong.platform.fhir import store
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.callers import platform
from yigong.platform.fhir.official import package
from yigong.platform.fhir.saying import table_system
from yigong.platform.fhir.store import Draft
from yigong.standards.api import load

ORIGIN = "definitions"
BATCH = 100
#: files of the official package and the types that are taken out of them
FILES = {
    "profiles-types.json": {"StructureDefinition"}, "profiles-resources.json": {"StructureDefinition"},
    "profiles-others.json": {"StructureDefinition"}, "extension-definitions.json": {"StructureDefinition"},
    "valuesets.json": {"ValueSet", "CodeSystem"},
}  # fmt: skip


def publish() -> int:
    """Write all definitions; how many are new or changed."""
    drafts = (
        Draft(r["resourceType"], r, r["id"], origin=ORIGIN, org_code="", source_system=ORIGIN) for r in resources()
    )
    count = 0
    while part := list(islice(drafts, BATCH)):
        store.save(platform(), part, publishing=True)
        count += sum(d.outcome in ("created", "updated") for d in part)
    return count


def resources() -> Iterator[JSON]:
    """The official definitions that resources are validated by, then the nation's."""
    for name, kinds in FILES.items():
        for entry in orjson.loads((package() / name).read_bytes())["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] in kinds and resource.get("id"):
                yield resource
    for table in load().value_sets.values():
        if table.codes:
            yield from _national(table)


def _national(table: Any) -> Iterator[JSON]:
    """A code table as a CodeSystem, and the ValueSet of all its codes."""
    fhir_id = "".join(sign if (sign.isalnum() and sign.isascii()) or sign in "-." else "-" for sign in table.id)[:64]
    named = {
        "id": fhir_id,
        "version": table.standard,
        "name": fhir_id.replace(".", "_").replace("-", "_"),
        "title": table.name_zh,
        "status": "active",
    }
    concepts = [{"code": c.code, "display": c.name_zh} for c in table.codes.values() if c.code and c.name_zh]
    if not concepts or not table.standard:
        return
    content = "complete" if table.complete else "fragment"
    system = table_system(table)
    yield {
        "resourceType": "CodeSystem",
        "url": system,
        **named,
        "content": content,
        "count": len(concepts),
        "concept": concepts,
    }
    yield {
        "resourceType": "ValueSet",
        "url": f"urn:yigong:value-set:{table.id}",
        **named,
        "compose": {"include": [{"system": system}]},
    }
