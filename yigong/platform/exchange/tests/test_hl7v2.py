"""HL7 v2 by type of message: what becomes a row, what a matter, and how follow-ups change it."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest
from django.db import connection

from tests.cda_samples import laboratory
from yigong.kit.ctx import system
from yigong.platform.bus.api import Inbound
from yigong.platform.empi import api as empi
from yigong.platform.exchange import inbound
from yigong.platform.exchange.models import Job, Quarantined
from yigong.platform.exchange.tests import lab
from yigong.platform.records import api as records
from yigong.platform.records import documents

pytestmark = pytest.mark.django_db
HEAD = "MSH|^~\\&|HIS|{org}|YG|C|{sent}||{kind}|{control}|P|2.4||||||UNICODE UTF-8"
PID = "PID|1||{number}^^^HIS^PI||测试甲||19600101|M"
INPATIENT = "PV1|1|I|外科病区^301^12^^^外科|||内科病区^201^3|001^王^医师|||外科|||||||||ZY1|||||||||||||||||||||||||20260301080000"
OUTPATIENT = "PV1|1|O|内科|||||||内科|||||||||MZ1"
_numbers = itertools.count(1)


def _message(kind: str, *segments: str, sent: str = "20260301083000", number: str = "P1", control: str = "") -> bytes:
    head = HEAD.format(org=lab.HOSPITAL, sent=sent, kind=kind, control=control or f"C{next(_numbers)}")
    return "".join(f"{line}\r" for line in (head, PID.format(number=number), *segments)).encode()


def _carry(*messages: bytes) -> list[str]:
    """Carry messages as the bus does, one batch; what became of each."""
    given = [Inbound(next(_numbers), m, "", m.split(b"|")[8].decode()) for m in messages]
    return [outcome.word for outcome in inbound.hl7v2(system(), given)]


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@pytest.fixture(autouse=True)
def _hospital() -> None:
    lab.hospital()


def _order(
    control: str, *, status: str = "", when: str = "20260301083000", item: str = "OBR|1|A1||XCG^血常规^L"
) -> tuple[str, ...]:
    orc = f"ORC|{control}|A1|||{status}||1^^^20260302080000||{when}|007^张^护士||001^王^医师|||||外科||009^李^主任"
    return (orc, item) if item else (orc,)


STATES = {
    "NW": (None, None, "待执行"), "HD": (None, None, "暂停"), "CA": ("cancelled", None, "已取消"),
    "DC": (None, "stopped", "已停止"),
}  # fmt: skip


@pytest.mark.feature("C15")
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
@pytest.mark.parametrize("control", ["HD", "CA", "DC"])
def test_an_inpatient_order_is_one_row_that_follow_ups_change(control: str, together: bool) -> None:
    """NW makes the row with item and times; HD, CA, DC change its state and lose nothing of it, also without PV1 and OBR."""
    first = _message("ORM^O01", INPATIENT, *_order("NW"), "NTE|1||空腹", "ZOR|急|甲")
    then = _message("ORM^O01", *_order(control, when="20260301093000", item=""), sent="20260301093000")
    for part in [(first, then)] if together else [(first,), (then,)]:
        assert set(_carry(*part)) == {"loaded"}
    (row,) = _rows(
        """select inpatient_no, order_item_content, order_issuer_signature, order_remark, order_cancelled_at is not null,
            order_stopped_at is not null, order_execution_status, order_item_type_code, extra ->> 'ZOR', event_at::text
            from records_inpatient_order"""
    )
    cancelled, stopped, words = STATES[control]
    assert row[:4] == ("ZY1", "血常规", "王医师", "空腹")
    assert row[4:7] == (bool(cancelled), bool(stopped), words) and row[8] == "急|甲"
    assert row[9].startswith("2026-03-01 00:30")  # the moment of the order, not of its follow-up
    assert _rows("select kind, title from records_event where data_set = 'inpatient_order'") == [("order", "住院医嘱")]
    assert Job.objects.get(kind="bus").balances


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("control", "status", "state"),
    [("NW", "", "placed"), ("XO", "", "placed"), ("CA", "", "cancelled"), ("SC", "IP", "running"), ("SC", "CM", "done"),
     ("DC", "", "stopped"), ("HD", "", "held"), ("UA", "", "refused")],
)  # fmt: skip
def test_an_outpatient_order_is_a_matter(control: str, status: str, state: str) -> None:
    """The standard has no table for orders of outpatients: they stand among the matters with item, state and moves."""
    _carry(_message("OML^O21", OUTPATIENT, *_order("NW"), "SPM|1|||BLD^血", "DG1|1||R50^发热"))
    _carry(_message("OML^O21", OUTPATIENT, *_order(control, status=status), sent="20260301093000"))
    matter = records.matter(lab.HOSPITAL, "order", "A1")
    assert matter is not None and matter.state == state and matter.title == "血常规"
    assert (matter.facts["specimen"], matter.facts["reason"], matter.facts["category"]) == ("血", "发热", "03")
    assert matter.moves[0]["verb"] == "place" and len(matter.moves) == 2
    assert _rows("select kind, title from records_event") == [
        (
            "order",
            "血常规" + {"cancelled": "（已取消）", "stopped": "（已停止）", "refused": "（未执行）"}.get(state, ""),
        )
    ]
    assert not _rows("select 1 from records_inpatient_order")


def test_items_of_one_order_message_are_orders_of_their_own() -> None:
    """Each ORC with its OBR or RXO, also several OBR under one ORC, and one message again changes nothing."""
    items = ("ORC|NW|A1", "OBR|1|||XCG^血常规", "OBR|2|||NCG^尿常规", "ORC|NW|A2", "RXO|阿莫西林^阿莫西林胶囊|0.5||g")
    message = _message("ORM^O01", OUTPATIENT, *items)
    _carry(message)
    _carry(message)
    found = _rows(
        "select number, title, facts ->> 'category', jsonb_array_length(moves) from records_matter order by 1"
    )
    assert found == [("A1", "血常规", None, 1), ("A1|NCG", "尿常规", None, 1), ("A2", "阿莫西林胶囊", "01", 1)]


SCH = "SCH|{n}|F{n}|||||心内复诊^心内科复诊|NORMAL|30|min|^^^{start}"
RESOURCES = ("RGS|1", "AIS|1||XN^心内科门诊", "AIL|1||诊室3^^^门诊楼", "AIP|1||001^王^医师")


def _booking(event: str, start: str = "20260310090000", sent: str = "20260301083000") -> bytes:
    return _message(f"SIU^{event}", SCH.format(n="1", start=start), *RESOURCES, sent=sent)


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("events", "state", "start"),
    [
        (["S12"], "booked", "2026-03-10"), (["S12", "S13"], "booked", "2026-03-12"), (["S12", "S14"], "booked", "2026-03-12"),
        (["S12", "S15"], "cancelled", "2026-03-12"), (["S12", "S26"], "missed", "2026-03-12"),
        (["S15"], "cancelled", "2026-03-10"), (["S12", "S13", "S17"], "cancelled", "2026-03-14"),
    ],
)  # fmt: skip
def test_appointments_follow_their_messages(events: list[str], state: str, start: str) -> None:
    """S12 books, S13 moves, S14 changes, S15 and S17 cancel, S26 missed; one event stands for the appointment."""
    days = itertools.count(10, 2)
    for nth, event in enumerate(events):
        assert _carry(_booking(event, f"202603{next(days)}090000", f"2026030{nth + 1}083000")) == ["loaded"]
    matter = records.matter(lab.HOSPITAL, "appointment", "F1")
    assert matter is not None and matter.state == state
    assert matter.starts_at is not None and matter.starts_at.isoformat().startswith(start)
    assert (matter.facts["performer"], matter.facts["place"], matter.facts["minutes"]) == ("王医师", "门诊楼 诊室3", 30)
    ((kind, title, at),) = _rows("select kind, title, event_at::text from records_event")
    assert kind == "appointment" and title.startswith("心内科门诊") and at.startswith(start)


def test_a_late_message_changes_no_state() -> None:
    """An older message that comes after a newer one is noted, and what stands stays."""
    _carry(_booking("S12", sent="20260301080000"))
    _carry(_booking("S15", sent="20260303080000"))
    _carry(_booking("S13", "20260320090000", sent="20260302080000"))
    matter = records.matter(lab.HOSPITAL, "appointment", "F1")
    assert (
        matter is not None
        and matter.state == "cancelled"
        and [m["in_order"] for m in matter.moves] == [True, True, False]
    )


def _document(
    event: str, number: str, *content: str, parent: str = "", status: str = "AU", sent: str = "20260301083000"
) -> bytes:
    txa = f"TXA|1|DS|TX|20260301|001^王^医师|||||||{number}|{parent}||||{status}"
    return _message(f"MDM^{event}", INPATIENT, txa, *content, sent=sent)


def _ed(data: bytes, kind: str) -> str:
    return f"OBX|1|ED|DOC^文书||^application^{kind}^Base64^{base64.b64encode(data).decode()}||||||F"


@pytest.mark.feature("C15")
def test_a_document_its_replacement_and_its_end() -> None:
    """T02 keeps a PDF as it is; T10 is the next version of the set; T06 stands beside; T11 takes the event away."""
    pdf = b"%PDF-1.7 test"
    _carry(_document("T02", "D1", _ed(pdf, "pdf")))
    _carry(_document("T10", "D2", "OBX|1|TX|X^小结||更正后的小结", parent="D1", sent="20260302083000"))
    _carry(_document("T10", "D3", "OBX|1|TX|X^小结||再次更正", parent="D2", sent="20260303083000"))
    _carry(_document("T06", "D4", "OBX|1|TX|X^补充||补充一句", parent="D1", sent="20260303093000"))
    kept = _rows(
        "select media_type, set_id, version, sha256, title from records_document where media_type not like 'x-%' order by id"
    )
    assert [k[:3] for k in kept] == [
        ("application/pdf", "D1", 1), ("text/plain", "D1", 2), ("text/plain", "D1", 3), ("text/plain", "D4", 1),
    ]  # fmt: skip
    assert documents.place_of(kept[0][3]).read_bytes() == pdf and kept[3][4] == "出院小结（补充）"
    states = {n: records.matter(lab.HOSPITAL, "document", n).state for n in ("D1", "D2", "D3", "D4")}  # type: ignore[union-attr]
    assert states == {"D1": "replaced", "D2": "replaced", "D3": "final", "D4": "final"}
    assert _rows("select group_key from records_event order by 1") == [("D1",), ("D4",)]
    _carry(_document("T11", "D4", sent="20260304083000"))
    assert _rows("select group_key from records_event") == [("D1",)]
    assert records.matter(lab.HOSPITAL, "document", "D4").state == "cancelled"  # type: ignore[union-attr]


@pytest.mark.feature("C15", "C14")
def test_an_embedded_shared_document_is_read_as_such() -> None:
    """A CDA document in an MDM gives its rows, of the person whom the message names."""
    _carry(_document("T02", "D1", _ed(laboratory().encode(), "x-hl7-cda-level-one")))
    assert _rows("select count(*) > 0 from records_laboratory_test_record") == [(True,)]
    assert _rows(
        "select distinct g.local_id from records_laboratory_test_record r join empi_registration g on g.id = r.registration_id"
    ) == [("P1",)]
    assert _rows("select count(*) from empi_registration") == [(1,)]


def test_broken_content_is_said() -> None:
    """What is no Base64 is no document; the message is kept with a finding that names the field."""
    _carry(_document("T02", "D1", "OBX|1|ED|DOC||^application^pdf^Base64^***||||||F"))
    ((findings,),) = _rows("select findings::text from records_document")
    assert "hl7_content_broken" in findings and "OBX-5" in findings


def _stay(event: str, *, pv1: str = INPATIENT, evn: str = "", sent: str = "20260301083000") -> bytes:
    return _message(f"ADT^{event}", f"EVN|{event}|{sent}||||{evn}", pv1, sent=sent)


BARE = "PV1|1|I|外科病区^301^12|||||||外科|||||||||ZY1"


@pytest.mark.feature("C15")
def test_a_stay_from_admission_to_its_undone_discharge() -> None:
    """A01 begins, A02 moves, A03 ends, A13 takes the end back, A12 the transfer, A11 all; what later messages leave out stays."""
    _carry(_stay("A01"), _stay("A02", sent="20260302100000"))
    _carry(_stay("A03", pv1=BARE, sent="20260305100000"))
    sql = "select admitted_at::text, discharged_at::text, responsible_physician_name, event_at::text from records_health_event_summary"
    ((admitted, discharged, by, at),) = _rows(sql)
    assert admitted.startswith("2026-03-01 00:00") and discharged.startswith("2026-03-05 02:00") and by == "王医师"
    assert at.startswith("2026-03-01 00:00")
    assert _rows("select transfer_out_department, transfer_in_department from records_department_transfer_record") == [
        ("内科病区", "外科病区")
    ]
    _carry(_stay("A13", pv1=BARE, sent="20260305110000"), _stay("A12", sent="20260305120000"))
    assert _rows(sql)[0][:2] == (admitted, None)
    assert not _rows("select 1 from records_department_transfer_record")
    _carry(_stay("A11", pv1=BARE, sent="20260306110000"))
    assert not _rows(sql) and not _rows("select 1 from records_event where kind = 'inpatient'")
    assert Job.objects.get(kind="bus").balances


@pytest.mark.feature("C15", "B02")
@pytest.mark.parametrize("event", ["A40", "A34", "A47"])
def test_two_numbers_of_an_institution_are_one_person(event: str) -> None:
    """A40 and its kin join the persons; a number that nobody knows, and a message again, change nothing."""
    _carry(_message("ADT^A28", number="P1"), _message("ADT^A28", "NK1|1|测^乙", number="P2"))
    merge = _message(f"ADT^{event}", "MRG|P2^^^HIS^PI~P9^^^HIS^PI", number="P1", control="M1")
    assert _carry(merge) == ["loaded"]
    assert _carry(merge) == ["loaded"]
    assert _rows(
        "select count(distinct person_id), count(*) filter (where state = 'merged') from empi_registration"
    ) == [(1, 1)]
    found = empi.cross_references(system(), lab.HOSPITAL, "HIS", "P1")
    assert {i.local_id for i in found} == {"P1", "P2"}


@pytest.mark.parametrize(
    ("kind", "segments", "rule"),
    [("ADT^A40", (), "hl7_merge_missing"), ("ORM^O01", (), "hl7_order_missing"), ("SIU^S12", ("SCH|",), "hl7_appointment_missing"),
     ("MDM^T02", ("TXA|1|DS",), "hl7_document_missing")],
)  # fmt: skip
def test_a_message_without_its_number_waits(kind: str, segments: tuple[str, ...], rule: str) -> None:
    """It is in quarantine with the reason, and the account balances."""
    assert _carry(_message(kind, *segments)) == ["waiting"]
    assert Quarantined.objects.get().reasons[0]["rule"] == rule and Job.objects.get(kind="bus").balances


@pytest.mark.feature("S02")
def test_hostile_fields_are_taken_in_bounds() -> None:
    """A name of a hundred thousand signs, numbers beyond all columns, a thousand orders: rows or quarantine, never a failure."""
    long = "测" * 100_000
    name = _message("ADT^A04", OUTPATIENT).replace("测试甲".encode(), long.encode())
    many = [line for n in range(1000) for line in (f"ORC|NW|N{n}", f"OBR|1|||X{n}^项目")]
    wide = _message("ORM^O01", INPATIENT, "ORC|NW|" + "9" * 5000, "OBR|1|||" + "X" * 5000 + "^" + long)
    booked = _message("SIU^S12", SCH.format(n="1" * 3000, start="99999999999999"), "AIS|1||" + "^" * 5000)
    words = _carry(name, _message("ORM^O01", OUTPATIENT, *many), wide, booked)
    assert set(words) <= {"loaded", "waiting"} and Job.objects.get(kind="bus").balances
    assert _rows("select count(*) from records_matter where kind = 'order'") == [(1000,)]


@pytest.mark.feature("C15", "D01")
def test_every_event_opens() -> None:
    """The rows behind each event of the timeline, of orders and appointments what is known of them, of a document its content."""
    _carry(
        _message("ORM^O01", OUTPATIENT, *_order("NW")), _booking("S12"), _document("T02", "D1", "OBX|1|TX|X||小结"),
        _message("ORM^O01", INPATIENT, "ORC|NW|A7", "OBR|1|||NCG^尿常规"), _stay("A01"),
    )  # fmt: skip
    ((person,),) = _rows("select distinct person_id from empi_registration")
    shown = {}
    for event in records.timeline(system(), person):
        rows = records.rows(system(), event.data_set, person, event.group_key, org_code=event.org_code)
        shown[event.data_set] = {cell.label_en: cell.value for row in rows for cell in row.cells}
        assert rows or event.document_id
    assert set(shown) == {"matter_order", "matter_appointment", "document", "inpatient_order", "health_event_summary"}
    assert (shown["matter_order"]["Items"], shown["matter_order"]["State"]) == ("血常规", "已开立")
    assert (shown["matter_appointment"]["Time"], shown["matter_appointment"]["Place"]) == (
        "2026-03-10 09:00",
        "门诊楼 诊室3",
    )


@pytest.mark.feature("C14")
def test_a_report_of_imaging_is_an_examination() -> None:
    """OBR-24 names radiology: one examination with findings and impression, no laboratory rows; blood beside it stays laboratory."""
    imaging = (
        "OBR|1|A9|R9|CTCHEST^胸部CT平扫^L|||20260301090000|||||||||001^王^医师||||||20260301100000||CT|F",
        "OBX|1|TX|FIND^所见^L||右肺上叶见结节影||||||F",
        "OBX|2|TX|IMP^结论^L||右肺上叶结节，建议随访||||||F",
    )
    blood = (
        "OBR|2|A8|R8|XCG^血常规^L|||20260301090000|||||||||||||||20260301100000||LAB|F",
        "OBX|1|NM|WBC^白细胞^L||6.1|10*9/L|||||F",
    )
    assert _carry(_message("ORU^R01", OUTPATIENT, *imaging, *blood)) == ["loaded"]
    told = _rows(
        "select examination_category, examination_report_objective_findings, examination_report_subjective_impression, "
        "examination_report_no, extra->>'item_name' from records_examination_record"
    )
    assert told == [("CT", "右肺上叶见结节影", "右肺上叶结节，建议随访", "R9", "胸部CT平扫")]
    assert _rows("select laboratory_test_item_code from records_laboratory_test_record") == [("WBC",)]


@pytest.mark.feature("C14")
def test_vaccines_that_were_given_become_records() -> None:
    """VXU: the vaccine with lot, maker, place and dose; a refused one is none; D takes the first back."""
    given = (
        "ORC|RE||F1",
        "RXA|0|1|20260228||HEPB^乙肝疫苗^CVX|0.5|mL|||77^李^护士|^^^东山卫生院||||L2026A|20270101|BIO^北京生物^MVX|||CP|A",
        "RXR|IM^肌内注射|LA^左上臂",
    )
    refused = ("ORC|RE||F2", "RXA|0|1|20260228||FLU^流感疫苗^CVX|999||||||||||||||RE|A")
    assert _carry(_message("VXU^V04", *given, *refused)) == ["loaded"]
    sql = "select vaccine_name_code, vaccinated_on::text, vaccine_lot_no, vaccination_unit_name, vaccinator_name, extra->>'vaccine_name', extra->>'接种部位' from records_vaccination_2009"
    assert _rows(sql) == [("HEPB", "2026-02-28", "L2026A", "东山卫生院", "李护士", "乙肝疫苗", "左上臂")]
    back = given[1][: -len("|A")] + "|D"
    assert _carry(_message("VXU^V04", given[0], back, sent="20260302083000")) == ["loaded"]
    assert _rows(sql) == []


@pytest.mark.feature("C14")
@pytest.mark.parametrize(
    ("item", "loinc"),
    [("Urea^尿素^L^14937-7^^LN", "14937-7"), ("14937-7^Urea^LN^Urea^尿素^L", "14937-7"), ("Urea^尿素^L", None), ("Urea^尿素^L^77^^99ZX", None)],
)  # fmt: skip
def test_the_loinc_code_of_an_item_joins_results_of_several_institutions(item: str, loinc: str | None) -> None:
    """OBX-3 in either triplet: a LOINC code is kept as such, so that one item of two laboratories is one series."""
    assert _carry(
        _message("ORU^R01", OUTPATIENT, "OBR|1|A8|R8|SGN^肾功能^L", f"OBX|1|NM|{item}||6.1|mmol/L|||||F")
    ) == ["loaded"]
    assert _rows("select extra->>'loinc' from records_laboratory_test_record") == [(loinc,)]
