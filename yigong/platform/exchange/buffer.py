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


def kept(job: Job, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches, each raw one written down before it goes on, if its feed keeps a buffer."""
    days = job.feed.buffer_days
    for number, batch in enumerate(batches, start=1):
        if days and isinstance(batch, RawBatch) and batch.frame.height:
            _write(job, number, batch, days)
        yield batch


def _write(job: Job, number: int, batch: RawBatch, days: int) -> None:
    name = f"{job.feed_id}/{job.pk}-{number:05}.parquet"
    path, half = folder() / name, folder() / f"{name}.half"
    path.parent.mkdir(exist_ok=True, mode=0o700)
    batch.frame.write_parquet(half, compression="zstd")
    half.chmod(0o600)
    os.replace(half, path)  # noqa: PTH105  - a reader never sees half a file
    facts = {
        "place": batch.place[:200], "path": name, "rows": batch.frame.height, "bytes": path.stat().st_size,
        "kept_until": now() + timedelta(days=days),
    }  # fmt: skip
    Buffered.objects.update_or_create(job=job, number=number, defaults=facts)


def again(job_id: int) -> Iterator[RawBatch]:
    """The batches that a run left in the buffer. Raises Refused exchange.buffer_empty."""
    files = list(Buffered.objects.filter(job_id=job_id).order_by("number"))
    if not files:
        raise Refused("exchange.buffer_empty")
    for file in files:
        path = folder() / file.path
        if not path.is_file():
            raise Refused("exchange.buffer_empty")
        yield RawBatch(pl.read_parquet(path), file.place)


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
