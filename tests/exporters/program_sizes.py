"""Runs a form and a program made of it at sizes that it was not traced at."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synthcli.exporters.export_bundle import CardFacts, ExportBundle
from synthcli.exporters.programs.form import BATCH, LENGTH, PAST, SOURCE, Form
from synthcli.model import ModelConfig
from synthcli.model_config.parts import STACKS
from tests.model.combinations import tiny

from .tiny_models import TOKENIZER, model_of

LONGEST = 40  # beyond the chunk of a running sum

# none is that of the examples; alone and of length 1, from the start, as long as tables are
SIZES = (
    {BATCH: 3, LENGTH: 4, SOURCE: 9, PAST: 2, "choices": 2},
    {BATCH: 1, LENGTH: 1, SOURCE: 1, PAST: 0, "choices": 1},
    {BATCH: 1, LENGTH: LONGEST, SOURCE: LONGEST, PAST: 0, "choices": 4},
    {BATCH: 2, LENGTH: 1, SOURCE: 35, PAST: LONGEST - 1, "choices": 4},
)


def config_of(task: str, block: str, mixer: str, layers: int = 1, **more: object) -> ModelConfig:
    """Return a small model whose tables are `LONGEST` long."""
    stacks = {stack: {"layers": layers, "max_length": LONGEST} for stack in STACKS[task]}
    return tiny(task, block, mixer, **{**stacks, **more})


def bundle_of(config: ModelConfig) -> ExportBundle:
    """Return a small model as it leaves."""
    return ExportBundle("small", config, model_of(config), TOKENIZER, CardFacts("0", 0, 0, 0))


def arguments(form: Form, sizes: dict[str, int]) -> list[Tensor]:
    """Return inputs of a form at some sizes."""
    generator, found = torch.Generator().manual_seed(2), []
    for port in form.inputs:
        shape = [
            sizes[port.axes[axis]] if axis in port.axes else n for axis, n in enumerate(port.example.shape)
        ]
        if port.example.is_floating_point():
            found.append(torch.randn(shape, generator=generator))
        elif port.name == "attention_mask":
            mask = torch.ones(shape, dtype=torch.long)
            mask[-1, ..., max(1, shape[-1] // 2) :] = 0
            found.append(mask)
        else:
            found.append(torch.randint(0, 2, shape, generator=generator))
    return found


@torch.no_grad()
def largest_difference(form: Form, program: Callable[..., Sequence[Tensor] | Tensor]) -> float:
    """Return how far a program is from the module it was made of, over all sizes and outputs."""
    worst = 0.0
    for sizes in SIZES:
        inputs = arguments(form, sizes)
        found, expected = program(*inputs), form.module(*inputs)
        pairs = [[one] if isinstance(one, Tensor) else list(one) for one in (found, expected)]
        for ours, theirs in zip(*pairs, strict=True):
            assert ours.shape == theirs.shape
            if ours.numel():
                worst = max(worst, (ours - theirs).abs().max().item())
    return worst
