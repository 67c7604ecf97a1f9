"""Bulk export: nothing is missed from one export to the next, whoever is asked for, and nothing stays that has expired."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.http import parse_http_date

from yigong.kit.clock import now
from yigong.platform.fhir import acts, db, export_work, exporting
from yigong.platform.fhir.models import Export, Resource
from yigong.platform.fhir.search.compiling import Compiler
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api, observation

ASYNC = {"prefer": "respond-async"}


@pytest.fixture
def api(transactional_db: None, tmp_path: Path, settings: Any) -> Api:
    """A program of the hospital, and a place for files."""
    settings.LOCAL = tmp_path
    desk.county()
    return Api(desk.application())


def started(api: Api, path: str, body: Any = None) -> str:
    """Where the state of an accepted export is asked."""
    api.ask("GET" if body is None else "POST", path, body, status=202, **ASYNC)
    return str(api.last["Content-Location"]).partition("/fhir/r4/")[2]


def exported(api: Api, path: str, body: Any = None) -> dict[str, Any]:
    """The manifest of an export that was asked for and written."""
    place = started(api, path, body)
    assert export_work.step() == 1
    return dict(api.get(place))


def lines(api: Api, said: dict[str, Any], name: str = "output") -> list[dict[str, Any]]:
    """Everything that lies in the files of an export."""
    found: list[dict[str, Any]] = []
    for file in said[name]:
        answer: Any = api.client.get(file["url"])
        found += [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    return found


def held(api: Api, said: dict[str, Any]) -> set[str]:
    """Ids of the resources that an export holds."""
    return {one["id"] for one in lines(api, said)}


def _patient(name: str, born: str) -> dict[str, Any]:
    """A patient of whom nothing but name and birthday is known."""
    return {"resourceType": "Patient", "id": name, "name": [{"text": name}], "birthDate": born}


@contextmanager
def under_way(resource: dict[str, Any], stamped_ago: timedelta = timedelta(0)) -> Iterator[Any]:
    """A write that is not committed before the block ends, made on a connection of its own."""
    written, go, made = threading.Event(), threading.Event(), []

    def write() -> None:
        try:
            with transaction.atomic():
                caller = desk.caller()
                made.append(acts.commit(caller, [acts.change(caller, "Observation", resource["id"], resource)])[0])
                sql = "update fhir_resource set last_updated = last_updated - %(ago)s where fhir_id = %(id)s"
                db.do(sql, {"ago": stamped_ago, "id": resource["id"]})
                written.set()
                assert go.wait(20)
        finally:
            written.set()
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert written.wait(20) and made
    try:
        yield made[0]
    finally:
        go.set()
        thread.join()


@pytest.mark.feature("C15")
def test_a_write_under_way_is_not_missed_by_the_next_export(api: Api) -> None:
    """transactionTime is not later than an open write, and _since=transactionTime brings it once it is committed."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    before = api.post("Observation", observation(patient))["id"]
    with under_way({**observation(patient, 7.1), "id": "late"}) as draft:
        first = exported(api, "$export?_type=Observation")
    assert held(api, first) == {before}
    assert first["transactionTime"] <= draft.moment.isoformat()
    second = exported(api, f"$export?_type=Observation&_since={first['transactionTime']}")
    assert "late" in held(api, second)
    Resource.objects.update(last_updated=now() - timedelta(hours=1))
    assert held(api, exported(api, f"$export?_type=Observation&_since={second['transactionTime']}")) == set()


