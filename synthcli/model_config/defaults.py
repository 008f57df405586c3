"""What a mixer is where a configuration leaves it open and the parts around it decide."""

from collections.abc import Sequence
from typing import TypeVar

from synthcli.config import Config
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.parts import ModelParts, StackConfig
from synthcli.model_config.projections import IdentityConfig, ResidualConfig
from synthcli.model_config.scores import DotProductConfig, ScoreConfig
from synthcli.model_config.shaping import ShapingConfig

C = TypeVar("C", bound=Config)
SHAPED_BLOCKS = ("skipless", "skipless-parallel")
IN_SKIPLESS: dict[str, object] = {
    "shaping": ShapingConfig(),
    "value": IdentityConfig(),
    "first_value": ResidualConfig(),
    "output": IdentityConfig(),
}


def shape_attention(model: ModelParts) -> None:
    """Fill in shaped attention where a block has no skip  (He & Hofmann 2023).

    Values and output are identities, the first layer's values an identity that training leaves, and W_q = 0:
    at the start every head is M = I. Cross-attention keeps its skip, and stays as it is.
    """
    if model.block.kind not in SHAPED_BLOCKS:
        return
    change(model, mixer=fill_shaping(model.mixer))
    for name in ("encoder", "decoder"):
        stack: StackConfig | None = getattr(model, name)
        if stack is not None:
            layers = {layer: fill_shaping(mixer) for layer, mixer in stack.layer_mixers.items()}
            own = None if stack.mixer is None else fill_shaping(stack.mixer)
            change(model, **{name: stack.model_copy(update={"mixer": own, "layer_mixers": layers})})


def fill_shaping(mixer: object) -> object:
    """Return attention fit for a block without skip where it leaves that open; other mixers as they are."""
    if not isinstance(mixer, AttentionConfig):
        return mixer
    # heads of another width cannot do without projections
    wanted = IN_SKIPLESS if mixer.d_head is None else {"shaping": ShapingConfig()}
    open_to = {name: value for name, value in wanted.items() if name not in mixer.model_fields_set}
    scores = fill_scores(mixer.scores, zero_query=True)
    return mixer.model_copy(update={**open_to, "scores": scores})


def fill_scores(scores: Sequence[ScoreConfig], **wanted: object) -> tuple[ScoreConfig, ...]:
    """Return scores whose dot products have what is wanted, unless they say otherwise."""
    return tuple(fill_unset(s, **wanted) if isinstance(s, DotProductConfig) else s for s in scores)


def fill_unset(config: C, **wanted: object) -> C:
    """Return the configuration with wanted values at the keys it does not set."""
    return config.model_copy(
        update={key: value for key, value in wanted.items() if key not in config.model_fields_set}
    )


def change(config: Config, **values: object) -> None:
    """Set fields of a configuration that is still being validated."""
    for name, value in values.items():
        object.__setattr__(config, name, value)
