"""Definitions that are brought from folders and packages."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from yigong.kit.errors import Refused
from yigong.platform.fhir import command, packages
from yigong.platform.fhir.models import Resource
from yigong.platform.fhir.official import package
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.test_profiles import BASE, COUNTY, GOOD, profile

DEFINITIONS = [{"id": f"d{n}", "status": "active", **one} for n, one in enumerate(BASE.values())]


def packed(path: Path, files: dict[str, Any]) -> Path:
    """A package as implementation guides are given out."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


@pytest.mark.feature("C15")
def test_a_package_is_brought_and_used(db: Any, tmp_path: Path, capsys: Any) -> None:
    """All definitions of a .tgz are written once and used at once; examples and descriptions stay out; nobody changes them by FHIR."""
    files = {f"{d['resourceType']}-{d['id']}.json": d for d in DEFINITIONS}
    extra = {"package.json": {"name": "test"}, "example/Patient-x.json": GOOD, "Patient-y.json": GOOD}
    path = packed(tmp_path / "guide.tgz", {**files, **extra})
    assert command.main(["profiles", str(path)]) == 0
    assert "StructureDefinition 2，ValueSet 1；新建或更新 3；略过其他资源 1；问题 0" in capsys.readouterr().out
    assert packages.bring([path]).changed == 0
    assert set(Resource.objects.values_list("type", flat=True)) == {"StructureDefinition", "ValueSet"}
    desk.county()
    api = desk.Api(desk.application())
    wrong = {**GOOD, "extension": []}
    wrong.pop("extension")
    assert api.post(f"Patient/$validate?profile={COUNTY}", wrong, 200)["issue"][0]["expression"] == [
        "Patient.extension"
    ]
    assert desk.ids(api.get(f"StructureDefinition?url={COUNTY}")) == ["d2"]
    said = {r["type"]: r.get("supportedProfile") for r in api.get("metadata")["rest"][0]["resource"]}
    assert said["Patient"] == [COUNTY] and said["Observation"] is None
    api.put("StructureDefinition/d2", {**DEFINITIONS[2], "title": "mine"}, 403)


@pytest.mark.feature("C15")
def test_what_cannot_be_used_is_said_with_its_place(db: Any, tmp_path: Path) -> None:
    """A profile upon one that nobody has, one that breaks R4, one without address, a file that is no JSON; the rest is brought."""
    files: dict[str, Any] = {
        "lost.json": profile("urn:lost", "Patient", {"id": "Patient", "path": "Patient"}, base="urn:none"), "bad.json": {**DEFINITIONS[1], "status": "perhaps"},
        "nameless.json": {k: v for k, v in DEFINITIONS[1].items() if k != "url"}, "broken.json": b"{", "good.json": DEFINITIONS[1],
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    done = packages.bring([tmp_path])
    assert sorted(Path(place).name for place, _, _ in done.problems) == [
        "bad.json",
        "broken.json",
        "lost.json",
        "nameless.json",
    ]
    assert all(zh and en for _, zh, en in done.problems)
    assert dict(done.read) == {"StructureDefinition": 1, "ValueSet": 1}
    with pytest.raises(Refused):
        packages.bring([tmp_path / "none"])
    (tmp_path / "x.tgz").write_bytes(b"no package")
    with pytest.raises(Refused):
        packages.bring([tmp_path / "x.tgz"])


@pytest.mark.feature("C15")
def test_an_id_that_is_taken_stays_with_what_bears_it(db: Any, tmp_path: Path) -> None:
    """A definition whose id another resource bears gets one of its own, and keeps it when it comes again."""
    desk.county()
    api = desk.Api(desk.application())
    api.put("ValueSet/d1", {"resourceType": "ValueSet", "id": "d1", "url": "urn:mine", "status": "active"}, 201)
    (tmp_path / "v.json").write_text(json.dumps(DEFINITIONS[1]))
    assert packages.bring([tmp_path]).changed == 1
    (tmp_path / "v.json").write_text(json.dumps({**DEFINITIONS[1], "title": "新"}))
    assert packages.bring([tmp_path]).changed == 1
    assert api.get("ValueSet/d1")["url"] == "urn:mine"
    found = api.get(f"ValueSet?url={DEFINITIONS[1]['url']}")["entry"]
    assert [(e["resource"]["title"], e["resource"]["meta"]["versionId"]) for e in found] == [("新", "2")]


@pytest.mark.feature("C15")
def test_profiles_of_a_published_guide(db: Any, tmp_path: Path) -> None:
    """US Core's profiles, as published, are brought whole and judge a patient by their slices and extensions."""
    path = package() / "testing" / "uscore-v5.0.1-structuredefinitions.json"
    if not path.exists():
        pytest.skip("the package of official definitions brings no published guide")
    for one in json.loads(path.read_bytes()):
        (tmp_path / f"{one['id']}.json").write_text(json.dumps(one))
    done = packages.bring([tmp_path])
    assert done.read["StructureDefinition"] == 8 and [p for p in done.problems if "us-core-patient" in p[1]] == []
    desk.county()
    api = desk.Api(desk.application())
    core = "http://hl7.org/fhir/us/core/StructureDefinition/"
    race = {
        "url": f"{core}us-core-race",
        "extension": [
            {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2028-9"}}
        ],
    }
    patient = {
        "resourceType": "Patient",
        "gender": "female",
        "name": [{"family": "A"}],
        "identifier": [{"system": "urn:x", "value": "1"}],
        "extension": [race],
    }
    said = api.post(f"Patient/$validate?profile={core}us-core-patient", patient, 200)["issue"]
    assert [(i["details"]["coding"][0]["code"], i["expression"]) for i in said if i["severity"] == "error"] == [
        ("profile_min", ["Patient.extension[0].extension"])
    ]
    named = {**patient, "name": [{"use": "official"}], "extension": []}
    del named["extension"]
    said = api.post(f"Patient/$validate?profile={core}us-core-patient", named, 200)["issue"]
    assert {i["details"]["coding"][0]["code"] for i in said if i["severity"] == "error"} == {"invariant:us-core-6"}
