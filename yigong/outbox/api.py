"""The doors of the outbox."""

from yigong.outbox.channels import Channel, Desk, Notice, link, wanting
from yigong.outbox.kafka import TopicSaid, forward, pause, publish, relay, resume, topics, waits
from yigong.outbox.letters import AWAY, SIGNATURE, is_address, post, reason, signature
from yigong.outbox.notices import ATTEMPTS, send_due
from yigong.outbox.services import Event, dispatch, say

__all__ = [
    "ATTEMPTS",
    "AWAY",
    "SIGNATURE",
    "Channel",
    "Desk",
    "Event",
    "Notice",
    "TopicSaid",
    "dispatch",
    "forward",
    "is_address",
    "link",
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
    "wanting",
]
