"""The pages of the bus: register, routes, deliveries, runs; who may see what; what the audit says."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Purpose, Reach, system
from yigong.platform.bus import register, routing, runs
from yigong.platform.bus.models import Delivery, Message, Route, Service
from yigong.platform.bus.tests.ground import HOSPITAL, accept, active, inward, message, outward
from yigong.security.api import make_role, make_user
from yigong.security.models import Audit

ALL = ("bus.view", "bus.search", "bus.reveal", "bus.replay", "bus.run", "bus.subscribe", "bus.manage")
pytestmark = pytest.mark.django_db


def signed_in(
    actions: tuple[str, ...] = ALL, *, purpose: Purpose = Purpose.OPERATION, reach: Reach = Reach.COUNTY
) -> Client:
    """A browser of somebody who holds these."""
    make_role("operator", "运维", actions=actions, reach=reach, purpose=purpose)
    user = make_user("op", "冯磊", password="a-long-password", role="operator", org_code=HOSPITAL)
    client = Client()
    client.force_login(user)
    return client


def published(code: str = "report") -> Service:
    """A published service."""
    found = register.save_service(system(), code, "1.0", name="检验报告发布", kind="http", quota_per_minute=6)
    return register.move_service(system(), found.pk, "publish")


@pytest.fixture
def ways() -> Delivery:
    """A message that took a route, with its delivery."""
    outward("his", "http://127.0.0.1:9/in")
    active("results", "type = 'ORU^R01'", {"endpoint": "his", "steps": [{"step": "hl7v2.drop", "segments": ["OBR"]}]})
    accept(message("C1", "P123456"))
    routing.route()
    return Delivery.objects.get()


@pytest.mark.feature("C14", "C16")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_opens_in_both_languages(ways: Delivery, language: str) -> None:
    """Lists, single pages and forms, with something on them and the person masked; in English no Chinese word is left over."""
    client = signed_in()
    client.cookies["django_language"] = language
    service = published()
    step = {"name": "S", "do": {"endpoint": "his"}}
    runs.save_process(system(), "p", name="P", steps=[step])
    run = runs.begin(system(), "p", key="K", facts={})
    endpoint = ways.endpoint_id
    addresses = [
        *(reverse(f"bus:{n}") for n in ("messages", "deliveries", "services", "endpoints", "routes", "runs")),
        *(reverse(f"bus:{n}-new") for n in ("service", "endpoint", "route", "process")),
        reverse("bus:service", args=[service.pk]), reverse("bus:service-edit", args=[service.pk]), reverse("bus:subscribe", args=[service.pk]),
        reverse("bus:endpoint", args=[endpoint]), reverse("bus:endpoint-edit", args=[endpoint]), reverse("bus:endpoint", args=[inward().pk]),
        reverse("bus:endpoint-edit", args=[inward().pk]), reverse("bus:route", args=["results"]) + "?try=1", reverse("bus:route-edit", args=["results"]),
        reverse("bus:delivery", args=[ways.pk]), reverse("bus:delivery-move", args=[ways.pk, "discard"]), reverse("bus:run", args=[run.pk]),
        reverse("bus:run-move", args=[run.pk, "cancel"]), reverse("bus:process-edit", args=["p"]), reverse("bus:message", args=[ways.message_id]),
        reverse("bus:reveal", args=[ways.message_id]), reverse("bus:service-move", args=[service.pk, "deprecate"]),
    ]  # fmt: skip
    for address in addresses:
        answer = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200, address
        assert "张三" not in text and "P123456" not in text, address
        if language == "en":
            body = re.sub(
                r"<(code|pre|option|textarea|td|dd|h1|title)\b.*?</\1>|<header.*?</header>",
                "",
                text.partition('id="main"')[2].partition("<footer")[0],
                flags=re.DOTALL,
            )
            assert re.findall(r"[一-鿿]+", re.sub(r"<[^>]+>", "", body)) in ([], ["类型", "且"], ["县医院"]), address


@pytest.mark.feature("C14", "C16")
def test_subscribers_are_told_what_a_service_publishes() -> None:
    """A route to a service reaches each active subscriber whose condition holds, and no other."""
    service = published()
    for code, condition in (("a", ""), ("b", "[PV1-2] = 'O'"), ("c", "")):
        endpoint = outward(code, "http://127.0.0.1:9/in")
        row = register.subscribe(
            system(), service.pk, caller=code, org_code="", reason="x", endpoint=endpoint, condition=condition
        )
        if code != "c":
            register.move_subscription(system(), row.pk, "approve")
    active("publish", "", {"service": "report"})
    accept(message("1"), message("2", "P2", visit="O"))
    routing.route()
    assert sorted(Delivery.objects.values_list("message__control_id", "endpoint__code")) == [
        ("1", "a"),
        ("2", "a"),
        ("2", "b"),
    ]
    assert not Message.objects.filter(routed_at=None).exists() and routing.route() == 0


@pytest.mark.feature("C16")
def test_endpoint_and_route_are_made_by_forms_with_mistakes_said_in_words() -> None:
    """A wrong address, a wrong condition, an unknown step: the form says where; mended, it is kept, tried and activated."""
    browser = signed_in()
    facts = {
        "code": "his", "name": "县医院 HIS", "kind": "mllp", "address": "nowhere", "state": "open", "concurrency": "4", "per_minute": "0",
        "timeout_seconds": "5", "keep_trying_hours": "72", "options": "",
    }  # fmt: skip
    wrong = browser.post(reverse("bus:endpoint-new"), facts)
    assert wrong.status_code == 422 and "host:port" in wrong.content.decode()
    assert (
        browser.post(reverse("bus:endpoint-new"), facts | {"address": "127.0.0.1:2575", "options": "{bad"}).status_code
        == 422
    )
    assert browser.post(reverse("bus:endpoint-new"), facts | {"address": "127.0.0.1:2575"}).status_code == 302
    route = {
        "code": "r",
        "name": "结果",
        "position": "10",
        "priority": "0",
        "condition": "type = ",
        "aim_1": "endpoint:his",
        "steps_1": "[]",
    }
    for changed, words in (
        ({}, "没有写完"), ({"condition": "nobody = '1'"}, "nobody"), ({"condition": "", "aim_1": ""}, "至少要有一个去向"),
        ({"condition": "", "steps_1": '[{"step": "no.such"}]'}, "no.such"), ({"condition": "", "steps_1": "[1,"}, "JSON"),
    ):  # fmt: skip
        answer = browser.post(reverse("bus:route-new"), route | changed)
        assert answer.status_code == 422 and words in answer.content.decode(), changed
    assert browser.post(reverse("bus:route-new"), route | {"condition": "类型 = 'ORU^R01'"}).status_code == 302
    accept(message("1"), message("2", kind="ADT^A01"))
    assert "最近 2 条消息中有 1 条" in browser.get(reverse("bus:route", args=["r"]) + "?try=1").content.decode()
    assert Delivery.objects.count() == 0
    browser.post(reverse("bus:route-move", args=["r", "activate"]))
    assert Route.objects.get().state == "active"
    accept(message("3"))
    routing.route()
    assert [d.message.control_id for d in Delivery.objects.all()] == ["3"], (
        "what came before the route was active takes it not"
    )


@pytest.mark.feature("C17")
def test_dead_letters_are_replayed_and_discarded_by_a_person(ways: Delivery) -> None:
    """One by one or all of an endpoint; discarding asks why."""
    browser = signed_in()
    Delivery.objects.update(state="dead", failures=8)
    assert browser.post(reverse("bus:delivery-move", args=[ways.pk, "discard"]), {}).status_code == 422
    browser.post(reverse("bus:delivery-move", args=[ways.pk, "discard"]), {"reason": "对方已停用"})
    ways.refresh_from_db()
    assert (ways.state, ways.error["facts"]["reason"]) == ("discarded", "对方已停用")
    browser.post(reverse("bus:delivery-move", args=[ways.pk, "replay"]))
    ways.refresh_from_db()
    assert (ways.state, ways.failures) == ("waiting", 0)
    Delivery.objects.update(state="dead")
    browser.post(reverse("bus:endpoint-replay", args=[ways.endpoint_id]))
    assert Delivery.objects.get().state == "waiting"
    assert browser.post(reverse("bus:delivery-move", args=[ways.pk, "bury"]), {"reason": "x"}).status_code in (404, 409)


@pytest.mark.feature("C18")
def test_a_message_is_found_by_its_numbers_shown_masked_and_revealed_with_a_reason(ways: Delivery) -> None:
    """Search and reading leave their lines; the persons are shown to one who may and says why, and to no other purpose."""
    browser = signed_in()
    found = browser.get(reverse("bus:messages"), {"q": "AC1"}).content.decode()
    assert "ORU^R01" in found and "P123456" not in found
    line = Audit.objects.get(action="bus.search")
    assert line.after == {"number": "＊＊＊"}
    url = reverse("bus:reveal", args=[ways.message_id])
    assert browser.post(url, {"reason": "curious"}).status_code == 422
    shown = browser.post(url, {"reason": "fault", "note": "接口报错"})
    assert "张三" in shown.content.decode() and "no-store" in shown["Cache-Control"]
    assert Audit.objects.get(action="bus.reveal").after == {"reason": "fault", "note": "接口报错"}


@pytest.mark.feature("C18")
def test_who_has_no_purpose_or_permission_sees_no_person(ways: Delivery) -> None:
    """Supervision may look at the bus and not at persons; without bus.search no number is asked for; others' messages are out of reach."""
    looker = signed_in(("bus.view", "bus.reveal"), purpose=Purpose.SUPERVISION)
    assert looker.get(reverse("bus:messages"), {"q": "AC1"}).status_code == 403
    assert looker.post(reverse("bus:reveal", args=[ways.message_id]), {"reason": "fault"}).status_code in (403, 409)
    assert looker.post(reverse("bus:route-move", args=["results", "pause"])).status_code == 403
    make_role("operator", "运维", actions=ALL, reach=Reach.OWN, purpose=Purpose.OPERATION)
    Message.objects.update(org_code="200000002X")
    for name in ("message", "reveal"):
        assert looker.get(reverse(f"bus:{name}", args=[ways.message_id])).status_code == 404
    assert looker.get(reverse("bus:delivery", args=[ways.pk])).status_code == 404
    assert "ORU^R01" not in looker.get(reverse("bus:deliveries")).content.decode().partition("<tbody")[2]


