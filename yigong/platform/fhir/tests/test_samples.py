"""The official examples of R4 and Synthea's bundles: taken in, kept whole, found again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.shared import shared
from yigong.platform.fhir import acts, bundles, reading
from yigong.platform.fhir.bodies import read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.official import supported
from yigong.platform.fhir.search.asked import read as asked
from yigong.platform.fhir.search.running import count, search
from yigong.platform.fhir.tests import desk


def content(raw: bytes) -> Any:
    """What a resource says, numbers as they are written, without id and what the server stamps."""
    found = json.loads(raw, parse_float=str, parse_int=str)
    meta = {k: v for k, v in found.pop("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    found.pop("id", None)
    return found | ({"meta": meta} if meta else {})


@pytest.fixture
def caller(db: Any) -> Caller:
    """An application that may do everything."""
    desk.county()
    return desk.caller()


@pytest.mark.feature("C15")
def test_official_examples_come_back_as_they_went_in(caller: Caller) -> None:
    """Every official example conforms, is stored by update, read back equal to the digit, and found by its id and moment."""
    files = sorted(shared("samples/fhir_r4").glob("*.json"))
    raws = {path.name: path.read_bytes() for path in files}
    drafts = []
    for raw in raws.values():
        resource = read(raw)
        drafts.append(acts.change(caller, resource["resourceType"], resource["id"], resource))
    acts.commit(caller, drafts)
    assert len(drafts) == len(files) > 100
    for raw, draft in zip(raws.values(), drafts, strict=True):
        stored = reading.read(caller, draft.kind, draft.fhir_id)
        assert content(stored.body) == content(raw), draft.fhir_id
    for kind in {d.kind for d in drafts}:
        mine = [d for d in drafts if d.kind == kind]
        assert count(caller, asked(kind, [])) == len(mine)
        assert count(caller, asked(kind, [("_id", mine[0].fhir_id), ("_lastUpdated", "ge2020")])) == 1


def bundles_of(folder: Path) -> list[dict[str, Any]]:
    """Synthea's bundles, the smallest first."""
    return [read(p.read_bytes()) for p in sorted(folder.glob("*.json"), key=lambda p: p.stat().st_size)]


@pytest.mark.feature("C15")
def test_synthea_bundles_are_transactions(caller: Caller) -> None:
    """Each bundle goes in as one transaction with its references resolved; the patient's compartment holds all of it."""
    for bundle in bundles_of(shared("samples/synthea"))[:2]:
        given = {e["fullUrl"]: json.loads(json.dumps(e["resource"])) for e in bundle["entry"]}
        answer = bundles.run(caller, bundle)
        places = [e["response"]["location"].split("/")[:2] for e in answer["entry"]]
        assert len(places) == len(given) and all(e["response"]["status"] == "201" for e in answer["entry"])
        patient = next(i for kind, i in places if kind == "Patient")
        mine = [e for e in given.values() if e["resourceType"] == "Observation"]
        found = search(caller, asked("Observation", [("patient", patient), ("_count", "1000"), ("_sort", "-date")]))
        assert found.total == len(mine) and "urn:uuid" not in found.matches[0].body.decode()
        dates = [json.loads(m.body)["effectiveDateTime"] for m in found.matches]
        assert dates == sorted(dates, reverse=True)
        codes = {o["code"]["coding"][0]["code"] for o in mine}
        for code in sorted(codes)[:5]:
            wanted = [o for o in mine if o["code"]["coding"][0]["code"] == code]
            assert count(
                caller, asked("Observation", [("patient", patient), ("code", f"http://loinc.org|{code}")])
            ) == len(wanted)


def test_every_supported_parameter_is_official(db: Any) -> None:
    """What the server says it can search by has a definition, and the types of the issue have a rich set."""
    for kind, least in (
        ("Patient", 20),
        ("Observation", 25),
        ("Encounter", 20),
        ("DocumentReference", 20),
        ("Task", 18),
    ):
        assert len(supported(kind)) >= least
        assert all(p.url.startswith("http://hl7.org/fhir/SearchParameter/") for p in supported(kind))
