"""The doors of the outbox."""

from yigong.outbox.kafka import forward, publish
from yigong.outbox.services import Event, dispatch, say

__all__ = ["Event", "dispatch", "forward", "publish", "say"]
