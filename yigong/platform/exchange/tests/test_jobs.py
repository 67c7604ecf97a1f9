"""Runs by schedule, in order, again after failure, over a range, paused under way, from the buffer; accounts and alarms."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from yigong.kit import clock
from yigong.kit import ctx as actors
from yigong.kit.errors import Refused
from yigong.platform.exchange import account, alarms, buffer, running, services, worker
from yigong.platform.exchange.models import Alarm, Buffered, Feed, FeedState, Job, Quarantined, Sheet
from yigong.platform.exchange.tests import lab

TIMED = {"since_column": "XGSJ"}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> Any:
    """Buffer and hashes of this test."""
    with override_settings(EXCHANGE_BUFFER=tmp_path / "buffer", EXCHANGE_HASHES=tmp_path / "hashes"):
        yield


@pytest.fixture
def path(db: Any, tmp_path: Path) -> Path:
    """A hospital's database of ten reports."""
    lab.hospital()
    return lab.source(tmp_path / "lis.db", lab.good(10))


def feed(path: Path, **other: Any) -> Feed:
    """The laboratory feed, with other facts."""
    config = {"url": str(path), "table": "lis_result", **other.pop("config", {})}
    return lab.feed(path, config=config, **other)


def run(found: Feed, **other: Any) -> Job:
    """Run it as it now stands."""
    return running.run(actors.system(), Feed.objects.get(pk=found.pk), **other)


@pytest.mark.feature("C01")
def test_a_feed_is_claimed_when_due_and_only_once(path: Path) -> None:
    """Before its moment nobody takes it; then one worker does, and the claim falls due again if no run follows."""
    found = feed(path, schedule="15 min")
    assert worker.claim() is None
    with clock.fixed(clock.now() + timedelta(minutes=16)):
        taken = worker.claim()
        assert taken is not None and taken.pk == found.pk and worker.claim() is None
    with clock.fixed(clock.now() + timedelta(minutes=19)):
        assert worker.claim() is not None


@pytest.mark.feature("C01")
def test_a_wave_of_daily_feeds_does_not_hold_up_the_frequent_ones(path: Path) -> None:
    """Of two claims one is of the eldest, the other of those that run most often."""
    frequent = feed(path, schedule="1 min")
    for n in range(60):
        Feed.objects.create(name=f"night {n}", reader="sqlite", schedule="daily 02:00", created_at=clock.now(), due_at=clock.now() - timedelta(hours=1))  # fmt: skip
    Feed.objects.filter(pk=frequent.pk).update(due_at=clock.now())
    eldest, other = worker.claim(), worker.claim(pressing=True)
    assert eldest is not None and other is not None
    assert (eldest.name, other.pk) == ("night 0", frequent.pk)


@pytest.mark.feature("C01")
def test_a_run_sets_the_next_moment(path: Path) -> None:
    """After a run the feed is due by its schedule, its failures are forgotten."""
    found = feed(path, schedule="15 min")
    Feed.objects.update(failures=3)
    job = run(found)
    after = Feed.objects.get()
    assert job.state == FeedState.SUCCEEDED and after.failures == 0 and after.good_at is not None
    assert timedelta(minutes=14) < after.due_at - clock.now() < timedelta(minutes=16)  # type: ignore[operator]


@pytest.mark.feature("C01")
def test_a_failure_is_tried_again_soon_and_told(path: Path) -> None:
    """A source that is away: tried again after a minute, then two; the alarm says how often, and goes when it is over."""
    found = feed(path, schedule="daily 02:00")
    path.rename(path.with_suffix(".away"))
    for failures, minutes in ((1, 1), (2, 2)):
        assert run(found).state == FeedState.FAILED
        after = Feed.objects.get()
        assert after.failures == failures and abs((after.due_at - clock.now()).total_seconds() / 60 - minutes) < 0.2  # type: ignore[operator]
    alarms.judge_all(actors.system())
    alarm = Alarm.objects.get(kind="failed", closed_at=None)
    assert alarm.facts["failures"] == 2 and "连续失败 2 次" in alarm.zh
    path.with_suffix(".away").rename(path)
    run(found)
    alarms.judge_all(actors.system())
    assert not Alarm.objects.filter(kind="failed", closed_at=None).exists()


