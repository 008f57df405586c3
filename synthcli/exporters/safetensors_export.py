"""`safetensors`: configuration, weights and tokenizer, as a checkpoint has them."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from synthcli.atomic_files import save_tensors
from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.parity_inputs import draw_cases
from synthcli.exporters.parity_reference import compute_logits
from synthcli.model import ModelConfig, build

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def write_tensors(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with the files of a checkpoint, but no manifest."""
    (folder / CONFIG).write_text(bundle.config.model_dump_json(indent=2) + "\n", encoding="utf-8")
    save_tensors(folder / WEIGHTS, collect_tensors(bundle.model), {"format": "pt"})
    if bundle.tokenizer is not None:
        bundle.tokenizer.save(folder)


def collect_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and saved buffers by name, each tied one once."""
    saved = model.state_dict(keep_vars=True)
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().contiguous() for name, tensor in named if name in saved}


def hash_tensors(model: nn.Module) -> dict[str, str]:
    """Return the sha256 of each tensor's bytes, by name."""
    return {
        name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for name, tensor in collect_tensors(model).items()
    }


@torch.inference_mode()
def recompute_logits(folder: Path, bundle: ExportBundle) -> dict[str, Tensor]:
    """Return the logits of the model that a folder holds, read anew, as `<case>.again`."""
    config = ModelConfig.model_validate_json((folder / CONFIG).read_text(encoding="utf-8"))
    with torch.random.fork_rng(devices=[]):
        model = build(config).eval()
    own, saved = collect_tensors(model), load_file(folder / WEIGHTS)
    for name, tensor in own.items():
        tensor.copy_(saved[name])
    given = enumerate(draw_cases(bundle))
    return {f"{number}.again": compute_logits(model, inputs).contiguous() for number, inputs in given}
