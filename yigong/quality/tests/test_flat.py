"""However large an institution is, its rows are judged some at a time, and what is found does not depend on how many."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from yigong.kit.ctx import system
from yigong.quality import found, running, stored
from yigong.quality.found import Found
from yigong.quality.models import QualityFailure, QualityIssue, QualityResult, QualitySpread
from yigong.quality.tests.conftest import FOLLOW_UP, OTHER, OWN, Cast, follow_ups
from yigong.standards.quality import api as quality

ROWS = 180
CHUNKS = (1, 7, 40)


def stored_follow_ups() -> None:
    """Two institutions; three physicians, one of whom is not named, and pressures that end in nought."""
    rows = [
        {
            "follow_up_physician_name": ("赵医生", "钱医生", None)[i % 3],
            "systolic_blood_pressure_mmhg": 130.0 + (i % 4) * 10,
            "body_weight_kg": 60.0 + i % 5,
        }
        for i in range(ROWS)
    ]
    follow_ups(OWN, rows)
    follow_ups(OTHER, rows[:50], start=ROWS)


def known() -> dict[str, Any]:
    """Everything that a run leaves."""
    own = ("rule", "org_code", "month")
    return {
        "results": sorted(QualityResult.objects.values_list(*own, "rows", "judged", "failed")),
        "spread": sorted(QualitySpread.objects.values_list(*own, "bin", "count")),
        "failures": sorted(
            QualityFailure.objects.values_list("rule", "org_code", "source_key", "score", "failing", "excused"), key=str
        ),
        "issues": sorted(QualityIssue.everything.values_list("rule", "org_code", "judged", "failing")),
    }


@pytest.mark.feature("C27")
@pytest.mark.parametrize("rows", CHUNKS)
def test_what_is_found_does_not_depend_on_how_many_rows_are_read_at_a_time(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Results, measured values, failing rows and issues are those of a run that held everything at once."""
    stored_follow_ups()
    running.run(system(), data_sets=[FOLLOW_UP])
    at_once = known()
    assert {"QC-FAB-001"} <= {line[0] for line in at_once["results"] if line[4]}  # a rule over groups judged some
    monkeypatch.setattr(stored, "CHUNK_ROWS", rows)
    monkeypatch.setattr(found, "IN_MEMORY", rows)
    monkeypatch.setattr(found, "TOGETHER", 2)
    running.run(system(), data_sets=[FOLLOW_UP])
    assert known() == at_once


@pytest.mark.feature("C27")
def test_frames_of_groups_hold_whole_groups(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """No physician's rows are in two frames, all rows are in one, and rows that nobody looks at are cut anywhere."""
    stored_follow_ups()
    monkeypatch.setattr(stored, "CHUNK_ROWS", 10)
    rules = [r for r in quality.rules(FOLLOW_UP, by_row=False) if r.per == ("follow_up_physician_name",)]
    (by,) = quality.groupings(rules, FOLLOW_UP, {})
    part = stored.Part(FOLLOW_UP, (OWN,), ROWS)
    frames = list(stored.frames_of_groups(part, {"follow_up_physician_name"}, by))
    names = [set(f.get_column("follow_up_physician_name")) for f in frames]
    assert sum(f.height for f in frames) == ROWS == pl.concat(frames).get_column("id").n_unique()
    assert sum("赵医生" in some for some in names) == sum("钱医生" in some for some in names) == 1
    assert sum(some == {None} for some in names) == ROWS // 3 // 10


@pytest.mark.feature("C27")
@pytest.mark.parametrize("data_set", sorted({d for r in quality.rules(by_row=False) for d in r.data_sets}))
def test_the_keys_of_every_rule_over_groups_can_be_said_in_sql(cast: Cast, data_set: str) -> None:
    """So no institution need be read whole, and each statement is one that the database takes."""
    rules = quality.rules(data_set, by_row=False)
    found_keys = quality.groupings(rules, data_set, {})
    part = stored.Part(data_set, (OWN,), stored.CHUNK_ROWS + 1)
    taken = [list(stored.frames_of_groups(part, {"org_code"}, by)) for by in found_keys]
    assert all(by.keys for by in found_keys) and taken == [[] for _ in found_keys]
    assert sorted(r.code for by in found_keys for r in by.rules) == sorted(r.code for r in rules)


@pytest.mark.feature("C27")
def test_rows_kept_for_stricter_thresholds_are_dropped_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted over all frames, also those that lie on the disk; failing rows are all listed."""
    monkeypatch.setattr(found, "KEPT_ANYWAY", 3)
    monkeypatch.setattr(found, "IN_MEMORY", 2)
    with Found() as gathered:
        for some in ([True, False, False], [False, False, False], [False, False]):
            gathered.fail(pl.DataFrame({"rule": "A", "org_code": OWN, "failing": some}))
        gathered.fail(pl.DataFrame({"rule": "B", "org_code": OWN, "failing": [False]}))
        listed = pl.concat(gathered.failures())
    assert listed.sort("rule").rows() == [("A", OWN, True), ("B", OWN, False)]
