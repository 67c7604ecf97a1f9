"""placeholder"""
from __future__ import annotations
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.callers import Caller
def checked(caller: Caller, resource: JSON) -> None:
    """nothing yet"""
