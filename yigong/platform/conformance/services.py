"""Runs of the desk: begun, carried out beside the request, written down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.ids import new_request_id
from yigong.platform.conformance import asking, cases, papers, reporting
from yigong.platform.conformance.asking import Target
from yigong.platform.conformance.cases import Case
from yigong.platform.conformance.models import Run, RunState
from yigong.security.api import audit

log = logging.getLogger("yigong.conformance")
#: a run that has not moved for so long has lost its process
LOST = timedelta(minutes=2)
BEAT = 10  # cases between two notes of progress


def plan(*, only: Sequence[str] = (), folder: Path | None = None) -> list[Case]:
    """The cases of a run, with persons and documents of its own."""
    mark, moment = new_request_id()[:6], now()
    listed = [] if only else list(cases.of_endpoint(mark, moment))
    listed += cases.of_services(mark, moment, only=only)
    if folder is not None:
        listed += [c for c in cases.of_folder(folder, moment) if not only or c.item in only]
    return listed


def begin(ctx: Ctx, kind: str, target: str, total: int) -> Run:
    """Open a run."""
    ctx.must("conformance.run")
    moment = now()
    run = Run.objects.create(
        kind=kind, target=target[:300], by_id=ctx.actor_id, by_name=ctx.actor_name, org_code=ctx.org_code,
        started_at=moment, beat_at=moment, total=total,
    )  # fmt: skip
    audit(
        ctx, "conformance.run", "conformance_run", run.pk, after={"kind": kind, "target": target[:300], "cases": total}
    )
    return run


def ask(run: Run, target: Target, listed: Sequence[Case], *, schemas: Path | None = None) -> Run:
    """Carry out a run over services; what breaks it is written down."""

    def progress(done: int, verdict: Any) -> None:
        if done % BEAT == 0:
            Run.objects.filter(pk=run.pk).update(done=done, beat_at=now())

    schema = asking.schemas(schemas) if schemas else None
    try:
        verdicts = asking.ask(target, listed, schema=schema, progress=progress)
        return _close(run, reporting.of_services(verdicts))
    except Exception:
        log.exception("run %s", run.pk)
        Run.objects.filter(pk=run.pk).update(state=RunState.BROKEN, ended_at=now())
        raise


def ask_beside(run: Run, target: Target, listed: Sequence[Case]) -> None:
    """The same in a thread of its own, so that the page can show progress."""

    def work() -> None:
        try:
            ask(run, target, listed)
        finally:
            connection.close()

    threading.Thread(target=work, name=f"conformance-{run.pk}", daemon=True).start()


def check(run: Run, files: Sequence[tuple[str, bytes]]) -> Run:
    """Carry out a run over documents. Nothing of them enters the records."""
    return _close(run, reporting.of_documents(papers.judge_files(files)))


def _close(run: Run, facts: dict[str, Any]) -> Run:
    run.result, run.state, run.ended_at, run.beat_at = facts, RunState.ENDED, now(), now()
    run.done, run.passed = run.total, int(facts["tally"]["pass"])
    run.failed = int(facts["tally"]["fail"])
    run.save()
    return run


def mend_lost() -> None:
    """Runs whose process has gone are said to be broken."""
    Run.objects.filter(state=RunState.RUNNING, beat_at__lt=now() - LOST).update(state=RunState.BROKEN, ended_at=now())
