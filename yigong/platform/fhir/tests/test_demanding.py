"""What a demanding client sees: forms, refusals, conditions inside bundles."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.kit.errors import Refused
from yigong.platform.fhir.negotiating import accept_is_xml, format_is_xml
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api, observation

#: Accept -> whether XML comes; None: neither will do
ACCEPTED = {
    "*/*": False, "application/json;charset=UTF-8": False, "application/fhir+json; fhirVersion=4.0": False, "application/fhir+xml": True,
    "application/fhir+json;q=0.5, application/fhir+xml;q=0.9": True, "application/fhir+xml;q=0.5, application/fhir+json;q=0.9": False,
    "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8": True, "*/*;q=0.1, text/turtle": False,
    "application/fhir+json, application/fhir+xml": False, "application/*": False, "application/json;q=0, application/xml": True,
    "application/fhir+json; fhirVersion=3.0": None, "application/fhir+json; charset=utf-16": None, "text/turtle": None, "text/html": None,
    "application/json;q=0": None, "application/json;q=x": None, "": None,
}  # fmt: skip


@pytest.mark.feature("C15")
@pytest.mark.parametrize(("accept", "xml"), ACCEPTED.items())
def test_the_form_that_is_accepted(accept: str, xml: bool | None) -> None:
    """Weights, parameters and wildcards of Accept are read as HTTP says; what cannot be met is refused."""
    if xml is None:
        with pytest.raises(Refused) as refused:
            accept_is_xml(accept)
        assert refused.value.code == "fhir.format"
    else:
        assert accept_is_xml(accept) is xml


@pytest.mark.parametrize(("wanted", "xml"), [("json", False), ("application/fhir json", False), ("text/xml", True), ("xml", True), ("application/json; charset=utf-8", False)])  # fmt: skip
def test_format_is_one_of_a_list(wanted: str, xml: bool) -> None:
    """What ``_format`` may say is listed; what only looks like it is refused."""
    assert format_is_xml(wanted) is xml
    with pytest.raises(Refused):
        format_is_xml(f"{wanted}x".replace(";", "x;"))


@pytest.fixture
def api(db: Any) -> Api:
    """A program that may do everything."""
    desk.county()
    return Api(desk.application())


@pytest.mark.feature("C15")
def test_forms_by_http(api: Api) -> None:
    """The usual headers of libraries are answered; an answer without a body names no type; nobody else keeps an answer."""
    place = f"Patient/{api.post('Patient', desk.PATIENT)['id']}"
    for accept in (
        "application/json;charset=UTF-8",
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+json; charset=utf-8",
    ):
        assert api.get(place, 200, accept=accept)["resourceType"] == "Patient"
    assert api.last["Cache-Control"] == "private, no-cache" and "Accept" in api.last["Vary"]
    api.get(place, 200, accept="application/fhir+json;q=0.2, application/fhir+xml")
    assert api.last["Content-Type"].startswith("application/fhir+xml")
    api.get(f"{place}?_format=jsonx", 406)
    api.get(place, 304, **{"if-none-match": 'W/"1"'})
    assert "Content-Type" not in api.last
    api.ask("DELETE", place, status=204)
    assert "Content-Type" not in api.last


@pytest.mark.feature("C15")
def test_methods_that_are_not_there_name_those_that_are(api: Api) -> None:
    """405 comes with Allow (RFC 9110, 15.5.6) and an OperationOutcome."""
    for method, path, allowed in (
        ("PUT", "metadata", "GET, HEAD, OPTIONS"), ("PUT", "", "GET, HEAD, POST"), ("TRACE", "Patient", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("POST", "Patient/1", "GET, HEAD, PUT, PATCH, DELETE"), ("GET", "Patient/_search", "POST"), ("GET", "Patient/$match", "POST"),
        ("DELETE", "Patient/1/Observation", "GET, HEAD"), ("PUT", "ValueSet/$expand", "GET, HEAD, POST"),
    ):  # fmt: skip
        refused = api.ask(method, path, status=405)
        assert refused["resourceType"] == "OperationOutcome" and api.last["Allow"] == allowed, path


@pytest.mark.feature("C15")
def test_a_search_by_post_brings_a_form(api: Api) -> None:
    """A body of another type is not taken for a search without conditions; a compartment is searched by a form too."""
    one = api.post("Patient", desk.PATIENT)["id"]
    other = api.post("Patient", {**desk.PATIENT, "gender": "male"})["id"]
    mine = api.post("Observation", observation(one))["id"]
    api.post("Observation", observation(other))
    assert api.ask("POST", "Patient/_search", {"gender": "male"}, status=415)["issue"][0]["code"] == "not-supported"
    form = "application/x-www-form-urlencoded"
    assert desk.ids(api.ask("POST", "Patient/_search", "gender=male", status=200, content_type=form)) == [other]
    found = api.ask("POST", f"Patient/{one}/Observation/_search", "code=2339-0", status=200, content_type=form)
    assert desk.ids(found) == [mine]
    assert found["link"][0]["url"].endswith(f"Patient/{one}/Observation?code=2339-0")


@pytest.mark.feature("C15")
def test_text_of_a_code_is_its_name_and_its_text(api: Api) -> None:
    """``:text`` finds a concept by its own text and by the names of its codes; sorting by a code passes over the text."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    first = api.post("Observation", observation(patient))["id"]
    other = {"coding": [{"system": "http://loinc.org", "code": "0001"}], "text": "钠"}
    second = api.post("Observation", {**observation(patient), "code": other})["id"]
    for text, found in (("Glu", [first]), ("葡萄", [first]), ("钠", [second]), ("x", [])):
        assert desk.ids(api.get(f"Observation?code:text={text}")) == found, text
    assert desk.ids(api.get("Observation?_sort=code")) == [second, first]
    assert desk.ids(api.get("Observation?_sort=-code")) == [first, second]
    assert (
        api.get("Observation?code:not=2339-0")["total"] == 1 and api.get("Observation?code:missing=true")["total"] == 0
    )


