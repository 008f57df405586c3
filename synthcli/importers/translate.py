"""What an import gives: a configuration, and the tensors of a foreign file under our names.

A family describes its tensors as a list of `Entry`; `translate_tensors` carries it out and refuses what does
not fit, so a tensor is never left behind in silence, nor unread (`Spare`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.importers.spare import Spare, check_spare, match_rules
from synthcli.model import ModelConfig, TaskModel, build

Change = Callable[[Tensor], Tensor]
OWN_WORDS = "Value error, "  # before a message that a configuration wrote itself
OPTIONS_OF = "the options of the {} describe"


def identity(tensor: Tensor) -> Tensor:
    """Return the tensor itself."""
    return tensor


@dataclass(frozen=True)
class Entry:
    """Our tensor `name` is `change` of the original's tensor `source`."""

    name: str
    source: str
    change: Change = identity


@dataclass(frozen=True)
class TranslatedModel:
    """A configuration, weights under our names, and the original's tensors that none of them is made of.

    `reasons` say of each of these why it may be left.
    """

    config: ModelConfig
    weights: dict[str, Tensor]
    original_names: dict[str, str]
    unused: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


def affine(ours: str, theirs: str) -> list[Entry]:
    """Return the weight and the bias of a norm or of a map stored output-major."""
    return [Entry(f"{ours}.{leaf}", f"{theirs}.{leaf}") for leaf in ("weight", "bias")]


def input_major(ours: str, theirs: str) -> list[Entry]:
    """Return the weight and the bias of a map stored as (in, out), to be multiplied from the right."""
    return [Entry(f"{ours}.weight", f"{theirs}.weight", transpose), Entry(f"{ours}.bias", f"{theirs}.bias")]


def transpose(weight: Tensor) -> Tensor:
    """Return the map output-major."""
    return weight.transpose(0, 1).contiguous()


def take_part(index: int, count: int, change: Change = identity, axis: int = -1) -> Change:
    """Cut an axis into `count` equal parts and change the one at `index`."""

    def cut(tensor: Tensor) -> Tensor:
        if tensor.shape[axis] % count:
            raise SynthError(
                f"an axis of {tensor.shape[axis]} does not divide into {count} parts",
                "the weights do not belong to this configuration",
            )
        return change(tensor.chunk(count, dim=axis)[index]).contiguous()

    return cut


def _first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong with a configuration, with its place where the text names none."""
    first = error.errors()[0]
    said = first["msg"]
    if said.startswith(OWN_WORDS):
        return said.removeprefix(OWN_WORDS)
    place = ".".join(str(part) for part in first["loc"])
    return f"`{place} = {first['input']!r:.40}`: {said}"


@contextmanager
def explain_refusal(what: str) -> Iterator[None]:
    """Turn what a configuration refuses into one message; `what` describes it, and ends in its verb."""
    try:
        yield
    except ValidationError as error:
        message = f"{what} no model of ours: {_first_problem(error)}"
        raise SynthError(message, "are the options those it was trained with?") from error


def translate_tensors(
    config: ModelConfig, entries: Iterable[Entry], tensors: Mapping[str, Tensor], spares: Iterable[Spare]
) -> TranslatedModel:
    """Return the weights of `config`'s model; what does not fit is an error, as in `fit_entries`."""
    return TranslatedModel(config, *fit_entries(build_empty(config), entries, tensors, spares))


def drop_tied_copies(tensors: Mapping[str, Tensor], copies: Mapping[str, str]) -> dict[str, Tensor]:
    """Leave out each tensor that repeats another (`copies`: its name → the other's); they must be equal."""
    for name, original in copies.items():
        if name in tensors and original in tensors and not torch.equal(tensors[name], tensors[original]):
            raise SynthError(
                f"`{name}` differs from `{original}`, which the configuration ties to it",
                "if the model was trained untied, its `config.json` should say `tie_word_embeddings = false`",
            )
    return {name: tensor for name, tensor in tensors.items() if name not in copies}