@pytest.mark.feature("C15")
def test_a_version_stamped_long_before_its_commit_is_not_missed(api: Api) -> None:
    """Chunks of an import bear a moment of before: what the last export did not see comes, whatever moment it bears."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    with under_way({**observation(patient), "id": "early"}, timedelta(minutes=10)):
        first = exported(api, "$export?_type=Observation")
    assert held(api, first) == set()
    assert held(api, exported(api, f"$export?_since={first['transactionTime']}")) >= {"early"}


@pytest.mark.feature("C15")
def test_all_files_are_of_one_moment(api: Api, monkeypatch: Any) -> None:
    """What is written while the files are being written is in none of them, and comes next time."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    whole = export_work._of_kind

    def slow(caller: Any, export: Any, view: Any, kind: str, path: Path) -> int:
        if kind == "Observation":
            api.post("Observation", observation(patient))
        return whole(caller, export, view, kind, path)

    monkeypatch.setattr(export_work, "_of_kind", slow)
    first = exported(api, "$export?_type=Patient,Observation")
    monkeypatch.undo()
    assert held(api, first) == {patient}
    second = exported(api, f"$export?_type=Observation&_since={first['transactionTime']}")
    assert len(held(api, second)) == 1


@pytest.mark.feature("C15")
def test_deletions_are_told(api: Api) -> None:
    """What was deleted since the moment asked for comes as a Bundle of deletions; without a moment none is told."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    gone, stays = (api.post("Observation", observation(patient, value))["id"] for value in (5.1, 5.2))
    first = exported(api, "$export")
    api.ask("DELETE", f"Observation/{gone}", status=204)
    again = exported(api, "$export?_type=Observation")
    assert held(api, again) == {stays} and again["deleted"] == []
    second = exported(api, f"$export?_type=Observation&_since={first['transactionTime']}")
    told = [e["request"] for one in lines(api, second, "deleted") for e in one["entry"]]
    assert told == [{"method": "DELETE", "url": f"Observation/{gone}"}]
    narrow = Api(desk.application(held="system/Observation.rs?code=2339-0"))
    assert exported(narrow, f"$export?_since={first['transactionTime']}")["deleted"] == []


@pytest.mark.feature("C15")
def test_kick_off_by_parameters(api: Api) -> None:
    """POST with Parameters asks as the address does; a name that is not served is refused."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    result = api.post("Observation", observation(patient))["id"]
    asked = [
        {"name": "_type", "valueString": "Observation"},
        {"name": "_type", "valueString": "Patient"},
        {"name": "_since", "valueInstant": "2020-01-01T00:00:00Z"},
        {"name": "_outputFormat", "valueString": "application/fhir+ndjson"},
    ]
    said = exported(api, "$export", {"resourceType": "Parameters", "parameter": asked})
    assert held(api, said) == {patient, result} and said["request"].endswith("/fhir/r4/$export")
    wrong = {
        "resourceType": "Parameters",
        "parameter": [{"name": "includeAssociatedData", "valueCode": "LatestProvenanceResources"}],
    }
    api.ask("POST", "$export", wrong, status=400, **ASYNC)
    api.ask("PUT", "$export", wrong, status=405, **ASYNC)


@pytest.mark.feature("C15")
def test_export_of_patients_and_of_a_group(api: Api) -> None:
    """Only what lies in the compartments of the persons named, or of the group's present members, is written."""
    born = {"a": "1950-01-01", "b": "1961-02-02", "c": "1972-03-03"}
    people = [api.put(f"Patient/{one}", _patient(one, day), 201)["id"] for one, day in born.items()]
    results = {one: api.post("Observation", observation(one))["id"] for one in people}
    api.post("Observation", {k: v for k, v in observation("a").items() if k != "subject"})
    assert held(api, exported(api, "Patient/$export")) == {*people, *results.values()}
    assert held(api, exported(api, "Patient/$export?patient=Patient/a")) == {"a", results["a"]}
    named = [{"name": "patient", "valueReference": {"reference": f"Patient/{one}"}} for one in ("a", "b")]
    both = exported(api, "Patient/$export", {"resourceType": "Parameters", "parameter": named})
    assert held(api, both) == {"a", "b", results["a"], results["b"]}
    members = [
        {"entity": {"reference": "Patient/b"}},
        {"entity": {"reference": "Patient/a"}, "inactive": True},
        {"entity": {"reference": "Patient/c"}, "period": {"end": "2020-01-01"}},
    ]
    group = api.post("Group", {"resourceType": "Group", "type": "person", "actual": True, "member": members})["id"]
    of_group = held(api, exported(api, f"Group/{group}/$export?_type=Patient,Observation"))
    assert of_group == {"b", results["b"]}
    api.get(f"Group/{group}/$export?patient=Patient/a", 404, **ASYNC)
    api.get("Patient/$export?patient=Patient/nobody", 404, **ASYNC)
    api.get("$export?patient=Patient/a", 400, **ASYNC)
    clinic = Api(desk.application(desk.CLINIC))
    clinic.get("Patient/$export?patient=Patient/a", 404, **ASYNC)
    clinic.get(f"Group/{group}/$export", 404, **ASYNC)


