"""The operator of the bus: a message that fails is seen, found, understood, mended, sent again and seen to arrive."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Helper
from tests.journeys.visitor import PHONE, WIDE, Visitor
from yigong.platform.bus.tests.receivers import MllpReceiver, free_port, mllp_receiver

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]
BASE = "/platform/bus/"
SOON = 30_000


def result(control: str, test: str, code: str) -> bytes:
    """A result as a laboratory sends it; *code* is the abnormal flag that the receiver has to understand."""
    head = f"MSH|^~\\&|JLIS|QH000101-2|YG|QH|20261101080000||ORU^R01|{control}|P|2.4||||||UNICODE UTF-8"
    return "\r".join(
        (
            head,
            f"PID|||J{control}||测试^患",
            f"OBR|1|{control}|{control}|{test}",
            f"OBX|1|NM|{test}||5.1|mmol/L||{code}",
            "",
        )
    ).encode()


def send(port: int, *messages: bytes) -> list[bytes]:
    """Over MLLP, each acknowledged before the next; the codes of the acknowledgements."""
    codes = []
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        for one in messages:
            link.sendall(b"\x0b" + one + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += link.recv(65536)
            codes.append(re.search(rb"MSA\|(\w\w)", answer)[1])  # type: ignore[index]
    return codes


@pytest.fixture
def intake(helper: Helper) -> Iterator[int]:
    """The platform's own intake of HL7 v2 and its worker, as an installation runs them; the port of the intake."""
    port = free_port()
    with helper("listen", "--mllp", f"127.0.0.1:{port}"), helper("bus", "work"):
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port


@contextmanager
def receiving() -> Iterator[MllpReceiver]:
    """A hospital's system."""
    with mllp_receiver() as receiver:
        yield receiver


def register(operator: Visitor, code: str, address: str, test: str) -> None:
    """An endpoint and a route to it that translates abnormal flags, made on the pages."""
    page = operator.open(f"{BASE}endpoints/new/")
    for name, value in (("code", code), ("name", f"病房系统 {code}"), ("address", address), ("timeout_seconds", "2")):
        page.fill(f"#id_{name}", value)
    page.select_option("#id_kind", "mllp")
    page.click("main form button.p")
    page.wait_for_url("**/endpoints/*/")
    page = operator.open(f"{BASE}routes/new/")
    for name, value in (("code", code), ("name", f"结果送病房 {code}"), ("condition", f"[OBR-4] = '{test}'")):
        page.fill(f"#id_{name}", value)
    page.select_option("#id_aim_1", f"endpoint:{code}")
    page.select_option("select[name=steps_1-op] >> nth=0", "hl7v2.codes")
    page.fill("input[name=steps_1-path] >> nth=0", "OBX-8")
    page.fill("input[name=steps_1-value] >> nth=0", "H=↑, L=↓, *=refuse")
    page.click("main form button.p")
    page.wait_for_url(f"**/routes/{code}/")
    page.click(".yg-tools >> text=开始使用")
    expect(page.locator(".yg-tools")).to_contain_text("已启用")


def search(page: Page, number: str) -> None:
    """By business number."""
    page.fill("#list-q", number)
    page.press("#list-q", "Enter")
    page.wait_for_url("**q=*")


@pytest.mark.feature("C14", "C16")
def test_a_message_that_fails_is_found_mended_and_arrives(visit: Visit, intake: int) -> None:
    """Told by the badge, found by its number, why in words, the route mended where the page leads, sent again, arrived before one's eyes."""
    with receiving() as receiver:
        operator = visit("fenglei", size=WIDE)
        register(operator, f"w{intake}", f"127.0.0.1:{receiver.port}", f"T{intake}")
        assert send(intake, result(f"A{intake}", f"T{intake}", "HH")) == [b"AA"]
        page = operator.open(f"{BASE}deliveries/?state=dead")
        page.wait_for_timeout(500)
        for _ in range(40):
            search(page, f"A{intake}")
            if page.locator("#list tbody tr").count():
                break
            page.wait_for_timeout(250)
        page.locator("#list tbody tr").first.click()
        page.wait_for_url("**/deliveries/*/")
        expect(page.locator("#delivery")).to_contain_text("HH")
        expect(page.locator("#delivery")).to_contain_text("请补充对照后重新投递")
        page.click("text=修改路由与转换")
        page.fill("input[name=steps_1-value] >> nth=0", "H=↑, L=↓, HH=↑↑, *=refuse")
        page.click("main form button.p")
        page.wait_for_load_state()
        if page.locator("text=差异").count():  # the differences with recorded messages are seen before they hold
            page.click("main form button.p")
        operator.open(f"{BASE}deliveries/?state=dead&q=A{intake}")
        page.locator("#list tbody tr").first.click()
        page.locator("#delivery button", has_text="重新投递").click()
        expect(page.locator("#delivery")).to_contain_text("已送达", timeout=SOON)
        assert "↑↑".encode() in receiver.got[-1]
        assert operator.faults == []