@pytest.mark.feature("C01")
def test_what_cannot_pass_is_not_tried_again_at_once(path: Path) -> None:
    """A mapping that no longer fits the source waits for the schedule, not for a minute."""
    found = feed(path, schedule="daily 02:00", mapping=lab.MAPPING.replace("YSQM", "YSXM"))
    job = run(found)
    assert job.error["code"] == "exchange.columns_missing" and "YSXM" in job.error["zh"]
    assert Feed.objects.get().due_at.astimezone(clock.COUNTY_ZONE).hour == 2  # type: ignore[union-attr]


@pytest.mark.feature("C01")
def test_a_feed_waits_for_those_it_needs(path: Path) -> None:
    """Visits wait for patients: not before these have gone well, and never for each other."""
    first = feed(path, schedule="15 min")
    second = services.save_feed(
        actors.system(),
        "门诊",
        org_code=lab.HOSPITAL,
        reader="sqlite",
        config=first.config,
        mapping=lab.MAPPING,
        schedule="15 min",
        needs=[first.name],
    )
    Feed.objects.filter(pk=second.pk).update(due_at=clock.now() - timedelta(minutes=1))
    assert worker.claim() is None and worker.waits_for(second) == [first]
    run(first)
    taken = worker.claim()
    assert taken is not None and taken.pk == second.pk
    with pytest.raises(Refused, match="needs_circle"):
        services.set_needs(first, [second.name])


@pytest.mark.feature("C01")
def test_a_range_is_read_again_and_moves_no_mark(path: Path) -> None:
    """Rows changed from a day to another are read anew; where the feed has read to stays."""
    found = feed(path, mode="incremental", config=TIMED)
    run(found)
    mark = Feed.objects.get().watermark
    job = run(found, kind="range", since=json.dumps({"start": "2026-03-02", "end": "2026-03-05"}))
    assert (job.read, job.unchanged) == (6, 6) and Feed.objects.get().watermark == mark
    with pytest.raises(Refused, match="range_wrong"):
        services.run_range(actors.system(), found, "2026-03-05", "2026-03-02")
    plain = run(
        services.save_feed(
            actors.system(),
            "全量",
            org_code=lab.HOSPITAL,
            reader="sqlite",
            config={"url": str(path), "table": "lis_result"},
            mapping=lab.MAPPING,
        ),
        kind="range",
        since=json.dumps({"start": "2026-03-02", "end": "2026-03-05"}),
    )
    assert plain.state == FeedState.FAILED and plain.error["code"] == "exchange.range_unfit"


@pytest.mark.feature("C08")
def test_a_run_is_paused_under_way_and_goes_on(path: Path) -> None:
    """Pausing ends a run after its batch; resumed, it is due at once and goes on where it stopped."""
    found = feed(path, mode="incremental", config=TIMED, schedule="daily 02:00")

    def pause(_totals: Any) -> None:
        services.pause(actors.system(), Feed.objects.get(pk=found.pk))

    job = run(found, size=5, progress=pause)
    assert job.state == FeedState.PAUSED and 0 < job.read < 20 and Feed.objects.get().state == FeedState.PAUSED
    with pytest.raises(Refused, match="paused"):
        run(found)
    services.resume(actors.system(), Feed.objects.get())
    assert Feed.objects.get().due_at <= clock.now()  # type: ignore[operator]
    rest = run(found, size=5)
    assert rest.state == FeedState.SUCCEEDED and job.inserted + rest.inserted == 20


@pytest.mark.feature("C08")
def test_runs_of_a_dead_process_are_closed(path: Path) -> None:
    """A run whose lock nobody holds is closed as cut short, so that no page says that it goes on."""
    found = feed(path, schedule="daily 02:00")
    job = running.opened(found)
    assert worker.bury_dead() == 0  # its last batch was just now
    Job.objects.filter(pk=job.pk).update(beat_at=clock.now() - timedelta(minutes=5))
    assert worker.bury_dead() == 1
    assert Job.objects.get(pk=job.pk).error["code"] == "exchange.interrupted" and Feed.objects.get().failures == 1


