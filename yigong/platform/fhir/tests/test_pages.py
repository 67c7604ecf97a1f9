"""The register of applications: register, secret once, revoke."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Purpose, Reach
from yigong.platform.fhir import access
from yigong.platform.fhir.models import Application
from yigong.platform.fhir.tests import desk
from yigong.security.api import make_role, make_user

ACTIONS = ("fhir.applications", "fhir.register", "fhir.revoke")


@pytest.mark.django_db
@pytest.mark.feature("B18", "C22")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_clerk_registers_and_revokes_an_application(language: str) -> None:
    """The secret is shown once and works; after revocation it does not; wrong scopes and keys are told at their field."""
    desk.county()
    make_role("clerk", "数据管理员", actions=ACTIONS, reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    client = Client()
    client.force_login(make_user("fenglei", "冯磊", password="a-long-password", role="clerk", org_code=desk.HOSPITAL))
    client.cookies["django_language"] = language
    form = {"name": "检验系统", "org_code": desk.HOSPITAL, "source_system": "LIS", "held": "system/Observation.rs"}
    assert client.post(reverse("fhir-pages:register"), form | {"held": "system/Nothing.rs"}).status_code == 400
    assert client.post(reverse("fhir-pages:register"), form | {"jwks": '{"keys": [1]}'}).status_code == 400
    shown = client.post(reverse("fhir-pages:register"), form).content.decode()
    made = Application.objects.get()
    secret = next(s for s in re.findall(r"<code>([^<]+)</code>", shown) if access.secret_hash(s) == made.secret_hash)
    assert secret not in client.get(reverse("fhir-pages:application", args=[made.pk])).content.decode()
    token = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": secret}
    assert Client().post("/fhir/r4/auth/token", token).status_code == 200
    assert "检验系统" in client.get(reverse("fhir-pages:applications")).content.decode()
    assert client.post(reverse("fhir-pages:revoke", args=[made.pk])).status_code == 302
    assert Client().post("/fhir/r4/auth/token", token).status_code == 401
