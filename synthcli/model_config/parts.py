"""The parts of a model, `[model]` of a preset, before anything is said of how they fit together."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from synthcli.config import Config
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.blocks import BlockConfig, PreNormConfig
from synthcli.model_config.embeddings import EmbeddingsConfig
from synthcli.model_config.heads import HeadConfig
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.names import ActivationName

DEFAULT_SLOPE = 0.01
TaskName = Literal["causal-lm", "masked-lm", "seq2seq", "classification"]

STACKS: dict[str, tuple[str, ...]] = {
    "causal-lm": ("decoder",),
    "masked-lm": ("encoder",),
    "seq2seq": ("encoder", "decoder"),
    "classification": ("encoder",),  # or, of a language model, the decoder
}
MOST_LAYERS = 10_000  # beyond it is a slip, or a file that means harm


class StackConfig(Config):
    """`mixer` replaces the model's in this stack; `layer_mixers` and `layer_d_ff` replace mixer and width of
    the feed-forward in single layers, counted from 0."""

    layers: int = Field(gt=0, le=MOST_LAYERS)
    max_length: int = Field(gt=0)
    mixer: MixerConfig | None = None
    layer_mixers: dict[int, MixerConfig] = Field(default_factory=dict)
    layer_d_ff: dict[int, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _layers_exist(self) -> "StackConfig":
        for key in ("layer_mixers", "layer_d_ff"):
            for layer in getattr(self, key):
                if not 0 <= layer < self.layers:
                    raise ValueError(
                        f"`{key}.{layer}` is not a layer of this stack, allowed: 0 to {self.layers - 1}"
                    )
        return self


class InitConfig(Config):
    """`glorot` divides maps that write into the stream by √(number of writes); `normal` is GPT-2's and BERT's
    N(0, std²); `xavier-uniform` that of SRU++, with embeddings uniform in ±√(3 / d_model).

    `normal` may draw queries, keys, values (and what projects them back) and the last map of a feed-forward
    with a deviation of their own, as the code of He & Hofmann 2023 does.
    """

    kind: Literal["glorot", "normal", "xavier-uniform"] = "glorot"
    std: float = Field(0.02, gt=0)
    scale_writes: bool = False
    query_std: float | None = Field(None, gt=0)
    key_std: float | None = Field(None, gt=0)
    value_std: float | None = Field(None, gt=0)
    feed_forward_std: float | None = Field(None, gt=0)

    @property
    def own_stds(self) -> dict[str, float]:
        """The deviations that are not `std`, by what they are of."""
        stds = {
            "query": self.query_std,
            "key": self.key_std,
            "value": self.value_std,
            "feed_forward": self.feed_forward_std,
        }
        return {part: std for part, std in stds.items() if std is not None}

    @model_validator(mode="after")
    def _deviations_are_of_normal(self) -> "InitConfig":
        for part in self.own_stds if self.kind != "normal" else ():
            raise ValueError(f'`{part}_std` is of `kind = "normal"`, and `{self.kind}` draws by widths')
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        table: dict[str, object] = write(self)
        return {key: value for key, value in table.items() if value is not None}


class ModelParts(Config):
    """A task, its stacks, and what they share; whether they fit is for `ModelConfig` to say.

    `d_ff` is the width the second map of a feed-forward reads; a recurrent block has none. `dropout` acts on
    what is added to the stream, and within the feed-forward unless `feed_forward_dropout` says otherwise.
    """

    task: TaskName
    vocab_size: int = Field(gt=0)
    num_classes: int | None = Field(None, gt=1)
    class_names: tuple[str, ...] | None = None  # in the order of their numbers; none: nobody named them
    d_model: int = Field(gt=0)
    d_ff: int | None = Field(None, gt=0)
    activation: ActivationName = "gelu"
    negative_slope: float = Field(DEFAULT_SLOPE, ge=0)
    gated: bool = False
    feed_forward_bias: bool = True
    feed_forward_dropout: float | None = Field(None, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    norm_eps: float = Field(1e-5, gt=0)
    init: InitConfig = InitConfig()
    block: BlockConfig = PreNormConfig()
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    mixer: MixerConfig = AttentionConfig()
    cross: AttentionConfig | None = None
    encoder: StackConfig | None = None
    decoder: StackConfig | None = None
    head: HeadConfig = HeadConfig()

    @property
    def cross_attention(self) -> AttentionConfig:
        """The cross-attention of an encoder-decoder: dot products, unless `[model.cross]` says otherwise."""
        if self.cross is not None:
            return self.cross
        if isinstance(self.mixer, AttentionConfig):
            return AttentionConfig(heads=self.mixer.heads, dropout=self.mixer.dropout)
        heads = next(heads for heads in (8, 4, 2, 1) if self.d_model % heads == 0)
        return AttentionConfig(heads=heads)

    @property
    def main_stack(self) -> str:
        """The stack that reads the text; of an encoder-decoder, its encoder."""
        return "decoder" if self.encoder is None else "encoder"

    @property
    def max_source_length(self) -> int | None:
        """The longest text that is read; None where every token read is one to be predicted too."""
        stack = self.decoder if self.encoder is None and self.task == "classification" else self.encoder
        return None if stack is None else stack.max_length

    @property
    def max_target_length(self) -> int | None:
        """The longest text that is predicted token by token."""
        return None if self.decoder is None or self.task == "classification" else self.decoder.max_length

    @property
    def num_outputs(self) -> int:
        """The numbers a classifier's head writes."""
        return self.num_classes or 1

    @property
    def has_head(self) -> bool:
        """Whether logits mean something; an encoder that came without a head has hidden states alone."""
        return self.head.output != "hidden"

    @property
    def is_recurrent(self) -> bool:
        """Whether a state of a fixed size is all that goes from one segment of text to the next."""
        carried = {mixer.carries for _, _, mixer in self.mixers()}
        return self.task == "causal-lm" and "state" in carried and "context" not in carried

    @property
    def has_recurrence(self) -> bool:
        """Whether some mixer runs SRU's recurrence."""
        return any(mixer.runs_recurrence for _, _, mixer in self.mixers())

    @property
    def is_endless(self) -> bool:
        """Whether there is no last position: a state carries the model, and no table comes to an end."""
        has_tables = any(mixer.has_length_limit for _, _, mixer in self.mixers())
        return self.is_recurrent and self.embeddings.positions != "learned" and not has_tables

    def mixer_of(self, stack: StackConfig, layer: int) -> MixerConfig:
        """Return the self-mixer of one layer: the layer's own, else the stack's, else the model's."""
        return stack.layer_mixers.get(layer) or stack.mixer or self.mixer

    def d_ff_of(self, stack: StackConfig, layer: int) -> int | None:
        """Return the width of one layer's feed-forward: the layer's own, else the model's."""
        return stack.layer_d_ff.get(layer, self.d_ff)

    def mixers(self) -> Iterator[tuple[str, int, MixerConfig]]:
        """Yield (stack, layer, self-mixer) of every layer."""
        for name in ("encoder", "decoder"):
            stack: StackConfig | None = getattr(self, name)
            for layer in range(stack.layers if stack else 0):
                assert stack is not None
                yield name, layer, self.mixer_of(stack, layer)
