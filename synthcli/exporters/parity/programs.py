"""A folder of programs and their interface: whole sequences, and decoding step by step with the state."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .reference import Array

Call = Callable[[str, dict[str, Array]], list[Array]]


class Programs:
    """`call(program, inputs by name)` returns the outputs in the interface's order."""

    def __init__(self, folder: Path, call: Call, versions: dict[str, str]) -> None:
        self.interface: dict[str, Any] = json.loads((folder / "interface.json").read_text(encoding="utf-8"))
        self.call, self.versions = call, versions
        self.is_seq2seq = self.interface["task"] == "seq2seq"

    def logits(self, inputs: dict[str, Array]) -> Array:
        """Run a whole sequence; what comes later changes nothing for a decoder, so it takes no mask."""
        if self.is_seq2seq:
            source = self.encode_source(inputs["source"], inputs.get("source_padding"))
            return self.call("decoder", {"input_ids": inputs["tokens"], **source})[0]
        given = {
            "input_ids": inputs["tokens"],
            "attention_mask": mask(inputs["tokens"], inputs.get("padding")),
            "token_type_ids": inputs.get("token_types", np.zeros_like(inputs["tokens"])),
        }
        taken = [port["name"] for port in self.ports("model")]
        return self.call("model", {name: given[name] for name in taken})[0]

    def encode_source(self, source: Array, padding: Array | None) -> dict[str, Array]:
        """Return the memory of a source, and its mask."""
        given = {"input_ids": source, "attention_mask": mask(source, padding)}
        return {"memory": self.call("encoder", given)[0], "attention_mask": given["attention_mask"]}

    def greedy(self, prompt: Array, steps: int) -> Array:
        """Return the best next tokens of one prompt, or of one source."""
        if self.is_seq2seq:
            source = self.encode_source(prompt[None], None)
            name, memory = "decoder_step", {"attention_mask": source["attention_mask"]}
            outputs = self.call("decoder", {"input_ids": np.array([[self.interface["begin"]]]), **source})
            position = 1
        else:
            name, memory, position = "step", {}, len(prompt)
            outputs = self.call("step", {"input_ids": prompt[None].astype(np.int64), **self.initial()})
        tokens: list[int] = []
        while True:
            tokens.append(int(outputs[0][0, -1].argmax()))
            if len(tokens) == steps:
                return np.array(tokens)
            given = {"input_ids": np.array([tokens[-1:]]), **memory, **self.past(name, outputs, position)}
            outputs, position = self.call(name, given), position + 1

    def initial(self) -> dict[str, Array]:
        """Return the state before the first position: nothing kept, sums 0."""
        sizes = {"batch": 1, "past_length": 0}
        return {
            port["name"]: np.zeros([sizes.get(size, size) for size in port["shape"]], dtype=port["type"])
            for port in self.ports("step")
            if "initial" in port
        }

    def past(self, name: str, outputs: list[Array], position: int) -> dict[str, Array]:
        """Return what a program gave as what a step takes."""
        names = self.interface["programs"][name]["outputs"][1:]
        past = {name.replace("present.", "past.", 1): t for name, t in zip(names, outputs[1:], strict=True)}
        if "past.positions" in [port["name"] for port in self.ports(name)]:
            past["past.positions"] = np.zeros(position, dtype=np.int64)
        return past

    def ports(self, program: str) -> list[dict[str, Any]]:
        return list(self.interface["programs"][program]["inputs"])


def mask(tokens: Array, padding: Array | None) -> Array:
    """Return 1 at tokens, 0 at padding."""
    real: Array = np.ones_like(tokens) if padding is None else (~padding).astype(np.int64)
    return real