@pytest.mark.feature("C14", "C16")
def test_many_dead_letters_go_again_together_and_a_tripped_endpoint_is_closed_by_hand(
    visit: Visit, intake: int
) -> None:
    """The receiver refuses many: one press on their cause sends them all, with progress; switched off, its breaker is seen and closed by hand."""
    with receiving() as receiver:
        receiver.answer = lambda _message: "AR"
        operator = visit("fenglei", size=WIDE)
        code = f"m{intake}"
        register(operator, code, f"127.0.0.1:{receiver.port}", f"M{intake}")
        many = [result(f"M{intake}-{n}", f"M{intake}", "H") for n in range(30)]
        assert set(send(intake, *many)) == {b"AA"}
        page = operator.open(f"{BASE}deliveries/?state=dead")
        row = page.locator("main .yg-card >> tr", has_text=code).filter(has_text="重新投递这 30 条")
        for _ in range(60):
            if row.count():
                break
            page.wait_for_timeout(250)
            page.reload()
        expect(row).to_contain_text("AR 对方拒收")
        receiver.answer = lambda _message: "AA"
        row.locator("button").click()
        expect(page.locator("#resent")).to_contain_text("全部有了结果", timeout=SOON)
        expect(page.locator("#resent")).to_contain_text("已送达")
        assert len({m.split(b"|")[9] for m in receiver.got}) == 30
        assert operator.faults == []


@pytest.mark.feature("C14", "C16")
def test_a_tripped_endpoint_is_seen_and_closed_by_hand(visit: Visit, intake: int) -> None:
    """A receiver that is off: the tab counts it, its page says why and when it is probed; back on, one press sends what waits."""
    with receiving() as receiver:
        operator = visit("fenglei", size=WIDE)
        code, port = f"b{intake}", receiver.port
        register(operator, code, f"127.0.0.1:{port}", f"B{intake}")
    assert set(send(intake, *[result(f"B{intake}-{n}", f"B{intake}", "H") for n in range(8)])) == {b"AA"}
    page = operator.open(f"{BASE}endpoints/?q={code}")
    for _ in range(80):
        if "已熔断" in operator.text("#list"):
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("#list")).to_contain_text("已熔断")
    expect(page.locator(".yg-tabs a", has_text="端点")).to_contain_text(re.compile(r"\d"))
    page.locator("#list tbody tr").first.click()
    expect(page.locator("main")).to_contain_text("对方没有开机或没有监听")
    again = MllpReceiver(port)
    page.click("text=解除熔断，立即投递")
    expect(page.locator(".yg-tools")).to_contain_text("未熔断")
    for _ in range(60):
        if len(set(again.got)) == 8:
            break
        page.wait_for_timeout(250)
    again.close()
    assert len(set(again.got)) == 8 and not receiver.got
    assert operator.faults == []


@pytest.mark.feature("C14", "C16")
def test_a_message_that_no_route_took_goes_once_a_route_takes_it(visit: Visit, intake: int) -> None:
    """It is listed as taken by none, says what to do, and after the route is made it is sent without its sender's help."""
    with receiving() as receiver:
        operator = visit("fenglei", size=WIDE)
        assert send(intake, result(f"N{intake}", f"N{intake}", "H")) == [b"AA"]
        page = operator.open(f"{BASE}?ways=none&q=N{intake}")
        for _ in range(40):
            if page.locator("#list tbody tr").count():
                break
            page.wait_for_timeout(250)
            page.reload()
        page.locator("#list tbody tr").first.click()
        expect(page.locator("main")).to_contain_text("没有路由符合这条消息")
        here = page.url
        register(operator, f"n{intake}", f"127.0.0.1:{receiver.port}", f"N{intake}")
        page.goto(here)
        page.click("text=按现行路由重新分派")
        for _ in range(60):
            if receiver.got:
                break
            page.wait_for_timeout(250)
        assert len(receiver.got) == 1
        page.reload()
        expect(page.locator("main")).to_contain_text("AA 已接收")
        assert operator.faults == []


@pytest.mark.feature("C14")
@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_the_lists_of_the_bus_fit_a_phone(visit: Visit, language: str) -> None:
    """Messages, deliveries, dead letters, endpoints, routes and Kafka: none scrolls sideways."""
    operator = visit("fenglei", size=PHONE, language=language)
    for path in (
        "",
        "?state=dead",
        "deliveries/",
        "deliveries/?state=dead",
        "endpoints/",
        "routes/",
        "runs/",
        "kafka/",
    ):
        operator.open(BASE + path)
        assert operator.overflow() <= 0, path
    assert operator.faults == []
