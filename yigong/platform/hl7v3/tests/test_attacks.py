"""Hostile input: refused in bounded time and memory, in an answer a client understands, and shown to nobody as markup."""

from __future__ import annotations

import base64
import resource
import time
from types import SimpleNamespace

import pytest
from django.test import Client

from yigong.kit.ctx import system
from yigong.platform.bus.models import Message
from yigong.platform.empi import api as empi
from yigong.platform.hl7v3 import access, soap
from yigong.platform.hl7v3.examples import SAID
from yigong.platform.hl7v3.models import Call, HealthRecord
from yigong.platform.hl7v3.tests import hospital
from yigong.platform.hl7v3.tests.hospital import Caller, detail, person, type_code
from yigong.platform.registry.models import Staff

ENVELOPE = soap.ENVELOPES["1.2"]


def post(body: bytes, service: str = "EHR-PL-01", **headers: str) -> tuple[int, str]:
    """Status and text of a raw post."""
    found = Client(raise_request_exception=True).post(
        f"/ws/{service}", body, content_type=soap.MEDIA["1.2"], headers=headers
    )
    return found.status_code, found.content.decode()


def bomb(depth: int = 9) -> str:
    """Entities that would grow to a billion signs."""
    lines = ["<!DOCTYPE b [<!ENTITY a0 'ha'>"]
    lines += [f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, depth + 1)]
    return "".join(lines) + "]>"


HOSTILE = {
    "entity bomb in the envelope": f"{bomb()}<e:Envelope xmlns:e='{ENVELOPE}'><e:Body>&a9;</e:Body></e:Envelope>",
    "external entity": f"<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><e:Envelope xmlns:e='{ENVELOPE}'><e:Body>&f;</e:Body></e:Envelope>",
    "external DTD": f"<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x.dtd'><e:Envelope xmlns:e='{ENVELOPE}'/>",
    "deep nesting": f"<e:Envelope xmlns:e='{ENVELOPE}'><e:Body>{'<a>' * 5000}{'</a>' * 5000}</e:Body></e:Envelope>",
    "not closed": f"<e:Envelope xmlns:e='{ENVELOPE}'><e:Body>",
    "no XML": "GET / HTTP/1.1",
    "nothing": "",
    "no operation": f"<e:Envelope xmlns:e='{ENVELOPE}'><e:Body><Other/></e:Body></e:Envelope>",
    "no envelope": "<a/>",
}


