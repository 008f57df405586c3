"""Blocks: how mixer and feed-forward are wired. `synthcli.model.blocks` computes them."""

from typing import Annotated, Literal

from pydantic import Field

from synthcli.config import Config
from synthcli.model_config.names import NormName

Residual = float | Literal["depth"]
DEPTH_GAIN, DEPTH_LAYERS = 0.1, 18  # β_FF = 0.1 at 18 layers, and O(1/√L)

GainName = Literal["mixer_skip", "mixer_residual", "feed_forward_skip", "feed_forward_residual"]
WideGainName = Literal["skip", "mixer_residual", "feed_forward_residual"]


def by_depth(gain: Residual, layers: int) -> float:
    """Return a gain; "depth" is 0.1 · √(18 / layers)."""
    return DEPTH_GAIN * (DEPTH_LAYERS / layers) ** 0.5 if gain == "depth" else gain


class NormedConfig(Config):
    """`norm_eps` is the model's where it is left out.

    With `norm = "none"` the first layer keeps a LayerNorm before its mixer, and the stack the one at its end.
    """

    norm: NormName = "layer"
    norm_eps: float | None = Field(None, gt=0)


class SkippingConfig(NormedConfig):
    """A block whose norms stand before its branches.

    `skip_from = "norm"` lets the skips, too, start behind the norms, x ← α norm x + β branch(norm x): the
    post-norm of the original simplified blocks.
    """

    skip_from: Literal["stream", "norm"] = "stream"


class SequentialConfig(NormedConfig):
    """Skips α and residuals β of mixer and feed-forward; no skip is one that neither exists nor is trained.

    `feed_forward_residual = "depth"` is 0.1 · √(18 / layers). `trainable_gains` may name those that learn.
    """

    mixer_skip: float | None = 1.0
    mixer_residual: float = 1.0
    feed_forward_skip: float | None = 1.0
    feed_forward_residual: Residual = 1.0
    trainable_gains: bool | tuple[GainName, ...] = False

    def gains(self, layers: int) -> dict[str, float | None]:
        """Return the gains of one block by name."""
        return {
            "mixer_skip": self.mixer_skip,
            "mixer_residual": self.mixer_residual,
            "feed_forward_skip": self.feed_forward_skip,
            "feed_forward_residual": by_depth(self.feed_forward_residual, layers),
        }


class NormsBeforeConfig(SequentialConfig, SkippingConfig):
    """Norms stand before the branches, and behind the skips unless `skip_from` says otherwise."""


class PreNormConfig(NormsBeforeConfig):
    """`values_from = "stream"` gives keys and values the un-normalised stream, as the original Synthesizer
    repository does; it exists to import its checkpoints."""

    kind: Literal["pre-norm"] = "pre-norm"
    values_from: Literal["norm", "stream"] = "norm"


class PostNormConfig(SequentialConfig):
    """The norms stand on the stream, after each addition."""

    kind: Literal["post-norm"] = "post-norm"


class SkiplessConfig(NormsBeforeConfig):
    """`mixer_skip = 0.0` puts back a skip that training may open."""

    kind: Literal["skipless"] = "skipless"
    norm: NormName = "rms"
    mixer_skip: float | None = None
    feed_forward_residual: Residual = 0.1
    trainable_gains: bool | tuple[GainName, ...] = True


class WideConfig(SkippingConfig):
    """One skip α, and the residuals β of mixer and feed-forward; `trainable_gains` may name some of them."""

    skip: float | None = 1.0
    mixer_residual: float = 1.0
    feed_forward_residual: Residual = 1.0
    trainable_gains: bool | tuple[WideGainName, ...] = False

    def gains(self, layers: int) -> dict[str, float | None]:
        """Return the gains of one block by name."""
        return {
            "skip": self.skip,
            "mixer_residual": self.mixer_residual,
            "feed_forward_residual": by_depth(self.feed_forward_residual, layers),
        }


class ParallelConfig(WideConfig):
    """One norm serves mixer and feed-forward."""

    kind: Literal["parallel"] = "parallel"


class SkiplessParallelConfig(WideConfig):
    """`skip = 0.0` puts back a skip that training may open."""

    kind: Literal["skipless-parallel"] = "skipless-parallel"
    norm: NormName = "rms"
    skip: float | None = None
    feed_forward_residual: Residual = 0.1
    trainable_gains: bool | tuple[WideGainName, ...] = True


class RecurrentBlockConfig(Config):
    """It has nothing to choose."""

    kind: Literal["recurrent"] = "recurrent"


BlockConfig = Annotated[
    PreNormConfig
    | PostNormConfig
    | ParallelConfig
    | SkiplessConfig
    | SkiplessParallelConfig
    | RecurrentBlockConfig,
    Field(discriminator="kind"),
]
