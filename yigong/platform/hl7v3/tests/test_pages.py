"""The pages of the services: list, one service tried in the sandbox, applications with a secret shown once."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit import clock
from yigong.kit.ctx import Purpose, Reach
from yigong.platform.bus.models import Message
from yigong.platform.hl7v3 import carrying
from yigong.platform.hl7v3.declared import specs
from yigong.platform.hl7v3.examples import example
from yigong.platform.hl7v3.models import Application, Call, Kept
from yigong.platform.hl7v3.tests import hospital
from yigong.platform.hl7v3.tests.hospital import Caller, detail, person, type_code
from yigong.security.api import make_role, make_user

MANAGER = ("hl7v3.view", "hl7v3.try", "hl7v3.manage", "bus.view")


def signed_in(actions: tuple[str, ...] = MANAGER) -> Client:
    """A browser of an administrator."""
    make_role("manager", "平台管理员", actions=actions, reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    user = make_user("admin", "冯磊", password="a-long-password", role="manager", org_code=hospital.HOSPITAL)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.feature("C14")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_service_is_listed_with_its_state_and_calls(caller: Caller, language: str) -> None:
    """All services with what was called; hostile content of a message is shown escaped on the pages of the bus."""
    assert type_code(caller("EHR-PL-01", person(name="&lt;script&gt;alert(1)&lt;/script&gt;"))) == "AA"
    client = signed_in()
    client.cookies["django_language"] = language
    text = client.get(reverse("hl7v3:services")).content.decode()
    assert all(key in text for key in specs())
    assert "EHR-PL-01" in client.get(reverse("hl7v3:calls")).content.decode()
    shown = client.get(reverse("bus:message", args=[Message.objects.get().pk])).content.decode()
    assert "<script>alert" not in shown and "alert(1)" not in shown and "王秀兰" not in shown
    assert client.get(reverse("hl7v3:applications")).status_code == 200


@pytest.mark.feature("C14", "C22")
@pytest.mark.parametrize("key", list(specs()))
def test_each_service_answers_its_own_example_in_the_sandbox(caller: Caller, key: str) -> None:
    """A request written from the declaration is carried out by the sandbox and nothing of it stays."""
    spec = specs()[key]
    found, reply = carrying.sandboxed(Application.objects.get(), spec, example(spec, "TRY", clock.now()).encode())
    assert spec.answer(found.accepted) in reply
    assert found.accepted or spec.verb != "add", found
    assert (Kept.objects.count(), Call.objects.count(), Message.objects.count()) == (0, 0, 0)


@pytest.mark.feature("C14", "C22")
def test_a_service_page_offers_a_request_that_it_answers(caller: Caller) -> None:
    """Every service has a page with address, WSDL, fields and an example; sent from the page it is answered."""
    client = signed_in()
    for key in specs():
        text = client.get(reverse("hl7v3:service", args=[key])).content.decode()
        assert f"/ws/{key}?wsdl" in text
    client.cookies["django_language"] = "en"
    text = client.get(reverse("hl7v3:service", args=["EHR-PL-01"])).content.decode()
    message = re.search(r"<textarea[^>]*>(.*?)</textarea>", text, re.DOTALL).group(1)  # type: ignore[union-attr]
    shown = client.post(reverse("hl7v3:try", args=["EHR-PL-01"]), {"message": unescape(message)}).content.decode()
    assert "PRPA_IN201312UV02" in shown and "注册成功" in shown
    broken = client.post(reverse("hl7v3:try", args=["EHR-PL-01"]), {"message": "<a>&boom;"}).content.decode()
    assert "MCCI_IN000002UV01" in broken or "PRPA_IN201313UV02" in broken


@pytest.mark.feature("C14")
def test_an_application_gets_its_secret_once_and_calls_with_it(caller: Caller) -> None:
    """Registered by the form, the secret shown and never again, a call succeeds; renewed, suspended and revoked it does not."""
    client = signed_in()
    facts = {
        "code": "lis-qh",
        "name": "县医院 LIS",
        "org_code": hospital.HOSPITAL,
        "services": "EHR-PL-*",
        "per_minute": "60",
    }
    page = client.post(reverse("hl7v3:new"), facts).content.decode()
    secret = re.search(r'id="secret">([^<]+)<', page).group(1)  # type: ignore[union-attr]
    row = Application.objects.get(code="lis-qh")
    url = reverse("hl7v3:application", args=[row.pk])
    assert secret not in client.get(url).content.decode() and secret not in str(row.__dict__)
    mine = Caller("lis-qh", secret)
    assert type_code(mine("EHR-PL-01", person())) == "AA"
    assert (type_code(mine("H0201", person())), detail(mine("H0201", person()))[:4]) == ("AR", "接入应用")
    assert client.post(reverse("hl7v3:new"), facts).status_code == 422
    client.post(reverse("hl7v3:steer", args=[row.pk, "suspended"]))
    with pytest.raises(Exception, match="已暂停"):
        mine("EHR-PL-01", person(message_id="M2"))
    client.post(reverse("hl7v3:steer", args=[row.pk, "active"]))
    client.post(reverse("hl7v3:renew", args=[row.pk]))
    with pytest.raises(Exception, match="密钥不正确"):
        mine("EHR-PL-01", person(message_id="M2"))


@pytest.mark.feature("C14")
def test_a_closed_service_answers_ar_and_keeps_the_message(caller: Caller) -> None:
    """Closed by the button it answers AR, opened again it works."""
    client = signed_in()
    client.post(reverse("hl7v3:switch", args=["EHR-PL-01"]))
    reply = caller("EHR-PL-01", person())
    assert (type_code(reply), "已停用" in detail(reply)) == ("AR", True)
    assert Message.objects.get().kind == "unserved"
    client.post(reverse("hl7v3:switch", args=["EHR-PL-01"]))
    assert type_code(caller("EHR-PL-01", person(message_id="M2"))) == "AA"


@pytest.mark.feature("C14")
def test_who_may_only_look_cannot_manage(caller: Caller) -> None:
    """Without the permission the forms are refused."""
    client = signed_in(("hl7v3.view",))
    assert client.get(reverse("hl7v3:new")).status_code == 403
    assert client.post(reverse("hl7v3:try", args=["EHR-PL-01"]), {"message": "<a/>"}).status_code == 403
