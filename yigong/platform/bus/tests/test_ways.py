"""Routes and deliveries against real receivers: the right messages, in order, once, in the form the receiver wants."""

from __future__ import annotations

import json
import time

import pytest
from lxml import etree

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.bus import delivery, gate, routes, services
from yigong.platform.bus.models import Delivery, Gate, Message
from yigong.platform.bus.tests.ground import accept, active, inward, message, outward, turn
from yigong.platform.bus.tests.receivers import Got, free_port, http_receiver, mllp_receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.feature("C16")
def test_a_message_goes_where_sender_type_and_content_say(tmp_path: object) -> None:
    """Two targets of one route, another route by content; what no route takes goes nowhere and is not asked again."""
    with http_receiver() as first, mllp_receiver() as second:
        outward("his", first.url)
        outward("ris", f"127.0.0.1:{second.port}", "mllp")
        active("results", "type = 'ORU^R01' and sender = 'LIS^100000001X'", {"endpoint": "his"}, {"endpoint": "ris"})
        active("urgent", "类型 = 'ADT^A01' 且 [PV1-2] = 'E'", {"endpoint": "his"})
        accept(
            message("1"),
            message("2", kind="ADT^A01"),
            message("3", kind="ADT^A01", visit="O"),
            message("4", kind="SIU^S12"),
        )
        assert turn() == 3
        assert sorted(g.body for g in first.got) == sorted([message("1"), message("2", kind="ADT^A01")])
        assert second.got == [message("1")]
    assert set(Delivery.objects.values_list("state", "answer")) == {("delivered", "200"), ("delivered", "AA")}
    assert not Message.objects.filter(routed_at=None).exists()


@pytest.mark.feature("C17")
def test_one_patients_messages_arrive_in_order_and_others_do_not_wait() -> None:
    """A refused-for-now message holds back its own patient's later ones; another patient's pass."""
    with http_receiver() as receiver:
        receiver.answer = lambda got: (500, b"") if b"|1|P|" in got.body else (200, b"")
        outward("his", receiver.url)
        active("all", "", {"endpoint": "his"})
        accept(message("1"), message("2"), message("3", "P2"), message("4", "P2"))
        turn()
        assert {g.body for g in receiver.got} == {message("1"), message("3", "P2"), message("4", "P2")}
        receiver.answer = lambda _got: (200, b"")
        with clock.fixed(Delivery.objects.get(message__control_id="1").due_at):
            turn()
        assert [g.body for g in receiver.got][-2:] == [message("1"), message("2")]


@pytest.mark.feature("C16")
def test_declared_steps_make_the_message_the_receiver_wants() -> None:
    """Fields set by expressions, codes translated, segments left out, JSON built; the bytes sent are kept beside the delivery."""
    steps = [
        {"step": "hl7v2.set", "fields": {"MSH-5": "'LIS2'", "PV1-3.4": "institution || '-' || [PV1-2]"}},
        {"step": "hl7v2.codes", "field": "PID-8", "codes": {"1": "M", "2": "F"}, "otherwise": "refuse"},
        {"step": "hl7v2.drop", "segments": ["OBR"], "fields_out": ["PID-7"]},
    ]
    built = [
        {
            "step": "json.build",
            "fields": {"patient.id": "patient", "patient.sex": "[PID-8]", "order": "[OBR-3]", "kind": "type"},
        }
    ]
    with http_receiver() as plain, http_receiver() as built_for:
        outward("v2", plain.url)
        outward("app", built_for.url)
        active("both", "", {"endpoint": "v2", "steps": steps}, {"endpoint": "app", "steps": built})
        accept(message("1"))
        turn()
        sent = plain.got[0].body.decode()
    assert sent == (
        "MSH|^~\\&|LIS|100000001X|LIS2|C|20260301||ORU^R01|1|P|2.4||||||UNICODE UTF-8\r"
        "PID|||P1||张三^丰|||M\rPV1||E|^^^100000001X-E\r"
    )
    assert json.loads(built_for.got[0].body) == {"patient": {"id": "P1", "sex": "1"}, "order": "B1", "kind": "ORU^R01"}
    assert built_for.got[0].headers["content-type"] == "application/json"
    assert {bytes(d.body) for d in Delivery.objects.all()} == {plain.got[0].body, built_for.got[0].body}


@pytest.mark.feature("C16", "C17")
def test_a_message_that_cannot_be_transformed_is_a_dead_letter_with_its_reason_and_goes_on_after_mending() -> None:
    """The endpoint is not asked; with the table mended the replay delivers."""
    with http_receiver() as receiver:
        outward("his", receiver.url)
        step = {"step": "hl7v2.codes", "field": "PID-8", "codes": {"2": "F"}, "otherwise": "refuse"}
        active("r", "", {"endpoint": "his", "steps": [step]})
        accept(message("1"))
        turn()
        dead = Delivery.objects.get()
        assert (dead.state, dead.error["code"], dead.error["facts"]["value"], receiver.got) == (
            "dead",
            "bus.no_code",
            "1",
            [],
        )
        routes.save_route(
            system(),
            "r",
            name="r",
            condition="",
            targets=[{"endpoint": "his", "steps": [step | {"codes": {"1": "M"}}]}],
        )
        services.move_delivery(system(), dead.pk, "replay")
        assert turn() == 1 and b"|M\r" in receiver.got[0].body


