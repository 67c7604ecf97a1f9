"""The doors of the nodes at the centre."""

from yigong.platform.exchange.edge.carrying import carry, work
from yigong.platform.exchange.edge.orders import assign, mapping_changed, release, reread, save_limits, steer
from yigong.platform.exchange.edge.selectors import nodes, silent_count
from yigong.platform.exchange.edge.services import invite, invite_again, revoke

__all__ = [
    "assign",
    "carry",
    "invite",
    "invite_again",
    "mapping_changed",
    "nodes",
    "release",
    "reread",
    "revoke",
    "save_limits",
    "silent_count",
    "steer",
    "work",
]
