"""The form of a process, its transformations in rows, and the list of its runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from yigong.kit.ctx import system
from yigong.platform.bus import routing, runs, step_rows
from yigong.platform.bus.models import Delivery, Message, Process, Run
from yigong.platform.bus.step_rows import Row
from yigong.platform.bus.steps_field import said_in_rows, single_options
from yigong.platform.bus.tests.ground import accept, active, message
from yigong.platform.bus.tests.test_pages import signed_in, ways
from yigong.security.api import opaque_id
from yigong.security.models import Audit

__all__ = ["ways"]
pytestmark = pytest.mark.django_db
ONLY = {"document": ("document",), "plain": ()}
#: steps -> the rows that say them; None where rows cannot
SAID: list[tuple[list[dict[str, Any]], list[Row] | None]] = [
    ([], []),
    ([{"step": "hl7v2.set", "fields": {"MSH-5": "'YG'", "PV1-2": "if([PV1-2] = 'E', 'I', 'O')"}}],
     [Row("hl7v2.set", "MSH-5", "'YG'"), Row("hl7v2.set", "PV1-2", "if([PV1-2] = 'E', 'I', 'O')")]),
    ([{"step": "hl7v2.codes", "field": "PID-8", "codes": {"M": "1", "F": "2"}, "otherwise": "refuse"}],
     [Row("hl7v2.codes", "PID-8", "M=1, F=2, *=refuse")]),
    ([{"step": "hl7v2.codes", "field": "PID-8", "value_set": "GB/T 2261.1"}], [Row("hl7v2.codes", "PID-8", "=GB/T 2261.1")]),
    ([{"step": "hl7v2.drop", "segments": ["NK1", "IN1"], "fields_out": ["PID-13"]}],
     [Row("hl7v2.drop:segment", "NK1"), Row("hl7v2.drop:segment", "IN1"), Row("hl7v2.drop:field", "PID-13")]),
    ([{"step": "json.build", "fields": {"a.b": "order"}}, {"step": "json.build", "fields": {"a.b": "patient"}}],
     [Row("json.build", "a.b", "order"), Row("json.build", "a.b", "patient")]),
    ([{"step": "document", "document": "C0007"}, {"step": "plain"}], [Row("document", "", "C0007"), Row("plain")]),
    ([{"step": "hl7v2.codes", "field": "PID-8", "value_set": "X", "to": "name"}], None),
    ([{"step": "hl7v2.codes", "field": "PID-8", "codes": {"a,b": "1"}}], None),
    ([{"step": "hl7v2.drop", "segments": ["NK1"]}, {"step": "hl7v2.drop", "segments": ["IN1"]}], None),
]  # fmt: skip


@pytest.mark.feature("C16")
@pytest.mark.parametrize(("steps", "rows"), SAID)
def test_steps_are_said_in_rows_and_come_back_the_same(steps: list[dict[str, Any]], rows: list[Row] | None) -> None:
    """What rows say is exactly the steps; what they could not say exactly is left to the JSON."""
    assert step_rows.rows_of(steps, ONLY) == rows
    if rows is not None:
        assert step_rows.steps_of(rows, ONLY) == steps and step_rows.faults(rows, ONLY) == []


def test_every_step_of_the_house_can_be_chosen() -> None:
    """Steps that other modules lend stand beside those of the bus."""
    assert single_options()["document"] == ("document",)


@pytest.mark.feature("C16")
def test_transformations_are_written_in_rows(ways: Delivery) -> None:
    """Rows become steps; a row without its place is said; JSON counts where it was changed; blank rows are nothing."""
    browser, address = signed_in(), reverse("bus:process-new")
    facts: dict[str, Any] = {
        "code": "p", "name": "就诊", "is_active": "on", "order": "0", "act": "save", "s0-name": "告知", "s0-kind": "send",
        "s0-target": "endpoint:his", "s0-transformations-was": "", "s0-transformations": "",
        "s0-transformations-op": ["hl7v2.set", "hl7v2.drop:segment", ""], "s0-transformations-path": ["MSH-5", "OBR", ""],
        "s0-transformations-value": ["'HIS'", "", ""],
    }  # fmt: skip
    assert browser.post(address, facts | {"s0-transformations-path": ["MSH-5", "", ""]}).status_code == 422
    wrong = browser.post(address, facts | {"s0-transformations-op": ["", "hl7v2.drop:segment", ""]})
    assert wrong.status_code == 422 and "第 1 行没有选择操作" in wrong.content.decode()
    assert browser.post(address, facts).status_code == 302
    steps = [{"step": "hl7v2.set", "fields": {"MSH-5": "'HIS'"}}, {"step": "hl7v2.drop", "segments": ["OBR"]}]
    assert Process.objects.get().steps[0]["do"]["steps"] == steps
    shown = browser.get(reverse("bus:process-edit", args=["p"])).content.decode()
    assert 'value="hl7v2.drop:segment" selected' in shown and 'value="MSH-5"' in shown
    text = json.dumps([{"step": "hl7v2.drop", "segments": ["NK1"]}])
    browser.post(reverse("bus:process-edit", args=["p"]), facts | {"s0-transformations": text})
    assert Process.objects.get().steps[0]["do"]["steps"] == json.loads(text)


@pytest.mark.feature("C16", "C18")
def test_a_run_is_known_and_found_by_its_business_number() -> None:
    """The list shows the order, not the digest; visit and order find it and the search leaves its line; one under way says so."""
    runs.save_process(
        system(), "p", name="P", steps=[{"name": "等", "kind": "wait", "do": {"number": "order", "value": "order"}}]
    )
    active("r", "", {"process": "p"})
    accept(message("C7") + b"PV1||I|||||||||||||||||V-5\r", message("C8"))
    routing.route()
    browser, address = signed_in(), reverse("bus:runs")
    page = browser.get(address).content.decode().partition("<tbody")[2]
    assert "BC7" not in page and "AC7" in page and "AC8" in page and "进行中" in page and "未记录" not in page
    for number, other in (("AC7", "AC8"), ("BC7", "AC8"), ("V-5", "AC8"), ("C8", "AC7")):
        found = browser.get(address, {"q": number}).content.decode().partition("<tbody")[2]
        assert ("AC7" in found) != ("AC8" in found) and other not in found, number
    assert Audit.objects.filter(action="bus.search").count() == 4
    run = Run.objects.get(message__control_id="C7")
    assert "AC7" in browser.get(reverse("bus:run", args=[run.pk])).content.decode()
    Message.objects.filter(control_id="C8").update(
        keys=["patient:P123456"], control_id="x", sha256="x", local_id="P123456"
    )
    page = browser.get(address).content.decode().partition("<tbody")[2]
    assert "P1＊＊＊56" in page and "P123456" not in page


@pytest.mark.feature("C16")
def test_a_process_is_declared_by_form_and_its_runs_are_steered(ways: Delivery) -> None:
    """Wrong steps are said with their number; the page of a run shows each step; cancelling asks why."""
    browser = signed_in()
    facts = {"code": "p", "name": "就诊", "is_active": "on", "order": "0,1"}
    facts |= {"s0-name": "告知", "s0-kind": "send", "s0-keep": "id = $.id", "s1-name": "去掉", "s1-kind": "transform"}
    facts |= {"s0-transformations": '[{"step": "json.build", "fields": {"a": "order"}}]', "s0-attempts": "3"}
    facts |= {"s1-transformations": '[{"step": "hl7v2.drop", "segments": ["OBR"]}]'}
    address = reverse("bus:process-new")
    wrong = browser.post(address, {**facts, "act": "save"})
    assert wrong.status_code == 422 and "第 1 步“告知”没有选择去向" in wrong.content.decode()
    bad = browser.post(address, {**facts, "s0-keep": "id", "act": "save"})
    assert bad.status_code == 422 and "名称 = 位置" in bad.content.decode()
    moved = browser.post(address, {**facts, "act": "down:0"}).content.decode()
    assert 'name="order" value="1,0"' in moved and not Process.objects.exists()
    assert 'name="order" value="0,1,2"' in browser.post(address, {**facts, "act": "add"}).content.decode()
    assert 'name="order" value="1"' in browser.post(address, {**facts, "act": "remove:0"}).content.decode()
    facts["s0-target"] = "endpoint:his"
    tried = browser.post(address, {**facts, "act": "try", "message": opaque_id(ways.message_id)}).content.decode()
    assert "→ his" in tried and "没有发送" in tried and "P123456" not in tried and not Process.objects.exists()
    saved = browser.post(address, {**facts, "act": "save"})
    assert saved.status_code == 302, saved.content.decode()
    shown = browser.get(reverse("bus:process-edit", args=["p"])).content.decode()
    assert "id = $.id" in shown and "hl7v2.drop" in shown
    assert Process.objects.get().steps[0]["attempts"] == 3
    run = runs.begin(system(), "p", key="K", facts={})
    assert browser.post(reverse("bus:run-move", args=[run.pk, "cancel"]), {}).status_code == 422
    browser.post(reverse("bus:run-move", args=[run.pk, "cancel"]), {"reason": "患者取消"})
    runs.turn()
    run = Run.objects.get()
    assert (run.state, run.reason) == ("compensated", "患者取消")
    assert "患者取消" in browser.get(reverse("bus:run", args=[run.pk])).content.decode()


@pytest.mark.feature("C16")
def test_transformations_are_read_in_the_words_of_the_form() -> None:
    """A page shows operation, place and value; a step that rows cannot say is shown whole."""
    assert [(str(o), p, v) for o, p, v in said_in_rows([{"step": "hl7v2.drop", "segments": ["NK1"]}])] == [
        ("去掉段", "NK1", "")
    ]
    whole = {"step": "hl7v2.codes", "field": "PID-8", "value_set": "X", "to": "name"}
    assert said_in_rows([whole]) == [("hl7v2.codes", "", json.dumps(whole, ensure_ascii=False))]
