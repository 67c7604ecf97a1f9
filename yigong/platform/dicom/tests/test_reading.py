"""What DICOM JSON says."""

from __future__ import annotations

from datetime import date

import pytest

from yigong.platform.dicom import reading

BASE = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00080020": {"vr": "DA", "Value": ["20261103"]},
    "00080030": {"vr": "TM", "Value": ["091503.25"]},
}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"Alphabetic": "Wang^Xiulan", "Ideographic": "王^秀兰"}, "王秀兰"),
        ({"Alphabetic": "Wang^Xiulan"}, "Wang Xiulan"),
        ({"Alphabetic": "王秀兰"}, "王秀兰"),
        ({"Alphabetic": "Zhang^San^^Dr"}, "Zhang San"),
        ({}, ""),
    ],
)
@pytest.mark.feature("C15")
def test_a_name_is_told_as_it_is_written(written: dict[str, str], said: str) -> None:
    """The ideographic form goes before the alphabetic one, and no caret is seen."""
    assert reading.person_name({"00100010": {"vr": "PN", "Value": [written]}}) == said


@pytest.mark.feature("C15")
def test_a_study_is_read_with_its_moment_in_the_county() -> None:
    """Date and time of a study are of the county's clocks, fractions of a second dropped."""
    found = reading.study(BASE)
    assert found is not None
    assert found.study_at.isoformat() == "2026-11-03T09:15:03+08:00"
    assert found.study_at.date() == date(2026, 11, 3)


@pytest.mark.parametrize("lacks", ["0020000D", "00080020"])
@pytest.mark.feature("C15")
def test_without_uid_or_day_there_is_no_study(lacks: str) -> None:
    """A study that lacks its UID or its day cannot stand in a history."""
    assert reading.study({k: v for k, v in BASE.items() if k != lacks}) is None


@pytest.mark.feature("C15")
def test_the_hash_tells_every_change() -> None:
    """Two tellings of a study have one hash exactly when they say the same."""
    one, same = reading.study(BASE), reading.study(dict(reversed(BASE.items())))
    other = reading.study(BASE | {"00201208": {"vr": "IS", "Value": [7]}})
    assert one and same and other and one.hash == same.hash != other.hash
