"""Registering a few without frames decides what registering by columns decides, to the byte."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.empi import alike, api, frames, matching, register, stored
from yigong.platform.empi.few.rows import Row, arranged, standardised
from yigong.platform.empi.few.rows import written as as_json
from yigong.platform.empi.rules import model
from yigong.platform.empi.tests.histories import Rolled, ask, decide_something, some_frame
from yigong.platform.empi.tests.test_alike import registration
from yigong.platform.empi.tests.test_order import county
from yigong.platform.empi.tests.test_register import number, rows


def everything() -> dict[str, list[Any]]:
    """All that the index holds after some registering, told by local ids: the same whatever numbers were given."""
    local: dict[int | None, str] = dict(ask("select id, local_id from empi_registration"))
    of: dict[int, set[str]] = {}
    for one, person in ask("select id, person_id from empi_registration"):
        of.setdefault(person, set()).add(local[one])
    columns = ", ".join(name for name in frames.COLUMNS if name != "facts")
    persons = ask("select id, state, golden::text from empi_person where state <> 'merged'")
    questions = ask("select left_id, right_id, score, kind, risk, state from empi_candidate")
    return {
        "registrations": sorted(ask(f"select {columns}, facts::text, state from empi_registration"), key=str),
        "persons": sorted((sorted(of[person]), state, _golden(text, local)) for person, state, text in persons),
        "blocks": sorted(
            (r, k, local[one]) for r, k, one in ask("select rule, key, registration_id from empi_block") if one in local
        ),
        "questions": sorted((*sorted((local[a], local[b])), *rest) for a, b, *rest in questions),
        "log": _log(local, {person: min(some) for person, some in of.items()}),
        "said": ask("select after::text from security_audit where action = 'empi.register' order by id"),
    }


def _golden(text: str, local: dict[int | None, str]) -> list[Any]:
    return sorted((name, str(v["value"]), local[v["registration_id"]]) for name, v in json.loads(text).items())


def _log(local: dict[int | None, str], person: dict[int | None, str]) -> list[Any]:
    found = ask("""select verb, registration_ids::text, from_person, to_person, anchor_id, score, moved, changed::text,
        carried::text, reason, jsonb_array_length(states), jsonb_array_length(pairs), by_name, org_code from empi_decision""")
    lines = [
        (
            verb,
            sorted(local[one] for one in json.loads(ids)),
            person.get(source),
            person.get(target),
            local.get(anchor),
            *rest,
        )
        for verb, ids, source, target, anchor, *rest in found
        if verb not in ("ask", "mark")
    ]
    return sorted(lines, key=str)


def both(batches: list[pl.DataFrame], *, seed: int = 0, acts: float = 0.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """The index after these batches by frames and without, with the outcomes told; *acts*: how often people decide between."""
    seen = []
    for few in (0, 32):
        dice = random.Random(seed)
        with pytest.raises(Rolled), transaction.atomic(), patch.object(register, "FEW_ROWS", few):
            told = []
            for batch in batches:
                told += api.register(system(), batch).get_column("outcome").to_list()
                if dice.random() < acts:
                    decide_something(dice)
            seen.append({**everything(), "outcomes": told})
            raise Rolled
    return seen[0], seen[1]


@pytest.mark.django_db
@pytest.mark.feature("A23")
@pytest.mark.parametrize(("seed", "size"), [(3, 1), (5, 7), (8, 32)])
def test_a_county_is_the_same_both_ways(seed: int, size: int, tmp_path: Path) -> None:
    """Registrations of a county in any order, by ones, sevens and thirty-twos: the same links, scores, questions, golden
    records, blocks, lines of the log and outcomes."""
    with patch("yigong.platform.empi.tests.test_order.RECORDS", "400" if size == 1 else "1200"):
        frame = county(seed, tmp_path / "county.parquet")
    places = random.Random(seed).sample(range(frame.height), frame.height)
    by_frames, by_few = both([frame[places[at : at + size]] for at in range(0, frame.height, size)])
    assert by_frames == by_few
    assert {"new", "linked"} <= set(by_few["outcomes"])


@pytest.mark.django_db
@pytest.mark.feature("A23")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9))
def test_confusing_histories_are_the_same_both_ways(seed: int) -> None:
    """Registrations that resemble each other arrive, change and are decided about: all that the index holds is the same."""
    dice = random.Random(seed)
    batches = [some_frame(dice, ids=range(12), most=3) for _ in range(8)]
    by_frames, by_few = both(batches, seed=seed, acts=0.3)
    assert by_frames == by_few


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_a_number_of_many_names_loses_its_trust_both_ways() -> None:
    """The sixth name under one number takes its trust away, from those that stand there and from what arrives."""
    names = ["王秀兰", "李四", "赵桂兰", "孙国强", "周芳", "吴伟", "郑爽"]
    by_frames, by_few = both([rows({"local_id": str(n), "full_name": name}) for n, name in enumerate(names)])
    assert by_frames == by_few
    assert {row[frames.COLUMNS.index("id_trust")] for row in by_few["registrations"]} == {"shared"}


@st.composite
def untidy(draw: st.DrawFn) -> dict[str, Any]:
    """A registration as systems send it: dates as text, odd blanks, whole numbers, facts."""
    given_row = draw(registration())
    return {
        **given_row,
        "org_code": draw(st.sampled_from(["QH01", " ＱＨ01 ", "DH\u30002"])), "source_system": "HIS",
        "local_id": draw(st.text("1 \u3000\u2003\x1f\x85é①", min_size=1, max_size=4)) + "x",
        "full_name": draw(st.sampled_from(["王 秀\u2003兰", "ＡＢ\x1c", "\x00", None, "买买提•艾力"])),
        "contact_phone": draw(st.sampled_from(["9986 13800006620", "٣٤٥", "abc", None])),
        "facts": draw(st.sampled_from(['{"a": [1, "x"]}', None])),
    }  # fmt: skip


_DATES = ["1959-03-04", "1959/03/04", "19590304", "1959-02-30", "", None, "x"]
_NAIVE = [datetime.fromisoformat(moment) for moment in ("1988-07-01 12:00:00", "2024-01-31 23:00:00")]
_MOMENTS = [
    "2024-01-31 18:00:00",
    "2024-01-31T18:00:00",
    "1988-07-01 12:00:00",
    "2024-01-31",
    "2024-13-31 18:00:00",
    None,
]


@pytest.mark.feature("A23")
@settings(max_examples=120, deadline=None)
@given(st.lists(untidy(), min_size=1, max_size=4), st.data())
def test_rows_are_cleaned_as_columns_are(given_rows: list[dict[str, Any]], data: Any) -> None:
    """Arranged, fingerprinted and in standard form, plain values equal those of columns; what columns refuse is refused."""
    kind = data.draw(st.sampled_from(["as they are", "text", "moments"]))
    for row in given_rows:
        if kind == "text":
            row["born_on"], row["registered_at"] = (
                data.draw(st.sampled_from(_DATES)),
                data.draw(st.sampled_from(_MOMENTS)),
            )
        if kind == "moments":
            row["born_on"] = row["registered_at"] = data.draw(st.sampled_from([*_NAIVE, None]))
    frame = pl.DataFrame(given_rows, infer_schema_length=None)
    try:
        wide = frames.arrange(frame)
    except Refused as refused:
        with pytest.raises(Refused) as as_well:
            arranged(frame)
        assert as_well.value.code == refused.code
        return
    few = arranged(frame)
    assert [row.hash for row in few] == frames.fingerprint(wide).to_list()
    standardised(few, model())
    with patch.object(matching, "_FEW", 0):
        kept = matching.standardise(wide)
    names = [name for name in frames.COLUMNS if name != "hash"]
    assert [tuple(getattr(row, name) for name in names) for row in few] == kept.select(names).rows()


@pytest.mark.feature("A23")
@settings(max_examples=150, deadline=None)
@given(registration(), registration())
def test_a_question_is_of_the_same_kind_both_ways(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Twins, borrowed numbers, newborns and the rest are told apart as by columns."""
    made = [
        Row(org_code="A", source_system="B", local_id=str(n), **given_row) for n, given_row in enumerate((one, other))
    ]
    standardised(made, model())
    columns = {name: [getattr(row, name) for row in made] for name in (*stored.FACTS,)}
    facts = pl.DataFrame({**columns, "registration_id": [1, 2]}, schema=stored.FACTS)
    pair = facts[:1].join(facts[1:], how="cross", suffix="_right")
    assert alike.kind(made[0].compared(), made[1].compared()) == matching.kind_of(pair)


