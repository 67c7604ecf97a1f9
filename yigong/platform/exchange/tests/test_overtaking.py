"""Results that overtake each other: the later report counts, of one report the correction, whatever arrives when."""

from __future__ import annotations

import itertools

import pytest
from django.db import connection

from yigong.kit.ctx import system
from yigong.platform.bus.api import Inbound
from yigong.platform.exchange import inbound, selectors
from yigong.platform.exchange.models import Job
from yigong.platform.exchange.tests import lab
from yigong.platform.records import api as records

pytestmark = pytest.mark.django_db
_ids = itertools.count(1)
SENT, LATER = "20260301100000", "20260301120000"


@pytest.fixture(autouse=True)
def _hospital() -> None:
    lab.hospital()


def result(value: str, sent: str = SENT, status: str = "F", *, reported: str = SENT, report: str = "") -> bytes:
    """One report with potassium and sodium; *status* is that of the potassium (OBX-11), *report* that of the whole (OBR-25)."""
    lines = (
        f"MSH|^~\\&|LIS|{lab.HOSPITAL}|YG|C|{sent}||ORU^R01|C{next(_ids)}|P|2.5||||||UNICODE UTF-8",
        "PID|1||P1^^^LIS^PI||测试甲||19600101|M",
        f"OBR|1|A1|R1|DJZ^电解质^L|||20260301080000|||||||||||||||{reported}|||{report or status}",
        f"OBX|1|NM|K^钾^L||{value}|mmol/L|3.5-5.3||||{status}",
        "OBX|2|NM|NA^钠^L||140|mmol/L|137-147||||F",
    )
    return "".join(f"{line}\r" for line in lines).encode()


def carry(*messages: bytes) -> None:
    """Carry messages in one by one, as the bus takes them of one patient."""
    for raw in messages:
        assert [o.word for o in inbound.hl7v2(system(), [Inbound(next(_ids), raw, "", "ORU^R01")])] == ["loaded"]


def potassium() -> tuple[float, list[float]]:
    """What is known of the potassium, and what it said before, the latest first."""
    model = records.model("laboratory_test_record")
    row = model._default_manager.get(laboratory_test_item_code="K")
    said = records.record_versions(system(), "laboratory_test_record", row.pk)
    number = "laboratory_test_quantitative_result"
    values = [float(next(c.value for c in v.row.cells if c.field == number)) for v in said]
    assert values[0] == float(getattr(row, number)) and [v.version for v in said] == list(range(len(said), 0, -1))
    return values[0], values[1:]


OLD, NEW = result("4.6"), result("3.2", LATER, "C")
CASES = {
    "the original comes again after its correction": ([OLD, NEW, OLD], 3.2, [4.6], 0),
    "the original comes last and was never seen": ([NEW, OLD], 3.2, [4.6], 1),
    "in order": ([OLD, NEW], 3.2, [4.6], 0),
    "sent at one moment: the correction stands": ([result("3.2", SENT, "C"), OLD], 3.2, [4.6], 1),
    "sent at one moment: the correction comes second": ([OLD, result("3.2", SENT, "C")], 3.2, [4.6], 0),
    "only OBR-25 says that it corrects": ([OLD, result("3.2", SENT, "F", report="C")], 3.2, [4.6], 0),
    "only OBR-25 says so, and the original is sent again": ([OLD, result("3.2", LATER, "F", report="C"), result("4.6", "20260302080000")], 3.2, [4.6, 4.6], 1),
    "only OBR-25 says so, and it comes first": ([result("3.2", SENT, "F", report="C"), OLD], 3.2, [4.6], 1),
    "only OBR-25 says so, and then an item": ([result("3.2", SENT, "F", report="C"), result("3.3", LATER, "C")], 3.3, [3.2], 0),
    "a final result of the same report, printed again later": ([OLD, NEW, result("4.6", "20260302080000")], 3.2, [4.6, 4.6], 1),
    "an earlier report sent later": ([NEW, result("4.1", "20260302080000", reported="20260301090000")], 3.2, [4.1], 1),
    "a later report": ([NEW, result("3.4", "20260302080000", reported="20260302073000")], 3.4, [3.2], 0),
    "a correction of the correction": ([NEW, result("3.3", "20260301130000", "C")], 3.3, [3.2], 0),
    "without its time a message counts as the last": ([OLD, result("3.2", "", "F", reported="")], 3.2, [4.6], 0),
}  # fmt: skip


@pytest.mark.feature("C15", "C06")
@pytest.mark.parametrize(("messages", "stands", "before", "late"), CASES.values(), ids=CASES)
def test_what_was_said_earlier_never_replaces_what_was_said_later(
    messages: list[bytes], stands: float, before: list[float], late: int
) -> None:
    """The value, its earlier versions, the event of the report, and the account that says how many rows came too late."""
    carry(*messages)
    assert potassium() == (stands, before)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from records_laboratory_test_record")
        assert cursor.fetchone()[0] == 2
    found = [f for f in selectors.findings(Job.objects.get()) if f["rule"] == "said_earlier"]
    job = Job.objects.get()
    assert job.read == job.inserted + job.updated + job.unchanged == 2 * len(messages)
    assert (sum(f["total"] for f in found) >= late) and (late == 0 or "较早版本" in found[0]["zh"])


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("status", "report", "marked"),
    [("F", "C", {"K", "NA"}), ("C", "C", {"K"}), ("C", "F", {"K"}), ("F", "F", set()), ("F", "P", set())],
    ids=["whole report", "report and item", "item alone", "none", "preliminary"],
)
def test_a_correction_marks_its_items(status: str, report: str, marked: set[str]) -> None:
    """Where only the report says that it is corrected every item is marked; where items say it, those."""
    carry(OLD, result("3.2", LATER, status, report=report))
    rows = records.model("laboratory_test_record")._default_manager.values_list("laboratory_test_item_code", "extra")
    assert {code for code, extra in rows if "C" in (extra.get("结果状态"), extra.get("报告状态"))} == marked


@pytest.mark.feature("C15")
def test_in_one_batch_the_order_is_that_of_sending() -> None:
    """A file that holds the correction before the original ends with the correction."""
    given = [Inbound(next(_ids), raw, "", "ORU^R01") for raw in (NEW, OLD)]
    inbound.hl7v2(system(), given)
    assert potassium()[0] == 3.2


@pytest.mark.feature("C15")
def test_a_late_result_is_kept_once() -> None:
    """However often it comes it is one earlier version; one that came between two corrections is one too."""
    carry(NEW, OLD, OLD, OLD)
    assert potassium() == (3.2, [4.6])
    carry(result("3.3", "20260301150000", "C"), result("3.9", "20260301140000", "C"))
    assert potassium() == (3.3, [3.9, 3.2, 4.6])
