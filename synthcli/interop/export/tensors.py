"""`safetensors`: configuration, weights and tokenizer, as a checkpoint has them."""

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from synthcli.interop.export.leaving import ExportOptions, Leaving

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def write_tensors(leaving: Leaving, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with the files of a checkpoint, but no manifest."""
    (folder / CONFIG).write_text(leaving.config.model_dump_json(indent=2) + "\n", encoding="utf-8")
    save_file(tensors_of(leaving.model), folder / WEIGHTS, metadata={"format": "pt"})
    if leaving.tokenizer is not None:
        leaving.tokenizer.save(folder)


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and saved buffers by name, each tied one once."""
    saved = model.state_dict(keep_vars=True)
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().contiguous() for name, tensor in named if name in saved}
