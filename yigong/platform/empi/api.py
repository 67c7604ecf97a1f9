"""The doors of the index of persons."""

from yigong.platform.empi.frames import REGISTRATION
from yigong.platform.empi.register import known, register

__all__ = ["REGISTRATION", "known", "register"]
