"""What a model does before it has learnt anything: measured on tokens drawn at random, no store needed."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.jobs.train import Observer, initialise_model
from synthcli.model.blocks.base import Block
from synthcli.model.mixers.attention import Attention
from synthcli.presets.schema import Experiment
from synthcli.training.activation_stats import correlation_of_positions

SEQUENCES, LONGEST = 2, 128


def attention_distance(experiment: Experiment, observer: Observer) -> float:
    """Return the mean of |Y − X| / |X| over attentions X → Y, as initialised: 0 is the identity."""
    passed = _run(experiment, observer, Attention)
    if not passed:
        raise SynthError(f"the model of `{experiment.name}` has no attention", "compare models that attend")
    return sum(float((y - x).norm() / x.norm()) for x, y in passed) / len(passed)


def position_similarity(experiment: Experiment, observer: Observer) -> float:
    """Return the mean cosine of two positions behind the last block, as initialised: 1 is rank collapse."""
    _, last = _run(experiment, observer, Block)[-1]
    return float(correlation_of_positions(last, torch.ones(last.shape[:2], dtype=torch.bool)))


@torch.no_grad()
def _run(
    experiment: Experiment, observer: Observer, kind: type[nn.Module]
) -> Sequence[tuple[Tensor, Tensor]]:
    """Return what goes into every module of a kind, and what comes out, for sequences drawn at random."""
    model, passed = initialise_model(experiment, observer).double().eval(), list[tuple[Tensor, Tensor]]()

    def note(module: nn.Module, given: tuple[Tensor, ...], returned: tuple[Tensor, object]) -> None:
        passed.append((given[0], returned[0]))

    for module in model.modules():
        if isinstance(module, kind):
            module.register_forward_hook(note)
    length = min(LONGEST, experiment.model.max_target_length or LONGEST)
    model(torch.randint(experiment.model.vocab_size, (SEQUENCES, length)))
    return passed
