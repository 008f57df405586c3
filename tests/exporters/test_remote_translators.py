"""Encoder-decoders with own code: what a call takes and returns, on either side of the padding."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import DynamicCache
from transformers.modeling_outputs import BaseModelOutput

from tests.exporters.hugging_face_cases import CASES, bundle_with
from tests.exporters.own_code import ids, modules_of_their_own, opened, padded_on, write_own

SEQ2SEQ = "AutoModelForSeq2SeqLM"
BATCH, SOURCE, TARGET, LAYERS = 3, 7, 5, 2
TOLERANCE = {"rtol": 1e-5, "atol": 2e-5}
MODELS = {
    "dense random dot": CASES["synthesizer seq2seq"],
    "factorized": CASES["factorized"],
    "skipless": CASES["simplified-blocks seq2seq"],
    "recurrent": CASES["srupp seq2seq"],
    "two tables": ("seq2seq", CASES["synthesizer seq2seq"][1] | {"embeddings": {"tie": "none"}}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    root = tmp_path_factory.mktemp("translators")
    with modules_of_their_own(root / "modules"):
        yield {
            name: opened(SEQ2SEQ, write_own(bundle_with(name, task, table), root / name))
            for name, (task, table) in MODELS.items()
        }


def given_on(side: str) -> dict[str, Tensor]:
    """Return a source and a target, padded on one side."""
    source, target = padded_on(side, (7, 3, 5), SOURCE), padded_on(side, (5, 2, 4), TARGET)
    rows = {"input_ids": ids(BATCH, SOURCE), "decoder_input_ids": ids(BATCH, TARGET, seed=1)}
    masks = {"attention_mask": source, "decoder_attention_mask": target}
    if side == "left":  # the same texts, moved to the end
        for name, mask in (("input_ids", source), ("decoder_input_ids", target)):
            rows[name] = torch.stack(
                [row.roll(int((each == 0).sum())) for row, each in zip(rows[name], mask, strict=True)]
            )
    return rows | masks


ASKED = {"output_hidden_states": True, "output_attentions": True}


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_states_and_maps_are_the_same_with_the_cache_and_padded_on_either_side(
    name: str, models: dict[str, Any]
) -> None:
    model, right, left = models[name], given_on("right"), given_on("left")
    found = [model(**given, **ASKED, use_cache=use) for given in (right, left) for use in (False, True)]
    real = [given["decoder_attention_mask"] > 0 for given in (right, right, left, left)]
    sources = [given["attention_mask"] > 0 for given in (right, right, left, left)]
    for output, mask, source in zip(found, real, sources, strict=True):
        torch.testing.assert_close(output.logits[mask], found[0].logits[real[0]], **TOLERANCE)
        assert len(output.decoder_hidden_states) == len(output.encoder_hidden_states) == LAYERS + 1
        for part in ("encoder", "decoder"):
            where = source if part == "encoder" else mask
            expected = sources[0] if part == "encoder" else real[0]
            states, first = (one[f"{part}_hidden_states"] for one in (output, found[0]))
            for x, y in zip(states, first, strict=True):
                torch.testing.assert_close(x[where], y[expected], **TOLERANCE)
        torch.testing.assert_close(output.encoder_last_hidden_state, output.encoder_hidden_states[-1])
        for maps in output.cross_attentions:
            assert maps.shape[2:] == (TARGET, SOURCE) and not (maps * ~source[:, None, None]).any()
            rows = mask[:, None].expand(maps.shape[:3])
            torch.testing.assert_close(maps.sum(-1)[rows], torch.ones(int(rows.sum())))
        for maps in output.decoder_attentions:
            assert maps.shape[2:] == (TARGET, TARGET) and not maps.triu(1).any()


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_sources_and_targets_may_be_vectors_or_read_already(name: str, models: dict[str, Any]) -> None:
    model, given = models[name], given_on("right")
    wanted = model(**given, use_cache=False).logits
    read = model.get_encoder()(given["input_ids"], given["attention_mask"])
    assert isinstance(read, BaseModelOutput)
    tokens = given.pop("input_ids")
    torch.testing.assert_close(model(encoder_outputs=read, **given).logits, wanted, **TOLERANCE)
    torch.testing.assert_close(
        model(encoder_outputs=tuple(read.values()), **given).logits, wanted, **TOLERANCE
    )
    vectors = model.get_input_embeddings()(tokens)
    torch.testing.assert_close(model(inputs_embeds=vectors, **given).logits, wanted, **TOLERANCE)
    targets = model.base_model.embeddings.tokens(given.pop("decoder_input_ids"))
    found = model(inputs_embeds=vectors, decoder_inputs_embeds=targets, **given).logits
    torch.testing.assert_close(found, wanted, **TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_the_stacks_and_the_head_are_the_model(name: str, models: dict[str, Any]) -> None:
    model, given = models[name], given_on("left")
    hidden = model.base_model(**given).last_hidden_state
    torch.testing.assert_close(model.get_output_embeddings()(hidden), model(**given).logits)
    loader: Any = transformers.AutoModel
    stack, found = loader.from_pretrained(
        model.config._name_or_path, trust_remote_code=True, output_loading_info=True
    )
    assert not found["missing_keys"] and not found["unexpected_keys"]
    torch.testing.assert_close(stack.eval()(**given).last_hidden_state, hidden)


TOKENS = torch.tensor([[5, 6, 7]])
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"decoder_atention_mask": TOKENS}, TypeError, "did you mean `decoder_attention_mask`"),
    ({"attention_mask": torch.ones(1, 1, 3, 3)}, ValueError, "`attention_mask` has 4 axes"),
    ({"decoder_attention_mask": torch.ones(1, 1, 3, 3)}, ValueError, "`decoder_attention_mask` has 4 axes"),
    ({"decoder_attention_mask": torch.ones(1, 2)}, ValueError, "has 2 columns, but there are 3 positions"),
    ({"attention_mask": torch.ones(1, 4)}, ValueError, "`attention_mask` has 4 columns"),
    ({"past_key_values": DynamicCache()}, ValueError, "`past_key_values` is a DynamicCache"),
    ({"cross_attn_head_mask": torch.ones(2, 2)}, ValueError, "`cross_attn_head_mask` is not for"),
    ({"decoder_position_ids": TOKENS}, ValueError, "positions of a target count from 0"),
    ({"decoder_input_ids": None}, ValueError, "give `decoder_input_ids`"),
    ({"inputs_embeds": torch.ones(1, 3, 16)}, ValueError, "either `input_ids` or `inputs_embeds`"),
]


@pytest.mark.parametrize(("given", "error", "says"), REFUSED)
def test_what_is_not_taken_is_named(
    given: dict[str, Any], error: type[Exception], says: str, models: dict[str, Any]
) -> None:
    with pytest.raises(error, match=says):
        models["recurrent"](**{"input_ids": TOKENS, "decoder_input_ids": TOKENS} | given)


@pytest.mark.slow
@torch.no_grad()
def test_one_graph_computes_the_same(models: dict[str, Any]) -> None:
    given = given_on("left")
    wanted = models["dense random dot"](**given, use_cache=False).logits
    torch.compiler.reset()
    compiled = torch.compile(models["dense random dot"], fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(**given).logits, wanted, **TOLERANCE)
    torch.compiler.reset()
