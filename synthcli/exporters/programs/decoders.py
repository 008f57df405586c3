"""Decoders: a form for whole sequences, and a step that takes and gives the state."""

import torch
from torch import Tensor, nn

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.programs.form import (
    BATCH,
    LENGTH,
    PAST,
    SOURCE,
    Form,
    Port,
    get_traced_shape,
    get_traced_sizes,
    mask_port,
    tokens_port,
)
from synthcli.exporters.programs.states import POSITIONS, Layout
from synthcli.model import CausalLM, Seq2Seq

SHORT = 2  # positions that a state is made with to see what it holds


class Whole(nn.Module):
    """Logits of every position of a whole text; later ones change nothing, so padding needs no mask."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.model(input_ids)[0]


class DecoderStep(nn.Module):
    """Logits of the next positions after a state, which may be that before the first."""

    def __init__(self, model: CausalLM, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, input_ids: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        before = self.layout.before(past)
        logits, state = self.model(input_ids, state=before)
        return logits, *self.layout.flat(state)


class SourceEncoder(nn.Module):
    """What a decoder reads of a source."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model.encode(input_ids, attention_mask == 0)


class WholeTarget(nn.Module):
    """Logits of every position of a target, and the state after it: the first step, too."""

    def __init__(self, model: Seq2Seq, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, input_ids: Tensor, memory: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        start = self.model.initial_state()
        logits, state = self.model.decode(input_ids, memory, attention_mask == 0, state=start)
        return logits, *self.layout.flat(state)


class TargetStep(nn.Module):
    """Logits of the next positions of a target; the state holds what is read of the source."""

    def __init__(self, model: Seq2Seq, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, input_ids: Tensor, attention_mask: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        before = self.layout.before(past)
        logits, state = self.model.decode(input_ids, None, attention_mask == 0, state=before)
        return logits, *self.layout.flat(state)


def causal_forms(bundle: ExportBundle) -> list[Form]:
    """Return a language model for whole texts, and for steps."""
    model = bundle.model
    assert isinstance(model, CausalLM)
    with torch.inference_mode():
        _, state = model(torch.zeros(1, SHORT, dtype=torch.long), state=model.initial_state())
    layout, tokens = Layout(state), tokens_port("input_ids", bundle, BATCH, LENGTH)
    ports = _state_ports(bundle, layout)
    names = ("logits", *(f"present.{name}" for name in layout.names))
    longest = bundle.config.max_target_length
    assert longest is not None
    return [
        Form("model", "the logits of a whole text", Whole(model), (tokens,), ("logits",), {LENGTH: longest}),
        Form(
            "step", "the next positions, with the state", DecoderStep(model, layout), (tokens, *ports), names
        ),
    ]


def seq2seq_forms(bundle: ExportBundle) -> list[Form]:
    """Return the encoder, the decoder for whole targets, and for steps."""
    model, config = bundle.model, bundle.config
    assert isinstance(model, Seq2Seq)
    with torch.inference_mode():
        zeros = torch.zeros(1, SHORT, dtype=torch.long)
        _, state = model.decode(zeros, model.encode(zeros), state=model.initial_state())
    assert state is not None  # as one was given
    layout = Layout(state)
    source = tokens_port("input_ids", bundle, BATCH, SOURCE)
    mask = mask_port("attention_mask", bundle, BATCH, SOURCE)
    tokens = tokens_port("input_ids", bundle, BATCH, LENGTH)
    example = torch.randn(*get_traced_shape(bundle, (BATCH, SOURCE)), config.d_model)
    memory = Port("memory", example, {0: BATCH, 1: SOURCE})
    ports = _state_ports(bundle, layout)
    names = ("logits", *(f"present.{name}" for name in layout.names))
    whole, step = WholeTarget(model, layout), TargetStep(model, layout)
    longest = {SOURCE: config.max_source_length or 0, LENGTH: config.max_target_length or 0}
    return [
        Form("encoder", "the memory of a source", SourceEncoder(model), (source, mask), ("memory",), longest),
        Form("decoder", "a whole target, or the first step", whole, (tokens, memory, mask), names, longest),
        Form("decoder_step", "the next positions, with the state", step, (tokens, mask, *ports), names),
    ]


def _state_ports(bundle: ExportBundle, layout: Layout) -> list[Port]:
    """Return the inputs of a step's state.

    Where no tensor grows with the text and the model reads positions, one more is as long as the text so far;
    what it holds is not read.
    """
    ports = layout.ports(get_traced_sizes(bundle))
    grows = any(PAST in port.axes.values() for port in ports)
    if grows or bundle.config.embeddings.positions in ("none", "rotary", "alibi"):
        return ports
    return [
        *ports,
        Port(POSITIONS, torch.zeros(get_traced_sizes(bundle)[PAST], dtype=torch.long), {0: PAST}, "empty"),
    ]
