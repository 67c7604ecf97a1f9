"""Who this node is and whom it believes: made at enrolment, kept beside its key."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from yigong.edge import keys, wire
from yigong.edge.buffer import Buffer
from yigong.edge.client import Client, ask, body_of, open_http
from yigong.kit.errors import Fault, Refused

FILE = "node.json"
REVOKED = "revoked"  # the fact that the centre listens to this node no more


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
    """Who the node in a folder is. Raises Refused edge.not_enrolled, edge.other_user, edge.identity_broken."""
    own(folder)
    try:
        return Identity(**json.loads((folder / FILE).read_text("utf-8")))
    except FileNotFoundError as error:
        raise Refused("edge.not_enrolled", folder=str(folder)) from error
    except (ValueError, TypeError) as error:
        raise Refused("edge.identity_broken", path=str(folder / FILE)) from error


def enrol(folder: Path, url: str, code: str, *, authority: str = "", timeout: float = 30.0) -> Identity:
    """Make a key, show the centre that the code is known, and keep what it answers.

    In the folder of a node that was revoked the new one takes its place: what waits there is kept and sent by it.

    The code itself is not sent; the centre shows that it knows it too, so nobody between can stand in for either.
    Raises Refused edge.enrolled_before, edge.code_odd, the centre's own refusals, and Fault edge.away.
    """
    own(folder)
    secret, invitation = wire.code_key(code), wire.plain_code(code)[: wire.CODE_NAME]
    anew = (folder / FILE).exists() and _must_be_revoked(folder, timeout)
    path = folder / (keys.NEXT if anew else keys.KEY)
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
    if anew:  # each step may be the last before the power fails: what is left takes the key that is called new
        with contextlib.closing(Buffer(folder)) as buffer:
            buffer.begin_anew()
    keys.write_private(folder / FILE, json.dumps(asdict(found), ensure_ascii=False, indent=1).encode())
    if anew:
        path.replace(folder / keys.KEY)
        keys.sync_folder(folder)
    return found


def _must_be_revoked(folder: Path, timeout: float) -> bool:
    """Whether the node of this folder was revoked; only then another may take its place and what it keeps.

    Raises Refused edge.enrolled_before, Fault edge.away; destroys what waits where the centre ordered so.
    """
    who = load(folder)
    with contextlib.closing(Buffer(folder)) as buffer:
        if buffer.fact(REVOKED):
            return True
        with contextlib.closing(client(folder, who, timeout=timeout)) as centre:
            try:
                centre.call("POST", "time", body_of({}))
            except Refused as refused:
                if refused.code not in ("edge.revoked", "edge.key_unknown"):
                    raise
                if refused.facts.get("wipe"):
                    buffer.destroy()
                return True
    raise Refused("edge.enrolled_before", folder=str(folder), node=who.node)


def own(folder: Path) -> None:
    """Raises Refused edge.other_user where the node in a folder belongs to another user of this machine."""
    if not hasattr(os, "geteuid"):
        return
    try:
        owner = (folder / FILE).stat().st_uid
    except PermissionError:
        owner = _owner_above(folder)
    except OSError:
        return
    if owner != os.geteuid():
        raise Refused("edge.other_user", folder=str(folder), owner=_user(owner), user=_user(os.geteuid()))


def _owner_above(folder: Path) -> int:
    """Who owns the nearest folder that can be looked at."""
    for one in (folder, *folder.parents):
        with contextlib.suppress(PermissionError):
            return one.stat().st_uid
    return 0


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


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
