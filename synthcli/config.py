"""What every configuration shares: unknown keys are refused, values cannot change."""

from pydantic import BaseModel, ConfigDict, model_validator

LARGEST = 2**63  # the least whole number that neither torch nor Arrow has room for


class Config(BaseModel):
    """A frozen, strict table of settings; it stands beside the class it configures. No number is infinite."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="after")
    def _numbers_have_room(self) -> "Config":
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, int) and abs(value) >= LARGEST:
                raise ValueError(f"`{name}` has {len(str(abs(value))):,} digits, allowed: less than 2^63")
        return self
