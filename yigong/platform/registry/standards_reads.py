"""How often a standard is read and downloaded: counted by day, institution and form (A07)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection

from yigong.kit import clock
from yigong.kit.ctx import Ctx


def count_reading(ctx: Ctx, kind: str, item: str, *, form: str = "page") -> None:
    """Count one reading of a page or one download in the form *form*."""
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into registry_standard_read (kind, item, form, day, org_code, times) values (%s, %s, %s, %s, %s, 1)
               on conflict (kind, item, form, day, org_code) do update set times = registry_standard_read.times + 1""",
            [kind, item, form, clock.today(), ctx.org_code],
        )


def readings_of(kind: str, item: str) -> dict[str, int]:
    """How often one standard was read and downloaded so far: ``{"page": 12, "download": 3}``."""
    rows = _rows(
        """select coalesce(sum(times) filter (where form = 'page'), 0) as page,
                  coalesce(sum(times) filter (where form <> 'page'), 0) as download
           from registry_standard_read where kind = %s and item = %s""",
        [kind, item],
    )
    return {name: int(value) for name, value in rows[0].items()}


def most_read(days: int = 30, limit: int = 20) -> list[dict[str, Any]]:
    """The standards read most in the last days, with downloads and the number of institutions that read them."""
    return _rows(
        """select kind, item, sum(times) filter (where form = 'page') as pages,
                  sum(times) filter (where form <> 'page') as downloads, count(distinct org_code) as institutions,
                  max(day) as last_day
           from registry_standard_read where day > %s
           group by kind, item order by sum(times) desc, max(day) desc, item limit %s""",
        [clock.today() - timedelta(days=days), limit],
    )


def reading_totals(days: int = 30) -> dict[str, int]:
    """Readings, downloads, standards read and institutions in the last days."""
    rows = _rows(
        """select coalesce(sum(times) filter (where form = 'page'), 0) as pages,
                  coalesce(sum(times) filter (where form <> 'page'), 0) as downloads,
                  count(distinct (kind, item)) as items, count(distinct org_code) as institutions
           from registry_standard_read where day > %s""",
        [clock.today() - timedelta(days=days)],
    )
    return {name: int(value) for name, value in rows[0].items()}


def _rows(sql: str, params: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [c.name for c in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
