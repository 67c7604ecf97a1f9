"""Messages of training and debugging (MSH-11 T and D): acknowledged and kept, marked, and never a record of anybody."""

from __future__ import annotations

import polars as pl
import pytest
from django.db import connection
from hl7apy import parser

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.bus import register, routing, selectors, services
from yigong.platform.bus.mllp import frame
from yigong.platform.bus.models import Delivery, Endpoint, Message
from yigong.platform.bus.tests.ground import active, outward
from yigong.platform.bus.tests.test_pages import signed_in
from yigong.platform.bus.tests.test_strict import answers, message, port
from yigong.platform.bus.worker import process
from yigong.platform.registry import api as registry

__all__ = ["port"]


@pytest.fixture(autouse=True)
def _hospital(port: int) -> None:
    """The hospital that sends is registered, so that production becomes records."""
    row = {
        "year": 2026,
        "code": "100000001X",
        "name": "青禾县人民医院",
        "short_name": "县医",
        "kind": "county_hospital",
    }
    registry.save_institutions(system(), pl.DataFrame([row]))


def registrations() -> int:
    """How many persons the platform knows, by any institution."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from empi_registration")
        return int(cursor.fetchone()[0])


def remarks(answer: bytes) -> list[tuple[str, str]]:
    """Place and code of each ERR of an answer, as hl7apy reads them."""
    read = parser.parse_message(answer.decode(), find_groups=False)
    return [(err.err_2.value, err.err_3.value) for err in read.children if err.name == "ERR"]


@pytest.mark.feature("C13", "C16")
@pytest.mark.parametrize("said", ["T", "D", "t"])
def test_a_test_is_acknowledged_kept_and_makes_no_record(port: int, said: str) -> None:
    """AA with a word on MSH-11; the original in the journal under its mark, no person, no way; a P of the same patient becomes a record."""
    outward("his", "http://127.0.0.1:9/in")
    active("all", "type = 'ORU^R01'", {"endpoint": "his"})
    (answer,) = answers(port, frame(message(f10="T1", f11=said).encode()))
    assert b"MSA|AA|T1" in answer and remarks(answer) == [("MSH^1^11^1^1", "202")]
    kept = Message.objects.get(control_id="T1")
    assert (kept.is_test, kept.state, kept.outcome, kept.local_id) == (True, "processed", "test", "P1")
    assert process() == 0 and routing.route() == 0
    assert registrations() == 0 and not Delivery.objects.exists()

    (answer,) = answers(port, frame(message(f10="P1", f11="P").encode()))
    assert b"MSA|AA|P1" in answer and remarks(answer) == []
    assert process() == 1 and registrations() == 1
    assert not Message.objects.get(control_id="P1").is_test


@pytest.mark.feature("C13")
def test_a_test_endpoint_takes_tests_as_others_take_production(port: int) -> None:
    """Declared on its page while the listener runs, it carries T on from the next message and says nothing of MSH-11."""
    place = Endpoint.objects.get(code="mllp")
    register.save_inward(system(), place.pk, takes_tests=True)
    (answer,) = answers(port, frame(message(f10="T2", f11="T").encode()))
    assert b"MSA|AA|T2" in answer and remarks(answer) == []
    assert process() == 1 and registrations() == 1
    assert not Message.objects.get(control_id="T2").is_test


@pytest.mark.feature("C13")
def test_a_test_cannot_be_sent_on_its_way_by_hand(port: int) -> None:
    """Neither asking the routes again nor processing again takes a test along."""
    answers(port, frame(message(f10="T3", f11="T").encode()))
    kept = Message.objects.get(control_id="T3")
    with pytest.raises(Refused, match=r"bus\.only_test"):
        services.reroute(system(), kept.pk)
    with pytest.raises(Refused, match=r"bus\.not_replayable"):
        services.replay(system(), kept.pk)
    assert routing.route() == 0


@pytest.mark.feature("C14", "C16")
def test_a_test_bears_a_badge_and_can_be_filtered(port: int) -> None:
    """In the list, on its page, and among the filters; the form of the endpoint offers to declare it."""
    answers(port, frame(message(f10="T4", f11="T").encode()) + frame(message(f10="P4").encode()), 2)
    both = {test: [m.control_id for m in selectors.messages(system(), test=test)] for test in ("yes", "no")}
    assert both == {"yes": ["T4"], "no": ["P4"]}
    client, kept = signed_in(), Message.objects.get(control_id="T4")
    shown = client.get("/platform/bus/?test=yes").content.decode()
    assert "T4" in shown and "P4" not in shown and ">测试<" in shown
    page = client.get(f"/platform/bus/?q={kept.control_id}").content.decode()
    assert ">测试<" in page
    form = client.get(f"/platform/bus/endpoints/{kept.endpoint_id}/edit/").content.decode()
    assert 'name="takes_tests"' in form
