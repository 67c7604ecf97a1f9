"""The messages of the hospital set: the samples, and for every service a request written from its declaration."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from lxml import etree

from tests.shared import ROOT, shared
from yigong.kit.ctx import system
from yigong.platform.hl7v3.declared import specs
from yigong.platform.hl7v3.examples import SAID, example
from yigong.platform.hl7v3.models import Kept
from yigong.platform.hl7v3.tests.hospital import Caller, detail, type_code
from yigong.platform.records import api as records

FOLDER = next((p for p in (ROOT.parent / "shared/samples/v3_hospital",) if p.exists()), None)
SAMPLES = sorted(p.name for p in FOLDER.rglob("H*.xml")) if FOLDER else ["absent"]
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
V3 = "{urn:hl7-org:v3}"


def sample(name: str) -> bytes:
    """The bytes of a sample."""
    return (shared("samples/v3_hospital") / name[:3] / name).read_bytes()


def before(caller: Caller, key: str) -> None:
    """What a service needs to be there."""
    match key:
        case "H0202":
            caller("H0201", example(specs()["H0201"], "b1", AT, {**PERSON, "PatientID": "患者ID"}))
        case "H0203":
            for n, local in enumerate(("患者ID", "被合并患者ID")):
                caller("H0201", example(specs()["H0201"], f"b{n}", AT, {**PERSON, "PatientID": local}))
        case "H0204":
            caller("H0201", sample("H0201Rt.xml"))
        case _ if key[-2:] == "02":
            assert type_code(caller(key[:-2] + "01", sample(f"{key}Rt.xml"))) == "AA", "what is changed was registered"
        case _ if key[-2:] == "03":
            assert type_code(caller(key[:-2] + "01", sample(f"{key[:-2]}01Rt.xml"))) == "AA"


PERSON = {n: SAID[n] for n in ("PatientName", "IDCardNo", "GenderCode", "BirthTime")}


@pytest.mark.feature("C14", "A17", "A18", "A34")
@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_answered(caller: Caller, name: str) -> None:
    """Each message of a real hospital is carried out and acknowledged, in its own edition."""
    key = name[:5]
    before(caller, key)
    reply = caller(key, sample(name))
    allowed = ("AA", "AE") if key in ("H0204", "H0303", "H0403") else ("AA",)  # queries for what the sample invented
    assert type_code(reply) in allowed, detail(reply)
    assert etree.QName(reply).localname == specs()[key].answer(type_code(reply) == "AA")
    assert reply.find(f"{V3}interactionId").get("root") == "2.16.156.10011.2.5.1.2"
    assert reply.find(f"{V3}acknowledgement/{V3}acknowledgementDetail/{V3}text").get("value")


HOSPITAL = [key for key in specs() if key.startswith("H") and specs()[key].verb in ("add", "update")]


@pytest.mark.feature("C14")
@pytest.mark.parametrize("key", HOSPITAL)
def test_every_service_that_writes_accepts_a_request_made_from_its_declaration(caller: Caller, key: str) -> None:
    """Adding succeeds once and is refused twice; changing is refused before and succeeds after."""
    spec = specs()[key]
    adding = spec if spec.verb == "add" else specs()[f"{key[:3]}{int(key[3:]) - 1:02d}"]
    if spec.verb == "update":
        assert type_code(caller(key, example(spec, "early", AT))) == "AE"
    first = caller(adding.key, example(adding, "m1", AT))
    assert type_code(first) == "AA", detail(first)
    if spec.verb == "update":
        changed = caller(key, example(spec, "m2", AT))
        assert type_code(changed) == "AA", detail(changed)
    elif not key.startswith("H06"):
        twice = caller(key, example(spec, "m3", AT))
        assert (type_code(twice), "已经注册" in detail(twice)) == ("AE", True), detail(twice)


@pytest.mark.feature("C14")
@pytest.mark.parametrize("key", [k for k in specs() if k.startswith("H") and specs()[k].verb == "query"])
def test_every_query_finds_what_was_registered_and_answers_at_the_declared_places(caller: Caller, key: str) -> None:
    """What was added stands in the reply at the paths of the declaration, counted; before it there is nothing found."""
    spec = specs()[key]
    if key == "H0712":  # a transfer does not say who the patient is: the admission did
        caller("H0201", example(specs()["H0201"], "m0", AT))
    nothing = caller(key, example(spec, "q0", AT))
    assert (type_code(nothing), detail(nothing).startswith("没有")) == ("AE", True)
    adding = ADDING.get(key) or f"{key[:3]}{int(key[3:]) - 2:02d}"
    added = caller(adding, example(specs()[adding], "m1", AT))
    assert type_code(added) == "AA", detail(added)
    reply = caller(key, example(spec, "q1", AT))
    assert type_code(reply) == "AA", detail(reply)
    text = etree.tostring(reply, encoding="unicode")
    for word in WORDS.get(key, ("P2026001",)):
        assert word in text, (word, text)


ADDING = {"H0204": "H0201", "H0602": "H0601", "H0603": "H0601"}
WORDS = {
    "H0303": ("0301", "呼吸内科"), "H0403": ("示例医师", "D001", "510107195603120021"), "H0503": ("EXAMPLE-SEX", "女性"),
    "H0602": ("DOC2026001", "门（急）诊病历"), "H0603": ("PHJlY29yZD7npLrkvos8L3JlY29yZD4=",), "H0703": ("K2026001", "示例一"),
    "H0204": ("P2026001", "示例一", "510107195603120021", "青禾县柳溪镇柳溪村"), "H0803": ("Y2026001", "血常规"),
}  # fmt: skip


@pytest.mark.feature("C14", "C15")
def test_an_encounter_and_its_orders_become_standard_records_and_are_kept_whole(caller: Caller) -> None:
    """Admission, order, transfer and discharge of one stay: rows of the data sets, events of the person, every field kept."""
    said = {
        **SAID,
        "EncounterTime": "20260301080000",
        "DischargeTime": "20260305100000",
        "TransOutTime": "20260302090000",
    }
    said |= {
        "TransInTime": "20260302100000",
        "TransInDeptName": "外科",
        "TransOutDeptName": "内科",
        "OrderTime": "20260301090000",
    }
    said["AdmTypeCode"] = "3"
    for key in ("H0707", "H0801", "H0710", "H0713"):
        reply = caller(key, example(specs()[key], key, AT, said, _groups(key)))
        assert type_code(reply) == "AA", (key, detail(reply))
    kept = Kept.objects.get(kind="inpatient")
    assert (kept.fields["DeptName"], kept.groups["WesternReason"]) == (
        "呼吸内科",
        [{"WesternDiagCode": "J18.9", "WesternDiagValue": "肺炎"}],
    )
    person = kept.registration_id
    from yigong.platform.empi.api import current

    events = records.timeline(system(), current(person))
    assert {e.kind for e in events} >= {"inpatient", "order"}, [e.kind for e in events]
    stay = records.model("health_event_summary").objects.get()
    assert (str(stay.admitted_at.date()), str(stay.discharged_at.date()), stay.western_diagnosis_code) == (
        "2026-03-01",
        "2026-03-05",
        "J18.9",
    )
    order = records.model("inpatient_order").objects.get()
    assert (order.order_item_content, order.source_key) == ("血常规", "Y2026001")
    assert records.model("department_transfer_record").objects.get().transfer_in_department == "外科"


def _groups(key: str) -> dict[str, list[dict[str, str]]]:
    if key == "H0801":
        return {
            "Component2": [{n: SAID[n] for n in ("OrderId", "OrderItemContent")} | {"OrderTimeLow": "20260301093000"}]
        }
    return (
        {"WesternReason": [{"WesternDiagCode": "J18.9", "WesternDiagValue": "肺炎"}]}
        if key in ("H0707", "H0713")
        else {}
    )


@pytest.mark.feature("C15", "B03")
def test_a_shared_document_is_read_into_the_records(caller: Caller) -> None:
    """A document of WS/T 500 sent in base64 is stored once, read into standard rows, and given back byte for byte."""
    content = next(iter(sorted(shared("samples/cda").rglob("*.xml")))).read_bytes()
    spec = specs()["H0601"]
    said = {
        **SAID,
        "IDCardNo": "",
        "OriginalText": base64.b64encode(content).decode(),
        "EffectiveTime": "20260301080000",
    }
    reply = caller("H0601", example(spec, "d1", AT, said))
    assert type_code(reply) == "AA", detail(reply)
    document = Kept.objects.get(kind="document")
    found = records.document(system(), document.document_id)
    assert found is not None and found[0].media_type == "application/xml"
    back = caller("H0603", example(specs()["H0603"], "d2", AT, {"DocumentId": "DOC2026001"}))
    given = next(e.get("value") for e in back.iter(f"{V3}originalText"))
    assert base64.b64decode(given) == content
