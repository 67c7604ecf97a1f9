"""What a sender may not leave out or call by unknown names: said on a real socket, read by hl7apy, and kept in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hl7apy import parser

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.platform.bus import journal, listener, routing, services
from yigong.platform.bus.mllp import Framer, frame
from yigong.platform.bus.models import Delivery, Message
from yigong.platform.bus.tests.ground import active, outward
from yigong.platform.bus.tests.test_called import Subscriber
from yigong.platform.bus.worker import process

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HEAD = {3: "LIS", 4: "100000001X", 5: "YG", 6: "C", 7: "20260301", 9: "ORU^R01", 10: "M7", 11: "P", 12: "2.5", 18: "UNICODE UTF-8"}  # fmt: skip
PID = "PID|1||P1^^^LIS^PI||测试甲||{born}|{sex}\r"
BODY = PID.format(born="19800101", sex="F") + "OBR|1|A1|B1|PNL^血常规\rOBX|1|NM|WBC||5.6|10*9/L\r"


def message(body: str = BODY, /, **head: str) -> str:
    """A result whose head says otherwise at ``f10`` and the like."""
    said = HEAD | {int(name[1:]): value for name, value in head.items()}
    fields = [said.get(n, "") for n in range(3, 19)]
    return f"MSH|^~\\&|{'|'.join(fields)}\r{body}"


@pytest.fixture
def port(transactional_db: None) -> Iterator[int]:
    """A listener on a port of its own, on the database of the test."""
    endpoint = services.open_endpoint(system(), "mllp")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    server = listener.Listener(listener.Gatherer(endpoint.pk), idle_seconds=20)

    serving = listener.serve(server, "127.0.0.1", number, stop)
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,))
    thread.start()
    yield number
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    connection.close()
    connection.close_pool()  # with what the listener's thread gave back


def connected(port: int) -> socket.socket:
    """A connection, once the listener is up."""
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("the listener does not come up")


def answers(port: int, data: bytes, count: int = 1) -> list[bytes]:
    """So many answers of one connection, fewer where it is closed before."""
    found: list[bytes] = []
    with connected(port) as link:
        framer = Framer()
        with contextlib.suppress(ConnectionError):
            link.sendall(data)
            while len(found) < count and (read := link.recv(65536)):
                found += framer.feed(read)
    return found


def kept(text: str, charset: str = "utf-8") -> bytes:
    """The answer to one message, after it is in the journal."""
    opened = listener._opened(text.encode(charset))
    assert opened is not None
    journal.accept(services.open_endpoint(system(), "mllp").pk, [opened])
    return listener._answer(opened, True, AT)


REFUSED = [
    ("f10", "", "MSH^1^10", "101", "MSH-10"), ("f11", "X", "MSH^1^11^1^1", "202", "MSH-11"), ("f12", "9.9", "MSH^1^12^1^1", "203", "2.9"),
    ("f18", "KLINGON", "MSH^1^18", "103", "GB 18030-2000"), ("f9", "", "MSH^1^9", "101", "MSH-9"),
]  # fmt: skip


@pytest.mark.feature("C13", "C15", "C17")
@pytest.mark.parametrize(("field", "value", "place", "code", "word"), REFUSED)
def test_what_a_head_must_say_is_refused_by_place_and_kept(
    db: None, field: str, value: str, place: str, code: str, word: str
) -> None:
    """AR with place, code of table 0357 and a sentence in both languages; the journal has the message and why; nobody carries it on."""
    raw = kept(message(**{field: value}))
    read = parser.parse_message(raw.decode(), find_groups=False)
    assert (read.msa.msa_1.value, read.err.err_2.value, read.err.err_3.value) == ("AR", place, code)
    assert (read.err.err_4.value, word in read.err.err_8.value, " / " in read.err.err_8.value) == ("E", True, True)
    head = raw.decode().split("\r")[0].split("|")
    assert (head[10], head[11], head[17]) == ("P", "2.5", "UNICODE UTF-8")
    row = Message.objects.get()
    assert (row.state, row.outcome, bytes(row.raw).decode()) == ("processed", "refused", message(**{field: value}))
    assert word in row.error["en"] and process() == 0


@pytest.mark.feature("C13")
def test_what_is_refused_goes_no_way(db: None) -> None:
    """A message that is not taken in passes no route, even one that takes all; the next one does."""
    outward("his", "http://127.0.0.1:9/")
    active("all", "", {"endpoint": "his"})
    assert b"MSA|AR" in kept(message(f11="X")) and b"MSA|AA" in kept(message(f10="M8"))
    while routing.route():
        pass
    assert [d.message.control_id for d in Delivery.objects.all()] == ["M8"]


@pytest.mark.feature("C13", "C15")
@pytest.mark.parametrize(
    ("declared", "charset", "named"),
    [
        ("KLINGON", "utf-8", "UNICODE UTF-8"), ("KLINGON", "gb18030", "GB 18030-2000"), ("", "gb18030", "GB 18030-2000"),
        ("UNICODE UTF-8", "gb18030", "GB 18030-2000"), ("ASCII", "utf-8", "UNICODE UTF-8"), ("GB18030", "gb18030", "GB18030"),
        ("BIG-5", "big5", "BIG-5"),
    ],
)  # fmt: skip
def test_an_answer_is_written_in_the_charset_it_names(db: None, declared: str, charset: str, named: str) -> None:
    """The bytes of the answer are what its MSH-18 says, and an unknown name is never repeated."""
    body = PID.format(born="19800101", sex="女").replace("测试甲", "測試甲" if charset == "big5" else "测试甲")
    raw = kept(message(body + "OBR|1|A1\rOBX|1|NM|W||5\r", f18=declared), charset)
    answer = parser.parse_message(raw.decode(charset), find_groups=False)
    assert answer.msh.msh_18.value == named
    assert (" / " in answer.err.err_8.value, "KLINGON" in raw.decode(charset).split("\r")[0]) == (True, False)


REMARKED = [
    (PID.format(born="19800230", sex="F"), {}, "PID^1^7", "102"), (PID.format(born="20990101", sex="F"), {}, "PID^1^7", "102"),
    (PID.format(born="18490101", sex="F"), {}, "PID^1^7", "102"), (PID.format(born="19800101", sex="女"), {}, "PID^1^8^1^1", "103"),
    (PID.format(born="19800101", sex="Q"), {}, "PID^1^8^1^1", "103"), ("", {"f7": "20261301"}, "MSH^1^7", "102"),
    ("", {"f11": ""}, "MSH^1^11", "101"), ("", {"f12": ""}, "MSH^1^12", "101"), ("", {"f11": "T"}, "MSH^1^11^1^1", "202"),
    ("", {"x": "OBR|1|A1|B1|PNL|||20260231\rOBX|1|NM|WBC||5\r"}, "OBR^1^7", "102"),
    ("", {"x": "OBR|1|A1\rOBX|1|NM|WBC||5\rOBX|2|NM|RBC||abc\r"}, "OBX^2^5", "102"),
]  # fmt: skip


@pytest.mark.feature("C13", "C15")
@pytest.mark.parametrize(("pid", "other", "place", "code"), REMARKED)
def test_a_value_that_cannot_be_is_said_to_the_sender(
    db: None, pid: str, other: dict[str, str], place: str, code: str
) -> None:
    """AA, for the message is kept (and used, where it is no test), with an ERR of severity W: place, code, what was made of it."""
    results = other.get("x", "OBR|1|A1|B1|PNL^血常规\rOBX|1|NM|WBC||5.6\r")
    head = {name: value for name, value in other.items() if name != "x"}
    raw = kept(message((pid or PID.format(born="19800101", sex="F")) + results, **head))
    read = parser.parse_message(raw.decode(), find_groups=False, force_validation=False)
    assert (read.msa.msa_1.value, read.msa.msa_2.value) == ("AA", "M7")
    errors = [line.split("|") for line in raw.decode().split("\r") if line.startswith("ERR")]
    assert [(e[2], e[3], e[4]) for e in errors] == [(place, code, "W")] and " / " in errors[0][8]
    assert Message.objects.get().state == ("processed" if head.get("f11") == "T" else "received")


@pytest.mark.feature("C13")
@pytest.mark.parametrize("value", ["<0.01", ">=100", "-5", "5.60", ".5", "＞80", '""', ""])
def test_a_comparison_is_no_fault(db: None, value: str) -> None:
    """What laboratories send for a number they cannot give draws no remark."""
    raw = kept(message(PID.format(born="1980-01-01", sex="") + f"OBR|1|A1\rOBX|1|NM|W||{value}\r"))
    assert b"MSA|AA|M7" in raw and b"ERR" not in raw


@pytest.mark.feature("C13")
def test_many_remarks_are_bounded(db: None) -> None:
    """Ten ERR and how many more there are, whatever comes."""
    body = PID.format(born="19800101", sex="F") + "OBR|1|A1\r" + "OBX|1|NM|W||abc\r" * 500
    errors = [line for line in kept(message(body)).decode().split("\r") if line.startswith("ERR")]
    assert len(errors) == 11 and "另有 490 处" in errors[-1] and errors[-1].split("|")[4] == "I"


@pytest.mark.feature("C13", "C17")
def test_a_frame_of_nothing_is_answered_and_a_line_of_them_closed(port: int) -> None:
    """VT FS CR gets AR at once and messages go on; a sender of nothing but such frames is answered twenty times and let go."""
    data = b"\x0b\x1c\r" + frame(message().encode()) + b"\x0b\x1c\r"
    found = [a.decode() for a in answers(port, data, 3)]
    assert ["MSA|AR|" in found[0], "MSA|AA|M7" in found[1], "MSA|AR|" in found[2]] == [True] * 3 and "空帧" in found[0]
    assert len(answers(port, b"\x0b\x1c\r" * 50_000, 50_000)) == listener.MOST_EMPTY
    assert len(answers(port, frame(message().encode()) * 3, 3)) == 3


@pytest.mark.feature("C13", "C17")
def test_refusals_are_on_the_disk_when_they_are_answered(port: int) -> None:
    """Over a socket, between messages that are taken in: each answered in its turn, all of them in the journal."""
    sent = [message(f10="A1"), message(f10=""), "hello", message(f10="A2", f18="KLINGON"), message(f10="A3")]
    found = answers(port, b"".join(frame(text.encode()) for text in sent), len(sent))
    said = [re.search(rb"MSA\|(..)\|(\w*)", answer).groups() for answer in found]  # type: ignore[union-attr]
    assert said == [(b"AA", b"A1"), (b"AR", b""), (b"AR", b""), (b"AR", b"A2"), (b"AA", b"A3")]
    assert sorted(Message.objects.values_list("outcome", flat=True)) == ["", "", "refused", "refused", "refused"]


@pytest.mark.feature("C13", "C17")
@pytest.mark.parametrize("raw", [b"hello", b"GET / HTTP/1.1", b"MSH", b"MSH|^~\\&|A\x00|B\r"])
def test_what_is_no_hl7_is_kept_to_be_looked_for(db: None, raw: bytes) -> None:
    """AR, and the bytes stand in the journal with the reason: an operator sees which sender is set up wrongly."""
    assert b"MSA|AR" in kept(raw.decode())
    row = Message.objects.get()
    assert (row.kind, row.outcome, bytes(row.raw)) == ("unreadable", "refused", raw) and "MSH" in row.error["zh"]


@pytest.mark.django_db
@pytest.mark.feature("C13", "C14")
def test_a_call_with_a_message_nobody_reads_is_refused_and_kept() -> None:
    """Over HTTP 422 names what is wrong, each time it comes; the call names the message, so MSH-10 may be empty."""
    one = Subscriber()
    status, said = one.call(message(f18="KLINGON").encode())
    assert (status, said["code"], "KLINGON" in said["message"]) == (422, "bus.not_taken", True)
    assert one.call(message(f18="KLINGON").encode())[0] == 422 and Message.objects.get().outcome == "refused"
    with clock.fixed(clock.now() + timedelta(minutes=1)):
        assert one.call(message(f10="").encode())[0] == 202
    assert Message.objects.filter(state="received").count() == 1
