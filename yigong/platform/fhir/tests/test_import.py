"""Large imports: several processes, one order, and what happens when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.errors import Refused
from yigong.platform.fhir import import_crew, import_sources, importing, store
from yigong.platform.fhir.import_sources import Part, chunks, resources, stages
from yigong.platform.fhir.importing import import_paths
from yigong.platform.fhir.models import Resource
from yigong.platform.fhir.tests import desk


def written(path: Path, many: Iterator[dict[str, Any]]) -> Path:
    """The resources as NDJSON."""
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in many), "utf-8")
    return path


def result(n: int, value: float, patient: str = "p1") -> dict[str, Any]:
    """A result with a number for its id."""
    return {**desk.observation(patient, value), "id": f"r{n}"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of any size count as large, and chunks are small."""
    monkeypatch.setattr(importing, "LARGE", 1)
    monkeypatch.setattr(import_sources, "LEAST_BYTES", 5_000)


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=60), st.integers(1, 200))
def test_chunks_hold_every_line_once(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], most: int) -> None:
    """Cut at any size, the stretches of a file are its lines, in order and with their numbers."""
    path = tmp_path_factory.mktemp("cut") / "a.ndjson"
    path.write_bytes(b"\n".join(lines))
    parts = [part for chunk in import_sources._stretches(path, most) for part in chunk]
    whole = path.read_bytes()
    assert b"".join(whole[p.offset : p.offset + p.size] for p in parts) == whole
    assert [p.line for p in parts] == [1 + whole[: p.offset].count(b"\n") for p in parts]


def test_patients_come_first(tmp_path: Path) -> None:
    """What others refer to is read before what refers to it, and small documents share a chunk."""
    for name in ("Observation.ndjson", "Patient.000.ndjson", "Organization.ndjson", "x.json", "y.json"):
        (tmp_path / name).write_text('{"resourceType":"Basic"}\n', "utf-8")
    groups = stages([tmp_path])
    assert [[f.name for f in group] for group in groups] == [
        ["Organization.ndjson"], ["Patient.000.ndjson"], ["Observation.ndjson", "x.json", "y.json"]
    ]  # fmt: skip
    assert [[part.path.name for part in chunk] for chunk in chunks(groups[2])] == [
        ["Observation.ndjson"],
        ["x.json", "y.json"],
    ]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A file that does not exist is one place with a reason, no crash."""
    ((place, why),) = resources((Part(tmp_path / "none.ndjson"),))
    assert place.endswith("none.ndjson") and isinstance(why, Refused)


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("C15")
def test_the_last_one_in_the_files_stays(tmp_path: Path, small: None) -> None:
    """Where an id stands in many chunks that several processes take, the last resource of the files is the present one."""
    desk.county()
    clerk = desk.caller()
    written(tmp_path / "Patient.ndjson", iter([{**desk.PATIENT, "id": "p1"}]))
    written(tmp_path / "Observation.ndjson", (result(n % 70, n) for n in range(280)))
    report = import_paths(clerk, [tmp_path])
    assert (report.read, report.rejected, report.created) == (281, 0, 71)
    found = {
        r.fhir_id: json.loads(r.body)["valueQuantity"]["value"] for r in Resource.objects.filter(type="Observation")
    }
    assert found == {f"r{n}": 210 + n for n in range(70)}
    assert set(Resource.objects.values_list("registration_id", flat=True)) == {
        Resource.objects.get(type="Patient").registration_id
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("C15")
def test_a_process_that_dies_leaves_its_work_to_the_others(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the import runs, a process takes nothing with it: every resource is there once."""
    desk.county()
    clerk = desk.caller()
    written(tmp_path / "Observation.ndjson", (result(n, n) for n in range(400)))
    crews: list[import_crew.Crew] = []
    begun = import_crew.Crew.__enter__

    def noted(crew: import_crew.Crew) -> import_crew.Crew:
        crews.append(begun(crew))
        return crew

    monkeypatch.setattr(import_crew.Crew, "__enter__", noted)

    def kill(_: object) -> None:
        for other in crews[0]._others:
            for process in list((getattr(other, "_processes", None) or {}).values()):
                with suppress(ProcessLookupError):  # killed at an earlier chunk
                    os.kill(process.pid, signal.SIGKILL)

    report = import_paths(clerk, [tmp_path], progress=kill)
    assert (report.read, report.created + report.unchanged, report.rejected) == (400, 400, 0)
    assert Resource.objects.filter(type="Observation").count() == 400


@pytest.mark.django_db
@pytest.mark.feature("C15")
@pytest.mark.parametrize("odd", ["a\tb", "a\n", "a\\N", "", "x" * 65, 7])
def test_an_odd_id_is_refused_with_its_place(tmp_path: Path, odd: object) -> None:
    """An id that is no id of FHIR is told with its place, and what stands beside it goes in."""
    desk.county()
    written(tmp_path / "Observation.ndjson", iter([{**result(1, 1), "id": odd}, result(2, 2)]))
    report = import_paths(desk.caller(), [tmp_path / "Observation.ndjson"])
    said = [place for place, _, _ in report.reasons]
    assert (report.created, said) == ((2, []) if odd == "" else (1, ["Observation.ndjson:1"]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("C15")
def test_two_who_create_one_id_at_once(small: None) -> None:
    """Of writers that put the same new id at one moment none fails: the later becomes the next version."""
    desk.county()
    clerk = desk.caller()
    start = threading.Barrier(4)

    def put(given: tuple[int, int]) -> str:
        number, value = given
        start.wait()
        try:
            (done,) = store.save(clerk, [store.Draft("Observation", result(number, value), f"r{number}")])
        finally:
            connection.close()
        return done.outcome

    with ThreadPoolExecutor(4) as threads:
        for number in range(5):
            outcomes = sorted(threads.map(put, [(number, value) for value in range(4)]))
            assert outcomes == ["created", "updated", "updated", "updated"]
    assert set(Resource.objects.values_list("version", flat=True)) == {4}
