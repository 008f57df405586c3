"""The configuration of a model: what `config.json` of a checkpoint and `[model]` of a preset hold."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from synthcli.config import Config
from synthcli.model.activations import ActivationName
from synthcli.model.blocks import BlockConfig
from synthcli.model.blocks.pre_norm import PreNormConfig
from synthcli.model.embeddings import EmbeddingsConfig
from synthcli.model.mixers import AttentionConfig, MixerConfig

TaskName = Literal["causal-lm", "seq2seq", "classification"]

STACKS: dict[str, tuple[str, ...]] = {
    "causal-lm": ("decoder",),
    "seq2seq": ("encoder", "decoder"),
    "classification": ("encoder",),
}


class StackConfig(Config):
    """`mixer` replaces the model's in this stack, `layer_mixers` in single layers, counted from 0."""

    layers: int = Field(gt=0)
    max_length: int = Field(gt=0)
    mixer: MixerConfig | None = None
    layer_mixers: dict[int, MixerConfig] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _layers_exist(self) -> "StackConfig":
        for layer in self.layer_mixers:
            if not 0 <= layer < self.layers:
                raise ValueError(
                    f"`layer_mixers.{layer}` is not a layer of this stack, allowed: 0 to {self.layers - 1}"
                )
        return self


class HeadConfig(Config):
    """How a classifier makes one vector of a sequence: the mean over its tokens, or the first token."""

    pool: Literal["mean", "first"] = "mean"


class ModelConfig(Config):
    """A task, its stacks, and what they share."""

    task: TaskName
    vocab_size: int = Field(gt=0)
    num_classes: int | None = Field(None, gt=1)
    d_model: int = Field(gt=0)
    d_ff: int = Field(gt=0)
    activation: ActivationName = "gelu"
    dropout: float = Field(0.1, ge=0, lt=1)
    norm_eps: float = Field(1e-5, gt=0)
    block: BlockConfig = PreNormConfig()
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    mixer: MixerConfig = AttentionConfig()
    cross: AttentionConfig | None = None
    encoder: StackConfig | None = None
    decoder: StackConfig | None = None
    head: HeadConfig = HeadConfig()

    @field_validator("block", mode="before")
    @classmethod
    def _block_by_name(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _task_has_its_parts(self) -> "ModelConfig":
        needed = STACKS[self.task]
        for stack in ("encoder", "decoder"):
            if (getattr(self, stack) is not None) != (stack in needed):
                verb = "needs" if stack in needed else "has no"
                raise ValueError(f'`task = "{self.task}"` {verb} `[model.{stack}]`')
        if (self.num_classes is not None) != (self.task == "classification"):
            verb = "needs" if self.task == "classification" else "has no"
            raise ValueError(f'`task = "{self.task}"` {verb} `num_classes`')
        if self.cross is not None and self.task != "seq2seq":
            raise ValueError(f'`task = "{self.task}"` has no `[model.cross]`')
        return self

    @model_validator(mode="after")
    def _heads_divide(self) -> "ModelConfig":
        mixers = [self.mixer, self.cross_attention]
        for stack in (self.encoder, self.decoder):
            if stack is not None:
                mixers += [m for m in (stack.mixer, *stack.layer_mixers.values()) if m is not None]
        for mixer in mixers:
            if self.d_model % mixer.heads:
                raise ValueError(f"`heads = {mixer.heads}` does not divide `d_model = {self.d_model}`")
        return self

    @property
    def cross_attention(self) -> AttentionConfig:
        """The cross-attention of an encoder-decoder: dot products, unless `[model.cross]` says otherwise."""
        return self.cross or AttentionConfig(heads=self.mixer.heads, dropout=self.mixer.dropout)

    @property
    def max_source_length(self) -> int | None:
        return None if self.encoder is None else self.encoder.max_length

    @property
    def max_target_length(self) -> int | None:
        return None if self.decoder is None else self.decoder.max_length

    def mixer_of(self, stack: StackConfig, layer: int) -> MixerConfig:
        """Return the self-mixer of one layer: the layer's own, else the stack's, else the model's."""
        return stack.layer_mixers.get(layer) or stack.mixer or self.mixer
