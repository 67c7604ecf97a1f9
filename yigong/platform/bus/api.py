"""The doors of the bus: the journal, its endpoints, its worker."""

from yigong.platform.bus.content import Content
from yigong.platform.bus.declaring import activate, known_route, pin_latest, publish, say, tell
from yigong.platform.bus.envelope import Envelope, acknowledgement, open_envelope
from yigong.platform.bus.intake import Agreed, agreed, spend
from yigong.platform.bus.journal import accept, journalled
from yigong.platform.bus.notices import work as tell_troubles
from yigong.platform.bus.register import gather, offer, save_inward, save_outward, save_service
from yigong.platform.bus.retention import purge
from yigong.platform.bus.routes import save_route
from yigong.platform.bus.runs import begin, save_process
from yigong.platform.bus.selectors import dead_count, endpoints_of, is_set_aside, messages, senders
from yigong.platform.bus.services import open_endpoint, replay, save_endpoint
from yigong.platform.bus.steps import Step
from yigong.platform.bus.turning import clean, work
from yigong.platform.bus.worker import Inbound, Outcome, carry, process

__all__ = [
    "Agreed",
    "Content",
    "Envelope",
    "Inbound",
    "Outcome",
    "Step",
    "accept",
    "acknowledgement",
    "activate",
    "agreed",
    "begin",
    "carry",
    "clean",
    "dead_count",
    "endpoints_of",
    "gather",
    "is_set_aside",
    "journalled",
    "known_route",
    "messages",
    "offer",
    "open_endpoint",
    "open_envelope",
    "pin_latest",
    "process",
    "publish",
    "purge",
    "replay",
    "save_endpoint",
    "save_inward",
    "save_outward",
    "save_process",
    "save_route",
    "save_service",
    "say",
    "senders",
    "spend",
    "tell",
    "tell_troubles",
    "work",
]
