"""What every configuration shares: unknown keys are refused, values cannot change."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen, strict table of settings; it stands beside the class it configures."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
