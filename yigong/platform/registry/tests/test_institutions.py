"""The register of institutions."""

import polars as pl
import pytest

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.registry import api
from yigong.platform.registry.models import Institution
from yigong.platform.registry.selectors import kept

ROW = {"code": "123456789X", "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital", "beds": 620}


@pytest.mark.django_db
@pytest.mark.feature("A17")
def test_an_institution_is_registered_by_year_and_the_newest_counts() -> None:
    """An institution saved for two years is one institution, shown as in the newest year; saving again adds nothing."""
    kept.forget()
    api.save_institutions(system(), pl.DataFrame([{**ROW, "year": 2025}, {**ROW, "year": 2026, "beds": 640}]))
    api.save_institutions(system(), pl.DataFrame([{**ROW, "year": 2026, "beds": 640}]))
    kept.forget()
    found = api.institution("123456789X")
    assert found is not None
    assert (found.beds, Institution.objects.count()) == (640, 2)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "code"),
    [({"code": "1"}, "missing"), ({**ROW, "colour": "red"}, "unknown_column")],
)
def test_a_frame_that_does_not_fit_is_refused(row: dict[str, object], code: str) -> None:
    """A frame without the needed columns, or with a column the register does not know, is refused by name."""
    with pytest.raises(Refused) as refused:
        api.save_institutions(system(), pl.DataFrame([row]))
    assert refused.value.code == code
