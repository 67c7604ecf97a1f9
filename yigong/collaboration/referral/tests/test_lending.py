"""A referral is read as FHIR by both institutions, and follows its moves."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.collaboration.referral import services
from yigong.collaboration.referral.tests.conftest import COUNTY, OTHER, TOWNSHIP, Cast
from yigong.collaboration.referral.tests.test_case import sent
from yigong.kit.ctx import system
from yigong.outbox.api import dispatch
from yigong.platform.fhir.publishing import publish
from yigong.platform.fhir.tests import desk


def _tasks(org: str) -> list[dict[str, Any]]:
    found = desk.Api(desk.application(org)).get("Task?_include=Task:focus")
    return [e["resource"] for e in found.get("entry", [])]


@pytest.mark.feature("D10", "C15")
def test_a_referral_is_a_request_and_a_task_that_follow_it(cast: Cast) -> None:
    """Published, then kept up by events: status, receiver, feedback; an outsider sees nothing, a case taken back is gone."""
    first = sent(cast)
    assert publish(system())["referral"] == 2
    for org in (TOWNSHIP, COUNTY):
        task, request = _tasks(org)
        assert (task["status"], task["owner"]["reference"]) == ("requested", f"Organization/{COUNTY}")
        assert request["status"] == "active" and request["reasonCode"] == [{"text": "高血压 3 级"}]
        assert task["for"] == request["subject"]
    assert _tasks(OTHER) == []
    for verb, given in (("accept", {"clinic": "3 诊室"}), ("arrive", {}), ("close", {"summary": "两周复查"})):
        services.move(cast.county, first.pk, verb, given=given)
    while dispatch(100):
        pass
    task, request = _tasks(TOWNSHIP)
    assert (task["status"], request["status"], task["output"][0]["valueString"]) == (
        "completed",
        "completed",
        "两周复查",
    )
    second = sent(cast)
    services.move(cast.township, second.pk, "withdraw", given={})
    while dispatch(100):
        pass
    assert {t["identifier"][0]["value"] for t in _tasks(TOWNSHIP)} == {first.case_no}
