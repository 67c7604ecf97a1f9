"""Rows gathered into events."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from yigong.platform.records import event_rules

INSTANT = pl.Datetime("us", "UTC")


def moment(day: int, hour: int = 0) -> datetime:
    """A moment in June."""
    return datetime(2026, 6, day, hour, tzinfo=UTC)


def event(data_set: str, **values: Any) -> dict[str, Any]:
    """The one event of one row."""
    kinds = {n: INSTANT if isinstance(v, datetime) else None for n, v in values.items()}
    frame = pl.DataFrame(
        {"org_code": ["100000001X"], "source_system": ["HIS"], "group_key": ["1"], "registration_id": [7]}
        | {n: pl.Series([v], dtype=kinds[n]) if kinds[n] else [v] for n, v in values.items()}
    )
    rule = event_rules.rule(data_set)
    assert rule is not None
    return event_rules.event_frame(data_set, rule, frame).row(0, named=True)


@pytest.mark.feature("B02")
@pytest.mark.parametrize(
    ("data_set", "columns", "begins"),
    [
        ("discharge_summary", {"admitted_at": moment(3, 11), "discharged_at": moment(12, 13)}, moment(3, 11)),
        ("discharge_summary", {"discharged_at": moment(12, 13)}, moment(12, 13)),
        ("discharge_summary", {"admitted_at": None, "discharged_at": moment(12, 13)}, moment(12, 13)),
        ("inpatient_front_page_2009", {"admitted_on": date(2026, 6, 3)}, moment(2, 16)),
    ],
)
def test_a_stay_begins_with_the_admission(data_set: str, columns: dict[str, Any], begins: datetime) -> None:
    """A record written at the discharge tells of the whole stay; without an admission it stands where the row says."""
    assert event(data_set, event_at=moment(12, 13), **columns)["event_at"] == begins


@pytest.mark.feature("B02")
def test_the_line_holds_the_first_four_different_results() -> None:
    """Of a report the first four rows stand in the line, each once, numbers without a needless decimal."""
    rows = pl.DataFrame({
        "org_code": ["100000001X"] * 6, "source_system": ["LIS"] * 6, "group_key": ["1"] * 6, "registration_id": [7] * 6,
        "event_at": pl.Series([moment(3)] * 6, dtype=INSTANT),
        "laboratory_test_quantitative_result": [5.0, 5.0, 6.25, None, 7.0, 8.0],
        "laboratory_test_quantitative_result_unit": ["g/L", "g/L", "g/L", None, "g/L", "g/L"],
    })  # fmt: skip
    rule = event_rules.rule("laboratory_test_record")
    assert rule is not None
    made = event_rules.event_frame("laboratory_test_record", rule, rows).row(0, named=True)
    assert '"line":"5 g/L；6.25 g/L"' in made["summary"]
    assert '"count":6' in made["summary"]
