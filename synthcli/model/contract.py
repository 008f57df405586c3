"""The properties that every model must have, as checks of any configuration: tests and `synth check` run
them.

Numbers are float64 and every parameter is moved off its initial value, so that nothing is zero by symmetry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from synthcli.model import CausalLM, Seq2Seq, State, TaskModel, build, count_parameters
from synthcli.model_config.model import ModelConfig
from synthcli.model_config.parts import StackConfig

BATCH, LENGTH, SHORT = 3, 7, 4
DEPTH = 48
TOLERANCE = 1e-9  # float64 sums in another order
PIECES = (1, 2, 1, 1, 2)  # lengths of the calls that must add up to one


class ContractError(AssertionError):
    """A property does not hold; the message says which and by how much."""


@dataclass(frozen=True)
class Subject:
    """A model in evaluation mode and tokens it can read."""

    config: ModelConfig
    model: TaskModel
    inputs: dict[str, Tensor]

    def logits(self, **changes: Tensor) -> Tensor:
        """Return the logits with some inputs replaced or added."""
        result: Tensor | tuple[Tensor, State | None] = self.model(**{**self.inputs, **changes})
        return result[0] if isinstance(result, tuple) else result


def subject(config: ModelConfig, seed: int = 1) -> Subject:
    """Build a model, move its parameters, and draw tokens; one check after another is given the same."""
    found = _subject(config.model_dump_json(), seed)
    found.model.zero_grad()
    return found


@lru_cache(maxsize=1)
def _subject(text: str, seed: int) -> Subject:
    config = ModelConfig.model_validate_json(text)
    torch.manual_seed(seed)
    model = build(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return Subject(config, model, draw_batch(config))


def draw_batch(config: ModelConfig) -> dict[str, Tensor]:
    """Draw tokens that a model can read."""
    limits = [stack.max_length for stack in (config.encoder, config.decoder) if stack is not None]
    length = min(LENGTH, *limits)
    shape: tuple[int, ...] = (BATCH, length)
    if config.task == "classification" and config.head.output == "choice":
        shape = (BATCH, 2, length)
    inputs = {"tokens": torch.randint(config.vocab_size, shape)}
    if config.task == "seq2seq":
        inputs["source"] = torch.randint(config.vocab_size, (BATCH, length))
    return inputs


def shapes(config: ModelConfig) -> str:
    """Logits have one row a position, or one a sequence."""
    it = subject(config)
    got = tuple(it.logits().shape)
    if config.task == "classification":
        outputs = 2 if config.head.output == "choice" else config.num_outputs
        wanted: tuple[int, ...] = (BATCH, outputs)
    else:
        wanted = (*it.inputs["tokens"].shape, config.vocab_size)
    require(got == wanted, f"logits are {got}, not {wanted}")
    return f"logits {got}"


def builds_on_meta(config: ModelConfig) -> str:
    """The model builds without memory, with as many parameters."""
    with torch.device("meta"):
        planned = count_parameters(build(config))
    built = count_parameters(build(config))
    require(planned == built, f"{planned:,} parameters on the meta device, {built:,} in memory")
    return f"{built:,} parameters"


def state_dict_round_trip(config: ModelConfig) -> str:
    """A state dict holds all that a model computes with."""
    it = subject(config)
    other = build(config).double().eval()
    other.load_state_dict(it.model.state_dict())
    same = torch.equal(it.logits(), Subject(config, other, it.inputs).logits())
    require(same, "another model with the same state dict gives other logits")
    return f"{len(it.model.state_dict())} tensors"


def every_parameter_learns(config: ModelConfig) -> str:
    """Every trainable parameter receives a gradient that is finite and not zero."""
    it = subject(config)
    logits = it.logits()
    (logits * torch.randn_like(logits)).sum().backward()
    idle = [name for name, parameter in it.model.named_parameters() if is_idle(name, parameter)]
    require(not idle, f"no gradient, or not a finite one: {', '.join(idle)}")
    return f"{sum(p.requires_grad for p in it.model.parameters())} parameters"


def is_idle(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a parameter should have learnt and did not.

    The bias of keys adds the same to all scores of a query, which the softmax does not see.
    """
    if not parameter.requires_grad or name.endswith("key.bias"):
        return False
    gradient = parameter.grad
    return gradient is None or not bool(gradient.isfinite().all()) or not bool(gradient.any())


def padding_is_not_seen(config: ModelConfig) -> str:
    """What stands at padded positions changes nothing at real ones."""
    it = subject(config)
    alone = {name: t[..., :SHORT] for name, t in it.inputs.items()}
    length = it.inputs["tokens"].shape[-1]
    if length <= SHORT:
        return f"sequences are too short to pad ({length})"
    padding = torch.zeros_like(it.inputs["tokens"], dtype=torch.bool)
    padding[..., SHORT:] = True
    masks = {"padding": padding} | ({"source_padding": padding} if config.task == "seq2seq" else {})
    got, want = it.logits(**masks), it.logits(**alone)
    if config.task != "classification":
        got = got[:, :SHORT]
    return near(got, want)


