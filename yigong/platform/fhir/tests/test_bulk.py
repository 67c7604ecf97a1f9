"""Bulk: export by the worker as files, import of the same files elsewhere, and subscriptions really delivered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from yigong.kit.clock import now
from yigong.platform.fhir.api import work
from yigong.platform.fhir.importing import import_paths
from yigong.platform.fhir.models import Carried, Notice, Resource
from yigong.platform.fhir.tests import desk


def settle() -> None:
    """Let the worker do what waits."""
    while work():
        pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("C15")
def test_export_and_import(tmp_path: Path, settings: Any) -> None:
    """What an application may read is written as NDJSON; the files go into another system by import, twice without a change."""
    settings.LOCAL = tmp_path
    desk.county()
    api = desk.Api(desk.application())
    patient = api.post("Patient", desk.PATIENT)["id"]
    for value in (5.60, 6.1):
        api.post("Observation", desk.observation(patient, value))
    narrow = desk.Api(desk.application(held="system/Observation.r"))
    narrow.get("$export", 400)
    narrow.get("$export?_type=Patient", 403, prefer="respond-async")
    narrow.get("$export", 202, prefer="respond-async")
    place = narrow.last["Content-Location"].partition("/fhir/r4/")[2]
    narrow.get(place, 202)
    settle()
    said = narrow.get(place)
    assert [(f["type"], f["count"]) for f in said["output"]] == [("Observation", 2)]
    api.get(place, 404)
    answer = narrow.client.get(said["output"][0]["url"])
    lines = b"".join(answer.streaming_content).splitlines()
    assert {json.loads(line)["valueQuantity"]["value"] for line in lines} == {5.6, 6.1}
    narrow.ask("DELETE", place, status=202)
    narrow.get(place, 404)
    (tmp_path / "Observation.ndjson").write_bytes(b"\n".join([*lines, b'{"resourceType":"Nothing"}', b"{"]))
    ids = [json.loads(line)["id"] for line in lines]
    Carried.objects.all().delete()
    Resource.objects.filter(type="Observation").delete()
    clerk = desk.caller()
    report = import_paths(clerk, [tmp_path / "Observation.ndjson"])
    assert (report.read, report.created, report.rejected) == (4, 2, 2)
    assert [place for place, _, _ in report.reasons] == ["Observation.ndjson:4", "Observation.ndjson:3"] or len(
        report.reasons
    ) == 2
    assert {
        i["id"] for i in (e["resource"] for e in api.get(f"Observation?patient={patient}&code=2339-0")["entry"])
    } == set(ids)
    again = import_paths(clerk, [tmp_path / "Observation.ndjson"])
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)


@pytest.mark.django_db(transaction=True)
def test_import_writes_the_same_rows_as_single_writes(tmp_path: Path) -> None:
    """COPY and the single statement fill the index tables alike, odd signs in texts included."""
    from django.db import connection

    desk.county()
    odd = desk.observation("p", note=[{"text": "x"}], id="odd")
    odd["code"]["text"] = 'tab\t back\\slash "quote" \n 换行'
    odd["code"]["coding"][0]["code"] = "a\\b"
    tables = ("token", "reference", "string", "date", "quantity", "uri")

    def rows() -> dict[str, Any]:
        found = {}
        with connection.cursor() as cursor:
            for name in tables:
                cursor.execute(f"select to_jsonb(t) - 'resource_id' from fhir_{name} t order by 1")
                found[name] = [r[0] for r in cursor.fetchall()]
                cursor.execute(f"truncate fhir_{name}")
            cursor.execute("select body::jsonb - 'meta' from fhir_resource")
            found["body"] = [r[0] for r in cursor.fetchall()]
        Resource.objects.all().delete()
        return found

    api = desk.Api(desk.application(source_system="LIS"))
    api.put("Observation/odd", odd, 201)
    one = rows()
    (tmp_path / "a.ndjson").write_text(json.dumps(odd, ensure_ascii=False), "utf-8")
    assert import_paths(desk.caller(), [tmp_path / "a.ndjson"]).created == 1
    assert rows() == one and len(one["token"]) == 4


class _Subscriber(BaseHTTPRequestHandler):
    """Takes notices, or answers 500 as long as it is told to."""

    got: list[tuple[str, str, Any, str | None]] = []
    broken = False

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.broken:
            self.got.append((self.command, self.path, json.loads(body) if body else None, self.headers.get("X-Key")))
        self.send_response(500 if self.broken else 200)
        self.end_headers()

    do_POST = do_PUT = _take

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def subscriber() -> Iterator[HTTPServer]:
    """A real HTTP server of a subscriber."""
    _Subscriber.got, _Subscriber.broken = [], False
    server = HTTPServer(("127.0.0.1", 0), _Subscriber)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()


def subscription(server: HTTPServer, criteria: str, **channel: Any) -> dict[str, Any]:
    """A subscription to the server."""
    url = f"http://127.0.0.1:{server.server_port}/hook"
    return {"resourceType": "Subscription", "status": "requested", "reason": "test", "criteria": criteria,
            "channel": {"type": "rest-hook", "endpoint": url, "header": ["X-Key: abc"], **channel}}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_subscriptions_are_delivered(subscriber: HTTPServer) -> None:
    """A version that meets the criteria is sent, with payload as asked; what its application may not read is not."""
    desk.county()
    api, clinic = desk.Api(desk.application()), desk.Api(desk.application(desk.CLINIC))
    assert (
        api.post("Subscription", subscription(subscriber, "Observation?code=2339-0", payload="application/fhir+json"))[
            "status"
        ]
        == "active"
    )
    clinic.post("Subscription", subscription(subscriber, "Observation?code=2339-0", payload="application/fhir+json"))
    api.post("Subscription", subscription(subscriber, "Nonsense?x=1"), 400)
    api.post("Subscription", subscription(subscriber, "Observation?code=1", type="email"), 400)
    patient = api.post("Patient", desk.PATIENT)["id"]
    result = api.post("Observation", desk.observation(patient))
    api.post("Observation", desk.observation(patient, code={"coding": [{"code": "other"}]}))
    settle()
    assert [(m, p, b["id"], k) for m, p, b, k in _Subscriber.got] == [
        ("PUT", f"/hook/Observation/{result['id']}", result["id"], "abc")
    ]


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_a_subscriber_that_fails_is_tried_again_then_set_to_error(subscriber: HTTPServer) -> None:
    """Failures wait longer and longer; after the last the subscription says error and why; set active it works again."""
    desk.county()
    api = desk.Api(desk.application())
    made = api.post("Subscription", subscription(subscriber, "Observation?code=2339-0"))
    _Subscriber.broken = True
    api.post("Observation", desk.observation("p"))
    settle()
    waits = []
    for _ in range(6):
        if notice := Notice.objects.first():
            waits.append((notice.due_at - now()).total_seconds() > 30)
            Notice.objects.update(due_at=now())
            settle()
    assert waits == [True] * 5 and not Notice.objects.exists()
    found = api.get(f"Subscription/{made['id']}")
    assert found["status"] == "error" and "500" in found["error"]
    _Subscriber.broken = False
    api.put(f"Subscription/{made['id']}", {k: v for k, v in found.items() if k != "error"} | {"status": "active"}, 200)
    api.post("Observation", desk.observation("p"))
    settle()
    assert [m for m, *_ in _Subscriber.got] == ["POST"]
