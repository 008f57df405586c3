"""What the original simplified blocks store and ours have no tensor for, by what acts in a model.

Every bias, gain and norm is in its state dict, acting or not. A bias that was never trained is 0, and a gain
that is a constant of our configuration has its value; what the options switch off is never read.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from synthcli.importers.options import OriginalOptions
from synthcli.importers.simplified_blocks.gains import SHAPING, all_gains, find_acting_gains
from synthcli.importers.spare import Spare, is_identity, is_zero

NO_BIAS = Spare(
    r"^h\.\d+\.(attn\.(v_attn|c_proj)|mlp\.(c_fc|c_proj))\.bias$", "a bias that was never trained", is_zero
)
SECOND_NORM = Spare(r"^h\.\d+\.ln_2\.\w+$", "the second norm of a parallel block, which reads one norm alone")
SWITCHED_OFF = "a gain that the options switch off, so that the block never reads it"
NOT_CENTRED = "a gain of the identity or of the centring, which act with `centre_attn` alone"
CONSTANT = "a gain that is a constant of the configuration"
IDENTITY = Spare(
    r"^h\.\d+\.attn\.(v_attn|c_proj)\.id$", "the fixed matrix of a projection, an identity", is_identity
)
SPARES = (
    NO_BIAS,
    SECOND_NORM,
    Spare(r"^h\.\d+\.(attn|mlp)_block_skip_gain$", SWITCHED_OFF),
    Spare(r"^h\.\d+\.attn\.(attn_mat_skip|centre_attn)_gain$", NOT_CENTRED),
    Spare(r"^h\.\d+\.(attn\.)?\w+_gain$", CONSTANT, is_zero),
    IDENTITY,
)


def list_spares(options: OriginalOptions, tensors: Mapping[str, Tensor]) -> list[Spare]:
    """Return the rules of one model."""
    acting = find_acting_gains(options)
    rules = [NO_BIAS]
    if options.switch("parallel_layers"):
        rules.append(SECOND_NORM)
    for gain in all_gains() - set(acting.values()):
        rules.append(Spare(rf"^h\.\d+\.{gain}$", SWITCHED_OFF))
    for gain in acting.values():
        rules.append(Spare(rf"^h\.\d+\.{gain}$", CONSTANT, _is_constant(options.number(gain))))
    if not options.switch("centre_attn"):
        for part in ("identity", "centre"):
            rules.append(Spare(rf"^h\.\d+\.attn\.{SHAPING[part]}$", NOT_CENTRED))
        rules.append(Spare(rf"^h\.\d+\.attn\.{SHAPING['attention']}$", CONSTANT, _is_constant(1.0)))
    for name in tensors:
        layer, dot, leaf = name.rpartition(".")
        if leaf == "resid_gain" and dot and options.text(_init_of(layer), "normal") == "id":
            rules.append(Spare(f"^{re.escape(layer)}[.]id$", IDENTITY.why, is_identity))
    return rules


def _is_constant(value: float) -> Callable[[Tensor], str | None]:
    """Return a check that a gain has the value of our configuration, in every head."""

    def check(tensor: Tensor) -> str | None:
        wrong = tensor.flatten()[(tensor.flatten() != torch.tensor(value, dtype=tensor.dtype))]
        return None if not len(wrong) else f"is {wrong[0]:g}, and the options say {value:g}"

    return check


def _init_of(projection: str) -> str:
    return "val_init_type" if projection.endswith("v_attn") else "proj_init_type"
