"""The direct door as a process of its own, asked over HTTP by an independent client."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.platform.empi import api
from yigong.platform.empi.tests.test_doors import LI
from yigong.platform.empi.tests.test_register import WANG, rows
from yigong.platform.fhir import access
from yigong.platform.fhir.models import Application
from yigong.security.api import opaque_id
from yigong.security.models import Audit


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def persons(transactional_db: None) -> tuple[int, int]:
    """王秀兰 at two institutions, 李德才 at a third."""
    done = api.register(system(), rows({}, {"org_code": "DH02", "local_id": "88"}, {**LI, "org_code": "LY03"}))
    return done.row(0)[1], done.row(2)[1]


def _application(org_code: str, reach: str, scopes: str) -> Application:
    secret = access.secret_hash("a secret of the test")
    return Application.objects.create(
        client_id=f"{org_code}-{reach}-{len(scopes)}", name="HIS", org_code=org_code, scopes=scopes, reach=reach,
        secret_hash=secret, made_by=0, made_at=now(),
    )  # fmt: skip


def _token(org_code: str = "LY03", reach: str = "county", scopes: str = "system/Patient.rs") -> str:
    made = _application(org_code, reach, scopes)
    form = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": "a secret of the test"}
    return str(access.grant_token(form, None, "")["access_token"])


@pytest.fixture
def door(persons: tuple[int, int]) -> Iterator[httpx.Client]:
    """A client of a running ``yigong lookup``."""
    with _serving() as (client, _server):
        yield client


@contextlib.contextmanager
def _serving(*options: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    facts, port = connection.get_connection_params(), _free_port()
    names = ("host", "port", "user", "password", "dbname")
    url = psycopg.conninfo.make_conninfo(**{n: facts[n] for n in names if facts.get(n)})
    command = [str(Path(sys.executable).with_name("yigong")), "lookup", "--bind", f"127.0.0.1:{port}", *options]
    server = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _until_open(client, server)
            yield client, server
    finally:
        server.terminate()
        server.wait(30)


def _until_open(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the door ended by itself"
        try:
            assert client.get("/health").json() == {"state": "ok"}
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the door did not open")


def _ask(client: httpx.Client, path: str, body: dict[str, Any], token: str, **heads: str) -> httpx.Response:
    return client.post(f"/lookup/{path}", json=body, headers={"Authorization": f"Bearer {token}", **heads})


@pytest.mark.feature("A24", "A23")
def test_the_direct_door_answers_as_the_index_does(door: httpx.Client, persons: tuple[int, int]) -> None:
    """Identifiers and demographics find the same persons as ``lookup`` and ``match``; each person told is audited once."""
    token, number = _token(), str(WANG["id_no"])
    found = _ask(door, "identifier", {"kind": "id_no", "value": number}, token, **{"X-Request-Id": "R1"}).json()
    same = api.lookup(system(), "id_no", number)
    assert [one["registration_id"] for one in found["identities"]] == [opaque_id(one.registration_id) for one in same]
    assert {one["person_id"] for one in found["identities"]} == {opaque_id(persons[0])}
    asked = {"full_name": "王秀蓝", "born_on": "1959-03-04", "phone": "13800006620", "sex_code": "2"}
    told = _ask(door, "match", {"facts": asked}, token, **{"X-Request-Id": "R2"}).json()["matches"]
    same_match = api.match(system(), asked)
    assert [(m["person_id"], m["band"], m["score"]) for m in told] == [
        (opaque_id(m.person_id), m.band, round(m.score, 2)) for m in same_match
    ]
    lines = Audit.objects.filter(action="empi.lookup").values_list("request_id", "subject_id", "org_code", "actor_name")
    assert sorted(lines) == [("R1", str(persons[0]), "LY03", "HIS"), ("R2", str(persons[0]), "LY03", "HIS")]


@pytest.mark.feature("A24", "B27")
def test_nobody_learns_of_a_person_out_of_reach(door: httpx.Client, persons: tuple[int, int]) -> None:
    """An application of one institution finds only persons known there, by identifier and by demographics; asking is
    audited also when nothing was found; a local id found by GET is no other's."""
    token, number = _token("LY03", "own"), str(WANG["id_no"])
    assert _ask(door, "identifier", {"kind": "id_no", "value": number}, token).json() == {"identities": []}
    assert _ask(door, "match", {"facts": {"full_name": "王秀兰", "id_no": number}}, token).json() == {"matches": []}
    known = _ask(door, "identifier", {"kind": "phone", "value": LI["phone"]}, token).json()["identities"]
    assert [one["person_id"] for one in known] == [opaque_id(persons[1])]
    assert sorted(Audit.objects.filter(action="empi.lookup").values_list("subject_id", flat=True)) == [
        "", "", str(persons[1])]  # fmt: skip
    mine = _token("DH02", "own")
    asked = {"kind": "local_id", "value": "88", "org_code": "DH02", "source_system": "HIS"}
    answer = door.get("/lookup/identifier", params=asked, headers={"Authorization": f"Bearer {mine}"}).json()
    assert [one["local_id"] for one in answer["identities"]] == ["1", "88"][1:]
    whole = _ask(door, "identifier", {"kind": "person", "value": opaque_id(persons[0])}, mine).json()["identities"]
    assert [one["local_id"] for one in whole] == ["1", "88"]


