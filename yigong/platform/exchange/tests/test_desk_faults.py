"""What a data office met that a run, an account or an alarm ought to have survived."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from yigong.kit import clock
from yigong.kit import ctx as actors
from yigong.platform.exchange import account, alarms, running, services, worker
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job, Sheet
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


@pytest.mark.feature("C08")
def test_a_range_begun_on_the_page_leaves_no_feed_waiting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a range was read again the feed stands as after any run, and those that need it may go on."""
    found = feed(path, mode="incremental", config=TIMED, schedule="daily 02:00")
    run(found)
    monkeypatch.setattr(services, "launched", lambda *_a: None)
    services.start_range(actors.system(), Feed.objects.get(), "2026-03-02", "2026-03-05")
    due = Feed.objects.get().due_at
    seen: list[str] = []
    wanted = json.dumps({"start": "2026-03-02", "end": "2026-03-05"})
    run(found, kind="range", since=wanted, progress=lambda _t: seen.append(Feed.objects.get().state))
    assert seen == [FeedState.RUNNING]
    after = Feed.objects.get()
    assert after.state == FeedState.SUCCEEDED and after.due_at == due


@pytest.mark.feature("C08")
def test_a_run_that_never_began_leaves_no_feed_waiting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that was to run a feed by hand died before it began: after two minutes a worker begins it."""
    found = feed(path)
    run(found)
    monkeypatch.setattr(services, "launched", lambda *_a: None)
    services.start(actors.system(), Feed.objects.get())
    assert worker.claim() is None and Feed.objects.get().state == FeedState.WAITING
    with clock.fixed(clock.now() + timedelta(minutes=3)):
        assert worker.claim() is not None
    run(found)
    assert Feed.objects.get().state == FeedState.SUCCEEDED and worker.claim() is None


@pytest.mark.feature("C08", "C10")
@pytest.mark.parametrize("kind", ["resend", "ingest"])
def test_what_was_killed_does_not_hold_the_account_open(path: Path, kind: str) -> None:
    """Rows sent again, or files taken in, by a process that was killed: closed as cut short, and the day closes."""
    found = feed(path)
    job = running.opened(found, kind)
    with clock.fixed(clock.now() + timedelta(days=1)):
        worker.bury_dead()
        account.refresh(found, account.day_of(job.started_at))  # type: ignore[arg-type]
        assert Job.objects.get().error["code"] == "exchange.interrupted"
        assert account.close_past(actors.system())[0] == 1


@pytest.mark.feature("C10")
def test_a_day_whose_last_run_failed_closes_once_a_later_run_went_through(path: Path) -> None:
    """The source was away at night; the next day's run brings what was missing, and the day before closes."""
    found = feed(path, mode="incremental", config=TIMED)
    path.rename(path.with_suffix(".away"))
    run(found)
    day = clock.today()
    with clock.fixed(clock.now() + timedelta(days=1)):
        assert account.close_past(actors.system())[0] == 0 and Sheet.objects.get(day=day).trouble == "failed"
        path.with_suffix(".away").rename(path)
        run(found)
        assert account.close_past(actors.system())[0] == 1 and Sheet.objects.get(day=day).closed_at is not None


@pytest.mark.feature("C10")
def test_a_gap_closes_once_the_whole_was_read_again(path: Path) -> None:
    """Rows that a reading missed leave the day uneven until a reading of the whole finds source and read equal."""
    found = feed(path, mode="incremental", config=TIMED)
    job = run(found)
    Job.objects.filter(pk=job.pk).update(expected=25, recounted=25)
    sheet = account.refresh(found, clock.today())
    assert sheet.missing == 5 and not sheet.balances
    run(found)
    assert not Sheet.objects.get().balances  # only what is new was read: the gap is as it was
    services.reread(actors.system(), found.name)
    run(found)
    assert Sheet.objects.get().balances


@pytest.mark.feature("C10", "C12")
def test_an_uneven_account_worries_until_it_is_even(path: Path) -> None:
    """Weeks later it is still told: an alarm does not end by being old."""
    found = feed(path)
    job = run(found)
    Job.objects.filter(pk=job.pk).update(expected=25, recounted=25)
    account.refresh(found, clock.today())
    with clock.fixed(clock.now() + timedelta(days=20)):
        alarms.judge_all(actors.system())
        assert Alarm.objects.filter(kind="uneven", closed_at=None).exists()


@pytest.mark.feature("C08")
def test_a_feed_resumed_before_its_run_stopped_goes_on(path: Path) -> None:
    """Paused and at once resumed: the run under way is not stopped, and the feed does not say that it rests."""
    found = feed(path, schedule="daily 02:00")

    def hesitate(_totals: Any) -> None:
        services.pause(actors.system(), Feed.objects.get(pk=found.pk))
        services.resume(actors.system(), Feed.objects.get(pk=found.pk))

    job = run(found, size=5, progress=hesitate)
    assert job.state == FeedState.SUCCEEDED and job.read == 20 and Feed.objects.get().state == FeedState.SUCCEEDED


