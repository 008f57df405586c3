"""What the model computes before it is written: the reference that the exported folder is compared with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from synthcli.atomic_files import save_tensors
from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.parity.compare import fastest_seconds, loss, margins
from synthcli.exporters.parity_inputs import Inputs, begin_id, count_steps, draw_cases, draw_prompts
from synthcli.model import Seq2Seq, State
from synthcli.model.interface import get_initial_state

NextStep = Callable[[Tensor, State | None], tuple[Tensor, State | None]]
WRITES = ("causal-lm", "seq2seq")


@dataclass(frozen=True)
class ParityReference:
    """Tensors and facts as `parity.reference` reads them."""

    tensors: dict[str, Tensor]
    facts: Mapping[str, object]

    def save(self, path: Path, **more: object) -> None:
        save_tensors(path, self.tensors, {"facts": json.dumps({**self.facts, **more})})


@torch.inference_mode()
def record_reference(bundle: ExportBundle, model: nn.Module) -> ParityReference:
    """Run `model`, which is as it was trained, on cases for what leaves; time it, too."""
    tensors: dict[str, Tensor] = {}
    given = list(draw_cases(bundle))
    for number, inputs in enumerate(given):
        outputs = _compute_outputs(bundle, model, inputs, seed=number)
        tensors |= {f"{number}.{name}": t.contiguous() for name, t in (inputs | outputs).items()}
    seconds = {"forward": fastest_seconds(lambda: compute_logits(model, given[-1]))}
    if bundle.config.task in WRITES:
        written, seconds["greedy"] = _record_greedy(bundle, model)
        tensors |= {f"greedy.{name}": tensor for name, tensor in written.items()}
    facts = {
        "task": bundle.config.task,
        "cases": len(given),
        "begin": begin_id(bundle),
        "seconds": seconds,
        "threads": torch.get_num_threads(),
    }
    return ParityReference(tensors, facts)


def compute_logits(model: nn.Module, inputs: Inputs) -> Tensor:
    """Return the logits of a model of any task."""
    logits = model(**inputs)
    return logits[0] if isinstance(logits, tuple) else logits


def _compute_outputs(bundle: ExportBundle, model: nn.Module, inputs: Inputs, seed: int) -> Inputs:
    """Return logits, random labels, and the loss of these."""
    logits = compute_logits(model, inputs)
    generator = torch.Generator().manual_seed(seed)
    if logits.shape[-1] == 1:
        labels = torch.randn(len(logits), generator=generator)
    else:
        labels = torch.randint(0, logits.shape[-1], logits.shape[:-1], generator=generator)
    padding = inputs.get("padding")
    real = torch.ones(labels.shape, dtype=torch.bool)
    if logits.dim() == 3 and padding is not None:
        real = ~padding
    value = loss(logits.numpy(), labels.numpy(), real.numpy(), bundle.config.task)
    return {"logits": logits, "labels": labels, "loss": torch.tensor(value, dtype=torch.float64)}


def _record_greedy(bundle: ExportBundle, model: nn.Module) -> tuple[Inputs, float]:
    """Return prompts, what greedy decoding adds to each, and the seconds of the first."""
    texts, count = draw_prompts(bundle), count_steps(bundle)
    lengths = torch.tensor([len(text) for text in texts])
    found = [decode_greedily(bundle, model, text, count) for text in texts]
    written = {
        "prompts": nn.utils.rnn.pad_sequence(texts, batch_first=True),
        "lengths": lengths,
        "tokens": torch.stack([tokens for tokens, _ in found]),
        "margins": torch.stack([lead for _, lead in found]),
    }
    return written, fastest_seconds(lambda: decode_greedily(bundle, model, texts[0], count), 3, 0)


def decode_greedily(
    bundle: ExportBundle, model: nn.Module, prompt: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Return the best next tokens, one after the other with the state, and their leads; nothing ends it."""
    state: State | None = get_initial_state(model)
    tokens, leads = [], []
    step, start = _build_step(bundle, model, prompt)
    for _ in range(count):
        logits, state = step(start, state)
        start = logits[:, -1:].argmax(-1)
        tokens.append(start[0, 0])
        leads.append(torch.tensor(float(margins(logits[0, -1].numpy())), dtype=torch.float64))
    return torch.stack(tokens), torch.stack(leads)


def _build_step(bundle: ExportBundle, model: nn.Module, prompt: Tensor) -> tuple[NextStep, Tensor]:
    """Return what takes tokens and a state, and the first tokens."""
    if not isinstance(model, Seq2Seq):
        return lambda tokens, state: model(tokens, state=state), prompt[None]
    memory = model.encode(prompt[None])
    return lambda tokens, state: model.decode(tokens, memory, state=state), torch.tensor([[begin_id(bundle)]])