@pytest.mark.feature("C15")
def test_files_go_when_they_expire(api: Api) -> None:
    """The finished state says until when; after it neither state nor file is there, and the worker removes the files, those of nobody too."""
    api.post("Patient", desk.PATIENT)
    place = started(api, "$export")
    export_work.step()
    api.get(place)
    key = place.rpartition("/")[2]
    left = parse_http_date(api.last["Expires"]) - now().timestamp()
    assert exporting.KEPT.total_seconds() - 60 < left <= exporting.KEPT.total_seconds()
    stray = exporting.folder("stray")
    stray.mkdir()
    assert (exporting.folder(key) / "Patient.ndjson").exists()
    Export.objects.update(ended_at=now() - exporting.KEPT)
    api.get(place, 404)
    api.get(f"{place}/Patient.ndjson", 404)
    assert export_work.step() == 0
    assert list(exporting.root().iterdir()) == []


@pytest.mark.feature("C15")
def test_deleting_a_job_ends_it(api: Api, monkeypatch: Any) -> None:
    """A job is deleted before, while and after its files are written; nothing of it stays."""
    api.post("Patient", desk.PATIENT)
    api.post("Observation", observation("p"))
    place = started(api, "$export")
    api.ask("DELETE", place, status=202)
    assert export_work.step() == 0
    whole = export_work._of_kind

    def cancelled(caller: Any, export: Any, view: Any, kind: str, path: Path) -> int:
        count = whole(caller, export, view, kind, path)
        api.ask("DELETE", f"export/{export.key}", status=202)
        return count

    monkeypatch.setattr(export_work, "_of_kind", cancelled)
    place = started(api, "$export?_type=Observation,Patient")
    assert export_work.step() == 1
    monkeypatch.undo()
    api.get(place, 404)
    api.ask("DELETE", place, status=404)
    assert list(exporting.root().iterdir()) == []


@pytest.mark.feature("C15")
def test_an_export_whose_worker_died_is_written_by_the_next(api: Api) -> None:
    """One that is marked as running and held by nobody is taken up; one that another worker holds is not."""
    api.post("Patient", desk.PATIENT)
    place = started(api, "$export")
    Export.objects.update(state="running")
    with export_work._view(Export.objects.get().pk) as held_by_another:
        assert held_by_another is not None and export_work.step() == 0
    assert export_work.step() == 1
    assert [f["type"] for f in api.get(place)["output"]] == ["Patient"]


@pytest.mark.feature("C15")
@pytest.mark.django_db
def test_what_came_since_is_found_by_indexes() -> None:
    """Neither the moment nor the order of commits is looked for in all rows of a type."""
    rows = """insert into fhir_resource (type, fhir_id, version, last_updated, deleted, org_code, source_system, origin, body, hash)
        select 'Observation', %(name)s || n, 1, '2020-01-01', false, '', '', 'fhir', repeat('x', 200), 0 from generate_series(1, 20000) n"""
    with transaction.atomic():
        db.do(rows, {"name": "a"})
    with connection.cursor() as cursor:
        cursor.execute("select brin_summarize_new_values('fhir_resource_written')")
        cursor.execute("analyze fhir_resource")
    export = Export(since=now(), pk=0)
    Export.objects.create(key="k", application=desk.application(), request_url="", level="system", scopes="", asked_at=now(),
                          transaction_time=now() + timedelta(hours=1), snapshot="9000000000:9000000000:")  # fmt: skip
    compiler = Compiler(desk.caller())
    held = export_work._since(compiler, export, export_work.View(None, "9000000000:9900000000:", now()))  # type: ignore[arg-type]
    plan = db.rows(f"explain select 1 from fhir_resource r where r.type = 'Observation' and {held}", compiler.params)
    text = "\n".join(row[0] for row in plan)
    assert "fhir_resource_written" in text and "fhir_resource_updated" in text and "Seq Scan" not in text, text


