"""Post-norm block: norm(α x + β mixer x), then cross and feed-forward likewise  (Vaswani et al. 2017)."""

from torch import Tensor

from synthcli.model.blocks.base import Block, BlockParts, BlockState
from synthcli.model.context import Context
from synthcli.model.gains import Gains
from synthcli.model.norms import build_norm
from synthcli.model_config.blocks import PostNormConfig


class PostNorm(Block):
    """The stream leaves every block normalised, so the stack needs no norm at its end."""

    has_final_norm = False

    def __init__(self, config: PostNormConfig, parts: BlockParts) -> None:
        super().__init__(config, parts)
        eps = config.norm_eps or parts.norm_eps
        self.mixer_norm = build_norm(config.norm, parts.d_model, eps)
        self.cross_norm = build_norm(config.norm, parts.d_model, eps) if parts.cross is not None else None
        self.feed_forward_norm = build_norm(config.norm, parts.d_model, eps)
        self.gains = Gains(config.trainable_gains, **config.gains(parts.layers))

    def forward(
        self, x: Tensor, context: Context, cross_context: Context | None, state: BlockState | None
    ) -> tuple[Tensor, BlockState | None]:
        y, mixer_state = self.mix(x, context, state)
        x = self.mixer_norm(self.gains.add(x, "mixer_skip", self.dropout(y), "mixer_residual"))
        cross_state = None
        if self.cross_norm is not None and cross_context is not None:
            y, cross_state = self.read_memory(x, cross_context, state)
            x = self.cross_norm(x + self.dropout(y))
        assert self.feed_forward is not None
        y = self.dropout(self.feed_forward(x))
        x = self.feed_forward_norm(self.gains.add(x, "feed_forward_skip", y, "feed_forward_residual"))
        return x, None if state is None else BlockState(mixer_state, cross_state)
