"""What the registry knows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count

from yigong.platform.registry import models

#: the register changes a few times a year and is read on every page: each process keeps it this long
KEEP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution as pages and modules see it."""

    code: str
    name: str
    short_name: str
    name_en: str
    kind: str
    level: str
    parent_code: str
    division_code: str
    longitude: float | None
    latitude: float | None
    beds: int | None
    state: str
    departments: tuple[str, ...] = field(default=())


class _Kept:
    """The register of this process, read again after a while or when it was written."""

    def __init__(self) -> None:
        self.read_at = 0.0
        self.database = ""
        self.by_code: dict[str, Institution] = {}

    def get(self) -> dict[str, Institution]:
        fresh = time.monotonic() - self.read_at < KEEP_SECONDS and self.by_code
        if not fresh or self.database != connection.settings_dict["NAME"]:
            self.by_code = {row.code: row for row in _read()}
            self.read_at = time.monotonic()
            self.database = str(connection.settings_dict["NAME"])
        return self.by_code

    def forget(self) -> None:
        self.read_at = 0.0


kept = _Kept()


def _read() -> list[Institution]:
    newest = models.Institution.objects.order_by("code", "-year").distinct("code")
    rows = [
        Institution(
            code=i.code,
            name=i.name,
            short_name=i.short_name,
            name_en=i.name_en,
            kind=i.kind,
            level=i.level,
            parent_code=i.parent_code,
            division_code=i.division_code,
            longitude=i.longitude,
            latitude=i.latitude,
            beds=i.beds,
            state=i.state,
            departments=tuple(i.departments),
        )
        for i in newest
    ]
    order = [k.value for k in models.Kind]
    return sorted(rows, key=lambda i: (order.index(i.kind), i.code))


def institution(code: str) -> Institution | None:
    """The institution with this organisation code, as registered for the newest year."""
    return kept.get().get(code)


def institutions(*kinds: str) -> list[Institution]:
    """All institutions, or those of some kinds, hospitals first."""
    return [i for i in kept.get().values() if not kinds or i.kind in kinds]


def division_names() -> dict[str, str]:
    """Division code -> name, newest year."""
    return dict(models.Division.objects.order_by("code", "-year").distinct("code").values_list("code", "name"))


def staff_counts() -> dict[str, int]:
    """Organisation code -> number of active staff."""
    rows = models.Staff.objects.filter(state=models.State.ACTIVE).values_list("org_code").annotate(n=Count("id"))
    return dict(rows)


def staff_names() -> list[tuple[str, str]]:
    """(organisation code, full name) of the active staff."""
    return list(models.Staff.objects.filter(state=models.State.ACTIVE).values_list("org_code", "full_name"))
