"""The doors of the outbox."""

from yigong.outbox.kafka import TopicSaid, forward, pause, publish, relay, resume, topics, waits
from yigong.outbox.services import Event, dispatch, say

__all__ = ["Event", "TopicSaid", "dispatch", "forward", "pause", "publish", "relay", "resume", "say", "topics", "waits"]
