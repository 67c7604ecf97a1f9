"""Persons by Web Service: a real client registers, updates, merges and finds them, and each message is in the journal first."""

from __future__ import annotations

import pytest
from pytest_django.live_server_helper import LiveServer

from yigong.kit.ctx import system
from yigong.platform.bus.api import messages
from yigong.platform.empi import api as empi
from yigong.platform.hl7v3.tests import hospital
from yigong.platform.hl7v3.tests.hospital import Caller, detail, person, type_code


@pytest.mark.feature("C14", "C15")
@pytest.mark.parametrize("port", ["HIPServiceSoap12", "HIPServiceSoap"])
def test_a_person_is_registered_over_the_network(transactional_db: None, live_server: LiveServer, port: str) -> None:
    """WSDL read, call made by SOAP 1.2 or 1.1, journalled, in the index of persons, answered AA with the platform's id."""
    hospital.institutions()
    application, secret = hospital.application()
    caller = Caller(application.code, secret, address=live_server.url, port=port)
    reply = caller("EHR-PL-01", person("P1", id_no="510107195603120021"))
    assert (type_code(reply), reply.tag) == ("AA", "{urn:hl7-org:v3}PRPA_IN201312UV02")
    kept = messages(system()).get()
    assert (kept.kind, kept.control_id, kept.local_id, kept.state, kept.outcome) == (
        "EHR-PL-01", "M1", "P1", "processed", "loaded",
    )  # fmt: skip
    found = empi.search(system(), "王秀兰").rows
    assert [(p.full_name, p.id_no, p.org_codes) for p in found] == [
        ("王秀兰", "510107195603120021", (hospital.HOSPITAL,))
    ]
    assert detail(reply) == "注册成功"
