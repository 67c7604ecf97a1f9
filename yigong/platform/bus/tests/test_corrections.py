"""A dead letter mended by hand: what is wrong is shown by line, the original is kept, and the mended one goes on its way."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from yigong.kit import clock
from yigong.kit.ctx import Ctx, Purpose, Reach, system
from yigong.kit.errors import Refused
from yigong.platform.bus import correcting, journal, retention, routing, selectors, services, writing
from yigong.platform.bus.envelope import Envelope
from yigong.platform.bus.models import Correction, Delivery, Message
from yigong.platform.bus.tests.ground import accept, active, message, outward
from yigong.platform.bus.tests.test_pages import signed_in
from yigong.security.models import Audit

ACTS = ("bus.view", "bus.search", "bus.reveal", "bus.replay", "bus.correct", "bus.manage")
CLERK = Ctx(7, "赵敏", "data_clerk", "", (), frozenset(ACTS), Reach.COUNTY, Purpose.OPERATION)
HL7 = "MSH|^~\\&|LIS|100000001X|YG|C|20260301||ORU^R01|M1|P|2.4||||||{charset}\rPID|||P1||测试甲||19800101|F\rOBR|1|A1|B1\rOBX|1|NM|WBC||5.6\r"


def whole(raw: bytes) -> writing.Writing:
    """A message as a person sees it."""
    return writing.writing_of(raw)


@pytest.mark.feature("C14")
@pytest.mark.parametrize(
    ("raw", "form", "charset", "lines"),
    [
        (HL7.format(charset="UNICODE UTF-8").encode(), "hl7v2", "utf-8", 5),
        (HL7.format(charset="GB 18030-2000").encode("gb18030"), "hl7v2", "gb18030", 5),
        ("<?xml version='1.0' encoding='GB18030'?>\n<甲>乙</甲>".encode("gb18030"), "xml", "gb18030", 2),
        ('{"a": "乙"}\r\n'.encode(), "json", "utf-8", 2), (b"no message\rat all", "other", "utf-8", 2),
    ],
)  # fmt: skip
def test_a_text_that_is_not_changed_is_the_same_bytes(raw: bytes, form: str, charset: str, lines: int) -> None:
    """Charset and line ends are those of the message, also after a browser sent carriage returns."""
    opened = whole(raw)
    assert (opened.form, opened.charset, opened.text.count("\n") + 1) == (form, charset, lines)
    assert opened.encoded(opened.text) == raw
    assert opened.encoded(opened.text.replace("\n", "\r\n")) == raw


WRONG = [
    (HL7.format(charset=""), "PID|||P1", "pid|||P1", [(2, "pid", False), (0, "PID", False)]),
    (HL7.format(charset=""), "19800101", "19801301", [(2, "PID-7", False)]),
    (HL7.format(charset=""), "M1|P|2.4", "M1|X|9.9", [(1, "MSH-11", True), (1, "MSH-12", True)]),
    (HL7.format(charset=""), "NM|WBC||5.6", "NM|WBC||abc", [(4, "OBX-5", False)]),
    (HL7.format(charset=""), "MSH|", "MS|", [(1, "", True)]),
    ("<a>\n<b>1</b>\n</a>", "</b>", "</c>", [(2, ":", True)]),
    ('{"a": 1,\n "b": 2}', '"b": 2', '"b": ', [(2, ":", True)]),
]  # fmt: skip


@pytest.mark.feature("C14")
@pytest.mark.parametrize(("text", "old", "new", "found"), WRONG)
def test_what_is_wrong_is_said_by_line_and_place(
    text: str, old: str, new: str, found: list[tuple[int, str, bool]]
) -> None:
    """HL7 v2 by segment and field, XML and JSON by line and column; what cannot be read at all is grave."""
    kept = whole(text.encode())
    assert [w for w in writing.wrongs(kept, kept.text) if w.grave] == []
    said = writing.wrongs(kept, kept.text.replace(old, new))
    assert [(w.line, w.place[: len(p)] if p == ":" else w.place, w.grave) for w, (_l, p, _g) in zip(said, found, strict=True)] == [(n, p, g) for n, p, g in sorted(found)]  # fmt: skip


def test_a_sign_that_the_charset_lacks_is_grave() -> None:
    """The line is named, so that the text is never written with a lost sign."""
    kept = writing.Writing("json", '{"a":\n1}', "latin-1")
    assert [(w.line, w.grave) for w in writing.wrongs(kept, '{"a":\n"乙"}')] == [(2, True)]


def test_changes_are_lines_cut_to_where_they_differ() -> None:
    """Only what differs, with its numbers, also in one line of a hundred thousand signs."""
    long = "x" * 50_000
    assert writing.changes(f"a\n{long}1{long}\nc", f"a\n{long}2{long}\nc\nd") == [
        writing.Change(2, f"…{'x' * 60}1{'x' * 60}…", 2, f"…{'x' * 60}2{'x' * 60}…"), writing.Change(0, "", 4, "d"),
    ]  # fmt: skip


def died(raw: bytes = b"", state: str = "dead") -> Message:
    """A message that died in processing."""
    accept(raw or message("C1", "P999999"))
    Message.objects.update(
        state=state, attempts=8, error={"code": "x", "zh": "没有这个机构", "en": "no such institution"}
    )
    return Message.objects.get()


def mend(found: Message, old: str, new: str, reason: str = "已与检验科核对", ctx: Ctx = CLERK) -> Correction:
    """One place of a message replaced."""
    raw = bytes(found.raw)
    text = writing.writing_of(raw).text.replace(old, new)
    return correcting.correct(ctx, found.pk, text, reason=reason, seen=correcting.digest(raw))


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_a_mended_message_is_processed_again_and_both_versions_stay() -> None:
    """It is found by its new numbers; who, why and both contents are in the history and the audit; the same message sent again is still known."""
    found = died()
    raw = bytes(found.raw)
    made = mend(found, "P999999", "P888888")
    found.refresh_from_db()
    assert (found.state, found.attempts, found.local_id, found.partition_key) == ("received", 0, "P888888", "100000001X|P888888")  # fmt: skip
    assert [m.pk for m in selectors.messages(CLERK, q="P888888")] == [found.pk] and not selectors.numbered("P999999")
    assert bytes(made.before) == raw and bytes(made.after) == bytes(found.raw) == raw.replace(b"P999999", b"P888888")
    assert (made.number, made.reason, made.actor_name, made.died_of) == (1, "已与检验科核对", "赵敏", {"code": "x", "zh": "没有这个机构", "en": "no such institution"})  # fmt: skip
    line = Audit.objects.filter(action="bus.correct").get()
    assert line.after["reason"] == "已与检验科核对" and "P888888" not in str(line.after)
    accept(raw)
    assert Message.objects.count() == 1
    Message.objects.update(state="dead")
    found.refresh_from_db()
    assert mend(found, "P888888", "P777777").number == 2
    assert [bytes(c.before) == raw for c in Correction.objects.order_by("number")] == [True, False]


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_dead_deliveries_of_a_mended_message_are_sent_again_as_mended() -> None:
    """What is sent is transformed from the mended content; deliveries that arrived are not sent twice."""
    outward("his", "http://127.0.0.1:9/in")
    outward("ris", "http://127.0.0.1:9/in")
    active(
        "results", "", {"endpoint": "his", "steps": [{"step": "hl7v2.drop", "segments": ["PV1"]}]}, {"endpoint": "ris"}
    )
    accept(message("C1", "P999999"))
    routing.route()
    Message.objects.update(state="processed")
    Delivery.objects.filter(endpoint__code="his").update(state="dead", body=b"old", failures=8)
    Delivery.objects.filter(endpoint__code="ris").update(state="delivered")
    mend(Message.objects.get(), "P999999", "P888888")
    from yigong.platform.bus.delivery import prepared

    again = Delivery.objects.select_related("message__endpoint__service", "target").get(endpoint__code="his")
    assert (again.state, again.failures, again.body) == ("waiting", 0, None)
    assert b"P888888" in prepared(again).body and b"PV1" not in prepared(again).body
    assert (
        Delivery.objects.get(endpoint__code="ris").state == "delivered" and Message.objects.get().state == "processed"
    )


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_xml_and_json_are_mended_too() -> None:
    """Their numbers are found by the paths that the endpoint declares."""
    place = services.open_endpoint(system(), "in/x", kind="http")
    place.paths = {"order": ["$.order", "//order/@id"]}
    place.save()
    for n, raw in enumerate((b'{"order": "A1"}', b"<r><order id='A1'/></r>")):
        journal.accept(place.pk, [Envelope(raw, str(n), "x^", str(n), "x", "utf-8", "", "", "", str(n))])
    for found in Message.objects.order_by("pk"):
        Message.objects.filter(pk=found.pk).update(state="dead")
        mend(found, "A1", "A2")
    assert [m.keys for m in Message.objects.order_by("pk")] == [["order:A2"], ["order:A2"]]


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_what_must_not_be_mended_is_refused() -> None:
    """No reason, no change, an unreadable text, a page that is old, a message that is not dead, a reader without permission or purpose."""
    found = died()
    raw, seen = bytes(found.raw), correcting.digest(bytes(found.raw))
    text = writing.writing_of(raw).text
    cases = [
        (CLERK, text + "ZZZ|1\n", " ", seen, "missing"), (CLERK, text, "x", seen, r"bus\.correction_same"),
        (CLERK, text[1:], "x", seen, r"bus\.correction_wrong"), (CLERK, text + "ZZZ|1\n", "x", "0", r"bus\.correction_stale"),
    ]  # fmt: skip
    for ctx, new, reason, digest, code in cases:
        with pytest.raises(Refused, match=code):
            correcting.correct(ctx, found.pk, new, reason=reason, seen=digest)
    for ctx, code in (
        (Ctx(8, "甲", "r", "", (), frozenset(set(ACTS) - {"bus.correct"}), Reach.COUNTY, Purpose.OPERATION), "not_permitted"),
        (Ctx(8, "甲", "r", "", (), frozenset(ACTS), Reach.COUNTY, Purpose.SUPERVISION), r"bus\.no_purpose"),
        (Ctx(8, "甲", "r", "X", ("X",), frozenset(ACTS), Reach.OWN, Purpose.OPERATION), "no_such_message"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=code):
            correcting.opened(ctx, found.pk)
    Message.objects.update(state="processed")
    with pytest.raises(Refused, match=r"bus\.not_dead"):
        correcting.opened(CLERK, found.pk)
    assert bytes(Message.objects.get().raw) == raw and not Correction.objects.exists()


@pytest.mark.feature("C14")
@pytest.mark.django_db
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_pages_show_what_is_wrong_the_difference_and_the_history(language: str) -> None:
    """The check answers while one types; each opening leaves its line in the audit; the difference marks what changed."""
    found = died()
    client: Client = signed_in(ACTS)
    client.cookies["django_language"] = language
    page = client.get(reverse("bus:message", args=[found.pk])).content.decode()
    address = reverse("bus:correct", args=[found.pk])
    assert address in page and "P999999" not in page
    opened = client.get(address).content.decode()
    assert "P999999" in opened and Audit.objects.filter(action="bus.reveal", after__for="correct").count() == 1
    text = writing.writing_of(bytes(found.raw)).text
    looked = client.post(reverse("bus:correct-check", args=[found.pk]), {"text": text.replace("19800101", "19801301")})
    assert "PID-7" in looked.content.decode() and 'class="yg-mark"' in looked.content.decode()
    given = {"text": text.replace("P999999", "P888888"), "seen": correcting.digest(bytes(found.raw))}
    assert client.post(address, {**given, "reason": ""}).status_code == 422
    assert client.post(address, {**given, "reason": "核对"}).status_code == 302
    page = client.get(reverse("bus:message", args=[found.pk])).content.decode()
    one = reverse("bus:correction", args=[found.pk, 1])
    assert one in page and "核对" in page
    shown = client.get(one).content.decode()
    assert "P999999" in shown and "P888888" in shown and 'class="yg-mark"' in shown


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_corrections_go_with_their_message() -> None:
    """The purge clears a message with its corrections, and leaves none behind."""
    mend(died(), "P999999", "P888888")
    Message.objects.update(state="processed", routed_at=clock.now(), received_at="2020-01-01T00:00:00Z")
    assert retention.purge(system()) == 1
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from bus_correction")
        assert cursor.fetchone()[0] == 0