@pytest.mark.feature("C03", "C21")
def test_the_buffer_is_processed_again_without_the_source_and_cleaned(path: Path, tmp_path: Path) -> None:
    """Raw batches are kept for some days: a mended mapping is applied to them with the source away; then they are gone."""
    found = feed(path, buffer_days=3, mapping=lab.MAPPING.replace("X: 血", "Y: 血"))
    job = run(found, size=8)
    assert job.rejected == 20 and Buffered.objects.filter(job=job).count() == 3
    files = sorted((tmp_path / "buffer").glob("*/*"))
    assert len(files) == 3 and all(oct(f.stat().st_mode)[-3:] == "600" for f in files)
    path.unlink()
    feed(path, buffer_days=3)
    again = services.run_buffered(actors.system(), job.pk)
    assert (again.kind, again.read, again.inserted) == ("buffer", 20, 20)
    assert buffer.clean(actors.system()) == 0
    with clock.fixed(clock.now() + timedelta(days=3, minutes=1)):
        assert buffer.clean(actors.system()) == 3
    assert not list((tmp_path / "buffer").glob("*/*")) and not Buffered.objects.exists()
    with pytest.raises(Refused, match="buffer_empty"):
        services.run_buffered(actors.system(), job.pk)


@pytest.mark.feature("C21")
def test_files_that_nothing_speaks_of_are_cleaned_after_an_hour(path: Path, tmp_path: Path) -> None:
    """What a killed run left half written does not stay for ever."""
    stray = tmp_path / "buffer" / "1" / "9-00001.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half")
    assert buffer.clean(actors.system()) == 0
    old = clock.now().timestamp() - 7200
    os.utime(stray, (old, old))
    assert buffer.clean(actors.system()) == 1 and not stray.exists()


@pytest.mark.feature("C10")
def test_the_account_of_a_day_closes_only_when_it_balances(path: Path) -> None:
    """Source, read, filtered, rejected, loaded: even, it closes; uneven, it is refused with the difference."""
    found = feed(path)
    run(found)
    sheet = Sheet.objects.get()
    assert (sheet.source, sheet.read, sheet.loaded, sheet.fresh) == (20, 20, 20, 20) and sheet.balances
    assert account.close(actors.system(), sheet.pk).closed_at is not None
    Job.objects.update(expected=25, recounted=25)
    account.refresh(found, sheet.day)
    assert Sheet.objects.get().closed_at is None  # what changes opens it again
    with pytest.raises(Refused) as refused:
        account.close(actors.system(), sheet.pk)
    assert refused.value.code == "exchange.sheet_uneven" and "25" in str(refused.value.facts["why"])


@pytest.mark.feature("C10")
def test_a_living_source_is_counted_before_and_after() -> None:
    """Rows that come while a table is read make no difference: any number between both counts is right."""
    job = Job(kind="run", state=FeedState.SUCCEEDED, read=105, expected=100)
    for after, source in ((None, 100), (110, 105), (100, 100), (104, 104)):
        job.recounted = after
        assert account.source_count(job) == source


@pytest.mark.feature("C10")
def test_the_account_is_there_after_midnight_and_closes_by_itself(path: Path) -> None:
    """The next day, before any run, the last day is shown; even sheets close, an uneven one stays open and worries."""
    found = feed(path)
    run(found)
    other = services.save_feed(
        actors.system(),
        "别的",
        org_code=lab.HOSPITAL,
        reader="sqlite",
        config={"url": str(path), "table": "nowhere"},
        mapping=lab.MAPPING,
    )
    run(other)
    day = clock.today()
    with clock.fixed(clock.now() + timedelta(days=1)):
        assert account.latest_day(actors.system()) == day
        done, uneven = account.close_past(actors.system())
        assert done == 1 and [s.feed_id for s in uneven] == [other.pk]
        alarms.judge_all(actors.system())
    assert Sheet.objects.get(feed=found).closed_by == "system"
    alarm = Alarm.objects.get(kind="uneven")
    assert alarm.feed_id == other.pk and day.isoformat() in alarm.zh


