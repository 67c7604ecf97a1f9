"""Hostile requests: refused in words, within bounds of memory, and never with an answer of 500."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tracemalloc
import zlib
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import read, unpacked
from yigong.platform.fhir.models import Application
from yigong.platform.fhir.tests import desk

#: examples for each operation; the long run: YIGONG_FUZZ=200
EXAMPLES = int(os.environ.get("YIGONG_FUZZ", "2"))
MIB = 1024 * 1024
DEEP = 100_000


def _observation(**facts: Any) -> bytes:
    return json.dumps(desk.observation("p", **facts)).encode()


def _nested(depth: int) -> bytes:
    return b'{"resourceType":"Patient","extension":' + b'[{"extension":' * depth + b"[]" + b"}]" * depth + b"}"


BODIES: dict[str, bytes] = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep extensions": _nested(400),
    "deeper extensions": _nested(DEEP),
    "unclosed": b'{"resourceType":"Patient",' * 1000,
    "infinite number": _observation().replace(b"5.6", b"1e999999"),
    "number of many digits": _observation().replace(b"5.6", b"9" * 100_000),
    "decimals of many digits": _observation().replace(b"5.6", b"0." + b"9" * 100_000),
    "NaN": _observation().replace(b"5.6", b"NaN"),
    "sign zero in a text": b'{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}',
    "sign zero in an id": b'{"resourceType":"Patient","id":"a\\u0000b"}',
    "sign zero in a code": b'{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"a\\u0000b"}]}}',
    "lone surrogate": b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}',
    "invalid UTF-8": b'{"resourceType":"Patient","name":[{"text":"\xff\xfe"}]}',
    "no JSON": b"<Patient/>",
    "empty": b"",
    "a list": b"[]",
    "a number": b"7",
    "type of another kind": b'{"resourceType":["Patient"]}',
    "texts as numbers": b'{"resourceType":"Patient","name":7,"identifier":"x","birthDate":{}}',
    "lists of null": b'{"resourceType":"Patient","name":[null,null],"telecom":[null]}',
    "a name of a mebibyte": b'{"resourceType":"Patient","name":[{"text":"' + b"a" * MIB + b'"}]}',
    "a thousand members": json.dumps({"resourceType": "Patient", **{f"m{n}": n for n in range(1000)}}).encode(),
    "a date of the year zero": b'{"resourceType":"Patient","birthDate":"0000-00-00"}',
    "a date far away": _observation(effectiveDateTime="9999-12-31T23:59:59.999999999-14:00"),
    "an address for a program": b'{"resourceType":"Subscription","status":"requested","reason":"x","criteria":"Patient?","channel":{"type":"rest-hook","endpoint":"file:///etc/passwd"}}',
}  # fmt: skip


@pytest.fixture
def api(db: None) -> desk.Api:
    """An application of the hospital."""
    desk.county()
    return desk.Api(desk.application())


PATHS = ("Patient", "Observation", "Patient/$validate", "Patient/$match", "", "Patient/x")


@pytest.mark.django_db
@pytest.mark.feature("S02", "C15")
@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused(api: desk.Api, name: str) -> None:
    """Whatever is sent, wherever, is answered with an OperationOutcome or taken in, below 500."""
    for path in (*PATHS, *(["Subscription"] if "address" in name else [])):
        answer = api.ask("PUT" if path == "Patient/x" else "POST", path, BODIES[name])
        assert api.last.status_code < 500, (name, path, api.last.content[:500])
        if api.last.status_code >= 400:
            assert answer["resourceType"] == "OperationOutcome" and answer["issue"][0]["details"]["text"]


@pytest.mark.feature("S02")
@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_read_in_bounds(name: str) -> None:
    """Reading takes memory in proportion to what was sent."""
    tracemalloc.start()
    try:
        with contextlib.suppress(Refused):
            read(BODIES[name])
        assert tracemalloc.get_traced_memory()[1] < 40 * len(BODIES[name]) + MIB
    finally:
        tracemalloc.stop()


PACKED = {
    "a good one": (gzip.compress(json.dumps(desk.PATIENT).encode()), "gzip", 201),
    "a bomb": (gzip.compress(b" " * 40 * MIB, 6), "gzip", 413),
    "cut short": (gzip.compress(json.dumps(desk.PATIENT).encode())[:-12], "gzip", 400),
    "no gzip": (b"{}", "gzip", 400),
    "another packing": (zlib.compress(b"{}"), "br", 415),
}


@pytest.mark.django_db
@pytest.mark.feature("S02")
@pytest.mark.parametrize("name", PACKED)
def test_packed_bodies_are_unpacked_in_bounds(api: desk.Api, name: str) -> None:
    """A gzip body is read; a bomb of 40 MiB is refused without unpacking more than the bound of a body."""
    body, packing, status = PACKED[name]
    api.ask("POST", "Patient", body, **{"content-encoding": packing})
    assert api.last.status_code == status


@pytest.mark.feature("S02")
def test_a_bomb_is_not_unpacked_beyond_the_bound() -> None:
    """Memory stays by the bound of a body, whatever the packed bytes would become."""
    bomb = PACKED["a bomb"][0]
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="too_large"):
            unpacked(bomb, 2 * MIB)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


QUERIES = [
    "Patient?name=%00", "Patient?name=%ED%A0%80", "Patient?name=" + "a" * 8000, "Patient?_count=99999999999999999999",
    "Patient?birthdate=ge99999999999-01-01", "Observation?value-quantity=ge1e99999", "Observation?value-quantity=" + "9" * 5000,
    "Observation?date=eq", "Observation?_sort=" + ",".join(["date"] * 500), "Observation?subject" + ".subject" * 200 + ".name=x",
    "Patient?" + "_has:Observation:patient:" * 60 + "code=x", "Patient?name=" + ",".join(str(n) for n in range(2000)),
    "Patient?_id=" + ",".join(str(n) for n in range(2000)), "Patient?identifier=" + "|" * 300, "Observation?code=" + "\\" * 999,
    "Patient?_include=*&_include:iterate=*&_revinclude=*", "Patient?_lastUpdated=ge-1", "Patient?_elements=" + "," * 3000,
    "Patient?" + "&".join(f"name=x{n}" for n in range(400)), "Patient/%00", "Patient/" + "a" * 3000, "Patient/x/_history/99999999999",
    "Patient/../../etc/passwd", "Observation?_page=x&_from=999999999999999999", "Patient?name:exact=%27%3B%20drop%20table%20fhir_resource--",
    "Observation?code:of-type=a|b|c|d|e", "Observation?code-value-quantity=$$$$", "Patient?_format=xml", "Patient?_summary=everything",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.feature("S02")
@pytest.mark.parametrize("query", QUERIES, ids=[q[:40] for q in QUERIES])
def test_a_hostile_query_is_answered(api: desk.Api, query: str) -> None:
    """Signs that are none, numbers beyond bounds, chains without end: an answer below 500."""
    api.ask("GET", query)
    assert api.last.status_code < 500, api.last.content[:500]


@pytest.mark.feature("C15", "S02")
def test_every_operation_of_the_surface_holds(live_server: Any, transactional_db: Any) -> None:
    """schemathesis makes up requests for each operation of the OpenAPI document; none brings a 500 (YIGONG_FUZZ=200 for long)."""
    desk.county()
    desk.application()
    token = desk.token(Application.objects.get())
    schema = schemathesis.openapi.from_url(f"{live_server.url}/fhir/r4/openapi.json", timeout=120)
    broken: list[Any] = []
    for operation in (o.ok() for o in schema.get_all_operations()):
        _attacked(operation, token, broken)
    assert not broken, broken[:5]


def _attacked(operation: Any, token: str, broken: list[Any]) -> None:
    checks = list(HealthCheck)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        derandomize=EXAMPLES < 20,
        suppress_health_check=checks,
        database=None,
    )
    @given(data=st.data())
    def once(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        answer = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=120)
        if answer.status_code >= 500:
            broken.append((case.method, case.formatted_path, case.body, answer.text[:300]))

    once()