@pytest.mark.feature("C15")
def test_soap_files_and_receipts(tmp_path: object) -> None:
    """XML travels in a SOAP 1.2 envelope, a fault of the sender is a dead letter; a folder gets one whole file for each message."""
    from yigong.platform.bus.envelope import Envelope
    from yigong.platform.bus.journal import accept as keep

    xml = "<order xmlns='urn:x'><patient id='P9'/><name>张三</name></order>".encode()
    with http_receiver() as receiver:
        receiver.answer = lambda _got: (200, b"<a/>")
        outward("ws", receiver.url, "soap", options={"action": "urn:submit"})
        outward("folder", str(tmp_path), "file")
        active("x", "form = 'xml' and [//patient/@id] = 'P9'", {"endpoint": "ws"}, {"endpoint": "folder"})
        place = inward("http-in")
        keep(place.pk, [Envelope(xml, "0" * 64, "APP", "c1", "order", "utf-8", "", "P9", "", "P9")])
        turn()
        sent = etree.fromstring(receiver.got[0].body)
        assert sent.xpath("//*[local-name()='Body']/*[local-name()='order']/*[local-name()='name']/text()") == ["张三"]
        assert 'action="urn:submit"' in receiver.got[0].headers["content-type"]
        files = list(tmp_path.iterdir())  # type: ignore[attr-defined]
        assert [f.read_bytes() for f in files] == [xml] and files[0].suffix == ".xml"
        receiver.answer = lambda _got: (
            500,
            b"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault></s:Body></s:Envelope>",
        )
        keep(place.pk, [Envelope(xml + b" ", "1" * 64, "APP", "c2", "order", "utf-8", "", "P9", "", "P9")])
        turn()
        assert Delivery.objects.get(message__control_id="c2", endpoint__code="ws").state == "dead"


@pytest.mark.feature("C17")
@pytest.mark.parametrize(("code", "state"), [("AA", "delivered"), ("AR", "dead"), ("AE", "waiting"), ("XX", "waiting")])
def test_what_an_acknowledgement_means(code: str, state: str) -> None:
    """AA is delivered, AR never will be, all else is tried again."""
    with mllp_receiver() as receiver:
        receiver.answer = lambda _message: code
        outward("ris", f"127.0.0.1:{receiver.port}", "mllp")
        active("r", "", {"endpoint": "ris"})
        accept(message("1"))
        turn()
    assert Delivery.objects.get().state == state


@pytest.mark.feature("C19")
def test_the_breaker_opens_probes_once_and_closes_for_all() -> None:
    """Five failures open it, nothing is sent while it rests, one probe closes it, and what waited goes on in order."""
    port = free_port()
    outward("his", f"http://127.0.0.1:{port}/in", concurrency=8)
    active("r", "", {"endpoint": "his"})
    accept(*(message(str(n), f"P{n}") for n in range(12)))
    turn()
    held = Gate.objects.get()
    assert (held.breaker, held.trouble) == ("open", "ConnectError")
    sent = sum(Delivery.objects.values_list("attempts", flat=True))
    turn()
    assert sum(Delivery.objects.values_list("attempts", flat=True)) == sent, "an open breaker lets nothing through"
    with clock.fixed(held.until), http_receiver(port) as receiver:
        assert delivery.deliver() == 1
        delivery.finish()
        assert len(receiver.got) == 1, "one probe"
        assert Gate.objects.get().breaker == "closed"
        turn()
        assert sorted(g.body for g in receiver.got) == sorted(message(str(n), f"P{n}") for n in range(12))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    with pytest.raises(Refused, match="wrong_state"):
        gate.reset(system(), held.endpoint_id)


@pytest.mark.feature("C19")
def test_the_quota_bounds_what_is_sent_and_emergencies_go_first() -> None:
    """Of a small quota a hundred batch messages take their part; an emergency that comes later does not wait for them."""
    with http_receiver() as receiver:
        outward("his", receiver.url, per_minute=60, concurrency=50)
        active("bulk", "type = 'ORU^R01'", {"endpoint": "his"}, priority=2)
        active("urgent", "type = 'ADT^A01'", {"endpoint": "his"}, priority=0)
        accept(*(message(str(n), f"P{n}") for n in range(100)))
        moment = clock.now()
        with clock.fixed(moment):
            turn()
        assert len(receiver.got) == 5, "half of the bucket is kept for those before"
        accept(message("e", "PE", "ADT^A01"))
        with clock.fixed(moment):
            turn()
        assert b"ADT^A01" in receiver.got[5].body and len(receiver.got) == 6


def test_a_slow_receiver_holds_no_other_endpoint_back() -> None:
    """While one endpoint does not answer another gets everything."""

    def slow(_got: Got) -> tuple[int, bytes]:
        time.sleep(2)
        return 200, b""

    with http_receiver() as slow_one, http_receiver() as quick:
        slow_one.answer = slow
        outward("slow", slow_one.url, timeout_seconds=1, concurrency=2)
        outward("quick", quick.url)
        active("r", "", {"endpoint": "slow"}, {"endpoint": "quick"})
        accept(*(message(str(n), f"P{n}") for n in range(6)))
        turn()
        assert len(quick.got) == 6
    assert Delivery.objects.filter(endpoint__code="slow", state="waiting", error__code="bus.away").count() >= 2