@pytest.mark.feature("A24")
def test_what_is_wrong_is_said(door: httpx.Client) -> None:
    """No token, a token without the right, an unknown kind, no JSON, another place: each is refused with its sentence."""
    good, other = _token(), _token(scopes="system/Observation.rs")
    assert door.post("/lookup/identifier", json={}).status_code == 401
    assert _ask(door, "identifier", {"kind": "id_no", "value": "1"}, other).json()["code"] == "empi.no_token"
    assert _ask(door, "identifier", {"kind": "name", "value": "1"}, good).json()["code"] == "empi.no_such_identifier"
    assert _ask(door, "match", {"facts": {"shoe_size": 42}}, good).status_code == 400
    assert _ask(door, "match", {"facts": {}, "least": "some"}, good).json()["code"] == "empi.match_wrong"
    heads = {"Authorization": f"Bearer {good}"}
    assert door.post("/lookup/match", content=b"{", headers=heads).json()["code"] == "empi.question_wrong"
    assert door.post("/lookup/match", content=b"[" * 70_000, headers=heads).status_code == 400
    assert door.get("/lookup/elsewhere", headers=heads).status_code == 404


@pytest.mark.feature("A24")
def test_many_at_once_are_answered_each_and_all_audited(door: httpx.Client, persons: tuple[int, int]) -> None:
    """Questions that are carried together get each their own answer, and every one has its line in the audit."""
    token, number = _token(), str(WANG["id_no"])
    kinds = [("id_no", number, persons[0]), ("phone", str(LI["phone"]), persons[1]), ("health_card_no", "none", None)]

    def one(n: int) -> bool:
        kind, value, person = kinds[n % 3]
        found = _ask(door, "identifier", {"kind": kind, "value": value}, token).json()["identities"]
        return {i["person_id"] for i in found} == ({opaque_id(person)} if person else set())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(240)))
    counts = Audit.objects.filter(action="empi.lookup")
    assert [counts.filter(subject_id=s).count() for s in (str(persons[0]), str(persons[1]), "")] == [80, 80, 80]


@pytest.mark.feature("A24")
@pytest.mark.fault
def test_a_database_that_went_away_is_found_again(door: httpx.Client, persons: tuple[int, int]) -> None:
    """When every connection is cut, a question is sent away with 503 at worst, and soon answered as before."""
    token, asked = _token(), {"kind": "id_no", "value": str(WANG["id_no"])}
    before = _ask(door, "identifier", asked, token).json()
    with connection.cursor() as cursor:
        cursor.execute(
            """select count(pg_terminate_backend(pid)) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )
        assert cursor.fetchone()[0] > 0
    connection.close()
    connection.close_pool()  # the kept connections of this process were cut as well
    statuses = []
    for _ in range(40):
        answer = _ask(door, "identifier", asked, token)
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            break
        time.sleep(0.25)
    assert statuses[-1] == 200 and set(statuses) <= {200, 503}
    assert answer.json() == before
    other = _token("DH02", "county")  # a token not met before goes by Django's own connections
    for _ in range(40):
        answer = _ask(door, "identifier", asked, other)
        if answer.status_code == 200:
            break
        assert answer.status_code == 503
        time.sleep(0.25)
    assert answer.json() == before


@pytest.mark.feature("A24")
def test_processes_that_share_the_port(persons: tuple[int, int]) -> None:
    """Two processes answer at one address; one that is killed is replaced, and all end when they are told to."""
    token = _token()
    with _serving("--processes", "2") as (client, server):
        before = _children(server.pid)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        for _ in range(100):
            if len(after := _children(server.pid)) == 2 and before[0] not in after:
                break
            time.sleep(0.1)
        assert before[1] in after
        for _ in range(20):  # each by a connection of its own, so that both processes are met
            with httpx.Client(base_url=client.base_url, timeout=30) as other:
                answer = _ask(other, "identifier", {"kind": "id_no", "value": WANG["id_no"]}, token)
                assert len(answer.json()["identities"]) == 2
        server.terminate()
        assert server.wait(30) == 0
        assert not any(Path(f"/proc/{child}").exists() for child in after)


def _children(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