@pytest.mark.feature("C15")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_envelope_is_answered_by_a_fault_at_once(caller: Caller, name: str) -> None:
    """A SOAP fault that says what is wrong, within little time and memory, and nothing is kept."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    status, text = post(HOSTILE[name].encode())
    assert status == 400 and "Fault" in text and "root:" not in text
    assert time.process_time() - started < 5 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert (Message.objects.count(), Call.objects.count()) == (0, 0)


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bomb", f"{bomb()}<PRPA_IN201311UV02 xmlns='urn:hl7-org:v3'>&a9;</PRPA_IN201311UV02>"),
        (
            "file",
            "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><PRPA_IN201311UV02><id extension='&f;'/></PRPA_IN201311UV02>",
        ),
        ("deep", "<PRPA_IN201311UV02>" + "<a>" * 300 + "</a>" * 300 + "</PRPA_IN201311UV02>"),
        ("wide", "<PRPA_IN201311UV02>" + "<a/>" * (soap.ELEMENTS + 1) + "</PRPA_IN201311UV02>"),
        ("broken", "<PRPA_IN201311UV02><id>"),
        ("other", "<ClinicalDocument/>"),
        ("words", "你好"),
    ],
)
def test_a_hostile_message_is_journalled_and_sent_back(caller: Caller, name: str, message: str) -> None:
    """AR in an answer that names no content of the machine; what came is in the journal."""
    reply = caller("EHR-PL-01", message)
    assert type_code(reply) == "AR" and detail(reply)
    assert "root:" not in detail(reply) and Message.objects.count() == 1
    assert Message.objects.get().outcome == "refused"


@pytest.mark.feature("C15")
def test_an_envelope_beyond_the_limit_is_not_read_to_its_end(caller: Caller) -> None:
    """More bytes than any message has are refused by their number."""
    status, text = post(b"<a>" + b"x" * (soap.LIMIT + 10))
    assert status == 413 and "Fault" in text


@pytest.mark.feature("C15")
def test_a_giant_attribute_is_refused_by_its_length(caller: Caller) -> None:
    """A name of a million signs meets the limit of its field, not the database."""
    reply = caller("EHR-PL-01", person(name="王" * 1_000_000))
    assert type_code(reply) == "AE" and "超过 50 个" in detail(reply)
    reply = caller("EHR-PL-01", person("9" * 5000, message_id="M2"))
    assert type_code(reply) == "AE" and "超过 60 个" in detail(reply)


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    "name",
    [
        "'; drop table empi_registration; --",
        "王%s%(x)s{0}",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\u202eresu",
        "王\u0000"[:1] + "&#65533;",
    ],
)
def test_schema_valid_but_hostile_names_are_only_names(caller: Caller, name: str) -> None:
    """Nothing of a name is executed, formatted or lost on its way into the index and back."""
    assert type_code(caller("EHR-PL-01", person("H1", name=name))) == "AA"
    found = caller("EHR-PL-04", QUERY)
    from html import unescape

    given = "".join(e.text or "" for e in found.iter("{urn:hl7-org:v3}name") if e.get("use") == "L")
    assert given.startswith(unescape(name))
    assert empi.registrations(system(), 1) is not None


QUERY = """<PRPA_IN201305UV02 xmlns="urn:hl7-org:v3"><id root="2.16.156.10011.0" extension="Q1"/><controlActProcess><queryByParameter>
<parameterList><livingSubjectId><value root="2.16.156.10011.0.2.2" extension="H1"/></livingSubjectId></parameterList></queryByParameter>
</controlActProcess></PRPA_IN201305UV02>"""


@pytest.mark.feature("C15")
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_other_encodings_of_the_envelope_are_read(caller: Caller, encoding: str) -> None:
    """What the declaration or the mark says is honoured; an envelope in another encoding is read all the same."""
    application, secret = hospital.application("enc")
    body = (
        soap.call("1.2", "EHR-PL-01", person(), application.code, secret)
        .decode()
        .replace("UTF-8", encoding.removesuffix("-sig"))
    )
    status, text = post(body.encode(encoding))
    assert status == 200 and "注册成功" in text


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("user", "secret"), [("", ""), ("his-qh", ""), ("his-qh", "x"), ("nobody", "x"), ("his-qh' or '1'='1", "x")]
)
def test_who_cannot_say_who_they_are_is_not_heard(
    caller: Caller, user: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 with a fault and nothing journalled; after many wrong secrets the guesser waits."""
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    access._wrong.clear()
    status, text = post(soap.call("1.2", "EHR-PL-01", person(), user, secret))
    assert status == 401 and "密钥不正确" in text and Message.objects.count() == 0
    for _ in range(access.WRONG_PER_MINUTE):
        post(soap.call("1.2", "EHR-PL-01", person(), "guess", "x"))
    assert post(soap.call("1.2", "EHR-PL-01", person(), "guess", "x"))[0] == 429
    access._wrong.clear()


