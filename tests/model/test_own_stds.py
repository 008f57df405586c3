"""Deviations of their own for queries, keys, values and feed-forwards  (He & Hofmann 2023)."""

import pytest
import torch
from pydantic import ValidationError

from synthcli.model import build
from synthcli.model_config.model import ModelConfig
from synthcli.model_config.parts import InitConfig

STDS = {"query": 0.3, "key": 0.5, "value": 0.7, "feed_forward": 0.9}
PARTS = {  # the ends of the names of weights
    "query": ("query.weight",),
    "key": ("key.weight",),
    "value": ("mixer.value.weight", "mixer.output.weight"),
    "feed_forward": ("feed_forward.output.weight",),
}


def built(**init: object) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {
            "task": "causal-lm",
            "vocab_size": 50,
            "d_model": 64,
            "d_ff": 128,
            "init": {"kind": "normal", **init},
            "mixer": {"kind": "attention", "heads": 4},
            "decoder": {"layers": 2, "max_length": 8},
        }
    )
    return {name: tensor for name, tensor in build(config).state_dict().items() if name.endswith("weight")}


@pytest.mark.parametrize("part", STDS)
def test_a_part_has_its_own_deviation_and_the_others_what_they_had(part: str) -> None:
    before, after = built(), built(**{f"{part}_std": STDS[part]})
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert len(changed) == 2 * len(PARTS[part]) and all(name.endswith(PARTS[part]) for name in changed)
    for name in changed:
        assert after[name].std().item() == pytest.approx(STDS[part], rel=0.05)
        torch.testing.assert_close(after[name] / STDS[part], before[name] / 0.02)  # the same draw


def test_what_is_left_out_is_not_written() -> None:
    assert InitConfig().model_dump() == {"kind": "glorot", "std": 0.02, "scale_writes": False}
    given = InitConfig(kind="normal", query_std=0.1)
    assert InitConfig.model_validate_json(given.model_dump_json()) == given


def test_deviations_are_of_normal_alone() -> None:
    with pytest.raises(
        ValidationError, match='`key_std` is of `kind = "normal"`, and `glorot` draws by widths'
    ):
        InitConfig(key_std=0.1)
