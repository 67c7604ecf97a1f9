"""What the bus decides, for every case and for cases of chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.errors import Refused
from yigong.platform.bus import domain, orchestration
from yigong.platform.bus.conditions import compile_condition, judge
from yigong.platform.bus.content import Content
from yigong.platform.bus.domain import BREAKER, SERVICE, TRIP_AFTER, Breaker, Bucket, Priority, Side
from yigong.platform.bus.orchestration import Done, Next, next_act

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
counts = st.dictionaries(st.sampled_from(list(Priority)), st.integers(0, 500), max_size=3)


@pytest.mark.feature("C19")
@given(waiting=counts, places=st.integers(0, 300))
def test_places_are_shared_out_so_that_no_class_starves(waiting: dict[Priority, int], places: int) -> None:
    """No place idle while anything waits, none given twice; who waits gets a place where there are enough; emergencies most."""
    given_out = domain.shares(waiting, places)
    asked = {p: n for p, n in waiting.items() if n}
    assert sum(given_out.values()) == min(places, sum(asked.values()))
    assert all(0 <= n <= asked[p] for p, n in given_out.items())
    if places >= len(asked):
        assert all(given_out[p] for p in asked)
    if Priority.EMERGENCY in asked and places:
        assert given_out[Priority.EMERGENCY] >= min(asked[Priority.EMERGENCY], max(1, places * 8 // 12 - 1))


@pytest.mark.feature("C19")
@given(per_minute=st.integers(1, 6000), seconds=st.lists(st.floats(0, 30), max_size=30), batch=st.integers(0, 500))
def test_the_quota_holds_over_any_time(per_minute: int, seconds: list[float], batch: int) -> None:
    """However often it is asked, a bucket gives no more than its quota and what it held; an empty one never goes below nothing."""
    bucket, at, taken = Bucket(per_minute, 0, AT), AT, 0
    for passed in seconds:
        at += timedelta(seconds=passed)
        bucket = bucket.filled(at)
        plan = domain.plan(Breaker(), bucket, {Priority.BATCH: batch, Priority.EMERGENCY: 2}, 1000, at)
        taken += sum(plan.values())
        bucket = bucket.less(sum(plan.values()))
        assert bucket.tokens >= -1e-9
    assert taken <= per_minute * sum(seconds) / 60 + bucket.capacity


@pytest.mark.feature("C19")
def test_batch_leaves_the_emergencies_their_part() -> None:
    """Of a full bucket batch takes half, routine four fifths, emergencies all; without a quota nothing is bounded."""
    full = Bucket(600, 100, AT)
    assert [full.gives(p) for p in Priority] == [100, 80, 50]
    assert [Bucket(3, 1, AT).gives(p) for p in Priority] == [1, 1, 1], "a small quota shuts nobody out"
    assert Bucket(0, 0, AT).gives(Priority.BATCH) is None


@pytest.mark.feature("C19")
def test_the_breaker_follows_its_table() -> None:
    """Closed, failures in a row open it, each opening rests longer, a probe decides, an answer closes."""
    breaker = Breaker()
    for _ in range(TRIP_AFTER - 1):
        breaker = breaker.judged(False, AT)
    assert breaker.state == "closed" and breaker.judged(True, AT) == Breaker()
    rests = []
    for _ in range(8):
        breaker = breaker.judged(False, AT)
        assert breaker.state == "open" and breaker.until and not breaker.admits(AT)
        rests.append((breaker.until - AT).total_seconds())
        assert breaker.judged(True, AT).state == "open", "a late answer of before does not close it"
        assert domain.plan(breaker, Bucket(0, 0, AT), {Priority.EMERGENCY: 9}, 9, AT) == {}
        assert domain.plan(breaker, Bucket(0, 0, AT), {Priority.EMERGENCY: 9}, 9, breaker.until) == {
            Priority.EMERGENCY: 1
        }
        breaker = breaker.asked(breaker.until)
        assert breaker.state == "half_open"
    assert rests == [15, 30, 60, 120, 240, 480, 600, 600]
    assert breaker.judged(True, AT) == Breaker()
    assert {m.verb for m in BREAKER.moves} == {"trip", "probe", "restore", "reset"}


@pytest.mark.feature("C14")
def test_a_service_lives_by_its_table() -> None:
    """From draft to retired; what is published is not retired without warning, and every harder move needs a reason."""
    with pytest.raises(Refused, match="wrong_state"):
        SERVICE.move("published", "retire", side=Side.PERSON, given={"reason": "x"})
    with pytest.raises(Refused, match="missing"):
        SERVICE.move("published", "deprecate", side=Side.PERSON)
    assert SERVICE.ends() == {"retired"}


STEPS = [{"name": "a", "do": 1, "undo": 1}, {"name": "b", "do": 1}, {"name": "c", "do": 1, "undo": 1}]


@pytest.mark.feature("C16")
@pytest.mark.parametrize(
    ("state", "done", "act"),
    [
        ("running", [], Next("do", 0)),
        ("running", [Done(0, "do", "done")], Next("do", 1)),
        ("running", [Done(0, "do", "done"), Done(1, "do", "")], Next("do", 1)),
        ("running", [Done(n, "do", "done") for n in range(3)], Next("finish")),
        ("running", [Done(0, "do", "done"), Done(1, "do", "refused")], Next("compensate")),
        ("running", [Done(0, "do", "unknown")], Next("compensate")),
        ("compensating", [Done(0, "do", "done"), Done(1, "do", "done"), Done(2, "do", "refused")], Next("undo", 0)),
        ("compensating", [Done(0, "do", "done"), Done(1, "do", "done"), Done(2, "do", "unknown")], Next("undo", 2)),
        ("compensating", [Done(0, "do", "done"), Done(2, "do", ""), Done(2, "undo", "done")], Next("undo", 0)),
        ("compensating", [Done(0, "do", "done"), Done(0, "undo", "done")], Next("complete")),
        ("compensating", [Done(0, "do", "done"), Done(0, "undo", "refused")], Next("give_up")),
        ("compensating", [], Next("complete")),
        ("stuck", [], Next("")),
    ],
)
def test_what_a_run_does_next(state: str, done: list[Done], act: Next) -> None:
    """Forward in order, back in reverse; a step that nobody knows of is undone, one that was refused left nothing."""
    assert next_act(state, STEPS, done) == act


@pytest.mark.feature("C16")
@given(
    outcomes=st.lists(st.sampled_from(["done", "refused", "unknown"]), max_size=8),
    undoable=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_a_run_ends_and_undoes_exactly_what_it_did(outcomes: list[str], undoable: list[bool]) -> None:
    """Played to its end, the steps undone are those that came about and say how, in reverse order."""
    steps = [{"name": str(n), "do": 1, "undo": u or None} for n, u in enumerate(undoable)]
    state, done, undone, given_out = "running", [], [], iter([*outcomes, *["done"] * 8])
    for _ in range(40):
        following = next_act(state, steps, done)
        match following.act:
            case "do":
                done.append(Done(following.number, "do", next(given_out)))
            case "undo":
                undone.append(following.number)
                done.append(Done(following.number, "undo", "done"))
            case "compensate":
                state = "compensating"
            case _:
                break
    assert following.act in ("finish", "complete")
    came_about = [d.number for d in done if d.way == "do" and d.outcome != "refused" and undoable[d.number]]
    assert undone == (sorted(came_about, reverse=True) if following.act == "complete" else [])


@pytest.mark.feature("C16")
@pytest.mark.parametrize(
    ("process", "number"),
    [
        ([], 0), ("x", 0), ([{"name": "a"}], 1), ([{"name": "", "do": {"endpoint": "e"}}], 1),
        ([{"name": "a", "do": {"endpoint": "e"}}, {"name": "b", "do": {"endpoint": "e"}, "undo": {}}], 2),
        ([{"name": "a", "do": {"endpoint": "e", "bad": 1}}], 1), ([{"name": "a", "do": {"endpoint": "e"}, "attempts": 0}], 1),
    ],
)  # fmt: skip
def test_a_process_that_is_not_understood_is_refused_with_its_step(process: object, number: int) -> None:
    """The sentence names the step."""
    with pytest.raises(Refused) as refused:
        orchestration.check(process)
    assert refused.value.facts["number"] == number


HL7 = b"MSH|^~\\&|LIS|H|Y|C|1||ORU^R01|7|P|2.4\rPID|||P1~P2^^^X||A\rOBX|1|NM|GLU||5.6\rOBX|2|NM|K||4\r"
XML = b"<a xmlns='u'><b id='1'>x</b><b id='2'/></a>"
JSON = b'{"a": [{"b": 1}, {"b": "two"}], "ok": true}'


@pytest.mark.feature("C16")
@pytest.mark.parametrize(
    ("body", "path", "values"),
    [
        (HL7, "PID-3", ["P1", "P2"]), (HL7, "PID-3.4", ["X"]), (HL7, "OBX-3", ["GLU", "K"]), (HL7, "MSH-9.2", ["R01"]), (HL7, "ZZZ-1", []),
        (HL7, "$.a", []), (XML, "//b/@id", ["1", "2"]), (XML, "/a/b", ["x"]), (XML, "count(//b)", []), (JSON, "$.a[*].b", ["1", "two"]), (JSON, "$.a[1].b", ["two"]),
        (JSON, "$.ok", ["true"]), (JSON, "$.x.y", []), (b"{broken", "$.a", []), (b"\x00\x01", "//b", []),
    ],
)  # fmt: skip
def test_paths_read_every_form(body: bytes, path: str, values: list[str]) -> None:
    """HL7 v2, XML and JSON by their own way of naming places; another form or nothing there is empty."""
    if path.startswith("count"):
        with pytest.raises(Refused, match="bad_path"):
            Content(body).values(path)
        return
    assert Content(body).values(path) == values


@pytest.mark.feature("C16")
@pytest.mark.parametrize(
    "text", ["type = ", "[PID-x] = '1'", "[//a[] = '1'", "unknown = 'x'", "[$.a..b] = 'x'", "nofunction(type)"]
)
def test_a_condition_that_is_not_understood_is_refused(text: str) -> None:
    """Before it is kept, not when a message comes."""
    with pytest.raises(Refused):
        compile_condition(text)


def test_many_messages_are_judged_by_many_conditions_at_once() -> None:
    """Rows are messages, columns conditions; an empty condition takes all."""
    conditions = [compile_condition(t) for t in ("", "[OBX-5] > 5", "发送方 in ('A', 'B')", "'1' = '1'")]
    facts = [{"sender": "A"}, {"sender": "C"}]
    assert judge(conditions, facts, [Content(HL7), Content(JSON)]) == [
        [True, True, True, True],
        [True, False, False, True],
    ]
