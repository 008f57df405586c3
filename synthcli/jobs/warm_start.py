"""Begin from the checkpoint of another training: what fits is loaded, nothing is passed over in silence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from synthcli.errors import SynthError, did_you_mean
from synthcli.model import ModelConfig
from synthcli.model.interface import get_config
from synthcli.training.checkpoints import Checkpoint

CLASSIFIER = "head.output."
VOCABULARY = ("source_embeddings.tokens.weight", "embeddings.tokens.weight", "head.weight")


@dataclass(frozen=True)
class LoadReport:
    """Names of tensors by what became of them; tied tensors are named once."""

    loaded: tuple[str, ...]
    new: tuple[str, ...]
    dropped: tuple[str, ...]
    resized: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return a line for each kind; loaded tensors are counted, all others named."""
        kinds = (("new", self.new), ("dropped", self.dropped), ("resized", self.resized))
        named = [f"{kind}: {', '.join(names)}" for kind, names in kinds if names]
        return [f"loaded {len(self.loaded)} tensors of the checkpoint", *named]


@torch.no_grad()
def start_from(model: nn.Module, checkpoint: Checkpoint) -> LoadReport:
    """Copy what the model shares with a checkpoint.

    Tensors whose shapes differ are resized where that has a meaning, tables of positions and
    vocabularies (their common rows are kept), and new otherwise. Of a head of classes the rows are found by
    the classes' names; for other classes it is new.
    """
    order = order_of_classes(model, checkpoint)
    names = names_in(checkpoint.config, task_of(model))
    # buffers too: fixed matrices are drawn by chance, and what has learnt beside them needs the same
    ours, used = {**dict(model.named_parameters()), **dict(model.named_buffers())}, set()
    loaded, resized = [], []
    for name, parameter in ours.items():
        theirs = next((other for other in names(name) if other in checkpoint.weights), None)
        if theirs is None:
            continue
        given = checkpoint.weights[theirs]
        if name.startswith(CLASSIFIER) and order is not None:
            if not order:
                continue
            given = given[list(order)]
        used.add(theirs)
        if given.shape == parameter.shape:
            parameter.copy_(given)
            loaded.append(name)
        elif is_table(name) and given.shape[1:] == parameter.shape[1:]:
            rows = min(len(given), len(parameter))
            parameter[:rows] = given[:rows]
            resized.append(name)
        else:
            used.discard(theirs)
    kept = {*loaded, *resized}
    if not kept:
        raise SynthError(
            f"no tensor of checkpoint `{checkpoint.path}` fits this model",
            "finetune a model of the same `d_model`, `heads` and scores, or train from the start",
        )
    return LoadReport(
        loaded=tuple(loaded),
        new=tuple(name for name in ours if name not in kept),
        dropped=tuple(name for name in checkpoint.weights if name not in used),
        resized=tuple(resized),
    )


def order_of_classes(model: nn.Module, checkpoint: Checkpoint) -> tuple[int, ...] | None:
    """Return the checkpoint's number of each class; () where classes differ, None where nobody named them."""
    config = get_config(model)
    ours, theirs = config.class_names, checkpoint.config.class_names
    if ours is None or theirs is None:
        return None
    return tuple(theirs.index(name) for name in ours) if set(ours) == set(theirs) else ()


def names_in(config: ModelConfig, new_task: str) -> Callable[[str], tuple[str, ...]]:
    """Return what maps a name of ours to the names it may have in a checkpoint.

    A tied table is saved under one of its names; the source side of an encoder-decoder is the one side
    an encoder alone has.
    """
    tied = {"all": VOCABULARY, "output": VOCABULARY[1:], "none": ()}[config.embeddings.tie]

    def names(name: str) -> tuple[str, ...]:
        if config.task == "seq2seq" and new_task == "classification" and name.startswith("embeddings."):
            name = f"source_{name}"
        elif config.task == "classification" and name.startswith("source_embeddings."):
            name = name.removeprefix("source_")
        return (name, *tied) if name in tied else (name,)

    return names


def task_of(model: nn.Module) -> str:
    return get_config(model).task


def is_table(name: str) -> bool:
    """True for tensors with one row a token or a position."""
    return name in VOCABULARY or name.endswith("positions.weight")


def freeze(model: nn.Module, parts: Sequence[str]) -> int:
    """Stop the named parts from learning; return the number of parameters frozen."""
    parameters = dict(model.named_parameters())
    known = {".".join(name.split(".")[:n]) for name in parameters for n in range(1, name.count(".") + 2)}
    frozen = 0
    for part in parts:
        if part not in known:
            raise SynthError(f"the model has no part `{part}` to freeze", did_you_mean(part, known))
        for name, parameter in parameters.items():
            if name == part or name.startswith(f"{part}."):
                parameter.requires_grad_(False)
                frozen += parameter.numel()
    return frozen
