"""The buffer: raw batches kept as files for some days, to be processed again without the source, then cleaned away."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
from django.conf import settings

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange.batch import Batch, RawBatch
from yigong.platform.exchange.models import Buffered, Job
from yigong.security.api import audit


def folder() -> Path:
    """Where the buffer lies; rows of persons are in it, so that nobody but the platform's user may look."""
    found = Path(settings.EXCHANGE_BUFFER)
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


class Keeper:
    """Writes the raw batches of a job down as they pass, and afterwards what was written.

    Batches are read in a thread of their own, which writes files only; ``note`` speaks with the database.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.days = job, job.feed.buffer_days
        self.files: list[Buffered] = []

    def passed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches, each raw one written down before it goes on, if its feed keeps a buffer."""
        for number, batch in enumerate(batches, start=1):
            if self.days and isinstance(batch, RawBatch) and batch.frame.height:
                self.files.append(self._written(number, batch))
            yield batch

    def _written(self, number: int, batch: RawBatch) -> Buffered:
        name = f"{self.job.feed_id}/{self.job.pk}-{number:05}.parquet"
        path, half = folder() / name, folder() / f"{name}.half"
        path.parent.mkdir(exist_ok=True, mode=0o700)
        batch.frame.write_parquet(half, compression="zstd")
        half.chmod(0o600)
        os.replace(half, path)  # noqa: PTH105  - a reader never sees half a file
        return Buffered(
            job=self.job, number=number, place=batch.place[:200], path=name, rows=batch.frame.height,
            bytes=path.stat().st_size, kept_until=now() + timedelta(days=self.days),
        )  # fmt: skip

    def note(self) -> None:
        """Remember what was written; files of a run that was killed before are strays, and cleaned as such."""
        Buffered.objects.bulk_create(self.files, ignore_conflicts=True)


def again(job_id: int) -> Iterator[RawBatch]:
    """The batches that a run left in the buffer. Raises Refused exchange.buffer_empty."""
    files = [(folder() / f.path, f.place) for f in Buffered.objects.filter(job_id=job_id).order_by("number")]
    if not files or not all(path.is_file() for path, _place in files):
        raise Refused("exchange.buffer_empty")
    return (RawBatch(pl.read_parquet(path), place) for path, place in files)  # read in a thread without the database


def clean(ctx: Ctx) -> int:
    """Remove what was kept long enough, and files that nothing speaks of any more; how many files went."""
    ctx.must("exchange.run")
    due = list(Buffered.objects.filter(kept_until__lte=now()))
    for file in due:
        (folder() / file.path).unlink(missing_ok=True)
    Buffered.objects.filter(pk__in=[f.pk for f in due]).delete()
    strays = _strays()
    if due or strays:
        audit(ctx, "exchange.run", "buffer", 0, after={"cleaned": len(due), "strays": strays})
    return len(due) + strays


def _strays() -> int:
    """Files left by a crash or by a feed that is gone, an hour after they were written."""
    known = set(Buffered.objects.values_list("path", flat=True))
    limit, gone = (now() - timedelta(hours=1)).timestamp(), 0
    for path in folder().glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.relative_to(folder()).as_posix() not in known and path.stat().st_mtime < limit:
                path.unlink()
                gone += 1
    return gone
