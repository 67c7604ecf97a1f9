"""What an identity may become and who may bring it there, and what each word of the log is. Pure."""

from __future__ import annotations

from enum import StrEnum

from yigong.kit.states import Life, Move


class Identity(StrEnum):
    """The states of a person in the index; worked out from the registrations and what was decided about them."""

    TEMPORARY = "temporary"  # without a name of its own: newborns, unknown patients
    PROVISIONAL = "provisional"  # named, without a number or paper that proves it
    VERIFIED = "verified"  # by a sound number, or attested by somebody who saw the paper
    MERGED = "merged"  # all registrations went to another person
    SPLIT = "split"  # came out of a split and is not verified yet
    DECEASED = "deceased"
    CANCELLED = "cancelled"  # never was anybody: test entries, typing errors


class Side(StrEnum):
    """Who acts on an identity."""

    MACHINE = "machine"  # by the facts that arrive
    CLERK = "clerk"  # whoever holds empi.decide
    SECOND = "second"  # another than the clerk who proposed


_T, _P, _V, _M = Identity.TEMPORARY, Identity.PROVISIONAL, Identity.VERIFIED, Identity.MERGED
_S, _D, _C = Identity.SPLIT, Identity.DECEASED, Identity.CANCELLED
LIVING = (_T, _P, _V, _S)
#: verb of a person -> the state that a registration is marked with; what takes it back stands beside it in LIFE
MARKS = {"attest": "attested", "decease": "deceased", "cancel": "cancelled", "revive": "active", "restore": "active"}

LIFE = Life(
    Move("name", _T, _P, Side.MACHINE),
    *(Move("verify", state, _V, Side.MACHINE) for state in (_T, _P, _S)),
    *(Move("attest", state, _V, Side.CLERK, needs=("reason",), inverse="undo") for state in (_T, _P, _S)),
    *(Move("join", state, _M, Side.MACHINE, inverse="undo") for state in LIVING),
    *(Move("merge", state, _M, Side.CLERK, needs=("reason",), inverse="undo") for state in (*LIVING, _D)),
    *(Move("approve", state, _M, Side.SECOND, inverse="undo") for state in (*LIVING, _D)),
    *(Move("split", state, _S, Side.CLERK, needs=("reason",), inverse="undo") for state in (*LIVING, _D)),
    *(Move("decease", state, _D, Side.CLERK, needs=("reason",), inverse="revive") for state in LIVING),
    Move("revive", _D, _P, Side.CLERK, needs=("reason",), inverse="decease"),
    *(Move("cancel", state, _C, Side.CLERK, needs=("reason",), inverse="restore") for state in LIVING),
    Move("restore", _C, _P, Side.CLERK, needs=("reason",), inverse="cancel"),
    Move("undo", _M, _P, Side.CLERK, needs=("reason",)),
)

#: what people write into the log; the machine's words stand in moves.MACHINE
ANSWERS = {"reject": "rejected", "later": "later", "propose": "pending"}
VERBS = ("confirm", *ANSWERS, "merge", "split", "mark", "undo")
