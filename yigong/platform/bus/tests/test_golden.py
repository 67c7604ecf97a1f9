"""Golden messages and shadow replay: what a new version of a route does otherwise is shown before it is in use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.bus import golden, routes, shadow, turning
from yigong.platform.bus.models import Attempt, Delivery, Golden, Message, Route
from yigong.platform.bus.shadow import Difference, Made, Recorded, version
from yigong.platform.bus.tests.ground import accept, active, message, outward
from yigong.platform.bus.tests.test_pages import signed_in
from yigong.security.models import Audit

RESULTS = "type = 'ORU^R01'"
DROP = [{"step": "hl7v2.drop", "segments": ["OBR"]}]
SET = [{"step": "hl7v2.set", "fields": {"OBR-4": "'GLU'"}}]
RAW = message("C1")


@pytest.mark.feature("C20")
@pytest.mark.parametrize(
    ("condition", "targets", "kinds"),
    [
        (RESULTS, [("endpoint:his", DROP)], []),
        ("type = 'ADT^A01'", [("endpoint:his", DROP)], ["left"]),
        (RESULTS, [("endpoint:his", SET)], ["changed"]),
        (RESULTS, [("endpoint:his", DROP), ("endpoint:cdr", [])], ["added"]),
        (RESULTS, [("endpoint:cdr", DROP)], ["added", "dropped"]),
        (RESULTS, [("endpoint:his", [{"step": "hl7v2.codes", "field": "PID-8", "codes": {}, "otherwise": "refuse"}])], ["refused"]),
    ],
)  # fmt: skip
def test_two_versions_are_told_apart_by_what_they_would_send(
    condition: str, targets: list[tuple[str, Any]], kinds: list[str]
) -> None:
    """A message that is taken no more, an aim more or less, other bytes, a transformation that fails; nothing when nothing differs."""
    old = version(RESULTS, [("endpoint:his", DROP)])
    told = Recorded(RAW, {"type": "ORU^R01"})
    ((before, after),) = shadow.made([old, version(condition, targets)], [told])
    assert [d.kind for d in shadow.differences(before, after)] == kinds
    assert shadow.opened(shadow.kept(after)) == after


@pytest.mark.feature("C20")
def test_what_was_refused_and_can_be_made_is_mended() -> None:
    """A transformation that failed and no longer does is a difference for the better."""
    found = shadow.differences({"a": Made(b"", "bus.no_code")}, {"a": Made(b"x")})
    assert found == [Difference("mended", "a", after=b"x", why="bus.no_code")]


@pytest.mark.feature("C20")
def test_changed_places_are_told_with_what_the_reader_may_see() -> None:
    """Each place that differs, by segment and field, the second segment of a name with its number; masked values stay masked."""
    before = [("PID", [(3, "P1"), (8, "1")]), ("OBX", [(5, "1")]), ("OBX", [(5, "2")])]
    after = [("PID", [(3, "P2"), (8, "1")]), ("OBX", [(5, "1")]), ("OBX", [(5, "3")])]
    masked = [("PID", [(3, "＊"), (8, "1")]), *before[1:]]
    shown = [("PID", [(3, "＊"), (8, "1")]), *after[1:]]
    assert shadow.places(before, after, masked, shown) == [("PID-3", "＊", "＊"), ("OBX(2)-5", "2", "3")]


@pytest.fixture
def route(db: None) -> Route:
    """An active route with recorded messages, one of them golden."""
    outward("his", "http://127.0.0.1:9/in")
    found = active("results", RESULTS, {"endpoint": "his", "steps": DROP})
    accept(message("C1", "P123456"), message("C2", "P2"), message("C3", "P3", "ADT^A01"))
    golden.pin(system(), found, Message.objects.get(control_id="C1").pk, "急诊结果")
    return found


def changed(route: Route, condition: str = RESULTS, steps: Any = DROP, accepted: str = "") -> Route:
    """The route saved with other facts."""
    targets = [{"endpoint": "his", "steps": steps}]
    return routes.save_route(
        system(), route.code, name=route.name, condition=condition, targets=targets, accepted=accepted
    )


@pytest.mark.feature("C20")
def test_a_golden_message_has_no_person_and_the_same_outcome(route: Route) -> None:
    """The persons of HL7 v2 are replaced shape by shape; what the route makes of it is kept."""
    pinned = Golden.objects.get()
    body = bytes(pinned.raw).decode()
    assert "张三" not in body and "某某^某" in body and "P123456" not in body + str(pinned.facts)
    assert body.count("|") == message("C1", "P123456").decode().count("|") and pinned.expected["taken"] is True
    assert golden.check(system()) == []


@pytest.mark.feature("C20")
def test_a_version_that_changes_a_golden_message_needs_a_reason(route: Route) -> None:
    """Without a reason nothing is saved; with one the new outcome is what counts from now on, and the audit has the words."""
    with pytest.raises(Refused) as refused:
        changed(route, steps=SET)
    assert (refused.value.code, refused.value.facts["names"]) == ("bus.golden_differs", ["急诊结果"])
    assert route.targets.get().steps == DROP
    changed(route, steps=SET, accepted="检验科改用新代码")
    assert route.targets.get().steps == SET and golden.check(system()) == []
    assert Audit.objects.filter(action="bus.manage", after__accepted="检验科改用新代码").exists()
    changed(route, condition=f"{RESULTS} and [PV1-2] = 'E'", steps=SET)  # takes the same: no reason needed


@pytest.mark.feature("C20")
def test_recorded_messages_are_replayed_and_nothing_is_sent(route: Route) -> None:
    """The latest messages of the journal go through both versions; what differs is counted, no delivery comes of it."""
    found = golden.replay(system(), route, golden.proposed("type in ('ADT^A01')", [{"endpoint": "his", "steps": DROP}]))
    assert (found.recorded, found.golden, found.broken) == (3, 1, ["急诊结果"])
    assert sorted(d.differences[0].kind for d in found.differing if not d.golden) == ["left", "left", "taken"]
    assert not Delivery.objects.exists() and not Attempt.objects.exists()


@pytest.mark.feature("C20")
def test_what_an_upgrade_changes_is_found_by_the_command(route: Route, capsys: Any) -> None:
    """``yigong bus golden`` ends with 1 when a golden message comes out otherwise than when it was set down."""
    assert turning.main(["golden"]) == 0
    route.targets.update(steps=SET)  # as if the code of a transformation had changed
    assert turning.main(["golden"]) == 1
    assert "results: 急诊结果: changed endpoint:his" in capsys.readouterr().out


def form(route: Route) -> dict[str, str]:
    """The form of the route as a browser sends it."""
    facts = {"code": route.code, "name": route.name, "position": "100", "priority": "1", "condition": RESULTS}
    return {**facts, "aim_1": "endpoint:his", "steps_1": json.dumps(SET)}


@pytest.mark.feature("C20")
def test_the_page_shows_the_differences_before_it_saves(route: Route) -> None:
    """The first sending shows what differs, masked; the second saves, once the reason for golden messages is there."""

    client: Client = signed_in()
    address = reverse("bus:route-edit", args=[route.code])
    sent = form(route)
    shown = client.post(address, sent).content.decode()
    assert "OBR-4" in shown and "GLU" in shown and "急诊结果" in shown and "张三" not in shown
    assert route.targets.get().steps == DROP
    without = client.post(address, {**sent, "seen": "3-1"})
    assert without.status_code == 422 and route.targets.get().steps == DROP
    done = client.post(address, {**sent, "seen": "3-1", "accepted": "新代码"})
    assert done.status_code == 302 and route.targets.get().steps == SET
    page = client.get(reverse("bus:route", args=[route.code])).content.decode()
    assert "金样消息" in page and "一致" in page


@pytest.mark.feature("C20")
def test_a_recorded_message_is_set_down_and_taken_away_on_the_page(route: Route) -> None:
    """The trial offers each message it shows; a golden one is removed by its button; without the right neither."""
    client = signed_in()
    page = client.get(reverse("bus:route", args=[route.code]), {"try": "1"}).content.decode()
    token = page.split('name="message" value="')[1][:13]
    client.post(reverse("bus:golden-pin", args=[route.code]), {"message": token, "name": "第二条"})
    assert set(Golden.objects.values_list("name", flat=True)) == {"急诊结果", "第二条"}
    client.post(reverse("bus:golden-unpin", args=[route.code, Golden.objects.get(name="第二条").pk]))
    assert Golden.objects.count() == 1