@pytest.mark.feature("C15")
def test_export_by_searches_and_elements(api: Api) -> None:
    """``_typeFilter`` keeps what one of its searches finds, by address or body; ``_elements`` what is wanted of each type."""
    one = api.post("Patient", desk.PATIENT)["id"]
    other = api.post("Patient", {**desk.PATIENT, "gender": "male"})["id"]
    high = api.post("Observation", observation(one, 9.5))["id"]
    low = api.post("Observation", observation(other, 4.1))["id"]
    text = "Observation%3Fvalue-quantity%3Dgt9,Observation%3Fpatient.gender%3Dmale%26value-quantity%3Dlt3"
    assert held(api, exported(api, f"$export?_typeFilter={text}")) == {one, other, high}
    asked = [
        {"name": "_type", "valueString": "Observation,Patient"}, {"name": "_typeFilter", "valueString": "Observation?subject:Patient.gender=male"},
        {"name": "_typeFilter", "valueString": "Patient?gender=female,male"},
    ]  # fmt: skip
    assert held(api, exported(api, "$export", {"resourceType": "Parameters", "parameter": asked})) == {one, other, low}
    said = lines(api, exported(api, "$export?_type=Patient,Observation&_elements=Patient.gender,code"))
    members = {r["resourceType"]: set(r) for r in said}
    manifest = exported(api, "$export?_type=Patient")
    answer: Any = api.client.get(manifest["output"][0]["url"], headers={"accept": "application/fhir+ndjson"})
    assert answer.status_code == 200 and answer["Content-Type"] == "application/fhir+ndjson"
    assert members == {
        "Patient": {"resourceType", "id", "meta", "gender"}, "Observation": {"resourceType", "id", "meta", "status", "code"},
    }  # fmt: skip
    assert {r["meta"]["tag"][0]["code"] for r in said} == {"SUBSETTED"}


@pytest.mark.feature("C15")
def test_what_an_export_does_not_serve(api: Api) -> None:
    """Refused with what is wrong; with handling=lenient passed over, and told in the manifest's error file."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    for query in (
        "_type=Patient,Nonsense", "_typeFilter=Patient%3Fcolour%3Dred", "_typeFilter=Patient%3F_count%3D1", "_typeFilter=gender%3Dmale",
        "_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal", "_elements=Patient.soul", "includeAssociatedData=LatestProvenanceResources",
        "_typeFilter=Patient%3F",
    ):  # fmt: skip
        refused = api.get(f"$export?{query}", 400, **ASYNC)
        assert refused["issue"][0]["severity"] == "error", query
    lenient = {"prefer": "respond-async, handling=lenient"}
    api.get("$export?_type=Patient,Nonsense&_typeFilter=Patient%3Fcolour%3Dred&includeAssociatedData=x", 202, **lenient)
    place = str(api.last["Content-Location"]).partition("/fhir/r4/")[2]
    assert export_work.step() == 1
    said = api.get(place)
    assert held(api, said) == {patient}
    (told,) = lines(api, said, "error")
    assert [i["severity"] for i in told["issue"]] == ["warning"] * 3
    assert "Nonsense" in json.dumps(told) and "includeAssociatedData" in json.dumps(told)
    api.get("$export?_type=Nonsense", 400, **lenient)
    narrow = Api(desk.application(held="system/Patient.r"))
    assert narrow.get("$export?_type=Observation,Patient", 403, **ASYNC)["issue"][0]["code"] == "forbidden"
    narrow.get("$export?_typeFilter=Patient%3F_has:Observation:patient:status%3Dfinal", 403, **ASYNC)