@pytest.mark.feature("C15")
def test_http_basic_serves_as_well_and_calls_are_bounded(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client without WS-Security says who it is by HTTP; beyond its calls a minute it is told to wait."""
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: 1000.0))  # all within one minute
    application, secret = hospital.application("basic", per_minute=2)
    token = base64.b64encode(f"{application.code}:{secret}".encode()).decode()
    statuses = [
        post(soap.call("1.2", "EHR-PL-01", person(message_id=f"B{n}")), Authorization=f"Basic {token}")[0]
        for n in range(3)
    ]
    assert statuses == [200, 200, 429]


@pytest.mark.feature("C15")
def test_nobody_speaks_for_an_institution_that_is_not_theirs(caller: Caller) -> None:
    """A registered institution outside the application's scope is refused; an unknown code means the application's own."""
    reply = caller("EHR-PL-01", person(org=hospital.CENTRE))
    assert type_code(reply) == "AE" and "没有代表该机构的权限" in detail(reply)
    assert type_code(caller("EHR-PL-01", person(org="XXXXX", message_id="M2"))) == "AA"


# ---- what is asked again, and what a person may see ----


@pytest.mark.feature("C17")
def test_a_message_sent_again_gets_its_first_answer_and_acts_once(caller: Caller) -> None:
    """Equal bytes are the same message: one registration, one line in the journal, the same reply; other content is another message."""
    from lxml import etree

    first, again = caller("EHR-PL-01", person()), caller("EHR-PL-01", person())
    assert etree.tostring(first) == etree.tostring(again)
    assert Message.objects.count() == 1 and Call.objects.filter(type_code="AA").count() == 1
    assert type_code(caller("EHR-PL-01", person("P2"))) == "AA" and Message.objects.count() == 2


@pytest.mark.feature("C17")
def test_a_refused_message_is_tried_anew_when_it_comes_again(caller: Caller) -> None:
    """An update before the registration is refused; the same bytes after it are carried out."""
    update = person(message_id="U1", root="PRPA_IN201314UV02", phone="13900000000")
    assert type_code(caller("EHR-PL-02", update)) == "AE"
    assert type_code(caller("EHR-PL-01", person())) == "AA"
    assert type_code(caller("EHR-PL-02", update)) == "AA"


@pytest.mark.feature("C17")
def test_what_was_journalled_and_not_answered_is_carried_on_by_the_worker(caller: Caller) -> None:
    """A crash between journal and answer loses nothing: the worker of the bus carries the message out."""
    from yigong.platform.bus.api import process
    from yigong.platform.hl7v3 import declared, services
    from yigong.platform.hl7v3.models import Application

    spec = declared.specs()["EHR-PL-01"]
    services.journal(spec, services.envelope(Application.objects.get(), spec.key, person().encode()))
    assert process() == 1
    assert empi.search(system(), "王秀兰").total == 1
    assert type_code(caller("EHR-PL-01", person())) == "AA", "the sender's repetition gets the answer"
    assert empi.search(system(), "王秀兰").total == 1


@pytest.mark.feature("C17")
def test_the_worker_may_be_quicker_than_the_caller(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the worker of the bus takes the message between journal and carrying, the caller still gets the one answer."""
    from yigong.platform.hl7v3 import services

    journal = services.journal

    def seized(*arguments: object) -> int:
        found = journal(*arguments)  # type: ignore[arg-type]
        assert services.bus.process() == 1
        return found

    monkeypatch.setattr(services, "journal", seized)
    assert type_code(caller("EHR-PL-01", person())) == "AA"
    assert Call.objects.count() == 1 and empi.search(system(), "王秀兰").total == 1


@pytest.mark.feature("C21")
def test_replies_are_cleared_when_their_time_is_over(caller: Caller) -> None:
    """The line of the call stays, what it gave out goes; a query's reply is never kept."""
    from datetime import timedelta

    from yigong.kit import clock
    from yigong.platform.hl7v3 import api, clearing

    caller("EHR-PL-01", person("H1"))
    caller("EHR-PL-04", QUERY)
    assert [bool(c.reply) for c in Call.objects.order_by("id")] == [True, False]
    assert api.clear() == 0
    with clock.fixed(clock.now() + clearing.KEEP + timedelta(days=1)):
        assert api.clear() == 1
    assert Call.objects.count() == 2


def record(service: str, message_id: str, reason: str = "", org: str = "") -> str:
    """A request about a health record."""
    return f"""<HealthRecordRequest xmlns="urn:hl7-org:v3"><ID root="2.16.156.10011.0" extension="{message_id}"/>
<SourcePatientID>{org}P1</SourcePatientID><SourcePatientName>王秀兰</SourcePatientName><IdentityId>{SAID["IDCardNo"]}</IdentityId>
<Reason>{reason}</Reason></HealthRecordRequest>"""


@pytest.mark.feature("B01")
def test_a_health_record_is_opened_once_taken_over_and_cancelled_by_who_keeps_it(caller: Caller) -> None:
    """Request, rule, reply with states: the second opening, the stranger's cancelling and the hasty return are refused with the rule."""
    application, secret = hospital.application("centre", hospital.CENTRE, source_system="PHIS")
    centre = Caller(application.code, secret)
    said = []
    for who, service, reason in (
        (caller, "YG-EHR-01", ""), (caller, "YG-EHR-01", ""), (centre, "YG-EHR-01", ""), (centre, "YG-EHR-02", "误建"),
        (caller, "YG-EHR-03", "迁入"), (centre, "YG-EHR-03", ""), (centre, "YG-EHR-03", "居民迁入"), (caller, "YG-EHR-03", "迁回"),
        (centre, "YG-EHR-02", "死亡"), (caller, "YG-EHR-03", "迁回"),
    ):  # fmt: skip
        if who is centre and len(said) == 2:
            reply = centre("EHR-PL-01", person("P1", id_no=SAID["IDCardNo"], org=hospital.CENTRE))
            assert type_code(reply) == "AA"
        said.append(type_code(who(service, record(service, f"R{len(said)}", reason))))
    assert said == ["AA", "AE", "AE", "AE", "AE", "AE", "AA", "AE", "AA", "AE"]
    row = HealthRecord.objects.get()
    assert (row.state, row.org_code, [m.verb for m in row.moves.order_by("id")]) == (
        "cancelled", hospital.CENTRE, ["open", "transfer", "cancel"],
    )  # fmt: skip


@pytest.mark.feature("B02", "B03")
def test_foreseeing_says_that_there_is_something_and_that_it_is_not_for_you(caller: Caller) -> None:
    """Another institution's documents of a person one does not know exist and are not permitted; nothing of them is given out."""
    from yigong.platform.hl7v3.tests.test_samples_region import named

    text = named("EHR-PL-16").decode().replace("<IdentityId>201507287452<", f"<IdentityId>{SAID['IDCardNo']}<")
    assert type_code(caller("EHR-PL-16", text)) == "AA"
    application, secret = hospital.application("centre", hospital.CENTRE, source_system="PHIS")
    centre = Caller(application.code, secret)
    asked = f'<GetDocumentStroedInfoRequest xmlns="urn:hl7-org:v3"><Id extension="G1"/><IdentityId>{SAID["IDCardNo"]}</IdentityId></GetDocumentStroedInfoRequest>'
    reply = centre("EHR-PL-18", asked)
    assert (type_code(reply), "不能调阅" in detail(reply)) == ("AE", True)
    assert type_code(centre("EHR-PL-19", asked)) == "AE" and type_code(centre("EHR-PL-14", asked)) == "AE"
    number = caller("EHR-PL-18", asked).findtext(".//{urn:hl7-org:v3}DocumentUniqueId")
    fetch = f'<RetrieveDocumentSetRequest xmlns="urn:hl7-org:v3"><ID extension="F1"/><DocumentRequest><RepositoryUniqueId>YIGONG</RepositoryUniqueId><DocumentUniqueId>{number}</DocumentUniqueId></DocumentRequest></RetrieveDocumentSetRequest>'
    assert (type_code(centre("EHR-PL-20", fetch)), type_code(caller("EHR-PL-20", fetch))) == ("AE", "AA")


@pytest.mark.feature("A18")
def test_a_doctor_of_two_institutions_is_one_member_of_staff_with_two_places(caller: Caller) -> None:
    """The second institution's registration adds a place of practice."""
    from datetime import UTC, datetime

    from yigong.platform.hl7v3.declared import specs
    from yigong.platform.hl7v3.examples import example

    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert type_code(caller("H0401", example(specs()["H0401"], "S1", at))) == "AA"
    application, secret = hospital.application("centre", hospital.CENTRE)
    reply = Caller(application.code, secret)("H0401", example(specs()["H0401"], "S2", at))
    assert (type_code(reply), "多点执业" in detail(reply)) == ("AA", True)
    row = Staff.objects.get()
    assert (row.org_code, [s["org_code"] for s in row.sites]) == (hospital.HOSPITAL, [hospital.CENTRE])
