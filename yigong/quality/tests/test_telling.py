"""News of data quality leave the pages: by a real webhook, to those whom it concerns, without a value of any row."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from yigong.kit.ctx import system
from yigong.outbox import api as outbox
from yigong.platform.exchange import notices
from yigong.quality import running, services, telling
from yigong.quality.models import QualityIssue, QualityNotice
from yigong.quality.tests.conftest import FOLLOW_UP, OTHER, OWN, Cast, follow_ups

SWAPPED = {"systolic_blood_pressure_mmhg": 82.0, "diastolic_blood_pressure_mmhg": 138.0}
pytestmark = pytest.mark.feature("C25")


@pytest.fixture
def came() -> Iterator[dict[str, list[dict[str, Any]]]]:
    """A receiver of webhooks: path -> the letters that came there."""
    letters: dict[str, list[dict[str, Any]]] = {}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            letters.setdefault(self.path, []).append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for path, facts in (
        ("/county", {"org_code": ""}), ("/own", {"org_code": OWN}), ("/other", {"org_code": OTHER}),
        ("/alarms", {"org_code": "", "kinds": ["failed"]}),
    ):  # fmt: skip
        notices.save_channel(
            system(), role="quality_clerk", way="webhook", address=f"http://127.0.0.1:{server.server_port}{path}",
            **{"kinds": ["quality"], "active": True, **facts},
        )  # fmt: skip
    yield letters
    server.shutdown()
    server.server_close()


def told() -> None:
    """What `yigong work` does of it."""
    while outbox.dispatch():
        pass
    telling.work()


def test_who_is_concerned_hears_of_new_issues_disputes_and_answers(cast: Cast, came: dict[str, list[Any]]) -> None:
    """The institution and the county hear of new issues, the county of the dispute, the institution of the answer; others nothing."""
    follow_ups(OWN, [SWAPPED if i == 3 else {} for i in range(40)])
    running.run(system(), data_sets=[FOLLOW_UP])
    told()
    assert {k: len(v) for k, v in came.items()} == {"/county": 1, "/own": 1}
    letter = came["/own"][0]
    issue = QualityIssue.everything.get(rule="QC-FU-004")
    assert "东河镇中心卫生院" in letter["title"] and f"org_code={OWN}" in letter["link"]
    assert (
        "收缩压" in letter["zh"] and "ystolic" in letter["en"] and not {"82", "138", "F3"} & set(letter["zh"].split())
    )
    services.move(cast.clerk, issue.pk, "dispute", given={"reason": "仪器如此"})
    told()
    assert (len(came["/county"]), len(came["/own"])) == (2, 1) and "申诉" in came["/county"][1]["zh"]
    services.move(cast.office, issue.pk, "uphold", given={"answer": "请改正"})
    told()
    assert (len(came["/county"]), len(came["/own"])) == (3, 2) and "Keep the rule" in came["/own"][1]["en"]
    assert "/other" not in came and "/alarms" not in came and QualityNotice.objects.filter(state="sent").count() == 5


def test_an_event_delivered_twice_is_told_once(cast: Cast, came: dict[str, list[Any]]) -> None:
    """The outbox delivers at least once; a channel hears once."""
    follow_ups(OWN, [SWAPPED] * 2)
    running.run(system(), data_sets=[FOLLOW_UP])
    facts = {"run_id": 0, "org_code": OWN, "issue_ids": list(QualityIssue.everything.values_list("pk", flat=True))}
    telling.found(7, facts)
    telling.found(7, facts)
    telling.work()
    assert len(came["/own"]) == len(came["/county"]) == 1
