"""What every exported model is to transformers."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.settings import strip_training_settings
from synthcli.exporters.hugging_face.remote.stacks import Checkpointing
from synthcli.model.adaptive import AdaptiveEmbedding
from synthcli.model.embeddings import Embeddings
from synthcli.model.initialise import DrawsItself
from synthcli.model.stack import Stack
from synthcli.model_config.model import ModelConfig


class SynthPreTrainedModel(PreTrainedModel):
    """`model` of a class with a head is the stack without it; tied tensors are found, not listed.

    A subclass makes its parts and then calls `finish`.
    """

    config_class = SynthConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True  # plain dot products run in torch's fused attention
    accepts_loss_kwargs = True  # losses are divided by `num_items_in_batch` where it is given

    def finish(self) -> None:
        """Draw every parameter, tie, and name the modules that must stay on one device."""
        stacks = [module for module in self.modules() if isinstance(module, Stack)]
        blocks = [block for stack in stacks for block in stack.blocks]
        self._no_split_modules = sorted({type(block).__name__ for block in blocks})
        self._tied_weights_keys = tied_names(self)
        self.post_init()  # type: ignore[no-untyped-call]  # of transformers, without types

    def _init_weights(self, module: nn.Module) -> None:
        """Draw what the weights lack, or all of a model that has none: N(0, 0.02²), biases 0, norms 1."""
        is_norm = "Norm" in type(module).__name__
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.constant_(parameter, 1.0 if is_norm and name == "weight" else 0.0)
        if isinstance(module, DrawsItself):
            module.initialise_parameters()

    def embeddings_of_words(self) -> list[Embeddings]:
        """Return what holds a table of words: the reader of the input first."""
        names = ("source_embeddings", "embeddings")
        return [getattr(self.base_model, name) for name in names if hasattr(self.base_model, name)]

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings_of_words()[0].tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        value, old = self.replaceable(value), self.get_input_embeddings()
        assert isinstance(value, nn.Embedding)
        for holder in self.embeddings_of_words():
            if holder.tokens is old:
                holder.tokens = value

    def replaceable(self, value: nn.Module) -> nn.Module:
        """Return a new table of words, or raise where its words are in clusters."""
        tokens = self.get_input_embeddings()
        if isinstance(tokens, AdaptiveEmbedding) and value is not tokens:
            raise NotImplementedError(
                f"words of this model are in clusters that end at {tokens.edges[1:]}, each with vectors of "
                "a width of its own: its vocabulary cannot be resized or replaced"
            )
        return value

    def resize_token_embeddings(
        self,
        new_num_tokens: int | None = None,
        pad_to_multiple_of: int | None = None,
        mean_resizing: bool = True,
    ) -> Any:
        """Grow or cut the vocabulary: of every table, of the head, and of the saved configuration."""
        if pad_to_multiple_of is None and new_num_tokens in (None, self.config.vocab_size):
            return self.get_input_embeddings()
        self.replaceable(nn.Identity())
        size = (new_num_tokens, pad_to_multiple_of, mean_resizing)
        for holder in self.embeddings_of_words()[1:]:
            assert isinstance(holder.tokens, nn.Embedding)
            self._get_resized_embeddings(holder.tokens, *size)
        table = super().resize_token_embeddings(*size)
        self.config.synth = self.config.synth | {"vocab_size": self.config.vocab_size}
        return table

    @property
    def checkpoint_function(self) -> Checkpointing | None:
        """The function that runs a block again in the backward pass, or None."""
        is_wanted = getattr(self, "gradient_checkpointing", False) and self.training
        return self._gradient_checkpointing_func if is_wanted else None

    def keeps(self, use_cache: bool | None) -> bool:
        """Whether to return a cache where none was given; a traced graph returns none unless asked."""
        if self.checkpoint_function is not None:
            return False
        is_plain = not self.training and not torch.compiler.is_compiling()
        return use_cache if use_cache is not None else self.config.use_cache and is_plain

    def says(self, name: str, given: bool | None) -> bool:
        """Return an option of the call, or that of the configuration."""
        return bool(getattr(self.config, name, False) if given is None else given)

    def wrap_output(self, output: ModelOutput, return_dict: bool | None) -> ModelOutput | tuple[object, ...]:
        """Return an output as the caller wants it, a tuple where `return_dict` is False."""
        is_dict = getattr(self.config, "return_dict", True) if return_dict is None else return_dict
        return output if is_dict else output.to_tuple()


def table_of(config: SynthConfig) -> ModelConfig:
    """Return the model's own settings; its vocabulary is as large as transformers says."""
    table = strip_training_settings(config.synth | {"vocab_size": config.vocab_size})
    assert isinstance(table, ModelConfig)
    return table


def vectors_of(model: nn.Module, ids: Tensor | None, vectors: Tensor | None) -> Tensor:
    """Return the vectors of `input_ids`, or `inputs_embeds`: one of them is given."""
    if (ids is None) == (vectors is None):
        raise ValueError("give either `input_ids` or `inputs_embeds`")
    found: Tensor = model(ids) if vectors is None else vectors
    return found


def tied_names(model: nn.Module) -> dict[str, str]:
    """Return the other names of tied parameters: each → the first."""
    first: dict[int, str] = {}
    named = model.named_parameters(remove_duplicate=False)
    return {name: first[id(p)] for name, p in named if first.setdefault(id(p), name) != name}
