"""Token embeddings and positions."""

from typing import Literal

from pydantic import Field, model_validator

from synthcli.config import Config


class EmbeddingsConfig(Config):
    """`tie`: which of source, target and output matrices are one; `scale`: multiply tokens by √d_model.

    `rotary` positions turn queries and keys instead; with `alibi` scores fall with the distance.
    `max_positions` are the rows of a learned table, by default the stack's `max_length`. `d_embed`, `cutoffs`
    and `div_val` make vectors of their own width for clusters of words, which the output shares by `tie`, and
    its projections by `tie_projections`. Maps to and from d_model stand on both sides; with
    `projection = "input"` on the way in alone, where the output is a whole matrix; with "none" vectors
    `d_embed` wide enter the first layer as they are, which SRU can do.
    `norm` and `token_types` are BERT's. `dropout` is the model's where it is left out.
    """

    positions: Literal["learned", "sinusoidal", "scaled-sinusoidal", "rotary", "alibi", "none"] = "learned"
    tie: Literal["all", "output", "none"] = "all"
    scale: bool = True
    d_embed: int | None = Field(None, gt=0)
    cutoffs: tuple[int, ...] = ()
    div_val: int = Field(1, gt=0)
    tie_projections: bool = True
    projection: Literal["both", "input", "none"] = "both"
    norm: bool = False
    token_types: int = Field(0, ge=0)
    dropout: float | None = Field(None, ge=0, lt=1)
    max_positions: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _cutoffs_rise(self) -> "EmbeddingsConfig":
        if list(self.cutoffs) != sorted(set(self.cutoffs)) or any(cut <= 0 for cut in self.cutoffs):
            raise ValueError(f"`cutoffs` = {list(self.cutoffs)} must rise from above 0")
        return self

    @property
    def is_adaptive(self) -> bool:
        """Whether words have vectors of another width than the model's."""
        return bool(self.cutoffs) or (self.d_embed is not None and self.projection != "none")

    @property
    def has_adaptive_head(self) -> bool:
        """Whether the output, too, is made of vectors of another width."""
        return self.is_adaptive and self.projection == "both"

    def width(self, d_model: int) -> int:
        """Return the width of what enters the first layer."""
        return d_model if self.projection != "none" else self.d_embed or d_model
