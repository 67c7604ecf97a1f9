"""The doors of the outbox."""

from yigong.outbox.kafka import TopicSaid, forward, pause, publish, relay, resume, topics, waits
from yigong.outbox.letters import AWAY, SIGNATURE, is_address, post, reason, signature
from yigong.outbox.notices import ATTEMPTS, send_due
from yigong.outbox.services import Event, dispatch, say

__all__ = [
    "ATTEMPTS",
    "AWAY",
    "SIGNATURE",
    "Event",
    "TopicSaid",
    "dispatch",
    "forward",
    "is_address",
    "pause",
    "post",
    "publish",
    "reason",
    "relay",
    "resume",
    "say",
    "send_due",
    "signature",
    "topics",
    "waits",
]
