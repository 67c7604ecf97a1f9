"""placeholder"""
from __future__ import annotations
from yigong.platform.fhir.bodies import JSON
def must_conform(resource: JSON) -> None:
    """nothing yet"""
