"""FHIRPath Patch: a table of operations with what they make of a resource, and the refusals; over HTTP alone and in a transaction."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yigong.kit.errors import Refused
from yigong.platform.fhir import patching
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api
from yigong.platform.fhir.tests.test_asked_exactly import bundle, entry, text_of

PERSON: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "extension": [{"url": "urn:a", "valueString": "one"}, {"url": "urn:b", "valueQuantity": {"value": 1}}],
    "identifier": [{"system": "urn:s", "value": v} for v in ("1", "2", "3")],
    "name": [{"use": "official", "family": "王", "given": ["秀", "兰"], "_given": [None, {"id": "x"}]}, {"use": "old", "text": "王二"}],
    "birthDate": "1990-03-07",
    "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1990-03-07T08:00:00+08:00"}]},
    "deceasedBoolean": False,
    "contact": [{"name": {"text": "李四"}, "gender": "male"}],
}  # fmt: skip


def operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    """One operation; ``value`` is the part's own members, numbers are integers, ``name`` a text."""
    found: list[dict[str, Any]] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        if name == "value":
            found.append({"name": "value", **value})
        else:
            found.append({"name": name, ("valueInteger" if isinstance(value, int) else "valueString"): value})
    return {"name": "operation", "part": found}


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    """A patch."""
    return {"resourceType": "Parameters", "parameter": list(operations)}


def patched(*operations: dict[str, Any]) -> dict[str, Any]:
    """The person after the operations."""
    return patching.patched(definitions(), copy.deepcopy(PERSON), parameters(*operations))


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    """The person with one member set, or taken away where the value is None."""
    made = copy.deepcopy(PERSON)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


def _ids(*values: str) -> list[dict[str, str]]:
    return [{"system": "urn:s", "value": v} for v in values]


