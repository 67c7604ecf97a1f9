"""The close of a day, signed by both sides: the node signs only what its own ledger says as well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from yigong.edge import wire
from yigong.edge.buffer import Buffer
from yigong.kit.errors import Refused

#: what both sides count of a day, each for itself
SENT = ("bundles", "rows", "filtered", "chain")


def answered(offer: Mapping[str, Any], *, node: str, centre_key: str, key: Ed25519PrivateKey, buffer: Buffer) -> dict[str, Any]:  # fmt: skip
    """The node's word to a certificate the centre offers: its signature, or its own figures where they differ.

    Raises Refused edge.signature_wrong, edge.malformed for what the centre did not sign, or not to this node.
    """
    text, signature = str(offer.get("text", "")), str(offer.get("signature", ""))
    if not wire.is_signed(centre_key, signature, wire.close_base(text)):
        raise Refused("edge.signature_wrong")
    facts = wire.read_json(text.encode())
    if facts.get("node") != node:
        raise Refused("edge.malformed", part="node")
    ours = buffer.ledger(str(facts.get("feed", "")), str(facts.get("day", "")))
    said = {"digest": wire.digest(text.encode()), "figures": ours}
    if {n: facts.get("sent", {}).get(n) for n in SENT} != ours:
        return {**said, "agreed": False}
    mine = wire.sign(key, wire.close_base(text))
    buffer.keep_certificate(str(facts["feed"]), str(facts["day"]), json.dumps({"text": text, "centre": signature, "node": mine}))  # fmt: skip
    return {**said, "agreed": True, "signature": mine}
