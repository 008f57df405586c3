"""`ModelConfig`: the parts of a model, completed and found to fit."""

from pydantic import field_validator, model_validator

from synthcli.model_config.compatibility import problems
from synthcli.model_config.defaults import shape_attention
from synthcli.model_config.parts import STACKS, ModelParts


class ModelConfig(ModelParts):
    """The parts of a model that work together; what a block without skip leaves open is filled in.

    Raises ValueError where a task lacks a part, or parts do not fit.
    """

    @field_validator("block", mode="before")
    @classmethod
    def _block_by_name(cls, value: object) -> object:
        if isinstance(value, dict):  # what a strict reading of JSON takes for a tuple, it takes no more here
            return {key: tuple(one) if isinstance(one, list) else one for key, one in value.items()}
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _skipless_blocks_shape_attention(self) -> "ModelConfig":
        shape_attention(self)
        return self

    @model_validator(mode="after")
    def _task_has_its_parts(self) -> "ModelConfig":
        needed = STACKS[self.task]
        if self.task == "classification" and self.encoder is None and self.decoder is not None:
            needed = ("decoder",)
        for stack in ("encoder", "decoder"):
            if (getattr(self, stack) is not None) != (stack in needed):
                verb = "needs" if stack in needed else "has no"
                raise ValueError(f'`task = "{self.task}"` {verb} `[model.{stack}]`')
        has_classes = self.task == "classification" and self.head.output == "classes"
        if (self.num_classes is not None) != has_classes:
            verb = "needs" if has_classes else "has no"
            what = f'`task = "{self.task}"`'
            if self.task == "classification" and not has_classes:
                what += f' with `head.output = "{self.head.output}"`'
            raise ValueError(f"{what} {verb} `num_classes`")
        if self.cross is not None and self.task != "seq2seq":
            raise ValueError(f'`task = "{self.task}"` has no `[model.cross]`')
        return self

    @model_validator(mode="after")
    def _every_class_has_a_name(self) -> "ModelConfig":
        names = self.class_names
        if names is not None and (len(set(names)) < len(names) or len(names) != self.num_classes):
            listed = ", ".join(f"`{name}`" for name in names)
            raise ValueError(f"`class_names` are {listed}, allowed: a name of its own for each class")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> "ModelConfig":
        for problem in problems(self):
            raise ValueError(problem)
        return self
