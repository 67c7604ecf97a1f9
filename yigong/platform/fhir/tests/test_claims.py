"""Writes are held to the profiles that they claim, as far as the platform has brought them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from yigong.platform.fhir import db, holding, importing, packages
from yigong.platform.fhir.models import Resource
from yigong.platform.fhir.store import Draft
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.test_packages import DEFINITIONS, packed
from yigong.platform.fhir.tests.test_profiles import BASE, COUNTY, GOOD

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C15")]
RIGHT: dict[str, Any] = {**GOOD, "meta": {"profile": [COUNTY]}}
WRONG = {k: v for k, v in RIGHT.items() if k != "extension"}
PLACE = ["Patient.extension"]


@pytest.fixture
def api(tmp_path: Path) -> desk.Api:
    """An application of the hospital, and the county's profiles brought."""
    packages.bring([packed(tmp_path / "guide.tgz", {f"{d['resourceType']}-{d['id']}.json": d for d in DEFINITIONS})])
    desk.county()
    return desk.Api(desk.application())


def post(resource: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """An entry that creates."""
    return {
        "request": {"method": "POST", "url": resource["resourceType"], **facts},
        "resource": copy.deepcopy(resource),
    }


def test_a_claim_that_does_not_hold_is_refused(api: desk.Api) -> None:
    """Create, update and patch answer 422 with rule and place; what meets its claim is written; nothing of the rest is."""
    said = api.post("Patient", WRONG, 422)
    assert [(i["severity"], i["expression"]) for i in said["issue"]] == [("error", PLACE)]
    made = api.post("Patient", RIGHT)
    place = f"Patient/{made['id']}"
    assert api.put(place, {**WRONG, "id": made["id"]}, 422)["issue"][0]["expression"] == PLACE
    patch = [{"op": "remove", "path": "/extension"}]
    said = api.ask("PATCH", place, patch, status=422, content_type="application/json-patch+json")
    assert said["issue"][0]["expression"] == PLACE
    assert api.get(place)["meta"]["versionId"] == "1"
    assert Resource.objects.filter(type="Patient").count() == 1


def test_a_bundle_is_held_entry_by_entry(api: desk.Api) -> None:
    """A transaction fails with the number of its entry and leaves nothing; of a batch the one entry fails."""
    entries = [post(RIGHT), post({**RIGHT, "meta": {"source": "urn:x"}}), post(WRONG)]
    said = api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, 422)
    assert said["issue"][0]["expression"] == ["Bundle.entry[2].resource.extension"]
    assert not Resource.objects.filter(type="Patient").exists()
    done = api.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}, 200)
    assert [e["response"]["status"] for e in done["entry"]] == ["201", "201", "422"]


def test_a_claim_that_nobody_can_judge_is_said_where_asked(api: desk.Api) -> None:
    """Unknown profiles, and versions of one that are not here, keep nothing out; who prefers an OperationOutcome reads a warning."""
    strange = {**RIGHT, "meta": {"profile": ["urn:of:elsewhere", f"{COUNTY}|9.9"]}}
    said = api.post("Patient", strange, 201, prefer="return=OperationOutcome")
    warned = [(i["severity"], i["code"]) for i in said["issue"]]
    assert warned == [("information", "informational"), ("warning", "not-supported"), ("warning", "not-supported")]
    entries = [post(strange), post({**RIGHT, "meta": {"source": "urn:x"}})]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    done = api.post("", bundle, 200, prefer="return=OperationOutcome")["entry"]
    assert len(done[0]["response"]["outcome"]["issue"]) == 3 and len(done[1]["response"]["outcome"]["issue"]) == 1
    assert "outcome" not in api.post("", bundle, 200)["entry"][0]["response"]


def test_what_programs_write_binds_nobody_else(api: desk.Api) -> None:
    """A profile that a program wrote by FHIR, even under a known address, refuses no write; it can be asked for by $validate."""
    stricter = {**BASE[COUNTY], "id": "mine", "status": "active"}
    stricter["differential"] = {"element": [{"path": "Patient.photo", "min": 1}]}
    api.put("StructureDefinition/mine", stricter, 201)
    other = {**stricter, "id": "other", "url": "urn:test:theirs"}
    api.put("StructureDefinition/other", other, 201)
    api.post("Patient", RIGHT)
    api.post("Patient", {**WRONG, "meta": {"profile": ["urn:test:theirs"]}})
    asked = api.post("Patient/$validate?profile=urn:test:theirs", RIGHT, 200)
    assert "Patient.photo" in [i["expression"][0] for i in asked["issue"] if "expression" in i]


def test_a_checked_import_is_held_too(api: desk.Api, tmp_path: Path) -> None:
    """``yigong fhir import --check`` rejects the line with its sentence and takes in the others."""
    lines = [{**RIGHT, "id": "a"}, {**WRONG, "id": "b"}, {**WRONG, "id": "c", "meta": {"source": "urn:x"}}]
    path = tmp_path / "p.ndjson"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    report = importing.import_paths(desk.caller(), [path], check=True)
    assert (report.created, report.rejected) == (2, 1) and report.reasons[0][0].endswith("p.ndjson:2")
    assert sorted(Resource.objects.filter(type="Patient").values_list("fhir_id", flat=True)) == ["a", "c"]


def test_what_claims_nothing_costs_nothing(api: desk.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement is asked for resources without a claim, one for all the claims of a bundle."""
    asked: list[str] = []
    rows = db.rows
    monkeypatch.setattr(db, "rows", lambda sql, *given, **more: asked.append(sql) or rows(sql, *given, **more))  # type: ignore[func-returns-value]
    plain = [Draft("Patient", {**RIGHT, "meta": {"tag": []}}), Draft("Patient", None)]
    holding.hold(plain)
    assert asked == []
    holding.hold([*plain, *(Draft("Patient", {**RIGHT, "meta": {"profile": [f"urn:x:{n}"]}}) for n in range(5))])
    assert len(asked) == 1
