"""Rows that cannot be read without saying who reads: forgetting the scope is an error, not a leak."""

from __future__ import annotations

from typing import Any

from django.db import models

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused


class ScopedManager(models.Manager[Any]):
    """A manager that answers only to ``seen_by(ctx)``; the model says which rows in ``scope(ctx) -> Q``."""

    def get_queryset(self) -> models.QuerySet[Any]:
        raise Refused("no_actor")

    def seen_by(self, ctx: Ctx) -> models.QuerySet[Any]:
        """The rows that the actor may see."""
        if not isinstance(ctx, Ctx):
            raise Refused("no_actor")
        return self._all().filter(self.model.scope(ctx))

    def create(self, **facts: Any) -> Any:
        """A new row; writing needs no scope."""
        return self._all().create(**facts)

    def _all(self) -> models.QuerySet[Any]:
        return super().get_queryset()