@pytest.mark.feature("C12")
def test_silence_and_broken_trend_are_told_with_numbers(path: Path) -> None:
    """Four such weekdays with rows, today none: silent; yesterday far fewer than usual: a broken trend. Taken up by a person."""
    found = feed(path, schedule="15 min")
    noon = clock.now().astimezone(clock.COUNTY_ZONE).replace(hour=12, minute=0)
    hours = [0] * 8 + [100, 150] + [0] * 14
    for weeks in range(1, 5):
        for back, fresh in ((0, 250), (1, 1000)):
            Sheet.objects.create(
                feed=found,
                day=noon.date() - timedelta(weeks=weeks, days=back),
                fresh=fresh,
                hours=hours,
                read=fresh,
                loaded=fresh,
                closed_at=noon,
            )
    Sheet.objects.create(
        feed=found, day=noon.date() - timedelta(days=1), fresh=300, read=300, loaded=300, hours=hours, closed_at=noon
    )
    with clock.fixed(noon):
        Feed.objects.update(good_at=noon, watched_at=noon - timedelta(weeks=9))
        alarms.judge_all(actors.system())
        told = {a.kind: a for a in alarms.open_alarms(actors.system())}
        assert set(told) == {"silent", "trend"}
        assert (
            "250, 250, 250, 250" in told["silent"].zh
            and "70%" in told["trend"].en
            and told["trend"].facts["usual"] == 1000
        )
        assert alarms.take(actors.system(), told["silent"].pk).taken_by == "system"
        assert alarms.open_count(actors.system()) == 1


@pytest.mark.feature("C07")
def test_a_deletion_at_the_source_reaches_the_records(path: Path) -> None:
    """By whole-table comparison: a row gone at the hospital is gone from the records, a corrected one is a new version."""
    import sqlite3

    found = feed(path, mode="incremental", config={"way": "compare", "key": ["BGDH", "XMBH"]})
    assert run(found).inserted == 20
    with sqlite3.connect(path) as db:
        db.execute("delete from lis_result where BGDH = 'R3'")
        db.execute("update lis_result set JG = '9.9' where BGDH = 'R4' and XMBH = 'GLU'")
    job = run(found)
    assert (job.read, job.updated, job.deleted) == (3, 1, 2) and job.balances
    assert run(found).read == 0


@pytest.mark.feature("C03")
def test_only_what_is_in_order_goes_on(path: Path) -> None:
    """A run with bad rows takes the good ones in; the bad ones wait."""
    lab.source(path, [*lab.good(2), lab.row(9, JG="高")])
    job = run(feed(path))
    assert (job.inserted, job.rejected, Quarantined.objects.count()) == (4, 1, 1)


@pytest.mark.feature("C02", "C07")
def test_the_whole_is_read_from_the_beginning_on_demand(path: Path) -> None:
    """The remedy that the sentences name: a feed set back reads every row, changes nothing that is in, and withdraws what is gone."""
    import sqlite3

    found = feed(path, mode="incremental", config={"way": "compare", "key": ["BGDH", "XMBH"]})
    run(found)
    services.reread(actors.system(), found.name)
    job = run(found)
    assert (job.read, job.unchanged, job.deleted) == (20, 20, 0)
    with sqlite3.connect(path) as db:
        db.execute("delete from lis_result where BGDH = 'R3'")
    services.reread(actors.system(), found.name)
    job = run(found)
    assert (job.read, job.unchanged, job.deleted) == (20, 18, 2) and run(found).read == 0


@pytest.mark.feature("C02")
def test_every_captured_feed_has_a_capture_of_its_own(path: Path) -> None:
    """Two feeds on one table bear different marks; a feed keeps its mark when it is saved again, and one made before goes without."""
    captured = {"way": "trigger", "key": ["BGDH", "XMBH"]}
    first = feed(path, mode="incremental", config=captured)
    Feed.objects.filter(pk=first.pk).update(name="另一个")
    second = feed(path, mode="incremental", config=captured)
    marks = [Feed.objects.get(pk=f.pk).config["consumer"] for f in (first, second)]
    assert len(set(marks)) == 2 and all(len(m) == 8 for m in marks)
    assert feed(path, mode="incremental", config=captured).config["consumer"] == marks[1]
    Feed.objects.filter(pk=second.pk).update(config={k: v for k, v in second.config.items() if k != "consumer"})
    assert "consumer" not in feed(path, mode="incremental", config=captured).config