NEW = {"valueIdentifier": {"system": "urn:s", "value": "4"}}
RELATION = {"text": "配偶"}
CASES = {
    "add to the resource": (operation("add", "Patient", name="gender", value={"valueCode": "female"}), changed(["gender"], "female")),
    "add to a list that is there": (operation("add", "Patient", name="identifier", value=NEW), changed(["identifier"], _ids("1", "2", "3", "4"))),
    "add to a list that is not there": (
        operation("add", "Patient", name="telecom", value={"valueContactPoint": {"system": "phone", "value": "1"}}),
        changed(["telecom"], [{"system": "phone", "value": "1"}]),
    ),
    "add inside an element": (operation("add", "Patient.contact[0]", name="gender2", value={"valueCode": "x"}), "Patient.contact"),
    "add a part of the resource by its own parts": (
        operation("add", "Patient", name="contact", value={"part": [
            {"name": "relationship", "valueCodeableConcept": RELATION}, {"name": "relationship", "valueCodeableConcept": {"text": "子"}},
            {"name": "name", "valueHumanName": {"text": "张"}},
        ]}),
        changed(["contact"], [*PERSON["contact"], {"relationship": [RELATION, {"text": "子"}], "name": {"text": "张"}}]),
    ),
    "add a choice by its name": (
        operation("add", "Patient", name="multipleBirth", value={"valueInteger": 2}), changed(["multipleBirthInteger"], 2),
    ),
    "add an extension by parts": (
        operation("add", "Patient", name="extension", value={"part": [{"name": "url", "valueUri": "urn:c"}, {"name": "value", "valueCode": "z"}]}),
        changed(["extension"], [*PERSON["extension"], {"url": "urn:c", "valueCode": "z"}]),
    ),
    "add to what extends a primitive": (
        operation("add", "Patient.birthDate", name="extension", value={"valueExtension": {"url": "urn:d", "valueBoolean": True}}),
        changed(["_birthDate", "extension"], [*PERSON["_birthDate"]["extension"], {"url": "urn:d", "valueBoolean": True}]),
    ),
    "add a primitive to a list with extensions": (
        operation("add", "Patient.name[0]", name="given", value={"valueString": "花"}),
        changed(["name", 0], {**PERSON["name"][0], "given": ["秀", "兰", "花"], "_given": [None, {"id": "x"}, None]}),
    ),
    "add what is there": (operation("add", "Patient", name="birthDate", value={"valueDate": "2000-01-01"}), "already"),
    "add a choice that is there in another type": (operation("add", "Patient", name="deceased", value={"valueDateTime": "2020"}), "already"),
    "add to nothing": (operation("add", "Patient.photo", name="title", value={"valueString": "x"}), "0 elements"),
    "insert at the start": (operation("insert", "Patient.identifier", index=0, value=NEW), changed(["identifier"], _ids("4", "1", "2", "3"))),
    "insert in the middle": (operation("insert", "Patient.identifier", index=2, value=NEW), changed(["identifier"], _ids("1", "2", "4", "3"))),
    "insert at the end": (operation("insert", "Patient.identifier", index=3, value=NEW), changed(["identifier"], _ids("1", "2", "3", "4"))),
    "insert beyond the end": (operation("insert", "Patient.identifier", index=4, value=NEW), "beyond"),
    "insert into an empty list": (
        operation("insert", "Patient.telecom", index=0, value={"valueContactPoint": {"value": "1"}}), changed(["telecom"], [{"value": "1"}]),
    ),
    "insert among primitives": (
        operation("insert", "Patient.name[0].given", index=1, value={"valueString": "花"}),
        changed(["name", 0], {**PERSON["name"][0], "given": ["秀", "花", "兰"], "_given": [None, None, {"id": "x"}]}),
    ),
    "insert into part of a list": (operation("insert", "Patient.identifier.where(value = '1')", index=0, value=NEW), "whole"),
    "insert into what does not repeat": (operation("insert", "Patient.birthDate", index=0, value={"valueDate": "2000-01-01"}), "whole"),
    "delete a primitive with what extends it": (
        operation("delete", "Patient.birthDate"), {k: v for k, v in PERSON.items() if k not in ("birthDate", "_birthDate")},
    ),
    "delete one of a list": (operation("delete", "Patient.identifier[1]"), changed(["identifier"], _ids("1", "3"))),
    "delete by a condition": (operation("delete", "Patient.identifier.where(value = '3')"), changed(["identifier"], _ids("1", "2"))),
    "delete the last of a list": (operation("delete", "Patient.contact[0]"), changed(["contact"], None)),
    "delete a choice": (operation("delete", "Patient.deceased"), changed(["deceasedBoolean"], None)),
    "delete what extends": (operation("delete", "Patient.extension('urn:a')"), changed(["extension"], PERSON["extension"][1:])),
    "delete a primitive of a list": (
        operation("delete", "Patient.name[0].given[1]"),
        changed(["name", 0], {"use": "official", "family": "王", "given": ["秀"]}),
    ),
    "delete what is not there": (operation("delete", "Patient.maritalStatus"), PERSON),
    "delete several": (operation("delete", "Patient.identifier"), "3 elements"),
    "delete the resource": (operation("delete", "Patient"), "resource itself"),
    "replace a primitive": (
        operation("replace", "Patient.birthDate", value={"valueDate": "1991-01-01"}),
        {**{k: v for k, v in PERSON.items() if k != "_birthDate"}, "birthDate": "1991-01-01"},
    ),
    "replace a choice by another type": (
        operation("replace", "Patient.deceased", value={"valueDateTime": "2020-01-01"}),
        {**{k: v for k, v in PERSON.items() if k != "deceasedBoolean"}, "deceasedDateTime": "2020-01-01"},
    ),
    "replace one of a list": (operation("replace", "Patient.identifier[0]", value=NEW), changed(["identifier"], _ids("4", "2", "3"))),
    "replace inside by a condition": (
        operation("replace", "Patient.name.where(use = 'old').text", value={"valueString": "王三"}), changed(["name", 1, "text"], "王三"),
    ),
    "replace the value of an extension": (
        operation("replace", "Patient.extension('urn:b').value", value={"valueCode": "q"}),
        changed(["extension", 1], {"url": "urn:b", "valueCode": "q"}),
    ),
    "replace nothing": (operation("replace", "Patient.maritalStatus", value={"valueCodeableConcept": {"text": "x"}}), "0 elements"),
    "replace by a type the choice has not": (operation("replace", "Patient.deceased", value={"valueCode": "x"}), "cannot be a valueCode"),
    "move forward": (operation("move", "Patient.identifier", source=2, destination=0), changed(["identifier"], _ids("3", "1", "2"))),
    "move back": (operation("move", "Patient.identifier", source=0, destination=2), changed(["identifier"], _ids("2", "3", "1"))),
    "move with what extends": (
        operation("move", "Patient.name[0].given", source=0, destination=1),
        changed(["name", 0], {**PERSON["name"][0], "given": ["兰", "秀"], "_given": [{"id": "x"}, None]}),
    ),
    "move beyond": (operation("move", "Patient.identifier", source=3, destination=0), "beyond"),
    "a function that reaches outside": (operation("delete", "Patient.generalPractitioner.resolve()"), "resolve()"),
    "a function without bound": (operation("delete", "Patient.repeat(name)"), "repeat()"),
    "a variable": (operation("delete", "%resource.birthDate"), "%"),
    "a value that is computed": (operation("delete", "Patient.name.count()"), "no element"),
    "no path": (operation("delete", ""), "path is missing"),
    "no FHIRPath": (operation("delete", "Patient.["), "no valid FHIRPath"),
    "no such type": (operation("swap", "Patient.name"), "no type 'swap'"),
    "no value": (operation("add", "Patient", name="gender"), "value is missing"),
    "two values": (operation("add", "Patient", name="gender", value={"valueCode": "male", "valueString": "x"}), "exactly one"),
    "a negative index": (operation("insert", "Patient.identifier", index=-1, value=NEW), "not negative"),
}  # fmt: skip


