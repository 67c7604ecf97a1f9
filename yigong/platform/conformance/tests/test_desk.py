"""The desk against the running platform, over the network."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.shared import shared
from yigong.kit.clock import now
from yigong.kit.ctx import Purpose, Reach, system
from yigong.kit.idcard import complete
from yigong.platform.conformance import asking, command, services
from yigong.platform.conformance.asking import Target
from yigong.platform.conformance.cases import of_folder
from yigong.platform.conformance.models import Run
from yigong.platform.hl7v3.api import example, groups_of, invented, specs
from yigong.platform.hl7v3.tests.hospital import application, institutions
from yigong.security import api as security
from yigong.standards.api import load
from yigong.standards.cda.write import write_document

PERSON = complete("53299819800101002")
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


@pytest.mark.feature("C14", "C22", "B02", "B03")
@pytest.mark.django_db(transaction=True)
def test_every_service_and_every_message_of_the_evaluation_passes(live_server: Any) -> None:
    """All services with the messages of an evaluation, prepared by the services themselves: nothing fails, and replies fit the schemas."""
    samples, schemas = shared("samples"), shared("samples/v3_region_xsd")
    institutions()
    _application, secret = application(per_minute=0)
    target = Target(f"{live_server.url}/ws/{{service}}", "his-qh", secret)
    listed = services.plan(folder=samples)
    run = services.ask(services.begin(system(), "services", target.url, len(listed)), target, listed, schemas=schemas)
    wrong = [(c["id"], c["said"], c["notes"]) for i in run.result["items"] for c in i["cases"] if c["word"] != "pass"]
    assert not wrong and run.passed == len(listed) > 250
    assert {f"EHR-PL-{n:02d}" for n in range(1, 21)} <= {i["key"] for i in run.result["items"]}


@pytest.mark.feature("C22")
@pytest.mark.django_db(transaction=True)
def test_documents_are_fetched_by_the_services_and_judged(live_server: Any, tmp_path: Path, capsys: Any) -> None:
    """What the endpoint holds of a person is listed by EHR-PL-19, fetched by EHR-PL-20 and judged by its kind."""
    institutions()
    _application, secret = application(per_minute=0)
    document = write_document("C0002", {"head": {}, "rows": {}}, load())
    said = invented(specs()["EHR-PL-16"], now()) | {"Content": base64.b64encode(document).decode(), "IDCardNo": PERSON}
    spec = specs()["EHR-PL-16"]
    message = example(spec, "D-1", now(), said, groups_of(spec, said))
    (tmp_path / "EHR-PL-16-T01.xml").write_text(message, "utf-8")
    target = Target(f"{live_server.url}/ws/{{service}}", "his-qh", secret)
    (stored,) = asking.ask(target, list(of_folder(tmp_path, now())))
    assert stored.word == "pass", stored.said
    (tmp_path / "secret").write_text(secret, "utf-8")
    words = ["documents", "--person", PERSON, "--url", live_server.url, "--app", "his-qh"]
    code = command.main([*words, "--secret-file", str(tmp_path / "secret")])
    assert code == 1 and "C0002" in capsys.readouterr().out
    assert command.main([*words[:2], "53299819700101001X", *words[3:], "--secret-file", str(tmp_path / "secret")]) == 1
    assert "EHR-PL-19" in capsys.readouterr().err


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
