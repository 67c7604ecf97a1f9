"""Register, journal, ways and deliveries of the bus."""

from yigong.platform.bus.models.golden import Golden
from yigong.platform.bus.models.journal import Correction, KafkaReader, Message, MessageState, Offset
from yigong.platform.bus.models.notices import Channel, Notice, Trouble
from yigong.platform.bus.models.register import (
    SENDS,
    TAKES,
    Endpoint,
    EndpointState,
    Gate,
    Service,
    ServiceMove,
    Subscription,
)
from yigong.platform.bus.models.ways import PRIORITIES, Attempt, Delivery, Process, Resend, Route, Run, RunStep, Target

__all__ = [
    "PRIORITIES",
    "SENDS",
    "TAKES",
    "Attempt",
    "Channel",
    "Correction",
    "Delivery",
    "Endpoint",
    "EndpointState",
    "Gate",
    "Golden",
    "KafkaReader",
    "Message",
    "MessageState",
    "Notice",
    "Offset",
    "Process",
    "Resend",
    "Route",
    "Run",
    "RunStep",
    "Service",
    "ServiceMove",
    "Subscription",
    "Target",
    "Trouble",
]
