"""Runs that stop: a calm sentence of its kind, a reference for what nobody expected; alarms at once; who works, and who does not."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse

from yigong.kit import clock
from yigong.kit import ctx as actors
from yigong.kit.ctx import Purpose, Reach
from yigong.platform.exchange import alarms, beats, pipeline, running, services, worker
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job, Notice, Quarantined, Sheet, WorkerBeat
from yigong.platform.exchange.notices import save_channel
from yigong.platform.exchange.tests import lab
from yigong.security.api import make_role, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A hospital's database of ten reports."""
    lab.hospital()
    return lab.source(tmp_path / "lis.db", lab.good(10))


@pytest.fixture
def office() -> Client:
    """Somebody of the data office before a browser."""
    make_role("office", "数据办", actions=("exchange.view", "exchange.run", "exchange.mend", "exchange.resend"), reach=Reach.COUNTY, purpose=Purpose.OPERATION)  # fmt: skip
    client = Client()
    client.force_login(make_user("ban", "办公室", password="a-long-password", role="office", org_code=lab.HOSPITAL))
    return client


def broken(reason: str) -> Any:
    """A step of the pipeline in which something goes wrong that nobody expected, quoting a person."""

    def step(*_: object, **__: object) -> None:
        raise KeyError(reason)

    return step


@pytest.mark.feature("C08")
def test_what_nobody_expected_has_a_sentence_a_reference_and_its_trace_in_the_log(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, office: Client
) -> None:
    """The page says what happened, what is kept, what to do, and a reference; the log has the trace under it, and nothing of a person."""
    found = lab.feed(path)
    monkeypatch.setattr(pipeline, "prepare", broken("张三 110101199001011234"))
    with caplog.at_level(logging.ERROR, "yigong.exchange"):
        job = services.run(actors.system(), found)
    sign = job.error["reference"]
    assert (
        job.state == FeedState.FAILED and job.error["code"] == "exchange.failed" and re.fullmatch("[2-9A-Z]{8}", sign)
    )
    for sentence, words in (
        (job.error["zh"], ("意外停止", "已入库的批次有效", "重跑")),
        (job.error["en"], ("unexpectedly", "stays in", "run it again")),
    ):
        assert all(w in sentence for w in (*words, sign)) and "KeyError" not in sentence
    [line] = [r.getMessage() for r in caplog.records if sign in r.getMessage()]
    assert "builtins.KeyError" in line and "test_trouble.py" in line and "pipeline.py" in line
    assert "张三" not in line and "1101" not in line
    assert sign in office.get(reverse("exchange:job", args=[job.pk])).content.decode()


@pytest.mark.feature("C31")
def test_a_resending_that_breaks_is_closed_with_its_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run does not stay open for ever, and the row waits on."""
    lab.source(path, [*lab.good(2), lab.row(9, JG="高")])
    services.run(actors.system(), lab.feed(path))
    [row] = Quarantined.objects.all()
    monkeypatch.setattr(pipeline, "prepare", broken("x"))
    job = services.resend(actors.system(), [row.pk])
    assert job is not None and job.state == FeedState.FAILED and job.error["code"] == "exchange.failed"
    assert Quarantined.objects.get().state == "waiting"
    assert Sheet.objects.get().trouble == ""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.fault
@pytest.mark.feature("C03")
def test_a_full_disk_of_the_platform_is_told(path: Path, small: Path) -> None:
    """The buffer's disk is full: told as that, tried again soon, and with room the run goes through."""
    found = lab.feed(path, buffer_days=3, schedule="daily 02:00")
    filler = small / "filler"
    with filler.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(os.urandom(4096))
        except OSError:
            pass
    with override_settings(EXCHANGE_BUFFER=small / "buffer"):
        job = services.run(actors.system(), found)
        assert job.state == FeedState.FAILED and job.error["code"] == "exchange.disk_full", job.error
        assert "清理磁盘" in job.error["zh"] and "make room" in job.error["en"]
        filler.unlink()
        assert services.run(actors.system(), Feed.objects.get()).state == FeedState.SUCCEEDED


