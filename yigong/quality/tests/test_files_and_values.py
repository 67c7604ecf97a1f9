"""Files that came twice and laboratory values that cannot be, found over what is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from yigong.kit.ctx import system
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.quality import running, selectors
from yigong.quality.models import QualityIssue
from yigong.quality.tests.conftest import OWN, Cast

LABORATORY = "laboratory_test_record"


def people(*numbers: str) -> pl.Series:
    """Registrations of that many persons."""
    facts = {"org_code": OWN, "source_system": "LIS", "local_id": list(numbers), "full_name": [f"测试{n}" for n in numbers]}  # fmt: skip
    return empi.register(system(), pl.DataFrame(facts)).get_column("registration_id")


def failing(cast: Cast, rule: str) -> list[str]:
    """The source keys that an issue of our institution lists under a rule."""
    issue = QualityIssue.everything.filter(org_code=OWN, rule=rule).first()
    return sorted(r.source_key for r in selectors.failing_rows(cast.clerk, issue)) if issue else []


@pytest.mark.feature("C28")
def test_the_same_file_under_two_numbers_is_found(cast: Cast) -> None:
    """One file sent for two persons, a third with other bytes is not; one sent again for the
    same person under another name is stored once."""
    ids = []
    a, b, c = people("A", "B", "C")
    sent = [(a, b"<a/>"), (b, b"<a/>"), (c, b"<b/>"), (c, b"<c/>"), (c, b"<c/>")]
    for number, (registration, data) in enumerate(sent):
        facts: dict[str, Any] = {
            "media_type": "application/xml", "document_code": "C0007", "title": "出院小结", "org_code": OWN,
            "source_system": "LIS", "registration_id": registration, "set_id": f"D{number}", "version": 1,
            "authored_at": datetime(2026, 3, 1, tzinfo=UTC), "author_name": "李医生", "encounter_key": "", "findings": [],
            "text": "正文", "original_path": f"{number}.xml",
        }  # fmt: skip
        ids.append(records.save_document(system(), data, facts))
    assert ids[3] == ids[4] and len(set(ids)) == 4
    running.run(system(), data_sets=["document"])
    assert failing(cast, "QC-DOC-002") == ["D0", "D1"]  # the numbers that the institution knows them by


@pytest.mark.feature("C28")
def test_laboratory_values_that_cannot_be_or_need_a_mark_are_found(cast: Cast) -> None:
    """Potassium of 41 (a lost point) cannot be; of 7.0 is critical and bears no mark; of 4.1 and a marked 7.0 are well."""
    rows = [("LOST", 41.0, None), ("BARE", 7.0, None), ("WELL", 4.1, None), ("MARKED", 7.0, '{"abnormal_flag": "HH"}')]
    frame = pl.DataFrame(
        [
            {
                "org_code": OWN, "source_system": "LIS", "source_key": key, "group_key": key, "extra": extra,
                "event_at": datetime(2026, 3, 1, 1, tzinfo=UTC), "laboratory_test_item_code": "K",
                "laboratory_test_quantitative_result": value,
            }
            for key, value, extra in rows
        ],
        infer_schema_length=None,
    ).with_columns(people(*(key for key, _v, _e in rows)))  # fmt: skip
    records.load(system(), LABORATORY, frame)
    running.run(system(), data_sets=[LABORATORY])
    assert failing(cast, "QC-LAB-004") == ["LOST"]
    assert failing(cast, "QC-LAB-007") == ["BARE", "LOST"]
