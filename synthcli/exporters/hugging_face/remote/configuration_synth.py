"""The configuration of a model of `synth` as transformers keeps it."""

from typing import Any

from transformers import PretrainedConfig


class SynthConfig(PretrainedConfig):
    """`synth` is the model's own configuration, and `window` how far back a recurrent one looks."""

    model_type = "synth"
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012

    def __init__(
        self,
        synth: dict[str, Any] | None = None,
        window: int | None = None,
        use_cache: bool = True,
        **options: Any,
    ) -> None:
        self.synth, self.window, self.use_cache = synth or {}, window, use_cache
        super().__init__(**options)
