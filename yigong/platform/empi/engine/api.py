"""The door of the engine that decides who is who: models, standard form, keys, comparison, clusters. Pure: no Django, no database."""

from yigong.platform.empi.engine.explain import Explanation, Guard, Step
from yigong.platform.empi.engine.identity import IdentityNumber, Trust, check_sign, trust, upgrade
from yigong.platform.empi.engine.identity import read as read_identity
from yigong.platform.empi.engine.simple import (
    Model,
    block_keys,
    compare,
    link,
    load_model,
    score_pairs,
    standardise,
)

__all__ = [
    "Explanation",
    "Guard",
    "IdentityNumber",
    "Model",
    "Step",
    "Trust",
    "block_keys",
    "check_sign",
    "compare",
    "link",
    "load_model",
    "read_identity",
    "score_pairs",
    "standardise",
    "trust",
    "upgrade",
]
