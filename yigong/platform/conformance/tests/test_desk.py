"""The desk against the running platform, over the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Purpose, Reach, system
from yigong.platform.conformance import command, services
from yigong.platform.conformance.asking import Target
from yigong.platform.conformance.models import Run
from yigong.platform.hl7v3.tests.hospital import application, institutions
from yigong.security import api as security
from yigong.standards.api import load
from yigong.standards.cda.write import write_document

SERVICES = ("H0201", "H0202", "H0204", "EHR-PL-01")


@pytest.fixture
def clerk(db: Any) -> Client:
    actions = ["home.view", "conformance.view", "conformance.run"]
    security.make_role("desk", "测评", actions=actions, reach=Reach.NONE, purpose=Purpose.OPERATION)
    user = security.make_user("desk", "测评员", password="Gu3ss-me-not!", role="desk", org_code="")
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.mark.feature("C22")
@pytest.mark.django_db(transaction=True)
def test_the_platform_stands_its_own_evaluation(live_server: Any, tmp_path: Path, capsys: Any) -> None:
    """Services asked over the network pass all their cases, and the report is written as HTML, PDF and JSON."""
    institutions()
    _application, secret = application()
    (tmp_path / "secret").write_text(secret, "utf-8")
    outs = [tmp_path / f"report.{kind}" for kind in ("html", "pdf", "json")]
    words = ["services", "--url", live_server.url, "--app", "his-qh", "--secret-file", str(tmp_path / "secret")]
    code = command.main([*words, "--only", *SERVICES, "--out", *map(str, outs)])
    said = capsys.readouterr().out
    facts = json.loads(outs[2].read_text("utf-8"))
    assert code == 0 and facts["tally"]["fail"] == 0, said
    assert [i["key"] for i in facts["items"]] == ["EHR-PL-01", "H0201", "H0202", "H0204"]
    assert "H0201" in outs[0].read_text("utf-8") and outs[1].read_bytes().startswith(b"%PDF")


@pytest.mark.feature("C22")
@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_is_away_fails_with_the_reason() -> None:
    """Every case of an endpoint that does not answer fails and says so; nothing is raised."""
    target = Target("http://127.0.0.1:9/{service}", "a", "b")
    listed = services.plan(only=("H0201",))
    run = services.ask(services.begin(system(), "services", target.url, len(listed)), target, listed)
    assert run.result["tally"] == {"pass": 0, "fail": len(listed), "unjudged": 0}
    assert "没有应答" in run.result["items"][0]["cases"][0]["notes"][0]["zh"]


@pytest.mark.feature("C22", "A04")
def test_a_vendor_tries_documents_out_on_the_page(clerk: Client) -> None:
    """Documents uploaded are judged by item, shown, and given as a report; without a file the page says what is missing."""
    document = write_document("C0002", {"head": {}, "rows": {}}, load())
    files = [SimpleUploadedFile("门诊病历.xml", document, "text/xml"), SimpleUploadedFile("x.xml", b"<a", "text/xml")]
    done = clerk.post(reverse("conformance:documents"), {"files": files}, follow=True)
    text = done.content.decode()
    assert "C0002" in text and "x.xml" in text and "门诊病历.xml" in text
    run = Run.objects.get()
    assert clerk.get(reverse("conformance:report", args=[run.pk, "pdf"])).content.startswith(b"%PDF")
    assert clerk.post(reverse("conformance:documents")).status_code == 409
    assert "门诊病历" not in clerk.get(reverse("conformance:desk")).content.decode()