@pytest.mark.feature("C08")
def test_a_feed_paused_as_its_run_begins_stops(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the feed and the first line of the run somebody pauses it: it stops after its first batch."""
    found = feed(path, schedule="daily 02:00")
    real = running.opened

    def late(*given: Any) -> Job:
        services.pause(actors.system(), Feed.objects.get(pk=found.pk))
        return real(*given)

    monkeypatch.setattr(running, "opened", late)
    job = run(found, size=5)
    assert job.state == FeedState.PAUSED and job.read < 20 and Feed.objects.get().state == FeedState.PAUSED


@pytest.mark.feature("C12")
def test_a_planned_pause_is_no_silence(path: Path) -> None:
    """Paused for days and resumed: not late until its own next run is; the alarm it had ends with a word to those who heard it."""
    found = feed(path, schedule="daily 02:00")
    noon = clock.now().astimezone(clock.COUNTY_ZONE).replace(hour=12, minute=0)
    with clock.fixed(noon):
        run(found)
        services.pause(actors.system(), Feed.objects.get())
    with clock.fixed(noon + timedelta(days=5)):
        services.resume(actors.system(), Feed.objects.get())
        alarms.judge_all(actors.system())
        assert not Alarm.objects.exists()
    with clock.fixed(noon + timedelta(days=6, hours=3)):
        alarms.judge_all(actors.system())
        assert [a.kind for a in Alarm.objects.all()] == ["late"]


@pytest.mark.feature("C12")
def test_a_feed_that_never_ran_is_late(path: Path) -> None:
    """Due since days and never gone well: told like one that went well once."""
    feed(path, schedule="15 min")
    with clock.fixed(clock.now() + timedelta(days=2)):
        alarms.judge_all(actors.system())
        assert [a.kind for a in Alarm.objects.all()] == ["late"]


@pytest.mark.feature("C12")
def test_a_long_first_load_that_goes_on_is_not_late(path: Path) -> None:
    """Batches come in: nobody is told; none for longer than the feed may be quiet: told."""
    found = feed(path, schedule="15 min")
    job = running.opened(found)
    later = clock.now() + timedelta(hours=5)
    Job.objects.filter(pk=job.pk).update(beat_at=later - timedelta(minutes=1))
    with clock.fixed(later):
        alarms.judge(found.pk)
        assert not Alarm.objects.exists()
    with clock.fixed(later + timedelta(hours=2)):
        alarms.judge(found.pk)
        assert [a.kind for a in Alarm.objects.all()] == ["late"]


@pytest.mark.feature("C08")
def test_a_run_that_was_taken_for_dead_carries_nothing_more_in(path: Path) -> None:
    """Closed by another while it goes on (its lock went with the database), a run ends with its next batch and changes nothing."""
    found = feed(path)

    def buried(_totals: Any) -> None:
        running.close_dead(found)

    job = run(found, size=5, progress=buried)
    assert job.state == FeedState.FAILED and job.error["code"] == "exchange.interrupted" and job.read <= 10
    assert job.read == sum(b.read for b in job.batches.all())


@pytest.mark.feature("C01", "C12")
@pytest.mark.parametrize("schedule", ["15 min", "daily 02:00"])
def test_a_clock_that_stood_ahead_puts_no_feed_off(path: Path, schedule: str) -> None:
    """The server's clock stood a year ahead while a feed ran; set right, the feed is due as planned and can be late again."""
    found = feed(path, schedule=schedule)
    with clock.fixed(clock.now() + timedelta(days=365)):
        run(found)
    alive = running.opened(found, "range")
    Job.objects.filter(pk=alive.pk).update(beat_at=clock.now() + timedelta(days=365))
    assert worker.set_right() == 1 and worker.set_right() == 0
    after = Feed.objects.get()
    assert after.due_at is not None and after.due_at <= clock.now() + timedelta(days=1)
    with clock.fixed(clock.now() + timedelta(days=2)):
        alarms.judge_all(actors.system())
        assert "late" in set(Alarm.objects.values_list("kind", flat=True)) and worker.bury_dead() == 1


@pytest.mark.feature("C10")
def test_a_day_without_a_run_is_in_the_account(path: Path) -> None:
    """The workers stood still for two days: both days stand open as not run, and close once a run brought what came in between."""
    found = feed(path, schedule="daily 02:00")
    noon = clock.now().astimezone(clock.COUNTY_ZONE).replace(hour=12, minute=0)
    Feed.objects.update(created_at=noon - timedelta(days=1), watched_at=noon - timedelta(days=1))
    run(found)
    with clock.fixed(noon + timedelta(days=3)):
        assert account.note_missed() == 2 and account.note_missed() == 0
        assert account.close_past(actors.system())[0] == 1
        days = set(Sheet.objects.filter(trouble="missed").values_list("day", flat=True))
        assert days == {noon.date() + timedelta(days=n) for n in (1, 2)}
        alarms.judge_all(actors.system())
        assert "没有运行" in Alarm.objects.get(kind="uneven").zh
        job = run(found)
        assert account.close_past(actors.system())[0] == 2
        assert set(Sheet.objects.filter(day__in=days).values_list("made_good_id", flat=True)) == {job.pk}


@pytest.mark.feature("C10")
def test_a_feed_that_was_not_to_run_missed_nothing(path: Path) -> None:
    """By hand only, resting, or planned for other days of the week: no account of days without a run."""
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[clock.today().weekday()]
    feed(path, schedule=f"{weekday} 02:00")
    with clock.fixed(clock.now() + timedelta(days=7)):
        Feed.objects.update(watched_at=clock.now() - timedelta(days=8))
        assert account.note_missed() == 1 and Sheet.objects.get().day == clock.today() - timedelta(days=7)
        Sheet.objects.all().delete()
        Feed.objects.update(schedule="")
        assert account.note_missed() == 0
        Feed.objects.update(schedule="15 min", active=False)
        assert account.note_missed() == 0
        Feed.objects.update(active=True, watched_at=clock.now())
        assert account.note_missed() == 0
