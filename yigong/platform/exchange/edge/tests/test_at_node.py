"""Filter, mapping and rules at work at a node: what leaves the institution, what the centre makes of it, what the day's account says."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection

from yigong.edge import wire
from yigong.kit.errors import Refused
from yigong.platform.exchange import account, stages
from yigong.platform.exchange.edge import orders
from yigong.platform.exchange.edge.models import Assignment, Bundle, Configuration, Run
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.models import Finding, Job, Quarantined, Sheet
from yigong.platform.exchange.tests import lab

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[dict[str, Any]]:
    """120 good rows, one that is void, one that cannot be read."""
    return [*lab.good(60), lab.row(80, ZF="1"), lab.row(81, JG="高")]


def carried(folder: Path, url: str, level: str) -> tuple[Any, list[wire.Head], str]:
    """The laboratory's rows through a node that does so much; the feed, the heads of the bundles, all that was sent."""
    _node, code, feed = place.centre(folder / "lis.db", rows())
    line = Assignment.objects.get(feed=feed)
    orders.change(place.CLERK, line.node_id, feed.pk, mapping_id=None, every_seconds=1, rows=50, at_node=level)
    machine = place.Machine(folder / "node", url, code)
    machine.take_orders()
    machine.read()
    machine.send()
    heads = [wire.Head(**{**b.head, "columns": tuple(b.head["columns"])}) for b in Bundle.objects.order_by("id")]
    sent = "".join(wire.unpack(bytes(b.packed), b.head["plain"]).decode() for b in Bundle.objects.order_by("id"))
    place.work()
    machine.close()
    return feed, heads, sent


@pytest.mark.feature("C04", "C10", "G33")
@pytest.mark.parametrize("level", ["read", "filter", "map"])
def test_the_day_of_a_node_balances_with_its_source(tmp_path: Path, live_server: Any, level: str) -> None:
    """Whatever is done at the node: source = read = filtered + rejected + loaded, and the bad row waits whole in quarantine."""
    feed, _heads, _sent = carried(tmp_path, live_server.url, level)
    job = Job.objects.get(feed=feed)
    assert (job.read, job.filtered, job.rejected, job.loaded) == (122, 1, 1, 120)
    sheet = Sheet.objects.get(feed=feed)
    assert (sheet.source, sheet.source_read, sheet.read) == (122, 122, 122) and sheet.balances
    run = Run.objects.get(feed=feed)
    assert (run.source, run.read, run.kept) == (122, 122, 122)
    assert (run.filtered, run.amiss) == {"read": (0, 0), "filter": (1, 0), "map": (1, 1)}[level]
    assert Quarantined.objects.get().raw["JG"] == "高"
    assert Finding.objects.get(severity="filtered").count == 1
    assert account.close(place.CLERK, sheet.pk).closed_at is not None


@pytest.mark.feature("C05", "G33")
def test_mapped_at_the_node_gives_the_same_records(tmp_path: Path, live_server: Any) -> None:
    """Rows mapped at the node and then, read once more, at the centre are the same to the last column: nothing changes."""
    node, code, feed = place.centre(tmp_path / "lis.db", rows())
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    for level in ("map", "read"):
        orders.change(place.CLERK, node.pk, feed.pk, mapping_id=None, every_seconds=1, rows=50, at_node=level)
        orders.reread(place.CLERK, node.pk, feed.pk)
        machine.take_orders()
        machine.read()
        machine.send()
        place.work()
    machine.close()
    job = Job.objects.get(feed=feed)
    assert (job.inserted, job.updated, job.unchanged, job.filtered) == (120, 0, 120, 2)
    assert Quarantined.objects.count() == 1


@pytest.mark.feature("C04", "G33")
def test_what_is_filtered_never_leaves_the_institution(tmp_path: Path, live_server: Any) -> None:
    """A void row is counted and not sent; good rows travel under the standard's names, the bad one as it was read."""
    _feed, heads, sent = carried(tmp_path, live_server.url, "map")
    assert "R80" not in sent and "R81" in sent
    assert {h.form for h in heads} == {"standard", "raw", "run"}
    assert all(not {"JG", "BRID"} & set(h.columns) for h in heads if h.form == "standard")
    assert sum(h.rows for h in heads if h.form == "raw") == 1
    assert sum(sum(h.counts.get("filtered", {}).values()) for h in heads if h.form != "run") == 1


@pytest.mark.feature("G33")
def test_a_node_is_not_believed_beyond_its_values(tmp_path: Path, live_server: Any) -> None:
    """A node that claims another institution, another system or a column of the centre's own is not believed: the plan speaks."""
    from yigong.edge.mapping.api import standard_rows

    _node, _code, feed = place.centre(tmp_path / "lis.db", rows())
    plan = orders.compiled(feed, feed.mappings.get())
    assert plan is not None
    claimed = pl.DataFrame({
        "source_key": ["1"], "local_id": ["P1"], "org_code": ["999999999X"], "source_system": ["other"],
        "registration_id": ["7"], "document_key": ["x"], "event_at": ["2026-03-01T00:00:00.000000+00:00"],
    })  # fmt: skip
    found = standard_rows(plan, claimed, feed.org_code).to_dicts()[0]
    assert found["org_code"] == lab.HOSPITAL and found["source_system"] != "other"
    assert not {"registration_id", "document_key"} & set(found)


