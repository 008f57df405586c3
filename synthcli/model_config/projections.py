"""Value and output projections: plain, none at all, or an identity that training may leave."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from synthcli.config import Config

InitName = Literal["identity", "orthogonal", "normal"]


class FullConfig(Config):
    """A linear map; `init = "default"` is drawn like every other of the model."""

    kind: Literal["full"] = "full"
    init: Literal["default"] | InitName = "default"
    bias: bool = True


class IdentityConfig(Config):
    """No projection and no parameter."""

    kind: Literal["identity"] = "identity"


class ResidualConfig(Config):
    """`skip` α and `residual` β; W_init is fixed and part of every checkpoint."""

    kind: Literal["residual"] = "residual"
    init: InitName = "identity"
    skip: float = 1.0
    residual: float = 1.0
    trainable_gains: bool = True
    bias: bool = False


def _by_name(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


ProjectionConfig = Annotated[
    Annotated[FullConfig | IdentityConfig | ResidualConfig, Field(discriminator="kind")],
    BeforeValidator(_by_name),
]
