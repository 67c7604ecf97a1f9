"""The doors of the bus: the journal, its endpoints, its worker."""

from yigong.platform.bus.envelope import Envelope, acknowledgement, open_envelope
from yigong.platform.bus.journal import accept
from yigong.platform.bus.selectors import dead_count, messages
from yigong.platform.bus.services import purge, replay, save_endpoint
from yigong.platform.bus.worker import Inbound, Outcome, process

__all__ = [
    "Envelope",
    "Inbound",
    "Outcome",
    "accept",
    "acknowledgement",
    "dead_count",
    "messages",
    "open_envelope",
    "process",
    "purge",
    "replay",
    "save_endpoint",
]