@pytest.mark.django_db
@pytest.mark.feature("A23")
def test_a_single_registration_asks_little_and_always_the_same() -> None:
    """However much a registration resembles, the number of statements is that of its kind: known, new, linked."""
    api.register(
        system(), rows({}, {"local_id": "2", "full_name": "李四", "id_no": None, "phone": None, "address": None})
    )
    for n in range(40):
        api.register(system(), rows({"org_code": f"X{n}"}))
    stranger = {
        "full_name": "周芳",
        "born_on": date(1970, 1, 1),
        "id_no": number("19700101"),
        "phone": None,
        "address": None,
    }
    asked = {}
    for kind, change in {
        "known": {"org_code": "X1"},
        "new": {"local_id": "9", **stranger},
        "linked": {"org_code": "Y"},
    }.items():
        with CaptureQueriesContext(connection) as seen:
            told = api.register(system(), rows(change))
        assert told.get_column("outcome").to_list() == [kind]
        asked[kind] = len([one for one in seen if "SAVEPOINT" not in one["sql"]])
    assert asked == {"known": 1, "new": 11, "linked": 13}


def test_rows_leave_as_json() -> None:
    """A row carries all columns of the table, moments with their zone."""
    row = Row(
        "A", "B", "1", born_on=date(1959, 3, 4), registered_at=datetime(2024, 1, 31, 18, tzinfo=UTC), facts='{"a":1}'
    )
    assert '"born_on":"1959-03-04"' in as_json([row])
    assert '"registered_at":"2024-01-31T18:00:00+00:00"' in as_json([row])