@pytest.mark.feature("G33")
def test_orders_that_cannot_be_followed_here_are_refused_whole(tmp_path: Path, live_server: Any) -> None:
    """Where the node's declaration of the data set differs from the centre's, the version is not taken and the page says why."""
    node, code, feed = place.centre(tmp_path / "lis.db", rows())
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    before = machine.sender.orders
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "fingerprint", lambda _d: "another")
        orders.change(place.CLERK, node.pk, feed.pk, mapping_id=None, every_seconds=1, rows=50, at_node="map")
    machine.take_orders()
    machine.take_orders()
    assert machine.sender.orders is before
    assert Configuration.objects.order_by("-version").first().refused == "edge.standards_differ"  # type: ignore[union-attr]
    machine.close()


@pytest.mark.feature("C10", "G33")
def test_a_real_node_process_maps_and_reports(tmp_path: Path, live_server: Any) -> None:
    """The program of a node, as a process of its own: filtered, mapped and checked there, the day balanced here."""
    _node, code, feed = place.centre(tmp_path / "lis.db", rows())
    line = Assignment.objects.get(feed=feed)
    orders.change(place.CLERK, line.node_id, feed.pk, mapping_id=None, every_seconds=1, rows=50, at_node="map")
    command = [sys.executable, "-m", "yigong.edge", "--home", str(tmp_path / "node"), "--timeout", "5"]
    subprocess.run([*command, "enrol", "--centre", live_server.url, "--code", code], check=True, capture_output=True)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, "run"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not Run.objects.filter(feed=feed).exists():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-1000:]
            place.work()
            time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(20)
    sheet = Sheet.objects.get(feed=feed)
    assert (sheet.source, sheet.source_read, sheet.filtered, sheet.rejected, sheet.loaded) == (122, 122, 1, 1, 120)
    assert sheet.balances


@pytest.mark.parametrize("counts", [{"read": -1}, {"read": True}, {"filtered": {"a": 1.5}}, {"a": [1]}])
def test_counts_that_are_none_are_refused(counts: dict[str, Any]) -> None:
    """What is no whole number, moment or table of them is no account."""
    packed = wire.pack(b"")
    head = wire.Head("0" * 32, "1", "s", 1, 0, (), 0, wire.digest(packed), "", "", 1, "run", 0, counts)
    with pytest.raises(Refused):
        wire.open_bundle(wire.bundle(head, packed))
    assert io.BytesIO(packed).read() == packed


@pytest.mark.feature("C07", "G33")
def test_a_row_mapped_at_the_node_is_mended_and_sent_again(tmp_path: Path, live_server: Any) -> None:
    """What a node mapped and the centre turned away waits under the standard's names, is mended there and goes in; nothing else."""
    from yigong.platform.exchange import quarantine, services

    with pytest.MonkeyPatch.context() as patch:  # the centre has a rule that the node's orders do not know yet
        patch.setattr(stages, "quality_findings", _no_creatinine)
        feed, _heads, _sent = carried(tmp_path, live_server.url, "map")
        waiting = Quarantined.objects.filter(rule="TEST-1").order_by("id")
        assert (waiting.count(), Job.objects.get(feed=feed).loaded) == (60, 60)
        first, second = waiting[:2]
        assert first.raw["laboratory_test_item_code"] == "CREA" and first.place
        services.resend(place.CLERK, [second.pk])
        second.refresh_from_db()
        assert (second.state, waiting.count()) == ("waiting", 60)
        quarantine.mend(place.CLERK, first.pk, {**first.raw, "laboratory_test_item_code": "UREA"})
        services.resend(place.CLERK, [first.pk])
    first.refresh_from_db()
    assert first.state == "resent"
    key = first.raw["source_key"]
    found = _stored(key)
    assert found["laboratory_test_item_code"] == "UREA" and found["org_code"] == lab.HOSPITAL
    services.resend(place.CLERK, list(waiting.exclude(pk=first.pk).values_list("pk", flat=True)))
    assert not waiting.exclude(state="resent").exists()
    assert _stored(second.raw["source_key"])["event_at"] is not None


def _stored(key: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("select * from records_laboratory_test_record where source_key = %s", [key])
        names = [c.name for c in cursor.description or ()]
        return dict(zip(names, cursor.fetchone(), strict=True))


def _no_creatinine(_data_set: str, frame: pl.DataFrame) -> pl.DataFrame:
    from yigong.edge.mapping.findings import found
    from yigong.edge.mapping.rows import Reason

    item = frame.get_column("laboratory_test_item_code")
    return found(Reason("TEST-1", "laboratory_test_item_code", "不收", "not taken"), item == "CREA", item)
