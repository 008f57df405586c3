"""Language models with own code write, and are compiled and exported as one graph."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, TextStreamer

from synthcli.exporters.hugging_face.generation import make_generation_config
from tests.exporters.decoders import (
    LENGTH,
    SRU,
    TOLERANCE,
    left_padded,
    written_decoders,
)
from tests.exporters.hugging_face_cases import CASES, bundle_with
from tests.exporters.own_code import ids, padded_on

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with written_decoders(tmp_path_factory.mktemp("graphs")) as found:
        yield found


class Listener(TextStreamer):
    """Keeps the tokens it is given."""

    def __init__(self) -> None:
        self.tokens: list[int] = []

    def put(self, value: Tensor) -> None:
        self.tokens += value.flatten().tolist()

    def end(self) -> None:
        pass


def test_generation_takes_an_empty_cache_listeners_and_asks_for_states(models: dict[str, Any]) -> None:
    model, tokens, listener = models["random dense dot"], ids(1, 4), Listener()
    options = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}
    plain = model.generate(tokens, **options)
    assert torch.equal(model.generate(tokens, past_key_values=DynamicCache(), **options), plain)
    model.generate(tokens, streamer=listener, **options)
    assert listener.tokens == plain[0].tolist()
    asked = model.generate(
        tokens,
        return_dict_in_generate=True,
        output_hidden_states=True,
        output_attentions=True,
        output_logits=True,
        **options,
    )
    assert torch.equal(asked.sequences, plain) and len(asked.hidden_states) == len(asked.logits) == 5
    assert asked.attentions[4][0].shape[2:] == (1, 8)
    with pytest.raises(ValueError, match="max_new_tokns"):
        model.generate(tokens, max_new_tokns=3)


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "mask"),
    [("random dense dot", True), ("skipless", True), ("adaptive", True), ("sru", True), ("gpt2", False)],
)
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own tracing
def test_one_graph_computes_the_same(name: str, mask: bool, models: dict[str, Any]) -> None:
    given, _ = left_padded()
    if not mask:
        del given["attention_mask"]
    wanted = models[name](**given, use_cache=False).logits
    torch.compiler.reset()
    compiled = torch.compile(models[name], fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(**given).logits, wanted, **TOLERANCE)
    torch.compiler.reset()


class Program(torch.nn.Module):
    """Logits alone, as programs return them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids, attention_mask).logits
        return logits


@torch.no_grad()
@pytest.mark.parametrize("name", ["random dense dot", "sru"])
def test_a_program_of_any_batch_computes_the_same(name: str, models: dict[str, Any]) -> None:
    given, _ = left_padded()
    batch = torch.export.Dim("batch", min=2, max=64)
    shapes = {"input_ids": {0: batch}, "attention_mask": {0: batch}}
    program = torch.export.export(
        Program(models[name]), tuple(given.values()), dynamic_shapes=shapes, strict=False
    )
    other = {"input_ids": ids(3, LENGTH, seed=1), "attention_mask": padded_on("left", (2, 9, 6), LENGTH)}
    found = program.module()(*other.values())
    torch.testing.assert_close(found, models[name](**other, use_cache=False).logits, **TOLERANCE)


def test_default_generation_ends_where_positions_do() -> None:
    limited, endless = (
        make_generation_config(bundle_with(name, "causal-lm", table))
        for name, table in (("gpt2", CASES["gpt2"][1]), ("sru", SRU))
    )
    assert (limited["num_beams"], limited["do_sample"], limited["max_length"]) == (1, False, 80)
    assert endless["num_beams"] == 1 and "max_length" not in endless