@pytest.mark.feature("C12")
def test_an_alarm_is_raised_when_the_run_ends_and_goes_when_one_succeeds(path: Path) -> None:
    """Two runs by hand fail one after the other: the alarm is there with its number and told, without any worker; a good run ends it."""
    save_channel(actors.system(), role="office", way="mail", address="a@example.org", org_code="", kinds=[])
    found = lab.feed(path, schedule="daily 02:00")
    path.rename(path.with_suffix(".away"))
    for failures in (1, 2):
        services.run(actors.system(), Feed.objects.get(pk=found.pk))
        alarm = Alarm.objects.get(kind="failed", closed_at=None)
        assert alarm.facts["failures"] == failures and f"连续失败 {failures} 次" in alarm.zh
    assert alarms.open_count(actors.system()) == 1
    path.with_suffix(".away").rename(path)
    services.run(actors.system(), Feed.objects.get(pk=found.pk))
    assert Alarm.objects.get().closed_at is not None
    assert list(Notice.objects.order_by("pk").values_list("event", flat=True)) == ["opened", "closed"]


@pytest.mark.feature("C12")
def test_the_command_raises_the_alarm_too(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run by the command, in the language of the terminal alone, leaves the alarm behind."""
    from yigong.platform.exchange.run_command import main

    found = lab.feed(path)
    path.unlink()
    for language, words, other in (("zh", "找不到文件", "is not there"), ("en", "is not there", "找不到")):
        assert main(["--lang", language, "run", found.name]) == 1
        said = "".join(capsys.readouterr())
        assert words in said and other not in said
    assert Alarm.objects.get(closed_at=None).facts["failures"] == 2


@pytest.mark.feature("C12")
def test_a_paused_feed_raises_nothing(path: Path) -> None:
    """Whoever let a feed rest is not alarmed by the end of its run."""
    found = lab.feed(path)
    job = running.opened(found)
    services.pause(actors.system(), found)
    running.fail(job, "exchange.interrupted", {})
    assert not Alarm.objects.exists() and Job.objects.get().state == FeedState.FAILED


PAGES = ("monitor", "feeds", "alarms")


@pytest.mark.feature("C08")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_when_nobody_works(path: Path, office: Client, name: str) -> None:
    """Never a worker; one at work; one that fell silent: said with the last sign of life and how to start one."""
    lab.feed(path)
    url = reverse(f"exchange:{name}")
    told = office.get(url).content.decode()
    assert "没有工作进程在运行" in told and "还没有工作进程运行过" in told and "yigong work" in told
    worker.Worker(actors.system(), processes=0).turn()
    assert "没有工作进程在运行" not in office.get(url).content.decode()
    with clock.fixed(clock.now() + beats.QUIET + timedelta(minutes=1)):
        client = Client()
        client.force_login(office_user())
        told = client.get(url).content.decode()
    assert "没有工作进程在运行" in told and "最近一次心跳" in told


def office_user() -> Any:
    """The member of the data office."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get()


@pytest.mark.feature("C08")
def test_a_worker_gives_a_sign_now_and_then_and_is_forgotten(path: Path) -> None:
    """Many turns are one sign; after a month without any it is forgotten."""
    one = worker.Worker(actors.system(), processes=0)
    one.turn()
    first = WorkerBeat.objects.get()
    with clock.fixed(clock.now() + timedelta(seconds=5)):
        one.turn()
    assert WorkerBeat.objects.get().beat_at == first.beat_at
    with clock.fixed(clock.now() + beats.EVERY):
        one.turn()
    assert WorkerBeat.objects.get().beat_at > first.beat_at and beats.standing().runs
    with clock.fixed(clock.now() + beats.KEPT + timedelta(days=1)):
        assert beats.clean() == 1 and beats.standing() == beats.Standing(False, None)


@pytest.mark.feature("C24")
def test_findings_are_words_first_and_the_code_is_small(path: Path, office: Client) -> None:
    """What a run found: name of the rule and sentence, the code only in the small grey detail; in English too."""
    lab.source(path, [*lab.good(2), lab.row(9, JG="41", XMBH="K", XMMC="钾", DW="mmol/L")])
    job = services.run(actors.system(), lab.feed(path))
    zh = office.get(reverse("exchange:job", args=[job.pk])).content.decode()
    en = office.get(reverse("exchange:job", args=[job.pk]), headers={"accept-language": "en"}).content.decode()
    codes = set(re.findall(r"QC-[A-Z]+-\d+", zh))
    assert codes
    for page in (zh, en):
        assert all(f'<small class="yg-hint">{code}</small>' in page for code in codes)
        assert len(re.findall(r"QC-[A-Z]+-\d+", page)) == len(
            re.findall(r'<small class="yg-hint">QC-[A-Z]+-\d+</small>', page)
        )


def test_no_statement_is_made_for_each_feed_to_know_who_works(django_assert_num_queries: Any) -> None:
    """One statement tells how it stands with the workers."""
    with django_assert_num_queries(1):
        beats.standing()
    assert connection.vendor == "postgresql"