def only_padding_is_finite(config: ModelConfig) -> str:
    """A sequence that is nothing but padding gives finite logits and gradients."""
    it = subject(config)
    empty = torch.zeros_like(it.inputs["tokens"], dtype=torch.bool)
    empty[1] = True
    masks = {"padding": empty} | ({"source_padding": empty} if config.task == "seq2seq" else {})
    logits = it.logits(**masks)
    logits.sum().backward()
    require(bool(logits.isfinite().all()), "logits are not finite")
    broken = [n for n, p in it.model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    require(not broken, f"gradients are not finite: {', '.join(broken)}")
    return "finite"


def nothing_leaks_from_the_future(config: ModelConfig) -> str:
    """The Jacobian of a logit by what comes later is zero."""
    it = subject(config)
    seen: list[Tensor] = []

    def keep(module: nn.Module, args: object, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    with it.model.embeddings.register_forward_hook(keep):
        logits = it.logits()
    cut = logits.shape[1] // 2
    (jacobian,) = torch.autograd.grad((logits[:, :cut] * torch.randn_like(logits[:, :cut])).sum(), seen[0])
    require(not bool(jacobian[:, cut:].any()), "a logit depends on a later position")
    require(bool(jacobian[:, :cut].any()), "logits do not depend on their own input")
    return f"positions {cut} and later do not reach those before"


def steps_equal_the_whole(config: ModelConfig) -> str:
    """A few positions at a time, with the state, give the logits of all at once."""
    it = subject(config)
    tokens, model = it.inputs["tokens"], it.model
    sizes = [size for size in PIECES if size][: tokens.shape[1]]
    sizes = sizes if sum(sizes) == tokens.shape[1] else [1] * tokens.shape[1]
    assert isinstance(model, CausalLM | Seq2Seq)
    memory = model.encode(it.inputs["source"]) if isinstance(model, Seq2Seq) else None
    pieces: list[Tensor] = []
    state: State | None = model.initial_state()
    for piece in tokens.split(sizes, dim=1):
        if isinstance(model, Seq2Seq):
            logits, state = model.decode(piece, memory, state=state)
        else:
            logits, state = model(piece, state=state)
        pieces.append(logits)
    return near(torch.cat(pieces, 1), it.logits())


def documents_are_apart(config: ModelConfig) -> str:
    """In a packed window, nothing passes from one document to another."""
    it = subject(config)
    tokens = it.inputs["tokens"]
    cut = tokens.shape[1] // 2
    documents = (torch.arange(tokens.shape[1]) >= cut).long().expand(BATCH, -1)
    changed = tokens.clone()
    changed[:, :cut] = (changed[:, :cut] + 1) % config.vocab_size
    before = it.logits(documents=documents)[:, cut:]
    return near(it.logits(tokens=changed, documents=documents)[:, cut:], before)


def gradients_are_finite_at_depth(config: ModelConfig) -> str:
    """48 layers in float32 have finite gradients, as they are initialised."""
    torch.manual_seed(1)
    config = deeper(config, DEPTH)
    model = build(config)
    logits = Subject(config, model, draw_batch(config)).logits()
    logits.square().mean().backward()
    broken = [n for n, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    require(not broken, f"gradients are not finite: {', '.join(broken[:5])}")
    return f"{DEPTH} layers"


def deeper(config: ModelConfig, layers: int) -> ModelConfig:
    """Return the configuration with as many layers in every stack."""

    def deep(stack: StackConfig | None) -> StackConfig | None:
        return None if stack is None else stack.model_copy(update={"layers": layers})

    return config.model_copy(update={"encoder": deep(config.encoder), "decoder": deep(config.decoder)})


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ContractError(otherwise)


def near(got: Tensor, want: Tensor) -> str:
    """Require equal tensors, up to float64 rounding."""
    scale = max(1.0, want.detach().abs().max().item())
    difference = (got - want).detach().abs().max().item() / scale
    require(difference <= TOLERANCE, f"logits differ by {difference:.2g} (relative), allowed: {TOLERANCE:g}")
    return f"difference {difference:.1g}"


Check = Callable[[ModelConfig], str]

EVERYWHERE: dict[str, Check] = {
    "shapes": shapes,
    "builds on the meta device": builds_on_meta,
    "state-dict round trip": state_dict_round_trip,
    "every parameter learns": every_parameter_learns,
    "padding is not seen": padding_is_not_seen,
    "only padding is finite": only_padding_is_finite,
    "gradients at depth 48": gradients_are_finite_at_depth,
}
GENERATIVE: dict[str, Check] = {
    "nothing leaks from the future": nothing_leaks_from_the_future,
    "step by step equals all at once": steps_equal_the_whole,
}
PACKED: dict[str, Check] = {"packed documents are apart": documents_are_apart}


def checks_of(config: ModelConfig) -> dict[str, Check]:
    """Return the checks that mean something for a model, by name."""
    checks = dict(EVERYWHERE)
    if config.task in ("causal-lm", "seq2seq"):
        checks |= GENERATIVE
    if config.task in ("causal-lm", "masked-lm"):
        checks |= PACKED
    return checks
