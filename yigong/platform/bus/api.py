"""The doors of the bus: the journal, its endpoints, its worker."""

from yigong.platform.bus.envelope import Envelope, acknowledgement, open_envelope
from yigong.platform.bus.journal import accept, journalled
from yigong.platform.bus.selectors import dead_count, endpoints_of, messages, senders
from yigong.platform.bus.services import open_endpoint, purge, replay, save_endpoint
from yigong.platform.bus.worker import Inbound, Outcome, carry, process

__all__ = [
    "Envelope",
    "Inbound",
    "Outcome",
    "accept",
    "acknowledgement",
    "carry",
    "dead_count",
    "endpoints_of",
    "journalled",
    "messages",
    "open_endpoint",
    "open_envelope",
    "process",
    "purge",
    "replay",
    "save_endpoint",
    "senders",
]