@pytest.mark.feature("C15")
@pytest.mark.parametrize("name", CASES)
def test_operations(name: str) -> None:
    """Each operation makes of the person what it says, or is refused with what is wrong, and with its number."""
    asked, expected = CASES[name]
    if isinstance(expected, dict):
        assert patched(asked) == expected
        return
    with pytest.raises(Refused) as refused:
        patched(operation("delete", "Patient.contact.photo"), asked)
    assert refused.value.code == "fhir.patch_operation" and refused.value.facts["number"] == 2
    assert expected in str(refused.value.facts["en"]) and refused.value.facts["zh"] != refused.value.facts["en"]


@pytest.mark.feature("C15")
@given(st.lists(st.integers(0, 99), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_lists_behave_as_lists(values: list[int], data: st.DataObject) -> None:
    """Insert, move and delete at any index do to a list of the resource what they do to a list."""
    names = [f"n{v}" for v in values]
    at, to = (data.draw(st.integers(0, len(names) - 1)) for _ in range(2))
    model = list(names)
    model.insert(at, "new")
    model.insert(to, model.pop(at))
    del model[-1]
    asked = parameters(
        operation("insert", "Patient.name[0].given", index=at, value={"valueString": "new"}),
        operation("move", "Patient.name[0].given", source=at, destination=to),
        operation("delete", f"Patient.name[0].given[{len(names)}]"),
    )
    made = patching.patched(definitions(), {"resourceType": "Patient", "name": [{"given": names}]}, asked)
    assert made["name"][0]["given"] == model


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital."""
    desk.county()
    return Api(desk.application())


@pytest.mark.feature("C15")
def test_a_patch_over_http(api: Api) -> None:
    """PATCH with Parameters makes a version, keeps digits as they were, and what it would break is refused whole."""
    made = api.ask("POST", "Observation", json.dumps(desk.observation("p")).replace("5.6", "5.600"), status=201)
    place = f"Observation/{made['id']}"
    asked = parameters(
        operation("replace", "Observation.status", value={"valueCode": "amended"}),
        operation("add", "Observation", name="note", value={"valueAnnotation": {"text": "复核"}}),
    )
    found = api.ask("PATCH", place, asked, status=200)
    assert (found["status"], found["note"], found["meta"]["versionId"]) == ("amended", [{"text": "复核"}], "2")
    assert b"5.600" in api.last.content
    assert api.ask("PATCH", place, asked, status=200)["meta"]["versionId"] == "3"
    wrong = parameters(operation("replace", "Observation.status", value={"valueCode": "nonsense"}))
    assert api.ask("PATCH", place, wrong, status=422)["issue"][0]["expression"] == ["Observation.status"]
    lost = text_of(
        api.ask(
            "PATCH", place, parameters(operation("replace", "Observation.method", value={"valueCode": "x"})), status=422
        )
    )
    assert "第 1 条操作" in lost and "Operation 1" in lost
    api.ask("PATCH", place, asked, status=412, **{"if-match": 'W/"1"'})
    api.ask("PATCH", place, {"resourceType": "Observation"}, status=422)
    assert api.get(place)["meta"]["versionId"] == "3"
    text = api.get(f"{place}?_format=xml", 200)
    assert text is None and b'<status value="amended"/>' in api.last.content
    sent = b'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="delete"/></part><part><name value="path"/><valueString value="Observation.note[0]"/></part></parameter></Parameters>'
    api.ask("PATCH", place, sent, status=200, content_type="application/fhir+xml")
    assert [n["text"] for n in api.get(place)["note"]] == ["复核"]


@pytest.mark.feature("C15")
def test_a_patch_under_a_condition_and_in_a_transaction(api: Api) -> None:
    """Parameters patch the single match of a condition, and as an entry of a transaction, which fails whole."""
    api.post("Patient", desk.PATIENT)
    where = "Patient?identifier=110101199003070134"
    male = parameters(operation("replace", "Patient.gender", value={"valueCode": "male"}))
    assert api.ask("PATCH", where, male, status=200)["gender"] == "male"
    active = parameters(operation("add", "Patient", name="active", value={"valueBoolean": True}))
    api.post("", bundle(entry("PATCH", where, active)), 200)
    assert api.get(where)["entry"][0]["resource"]["active"] is True
    both = bundle(
        entry("POST", "Patient", {**desk.PATIENT, "identifier": [{"value": "other"}]}), entry("PATCH", where, active)
    )
    assert "第 2 条" in text_of(api.post("", both, 422))
    assert api.get("Patient?identifier=other")["total"] == 0
