"""Runs every feed of the county through the exchange, and counts."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from yigong.demo.sources.feeds import FeedPlan
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import api as exchange

COUNTED = ("read", "filtered", "rejected", "inserted", "updated", "unchanged", "deleted")


def run_all(ctx: Ctx, plans: Iterable[FeedPlan], console: Console) -> dict[str, int]:
    """Declare and run the feeds in order; the sums of their counts, with ``loaded``."""
    sums = dict.fromkeys(COUNTED, 0)
    waiting = list(plans)
    with Progress(
        TextColumn("  {task.description:<26}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=len(waiting))
        for plan in waiting:
            bar.update(task, description=plan.name[:26])
            job = exchange.run(ctx, _declared(ctx, plan))
            if job.error:
                console.print(f"  [red]✗[/] {plan.name}: {job.error.get('zh') or job.error}")
            for name in COUNTED:
                sums[name] += getattr(job, name)
            bar.advance(task)
    return {**sums, "loaded": sums["inserted"] + sums["updated"] + sums["unchanged"]}


def _declared(ctx: Ctx, plan: FeedPlan) -> str:
    """The feed brought to its plan; its name."""
    exchange.save_feed(
        ctx,
        plan.name,
        org_code=plan.org_code,
        reader=plan.reader,
        config=plan.config,
        mapping=plan.mapping,
        schedule="daily 02:00",
    )
    return plan.name


def is_loaded() -> bool:
    """Whether the platform's database has the county's registrations."""
    return bool(_one("select exists (select 1 from empi_registration)"))


def persons() -> int:
    """How many people the registrations are, by the index of persons."""
    return int(str(_one("select count(distinct person_id) from empi_registration")))


def _one(query: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]
