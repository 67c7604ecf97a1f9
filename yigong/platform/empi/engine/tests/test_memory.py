"""The look-up in memory answers as a plain search over all keys would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from yigong.platform.empi.engine import memory, pairs, standard
from yigong.platform.empi.engine.model import Model, load_model
from yigong.platform.empi.engine.score import UNIT
from yigong.platform.empi.engine.tests.people import frame, record, villages

MODEL = load_model("county")


def plainly(rows: np.ndarray, model: Model, asked: int, least: float, most: int) -> list[tuple[int, float]]:
    """Who shares a key that not too many share, in the order of the keys, then by falling score."""
    parts = pairs.all_keys(rows, model)
    met: dict[int, None] = {}
    for key in [k for _, k in pairs.keys_of(rows[asked * model.width : (asked + 1) * model.width], model)]:
        block = [w for who, keys in parts for w, k in zip(who.tolist(), keys.tolist(), strict=True) if k == key]
        met |= dict.fromkeys(block if len(block) <= model.cap else [])
    others = np.array(list(met), np.uint32)
    scores = pairs.score_between(rows, model, np.full(others.size, asked, np.uint32), others).scores.tolist()
    best = sorted(zip(others.tolist(), scores, strict=True), key=lambda found: -found[1])
    return [(row, score / UNIT) for row, score in best if score >= int(least * UNIT)][:most]


@pytest.mark.feature("A24")
@settings(max_examples=40, deadline=None)
@given(villages)
def test_a_look_up_answers_as_a_plain_search(records: list[dict[str, str]]) -> None:
    """The same records, scores and order, whatever least score, number of answers or size of block is set."""
    rows = standard.rows_of(frame(records), MODEL)
    for cap, least, most in ((120, -99.0, 50), (120, 0.0, 10), (3, -99.0, 4), (2, 5.5, 1)):
        model = replace(MODEL, cap=cap)
        index, table = memory.Memory(rows, model), rows.reshape(-1, model.width)
        for asked in (0, len(records) // 2, len(records) - 1):
            found = [tuple(f) for f in index.look_up(table[asked], least, most)]
            assert found == plainly(rows, model, asked, least, most)


@pytest.mark.feature("A24")
def test_the_table_of_those_met_begins_anew_when_its_turns_are_used_up() -> None:
    """After two thousand million look-ups the next ones still answer the same."""
    twice = [record(name="王秀兰", dob="1950-03-08", phone="13912345678")] * 2
    rows = standard.rows_of(frame(twice), MODEL)
    index = memory.Memory(rows, MODEL)
    before = index.look_up(rows[: MODEL.width])
    index.asked[0] = memory.TURNS - 2
    assert [index.look_up(rows[: MODEL.width]) for _ in range(3)] == [before] * 3
    assert index.asked[0] == 2
