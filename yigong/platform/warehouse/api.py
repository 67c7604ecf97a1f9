"""The doors of the warehouse."""

from yigong.platform.warehouse.declared import Measure, measures
from yigong.platform.warehouse.engine import Period, Value, measure, refreshed_at, rows
from yigong.platform.warehouse.extracts import Extracted, refresh

__all__ = ["Extracted", "Measure", "Period", "Value", "measure", "measures", "refresh", "refreshed_at", "rows"]
