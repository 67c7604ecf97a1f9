"""Golden messages: kept apart from the journal, each with what its route makes of it."""

from __future__ import annotations

from django.db import models

from yigong.platform.bus.models.ways import Route


class Golden(models.Model):
    """A message that a route has to go on treating as it was treated when it was set down."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="golden")
    name = models.CharField(max_length=100)
    raw = models.BinaryField()  # HL7 v2: with invented persons
    facts = models.JSONField(default=dict)  # what conditions may name
    expected = models.JSONField(default=dict)  # shadow.kept
    set_by = models.CharField(max_length=60)
    set_at = models.DateTimeField()

    class Meta:
        db_table = "bus_golden"
        constraints = [models.UniqueConstraint(fields=["route", "name"], name="bus_golden_once")]

    def __str__(self) -> str:
        return self.name