def entry(method: str, url: str, resource: Any = None, **request: Any) -> dict[str, Any]:
    """An entry of a bundle."""
    return {"request": {"method": method, "url": url, **request}, **({"resource": resource} if resource else {})}


@pytest.mark.feature("C15")
def test_an_operation_inside_a_batch_writes_nothing(api: Api) -> None:
    """What a bundle does not serve is refused for what it is: nothing is created in its stead, the other entries are done."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    entries = [
        entry("POST", "Observation/$validate", observation(patient)), entry("POST", f"Patient/{patient}", desk.PATIENT), entry("GET", "metadata"),
        entry("GET", f"Patient/{patient}/$everything"), entry("GET", f"Patient/{patient}/_history"), entry("GET", "Nonsense?x=1"),
        entry("DELETE", f"Patient/{patient}/_history/1"), entry("GET", f"Patient/{patient}"),
    ]  # fmt: skip
    said = api.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}, 200)["entry"]
    assert [e["response"]["status"] for e in said] == ["400"] * 7 + ["200"]
    assert {e["response"]["outcome"]["issue"][0]["code"] for e in said[:7]} == {"not-supported"}
    assert api.get("Observation")["total"] == 0 and api.get("Patient")["total"] == 1
    refused = api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries[:1]}, 400)
    assert refused["issue"][0]["expression"] == ["Bundle.entry[0]"]


@pytest.mark.feature("C15")
def test_conditions_inside_a_batch(api: Api) -> None:
    """A read says 304 to who has the version, HEAD brings no resource, and a PUT may be for a create only."""
    made = api.put("Patient/one", {**desk.PATIENT, "id": "one"}, 201)
    entries = [
        entry("GET", "Patient/one", ifNoneMatch='W/"1"'), entry("GET", "Patient/one", ifNoneMatch='W/"2"'), entry("HEAD", "Patient/one"),
        entry("GET", "Patient/one", ifModifiedSince="2099-01-01T00:00:00Z"), entry("GET", "Patient/one", ifModifiedSince="2000-01-01T00:00:00Z"),
        entry("PUT", "Patient/one", {**made, "active": True}, ifNoneMatch="*"), entry("PUT", "Patient/two", {**made, "id": "two"}, ifNoneMatch="*"),
        entry("GET", "Patient/one", ifModifiedSince="never"),
    ]  # fmt: skip
    said = api.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}, 200)["entry"]
    assert [e["response"]["status"] for e in said] == ["304", "200", "200", "304", "200", "412", "201", "400"]
    assert ["resource" in e for e in said] == [False, True, False, False, True, False, False, False]


@pytest.mark.feature("C15")
def test_pages_stay_what_they_were_while_others_write(api: Api) -> None:
    """A sorted walk shows what was there when it began, once each; an unsorted one passes nothing over."""
    for number in range(6):
        api.post("Location", {"resourceType": "Location", "name": f"L{number}"})
    for query in ("_count=2&_sort=name", "_count=2&_sort=-_lastUpdated", "_count=2"):
        names, path = [], f"Location?{query}&name=L"
        while path:
            page = api.get(path)
            names += [e["resource"]["name"] for e in page["entry"]]
            api.post("Location", {"resourceType": "Location", "name": "A"})
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            path = following[0].partition("/fhir/r4/")[2] if following else ""
        assert sorted(names) == [f"L{n}" for n in range(6)], query


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("odd", "rule"),
    [
        (
            {
                "text": {
                    "status": "generated",
                    "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
                }
            },
            "narrative",
        ),
        ({"managingOrganization": {"reference": "Organization 1"}}, "reference"),
        ({"identifier": [{"system": "", "value": "1"}]}, "format"),
    ],
)
def test_what_does_not_conform_is_neither_written_nor_called_good(api: Api, odd: dict[str, Any], rule: str) -> None:
    """A narrative that runs something, a reference with a blank, an empty address: refused by a write, told by $validate."""
    refused = api.post("Patient", {**desk.PATIENT, **odd}, 422)
    assert [i["details"]["coding"][0]["code"] for i in refused["issue"]] == [rule]
    told = api.post("Patient/$validate", {**desk.PATIENT, **odd}, 200)
    assert rule in [i["details"]["coding"][0]["code"] for i in told["issue"] if i["severity"] == "error"]
