"""XML: the official examples there and back, over HTTP both ways, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lxml import etree

from tests.shared import shared
from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import read, written
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.xml import FHIR, from_xml, to_xml

XML = "application/fhir+xml"


@pytest.mark.feature("C15")
def test_official_examples_there_and_back() -> None:
    """Every example is the same after it was XML: digits, lists with gaps, extensions of primitives, contained resources."""
    count = 0
    for path in sorted(shared("samples/fhir_r4").glob("*.json")):
        resource = read(path.read_bytes())
        again = from_xml(to_xml(resource))
        wanted, found = (json.loads(written(r)) for r in (resource, again))
        for one in (wanted, found):  # the narrative is XHTML: equal as XML, not as text
            one.pop("text", None)
        assert _plain(found) == _plain(wanted), path.name
        count += 1
    assert count > 50


def _plain(value: Any) -> Any:
    """Without narratives of contained resources."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k != "div"}
    return [_plain(v) for v in value] if isinstance(value, list) else value


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_xml_both_ways_over_http() -> None:
    """What is sent as XML is read as JSON and as XML; a search, a refusal and the capabilities come as XML where that is asked."""
    desk.county()
    api = desk.Api(desk.application())
    client = api.client
    made = client.post("/fhir/r4/Patient", to_xml(desk.PATIENT), content_type=XML, headers={"accept": XML})
    assert made.status_code == 201 and made["Content-Type"].startswith(XML)
    root = etree.fromstring(made.content)
    assert root.tag == f"{{{FHIR}}}Patient" and root.find(f"{{{FHIR}}}birthDate").get("value") == "1990-03-07"  # type: ignore[union-attr]
    fhir_id = root.find(f"{{{FHIR}}}id").get("value")  # type: ignore[union-attr]
    assert api.get(f"Patient/{fhir_id}")["name"] == desk.PATIENT["name"]
    for path, tag in (("Patient?_format=xml", "Bundle"), ("metadata?_format=xml", "CapabilityStatement")):
        answer = client.get(f"/fhir/r4/{path}")
        assert answer.status_code == 200 and etree.fromstring(answer.content).tag == f"{{{FHIR}}}{tag}"
    gone = client.get("/fhir/r4/Patient/nobody?_format=xml")
    assert gone.status_code == 404 and etree.fromstring(gone.content).tag == f"{{{FHIR}}}OperationOutcome"
    assert client.get("/fhir/r4/Patient", headers={"accept": "text/turtle"}).status_code == 406


@pytest.mark.feature("S02", "C15")
@pytest.mark.parametrize(
    "raw",
    [b"", b"<a/>", b"<Patient/>", b'<Patient xmlns="http://hl7.org/fhir"><colour value="red"/></Patient>',
     b'<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"><gender value="&a;"/></Patient>',
     b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>', b"<a>" * 100_000,
     b'<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><gender value="female"/></Patient>',
     b'<Observation xmlns="http://hl7.org/fhir"><valueQuantity><value value="five"/></valueQuantity></Observation>'],
)  # fmt: skip
def test_what_is_no_resource_is_refused(raw: bytes) -> None:
    """Other XML, unknown elements, entities, depth: one refusal with a line."""
    with pytest.raises(Refused, match="not_xml"):
        from_xml(raw)
