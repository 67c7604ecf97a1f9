"""Who this node is and whom it believes: made at enrolment, kept beside its key."""

from __future__ import annotations

import json
import platform
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from yigong.edge import keys, wire
from yigong.edge.client import Client, ask, body_of, open_http
from yigong.kit.errors import Fault, Refused

FILE = "node.json"


@dataclass(frozen=True, slots=True)
class Identity:
    """What enrolment gave."""

    url: str
    node: str
    centre_key: str
    org_code: str
    name: str
    authority: str = ""  # file of the authority that vouches for the centre's certificate; empty: the system's own


def load(folder: Path) -> Identity:
    """Who the node in a folder is. Raises Refused edge.not_enrolled."""
    try:
        return Identity(**json.loads((folder / FILE).read_text("utf-8")))
    except FileNotFoundError as error:
        raise Refused("edge.not_enrolled", folder=str(folder)) from error
    except (ValueError, TypeError) as error:
        raise Refused("edge.identity_broken", path=str(folder / FILE)) from error


def enrol(folder: Path, url: str, code: str, *, authority: str = "", timeout: float = 30.0) -> Identity:
    """Make a key, show the centre that the code is known, and keep what it answers.

    The code itself is not sent; the centre shows that it knows it too, so nobody between can stand in for either.
    Raises Refused edge.enrolled_before, edge.code_odd, the centre's own refusals, and Fault edge.away.
    """
    if (folder / FILE).exists():
        raise Refused("edge.enrolled_before", folder=str(folder))
    secret, invitation = wire.code_key(code), wire.plain_code(code)[: wire.CODE_NAME]
    path = folder / keys.KEY
    # a key whose enrolment was not heard of is used again: the centre answers the same key a second time
    key = keys.load_key(path) if path.exists() else keys.make_key(path)
    public, nonce = wire.public_text(key), secrets.token_hex(16)
    asked = {
        "invitation": invitation, "public_key": public, "nonce": nonce, "host": platform.node()[:60],
        "proof": wire.proof(secret, "node", invitation, public, nonce),
    }  # fmt: skip
    http = open_http(url, authority=authority, timeout=timeout)
    try:
        answer, content = ask(http, "POST", wire.PREFIX + "enrol", body_of(asked), {})
    finally:
        http.close()
    if answer.status_code >= 500 or answer.status_code == 404:
        raise Fault("edge.away", permanent=False, reason=f"HTTP {answer.status_code}")
    said = wire.read_json(content)
    if refused := said.get("refused"):
        raise Refused(str(refused), **dict(said.get("facts") or {}))
    names = ("node", "centre_key", "org_code", "name")
    given = [str(said.get(n, "")) for n in names]
    if not wire.is_proof(secret, str(said.get("proof", "")), "centre", nonce, public, *given):
        raise Refused("edge.centre_unproven", url=url)
    facts = dict(zip(names, given, strict=True))
    found = Identity(url=url, authority=str(Path(authority).resolve()) if authority else "", **facts)
    keys.write_private(folder / FILE, json.dumps(asdict(found), ensure_ascii=False, indent=1).encode())
    return found


def client(folder: Path, who: Identity, *, timeout: float = 30.0) -> Client:
    """The centre as this node reaches it."""
    return Client(
        who.url, who.node, keys.load_key(folder / keys.KEY), who.centre_key, authority=who.authority, timeout=timeout
    )


def rotate(folder: Path, who: Identity, centre: Client) -> None:
    """Change the node's key: the new one is on the disk before the centre hears of it, the old one until it answered."""
    path = folder / keys.NEXT
    new = keys.load_key(path) if path.exists() else keys.make_key(path)
    public = wire.public_text(new)
    signature = wire.sign(new, wire.key_base(who.node, public))
    centre.call("POST", "key", body_of({"public_key": public, "signature": signature}))
    take_new_key(folder, centre)


def take_new_key(folder: Path, centre: Client) -> bool:
    """Sign with the key on the disk that is not the one in use; False when there is no other.

    For a key that was changed by another process, or just before the power failed.
    """
    new, current = folder / keys.NEXT, folder / keys.KEY
    if new.exists():
        new.replace(current)
        keys.sync_folder(folder)
    found = keys.load_key(current)
    if wire.public_text(found) == wire.public_text(centre.key):
        return False
    centre.key = found
    return True
