"""The doors of FHIR: the worker's step, and publishing."""

from __future__ import annotations

from yigong.platform.fhir import export_work, publish_work
from yigong.platform.fhir.access import reader_of_persons
from yigong.platform.fhir.carrying import carry
from yigong.platform.fhir.publishing import PATIENT, Lent, lend
from yigong.platform.fhir.subscriptions import deliver

__all__ = ["PATIENT", "Lent", "carry", "lend", "reader_of_persons", "work"]


def work() -> int:
    """One step of the worker: standard records, notices to subscribers, exports, publishing; how much was done."""
    return carry() + deliver() + export_work.step() + publish_work.step()
