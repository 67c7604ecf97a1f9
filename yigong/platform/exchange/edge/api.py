"""The doors of the nodes at the centre."""

from yigong.platform.exchange.edge.carrying import carry, work
from yigong.platform.exchange.edge.orders import (
    assign,
    mapping_changed,
    read_now,
    read_range,
    read_whole,
    release,
    reread,
    save_limits,
    source_changed,
    steer,
)
from yigong.platform.exchange.edge.probing import ask as ask_probe
from yigong.platform.exchange.edge.probing import last as last_probe
from yigong.platform.exchange.edge.probing import sample
from yigong.platform.exchange.edge.selectors import nodes, silent_count
from yigong.platform.exchange.edge.services import invite, invite_again, revoke
from yigong.platform.exchange.edge.words import state_words

__all__ = [
    "ask_probe",
    "assign",
    "carry",
    "invite",
    "invite_again",
    "last_probe",
    "mapping_changed",
    "nodes",
    "read_now",
    "read_range",
    "read_whole",
    "release",
    "reread",
    "revoke",
    "sample",
    "save_limits",
    "silent_count",
    "source_changed",
    "state_words",
    "steer",
    "work",
]
