"""processingCode and processingModeCode: tests are kept and marked, make no records, and are refused where none are taken."""

from __future__ import annotations

import pytest
from lxml import etree

from yigong.kit.ctx import system
from yigong.platform.bus import api as bus
from yigong.platform.bus.models import Endpoint, Message
from yigong.platform.empi import api as empi
from yigong.platform.hl7v3.tests import hospital
from yigong.platform.hl7v3.tests.hospital import Caller, detail, details, person, type_code
from yigong.platform.hl7v3.tests.test_samples_region import fits

pytestmark = pytest.mark.feature("C14", "C15")
PRODUCTION = '<processingCode code="P"/><processingModeCode code="T"/>'


def said(processing: str, mode: str = "T", message_id: str = "T1") -> str:
    """A registration with these codes; an empty one leaves its element empty."""
    codes = [f'code="{code}"' if code else "" for code in (processing, mode)]
    return person(message_id=message_id).replace(
        PRODUCTION, f"<processingCode {codes[0]}/><processingModeCode {codes[1]}/>"
    )


def answered(reply: etree._Element) -> tuple[str, str, str]:
    """The word and both sentences; the reply must fit the schema."""
    fits(reply)
    return type_code(reply), detail(reply), " ".join(en for kind, language, en in details(reply) if language == "en")


@pytest.mark.parametrize(("code", "word"), [("T", "培训"), ("D", "调试"), ("t", "培训")])
def test_a_test_is_kept_and_marked_and_refused(caller: Caller, code: str, word: str) -> None:
    """AR with the place, in both languages; in the journal as a test, carried on by nobody, nobody registered; sent again it is the same."""
    for _ in range(2):
        kind, zh, en = answered(caller("EHR-PL-01", said(code)))
        assert kind == "AR" and word in zh and "processingCode" in zh and "processingCode" in en, (zh, en)
    kept = Message.objects.get(control_id="T1")
    assert (kept.is_test, kept.outcome, kept.state) == (True, "test", "processed")
    assert bus.process() == 0 and empi.search(system(), "王秀兰").total == 0
    assert type_code(caller("EHR-PL-01", said("P", message_id="P1"))) == "AA"
    assert empi.search(system(), "王秀兰").total == 1


def test_a_test_endpoint_takes_tests_as_all_others(caller: Caller) -> None:
    """Declared for the place (``takes_tests``), T is carried out as P is; the next message after the declaration is."""
    assert type_code(caller("EHR-PL-01", said("T"))) == "AR"
    Endpoint.objects.filter(code="v3/EHR-PL-01").update(takes_tests=True)
    assert type_code(caller("EHR-PL-01", said("T", message_id="T2"))) == "AA"
    assert not Message.objects.get(control_id="T2").is_test and empi.search(system(), "王秀兰").total == 1


@pytest.mark.parametrize("service", ["EHR-PL-03", "H0201"])
def test_queries_and_the_hospital_set_are_refused_too(caller: Caller, service: str) -> None:
    """In either edition, reading or writing."""
    spec_root = {"EHR-PL-03": "PRPA_IN201305UV02", "H0201": "PRPA_IN201311UV02"}[service]
    reply = caller(service, said("D").replace("PRPA_IN201311UV02", spec_root))
    assert (
        type_code(reply) == "AR" and "processingCode" in detail(reply) and Message.objects.get(control_id="T1").is_test
    )


@pytest.mark.parametrize(("processing", "mode"), [("P", "A"), ("P", "R"), ("P", "I"), ("P", ""), ("", "T"), ("", "")])
def test_every_mode_of_production_is_carried_out(caller: Caller, processing: str, mode: str) -> None:
    """Archive, restore, initial load and current are production all the same, and what is empty is taken as usual."""
    assert answered(caller("EHR-PL-01", said(processing, mode)))[:2] == ("AA", "注册成功")


@pytest.mark.parametrize(
    ("processing", "mode", "place"), [("X", "T", "processingCode"), ("P", "Q", "processingModeCode")]
)
def test_codes_that_are_none_are_refused(caller: Caller, processing: str, mode: str, place: str) -> None:
    """AR with the codes that there are; kept as refused, no test."""
    kind, zh, en = answered(caller("EHR-PL-01", said(processing, mode)))
    assert kind == "AR" and place in zh and place in en
    kept = Message.objects.get(control_id="T1")
    assert (kept.is_test, kept.outcome) == (False, "refused") and empi.search(system(), "王秀兰").total == 0


def test_a_sandbox_answers_tests(db: None) -> None:
    """An application whose calls leave nothing behind may send tests: it is answered as for production, and nothing stays."""
    hospital.institutions()
    application, secret = hospital.application(sandbox=True)
    assert type_code(Caller(application.code, secret)("EHR-PL-01", said("T"))) == "AA"
    assert empi.search(system(), "王秀兰").total == 0