@pytest.mark.feature("C18")
def test_numbers_are_found_by_an_index_and_at_declared_places() -> None:
    """Every kind of number is kept once; a place declared for the endpoint adds its own; the plan reads the index."""
    raw = message("7") + b"TXA|1|CN||||||||||DOC-9\rPV1||I|||||||||||||||||V-5\r"
    place = inward("with-places")
    register.save_inward(system(), place.pk, paths={"order": ["PV1-2"]})
    accept(raw, code="with-places")
    kept = Message.objects.get()
    assert sorted(kept.keys) == [
        "document:DOC-9",
        "order:A7",
        "order:B7",
        "order:E",
        "order:I",
        "patient:P1",
        "visit:V-5",
    ]
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("explain select id from bus_message where keys && array['order:A7']::varchar[]")
        assert "bus_keys" in "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.feature("C14")
def test_declared_services_of_the_modules_come_into_the_register() -> None:
    """All are published with their endpoints; again nothing is new; what a person decided of one stays."""
    place = inward("v3/EHR-PL-01")
    count = register.gather()
    assert count > 20 and Service.objects.filter(state="published").count() == count
    found = Service.objects.get(code="EHR-PL-01")
    place.refresh_from_db()
    assert place.service_id == found.pk
    register.move_service(system(), found.pk, "suspend", reason="维护")
    Service.objects.filter(pk=found.pk).update(name="旧名")
    assert register.gather() == 0
    found.refresh_from_db()
    assert (found.state, found.name != "旧名") == ("suspended", True)
