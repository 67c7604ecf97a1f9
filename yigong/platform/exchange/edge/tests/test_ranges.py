"""A range of dates, the whole, and files set aside, for feeds that a node reads: ordered and seen on the feed's page."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from yigong.platform.exchange import alarms, services
from yigong.platform.exchange.edge import orders
from yigong.platform.exchange.edge.models import Assignment
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.models import Alarm, Feed, Job
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import CLERK, signed_in
from yigong.platform.exchange.tests.test_set_aside import put

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.feature("C10", "G33")]


def result(report: str) -> str:
    """What the records say of a report."""
    with connection.cursor() as cursor:
        sql = "select laboratory_test_quantitative_result::float from records_laboratory_test_record where source_key = %s"
        cursor.execute(sql, [f"{report}|GLU"])
        return str(cursor.fetchone()[0])


def edit(path: Path, sql: str) -> None:
    """A change in the hospital's database that leaves its time stamps alone."""
    with sqlite3.connect(path) as db:
        db.execute(sql)


def steer(client: Client, feed: Feed, verb: str, **facts: str) -> str:
    """One button of the feed's page, and the page after it."""
    answer = client.post(reverse("exchange:steer", args=[feed.pk, verb]), facts, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def page(client: Client, feed: Feed) -> str:
    """The feed's page."""
    return client.get(reverse("exchange:feed", args=[feed.pk])).content.decode()


def take(machine: place.Machine, version: int) -> None:
    """Beat until these orders are in force."""
    for _beat in range(5):
        machine.take_orders()
        if machine.sender.orders is not None and machine.sender.orders.version >= version:
            return
    raise AssertionError(machine.sender.orders)


def test_a_real_node_reads_a_range_of_dates_again(tmp_path: Path, live_server: Any) -> None:
    """A correction without a new time stamp, unseen by the node, comes in when its day is read again; nothing is doubled, the page tells."""
    _node, code, feed = place.centre(tmp_path / "lis.db", lab.good(20), since_column=["XGSJ"], way="timestamp")
    command = [sys.executable, "-m", "yigong.edge", "--home", str(tmp_path / "node"), "--timeout", "5"]
    subprocess.run([*command, "enrol", "--centre", live_server.url, "--code", code], check=True, capture_output=True)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, "run"], stdout=log, stderr=log)

    def until(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
            place.work()
            time.sleep(0.2)

    try:
        until(lambda: sum(j.inserted for j in Job.objects.filter(feed=feed)) == 40)
        edit(tmp_path / "lis.db", "update lis_result set JG = '9.9' where BGDH in ('R3', 'R7')")
        client = signed_in(CLERK)
        orders.save_limits(place.CLERK, _node.pk, beat_seconds=1)
        assert "已下发" in steer(client, feed, "range", start="2026-03-04", end="2026-03-05")
        until(lambda: result("R3") == "9.9")
        until(lambda: "节点已重读 2 行" in page(client, feed))
    finally:
        process.terminate()
        process.wait(20)
    assert result("R7") == "5.6" and sum(j.inserted for j in Job.objects.filter(feed=feed)) == 40
    assert all(j.balances for j in Job.objects.filter(feed=feed))


def test_an_order_is_carried_out_once_and_the_position_stays(tmp_path: Path, live_server: Any) -> None:
    """Read again without news nothing travels; a second order of the same range is another. The whole is read from the page too."""
    _node, code, feed = place.centre(tmp_path / "lis.db", lab.good(20), since_column=["XGSJ"], way="timestamp")
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    for _again in range(2):  # the rows at the mark come twice, and are known from then on
        machine.read()
        machine.send()
    place.work()
    position = machine.buffer.feeds()[0].position
    client = signed_in(CLERK)
    assert "等节点执行" in steer(client, feed, "range", start="2026-03-01", end="2026-03-11")
    machine.take_orders()
    for expected in (20, 0):
        machine.read()
        assert machine.buffer.queue().rows == expected
        machine.send()
    assert machine.buffer.feeds()[0].position == position
    services.start_range(place.CLERK, Feed.objects.get(pk=feed.pk), "2026-03-01", "2026-03-11")
    take(machine, 3)
    edit(tmp_path / "lis.db", "update lis_result set JG = '8.8' where BGDH = 'R1'")
    machine.read()
    machine.send()
    place.work()
    assert result("R1") == "8.8"
    steer(client, feed, "whole")
    take(machine, 4)
    machine.read()
    assert machine.buffer.queue().rows == 40
    machine.send()
    place.work()
    assert sum(j.inserted for j in Job.objects.filter(feed=feed)) == 40
    assert Assignment.objects.get().epoch == 1
    machine.close()


def test_a_source_without_a_time_column_is_refused_before_it_is_ordered(tmp_path: Path, live_server: Any) -> None:
    """The page has no such button, and the address says why."""
    _node, code, feed = place.centre(tmp_path / "lis.db", lab.good(1))
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    client = signed_in(CLERK)
    assert "按日期重采" not in page(client, feed)
    answer = client.post(
        reverse("exchange:steer", args=[feed.pk, "range"]), {"start": "2026-03-01", "end": "2026-03-02"}
    )
    assert answer.status_code == 409 and "没有时间列" in answer.content.decode()
    assert Assignment.objects.get().again is None
    machine.close()


def test_a_file_that_a_node_sets_aside_is_told_at_the_centre(tmp_path: Path, live_server: Any) -> None:
    """The others of its folder travel; page and alarm name it, once it is mended it comes and the alarm is over."""
    _node, code, feed = place.centre(tmp_path / "lis.db", [])
    config = {"folder": str(tmp_path / "in"), "settle_seconds": 0}
    Feed.objects.filter(pk=feed.pk).update(config=config)
    Assignment.objects.update(kind="csv")
    feed.refresh_from_db()
    orders.source_changed(place.CLERK, feed, "csv")
    put(tmp_path / "in", "a.csv", range(3), lacks="BRID", at=1)
    put(tmp_path / "in", "b.csv", range(3, 7), at=2)
    machine = place.Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    machine.read()
    assert machine.buffer.queue().rows == 4
    machine.send()
    machine.take_orders()
    place.work()
    alarms.judge(feed.pk)
    assert Alarm.objects.get(closed_at=None).kind == "aside"
    text = page(signed_in(CLERK), feed)
    assert "a.csv 缺少映射要用的列" in text and "BRID_NEW" in text
    assert sum("a.csv" in line.zh for line in machine.buffer.lines(60)) == 1
    put(tmp_path / "in", "a.csv", range(3), at=3)
    machine.read()
    machine.send()
    machine.take_orders()
    place.work()
    alarms.judge(feed.pk)
    assert not Alarm.objects.filter(closed_at=None).exists()
    assert sum(j.inserted for j in Job.objects.filter(feed=feed)) == 7
    machine.close()
