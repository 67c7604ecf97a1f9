"""From a laboratory's database through a node to the records: enrolled, read, kept, sent, receipted, carried in."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from yigong.platform.exchange.edge.models import Bundle, BundleState, Configuration, Node, NodeState
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.models import Job, Quarantined
from yigong.platform.exchange.tests import lab

pytestmark = pytest.mark.django_db(transaction=True)


def keys() -> list[str]:
    """The source keys in the records."""
    with connection.cursor() as cursor:
        cursor.execute("select source_key from records_laboratory_test_record order by 1")
        return [r[0] for r in cursor.fetchall()]


@pytest.mark.feature("G33")
def test_rows_of_a_hospital_reach_the_records_through_a_node(tmp_path: Path, live_server: Any) -> None:
    """Every row of the source is loaded once or waits in quarantine; the buffer is empty only after the receipts."""
    rows = [*lab.good(60), lab.row(80, ZF="1"), lab.row(81, JG="高")]
    node, code, feed = place.centre(tmp_path / "lis.db", rows)
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    machine.read()
    assert machine.buffer.queue().rows == 122 and Bundle.objects.count() == 0
    machine.send()
    assert machine.buffer.queue().bundles == 0 and Bundle.objects.filter(state=BundleState.RECEIVED).count() == 4
    assert place.work() == 4  # the fourth is the account of the run
    assert len(keys()) == 120 == len(set(keys()))
    job = Job.objects.get(feed=feed)
    assert (job.read, job.filtered, job.rejected, job.loaded) == (122, 1, 1, 120) and job.balances
    assert Quarantined.objects.get().raw["JG"] == "高"
    assert not Bundle.objects.exclude(packed=None).exists()
    machine.take_orders()
    node.refresh_from_db()
    assert node.state == NodeState.ACTIVE and node.applied == 1 and abs(node.drift_ms or 0) < 60_000
    assert Configuration.objects.get(node=node).applied_at is not None
    assert Node.objects.get().code_expires_at is not None
    machine.close()


@pytest.mark.feature("G33")
def test_a_deletion_travels_through_a_node(tmp_path: Path, live_server: Any) -> None:
    """A row that its source marks as void after it was loaded leaves the records."""
    _node, code, feed = place.centre(tmp_path / "lis.db", lab.good(3), deleted_when={"ZF": ["9"]})
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    machine.read()
    machine.send()
    place.work()
    assert len(keys()) == 6
    with sqlite3.connect(tmp_path / "lis.db") as db:
        db.execute("update lis_result set ZF = '9' where BGDH = 'R1'")
    machine.read()
    machine.send()
    place.work()
    assert len(keys()) == 4 and not any(k.startswith("R1|") for k in keys())
    assert sum(j.deleted for j in Job.objects.filter(feed=feed)) == 2
    machine.close()
