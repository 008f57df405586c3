"""What every exported model is to transformers."""

from typing import Any

from torch import nn
from transformers import PreTrainedModel

from synthcli.interop.export.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.interop.export.hugging_face.remote.settings import settings


class SynthPreTrainedModel(PreTrainedModel):
    """`build` makes the model of a task; its tied tensors are found, not listed."""

    config_class = SynthConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    build: Any

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        self.model = type(self).build(settings(config.synth))
        self._tied_weights_keys = tied_names(self)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Draw a parameter that the weights lack; a training from chance belongs to `synth`."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if hasattr(module, "initialise_parameters"):
            module.initialise_parameters()  # type: ignore[operator]

    def get_input_embeddings(self) -> nn.Module:
        return self.model.embeddings.tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        raise ValueError("the vocabulary of this model is fixed")


def tied_names(model: nn.Module) -> dict[str, str]:
    """Return the other names of tied parameters: each → the first."""
    first: dict[int, str] = {}
    named = model.named_parameters(remove_duplicate=False)
    return {name: first[id(p)] for name, p in named if first.setdefault(id(p), name) != name}