def build_empty(config: ModelConfig) -> TaskModel:
    """Return a model without memory; one that could never be is refused."""
    try:
        with torch.device("meta"):
            return build(config)
    except (RuntimeError, OverflowError, TypeError) as error:
        message = "the configuration asks for tensors too large to be"
        raise SynthError(message, "the weights do not belong to this configuration") from error


def fit_entries(
    model: nn.Module, entries: Iterable[Entry], tensors: Mapping[str, Tensor], spares: Iterable[Spare]
) -> tuple[dict[str, Tensor], dict[str, str], tuple[str, ...], dict[str, str]]:
    """Return the weights of `model`, where each comes from, the tensors that none comes from, and why.

    These must match a rule of `spares`, and not contradict it. Raises where a tensor is missing, foreign or
    of another shape, and where two are not equal that are one in our model.
    """
    entries = list(entries)
    missing = sorted({entry.source for entry in entries} - tensors.keys())
    if missing:
        raise SynthError(
            f"the weights lack {_list_some(missing)}", "the file is incomplete or of another model"
        )
    unread = sorted(tensors.keys() - {entry.source for entry in entries})
    rules = match_rules(unread, spares)
    foreign = [name for name in unread if name not in rules]
    if foreign:
        raise SynthError(
            f"the weights hold {_list_some(foreign)}, which the configuration gives no place",
            "the weights do not belong to this configuration, or hold a part that our models do not have",
        )
    for name, rule in rules.items():
        check_spare(name, tensors[name], rule)
    weights = {entry.name: apply_entry(entry, tensors[entry.source]) for entry in entries}
    sources = {entry.name: entry.source for entry in entries}
    _check_shapes(model.state_dict(), weights, sources)
    _check_tied(model, weights, sources)
    return weights, sources, tuple(unread), {name: rule.why for name, rule in rules.items()}


def apply_entry(entry: Entry, tensor: Tensor) -> Tensor:
    """Return what an entry makes of its tensor, which must hold real, finite numbers."""
    if not tensor.is_floating_point():
        raise SynthError(
            f"`{entry.source}` holds numbers of type `{str(tensor.dtype).removeprefix('torch.')}`",
            "weights are real numbers: is the file quantised, or damaged?",
        )
    if not torch.isfinite(tensor).all():
        raise SynthError(f"`{entry.source}` holds numbers that are not finite", "is the file damaged?")
    try:
        return entry.change(tensor)
    except (RuntimeError, IndexError, ValueError) as error:
        raise SynthError(
            f"`{entry.source}` of shape {tuple(tensor.shape)} does not fit",
            "the weights do not belong to this configuration",
        ) from error


def build_translated(imported: TranslatedModel) -> TaskModel:
    """Build the model and give it the imported weights, every one."""
    model = build(imported.config)
    model.load_state_dict(imported.weights)
    return model


def _check_shapes(
    expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], sources: Mapping[str, str]
) -> None:
    for name, tensor in weights.items():
        if name not in expected:
            raise SynthError(f"the model has no tensor `{name}` for `{sources[name]}`", "this is our mistake")
        if tensor.shape != expected[name].shape:
            raise SynthError(
                f"`{sources[name]}` gives a tensor of shape {tuple(tensor.shape)}, "
                f"the configuration asks for {tuple(expected[name].shape)}",
                "the weights do not belong to this configuration",
            )
    absent = sorted(expected.keys() - weights.keys())
    if absent:
        raise SynthError(f"nothing gives the model's {_list_some(absent)} a value", "this is our mistake")


def _check_tied(model: nn.Module, weights: Mapping[str, Tensor], sources: Mapping[str, str]) -> None:
    """Refuse two tensors of the file for what is one parameter of ours, unless they are equal."""
    first: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        other = first.setdefault(id(parameter), name)
        if not torch.equal(weights[other], weights[name]):
            largest = (weights[other] - weights[name]).abs().max().item()
            raise SynthError(
                f"`{sources[name]}` differs from `{sources[other]}` by up to {largest:g}, and is tied to it",
                "say that they are not tied, or take the file they were trained in",
            )


def _list_some(names: list[str]) -> str:
    """Return the first names in backticks, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
