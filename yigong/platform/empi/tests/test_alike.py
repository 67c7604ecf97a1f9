"""The quick way to compare one set of facts says what the way by columns says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.platform.empi import alike, matching, pairs, stored
from yigong.platform.empi.alike import Facts
from yigong.platform.empi.frames import REGISTRATION, arrange
from yigong.platform.empi.rules import model
from yigong.platform.empi.tests.test_register import number

_NAMES = ["王秀兰", "王秀蓝", " 王秀兰 ", "王芳之子", "无名氏", "买买提·艾力", "ａｎｎａ", None, ""]
_NUMBERS = [
    number("19590304"), number("19590304", male=True), number("19590304", 2), number("19590304")[:6] + "590304" + "012",
    number("19590304")[:17] + "x", "5329 0119590304 0128", "P1234567", "00000000", "199913", None,
]  # fmt: skip


@st.composite
def registration(draw: st.DrawFn) -> dict[str, Any]:
    """Facts as a caller gives them, out of a small and confusing village."""
    return {
        "full_name": draw(st.sampled_from(_NAMES)),
        "sex_code": draw(st.sampled_from(["1", "2", "9", None])),
        "born_on": draw(st.sampled_from([date(1959, 3, 4), date(1959, 4, 3), date(2024, 1, 1), None])),
        "id_type_code": draw(st.sampled_from([None, "01", "03"])),
        "id_no": draw(st.sampled_from(_NUMBERS)),
        "phone": draw(st.sampled_from(["13800006620", "+86 138-0000-6620", "008613800006620", None])),
        "address": draw(st.sampled_from(["东河镇柳树村2组17号", "东河镇　柳树村", None])),
        "health_card_no": draw(st.sampled_from(["YB1", None])),
        "contact_name": draw(st.sampled_from(["王秀兰", None])),
        "registered_at": draw(st.sampled_from([datetime(2024, 1, 31, 18, tzinfo=UTC), None])),
    }


def _kept(given_rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The registrations as the index keeps them."""
    keys = [{"org_code": "A", "source_system": "B", "local_id": str(n)} for n in range(len(given_rows))]
    frame = pl.DataFrame([{**k, **r} for k, r in zip(keys, given_rows, strict=True)],
                         schema={n: REGISTRATION[n] for n in ("org_code", "source_system", "local_id", *given_rows[0])})  # fmt: skip
    with patch.object(matching, "_FEW", 0):  # by columns, as for many
        made = matching.standardise(arrange(frame))
    return made.with_columns(
        pl.int_range(1, pl.len() + 1).alias("registration_id"), pl.lit(None, pl.Int64).alias("person_id")
    )


@pytest.mark.django_db
@pytest.mark.feature("A23")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(registration(), min_size=2, max_size=6), st.data())
def test_facts_keys_scores_and_bands_are_those_of_registering(given_rows: list[dict[str, Any]], data: Any) -> None:
    """Standard form, trust, blocks, score and band of each pair are equal both ways, also where a number lost its trust."""
    kept = _kept(given_rows)
    if data.draw(st.booleans()):
        kept = kept.with_columns(
            pl.when(pl.col("registration_id") == 2).then(pl.lit("shared")).otherwise("id_trust").alias("id_trust")
        )
    known = [Facts(*row) for row in kept.select(Facts._fields).rows()]
    asked = alike.question(given_rows[0], model())
    assert asked.facts == known[0]
    blocks = matching.block_keys(kept).filter(pl.col("row") == 0).select("rule", "key").rows()
    assert sorted(asked.keys) == sorted(blocks)
    couples = pl.DataFrame({"left": 1, "right": kept.get_column("registration_id")[1:]}).cast(pl.Int64)
    facts = kept.select(list(stored.FACTS))
    quick = alike.scores(asked, known[1:], model(), matching.thresholds())
    for few in (0, 50):
        with patch.object(matching, "_FEW", few):
            scored = matching.score(pairs.side_by_side(couples, facts), matching.Board.of(facts)).sort("right")
        assert quick == scored.select("score", "band").rows()
