"""Clusters grown quickly are those that asking every pair would give; whole knots are worked at side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yigong.platform.empi.engine import cluster, pairs
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.link import Linked, run
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.score import UNIT
from yigong.platform.empi.engine.tests.people import frame, villages

MODEL = load_model("county")
NEVER = [LEVELS["name"].index(name) for name in MODEL.guards["never"]["name"]]


def slowly(made: Linked) -> list[set[int]]:
    """The clusters along the same pairs, every cross pair asked."""
    rows, found, width = made.rows, made.pairs, MODEL.width
    of = [{i} for i in range(rows.size // width)]
    for e in cluster.falling(rows, width, found.left, found.right, found.scores).tolist():
        one, other = of[int(found.left[e])], of[int(found.right[e])]
        if one is not other and len(one) + len(other) <= MODEL.clusters["most"] and _agree(rows, one, other):
            one |= other
            for i in other:
                of[i] = one
    return of


def _agree(rows: np.ndarray, one: set[int], other: set[int]) -> bool:
    held = rows.reshape(-1, MODEL.width)[sorted(one | other), MODEL.at("number") : MODEL.at("number") + 2]
    if len({n for n, state in held.tolist() if state & 7 in (4, 6)}) > 1:
        return False
    cross = np.array([(i, j) for i in one for j in other], np.uint32)
    asked = pairs.score_between(rows, MODEL, cross[:, 0].copy(), cross[:, 1].copy())
    said = (asked.levels >> (5 * MODEL.comparison("name"))) & 31
    clip = MODEL.clusters["clip"] * UNIT
    return not np.isin(said, NEVER).any() and bool(np.clip(asked.scores, -clip, clip).sum() >= 0)


@pytest.mark.feature("A23")
@settings(max_examples=80, deadline=None)
@given(villages)
def test_clusters_are_those_that_asking_every_pair_gives(records: list[dict[str, str]]) -> None:
    """Cross pairs that cannot change the answer are not asked, and the answer is not changed."""
    made = run(frame(records), MODEL, train=False)
    of = slowly(made)
    assert {frozenset(np.flatnonzero(made.root == r).tolist()) for r in made.root} == {frozenset(c) for c in of}


@pytest.mark.feature("A23")
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=60), st.integers(1, 4))
def test_the_order_is_cut_into_whole_knots(edges: list[tuple[int, int]], parts: int) -> None:
    """Every pair stands in one share, in its order, and pairs that hang together stand in the same."""
    left, right = (np.array(side, np.uint32) for side in zip(*edges, strict=True))
    knot, order = np.empty(61, np.uint32), np.arange(left.size, dtype=np.uint32)
    cluster.knots(left, right, left.size, 61, knot)
    shares = cluster.shares(order, left, knot, parts)
    assert (knot[left] == knot[right]).all()
    assert sorted(np.concatenate(shares).tolist()) == order.tolist()
    assert all((np.diff(share.astype(np.int64)) > 0).all() for share in shares)
    assert sum(len(set(knot[left[share]].tolist())) for share in shares) == len(set(knot[left].tolist()))


@pytest.mark.parametrize("starts", [[0, 3, 4, 5, 6, 8, 9, 11, 13, 14, 16, 17, 18], [0, 9], [0, 1, 12, 13]])
def test_every_rule_is_in_one_passage(starts: list[int]) -> None:
    """Passages over the rows follow each other without a gap; one makes no more keys than it may, or a single rule's."""
    passages = pairs._groups(starts)
    assert [rule for first, last in passages for rule in range(first, last)] == list(range(len(starts) - 1))
    assert all(starts[last] - starts[first] <= pairs.TOGETHER or last - first == 1 for first, last in passages)
