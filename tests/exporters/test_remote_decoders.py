"""Language models with own code take what transformers' GPT-2 takes, or refuse it by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import transformers
from transformers import DynamicCache

from tests.exporters.decoders import (
    ATTEND,
    BATCH,
    CAUSAL,
    LENGTH,
    MODELS,
    TOLERANCE,
    left_padded,
    written_decoders,
)
from tests.exporters.hugging_face_cases import bundle_of
from tests.exporters.own_code import ids, opened, padded_on, write_twin


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("decoders")


@pytest.fixture(scope="module")
def models(root: Path) -> Iterator[dict[str, Any]]:
    with written_decoders(root) as found:
        write_twin(bundle_of("gpt2"), root / "twin")
        yield found


@pytest.fixture(scope="module")
def twin(root: Path, models: dict[str, Any]) -> Any:
    """transformers' GPT-2 of the weights of `gpt2`."""
    return opened(CAUSAL, root / "twin", attn_implementation="eager")


@pytest.mark.slow
@torch.no_grad()
def test_all_that_a_call_returns_is_what_gpt2_returns(models: dict[str, Any], twin: Any) -> None:
    given, positions = left_padded()
    options = {"output_hidden_states": True, "output_attentions": True, "labels": given["input_ids"]}
    real = given["attention_mask"] > 0
    theirs = twin(**given, position_ids=positions, **options)
    for use_cache in (False, True):
        ours = models["gpt2"](**given, position_ids=positions, use_cache=use_cache, **options)
        torch.testing.assert_close(ours.logits[real], theirs.logits[real], **TOLERANCE)
        assert len(ours.hidden_states) == len(theirs.hidden_states) == 3
        for x, y in zip(ours.hidden_states, theirs.hidden_states, strict=True):
            torch.testing.assert_close(x[real], y[real], **TOLERANCE)
        for x, y in zip(ours.attentions, theirs.attentions, strict=True):
            rows = real[:, None].expand(x.shape[:3])
            torch.testing.assert_close(x[rows], y[rows], **TOLERANCE)
        assert not ours.logits[~real].isnan().any()


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_the_stack_and_the_head_are_the_model(name: str, models: dict[str, Any]) -> None:
    """What libraries do that make logits themselves; an adaptive head makes them alone."""
    model, (given, _) = models[name], left_padded()
    hidden = model.base_model(**given, use_cache=False).last_hidden_state
    head = model.get_output_embeddings()
    torch.testing.assert_close(head(hidden), model(**given, use_cache=False).logits, rtol=0, atol=0)
    if name == "adaptive":
        with pytest.raises(AttributeError, match="an adaptive head has no `weight`"):
            head.weight  # noqa: B018
    else:
        torch.testing.assert_close(F.linear(hidden, head.weight, head.bias), head(hidden))


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_the_bare_stack_loads_from_the_same_folder(name: str, root: Path, models: dict[str, Any]) -> None:
    loader: Any = transformers.AutoModel
    stack, found = loader.from_pretrained(root / name, trust_remote_code=True, output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    given, _ = left_padded()
    wanted = models[name].model(**given).last_hidden_state
    torch.testing.assert_close(stack.eval()(**given).last_hidden_state, wanted, rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_texts_packed_into_rows_are_as_alone(name: str, models: dict[str, Any]) -> None:
    model, lengths, tokens = models[name], ((3, 5, 1), (4, 2)), ids(2, 9)
    positions = torch.zeros(2, 9, dtype=torch.long)
    for row, sizes in enumerate(lengths):
        positions[row, : sum(sizes)] = torch.cat([torch.arange(size) for size in sizes])
    mask = padded_on("right", (9, 6), 9)
    given = {"input_ids": tokens, "attention_mask": mask, "position_ids": positions, "use_cache": False}
    seen = model(**given, output_hidden_states=True)
    for row, sizes in enumerate(lengths):
        start = 0
        for size in sizes:
            alone = model(tokens[row : row + 1, start : start + size], output_hidden_states=True)
            torch.testing.assert_close(seen.logits[row, start : start + size], alone.logits[0], **TOLERANCE)
            part = seen.hidden_states[1][row, start : start + size]
            torch.testing.assert_close(part, alone.hidden_states[1][0], **TOLERANCE)
            start += size


def test_packed_rows_learn_as_in_gpt2(root: Path, twin: Any) -> None:
    """GPT-2 tells texts apart by positions that restart where no mask is given."""
    ours, tokens = opened(CAUSAL, root / "gpt2"), ids(2, 9)
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3, 4], [0, 1, 0, 1, 2, 3, 4, 5, 6]])
    labels = tokens.masked_fill(positions == 0, -100)
    found = []
    for model in (ours, twin):
        model.zero_grad()
        loss = model(tokens, position_ids=positions, labels=labels, use_cache=False).loss
        loss.backward()
        found.append((loss.detach(), model.get_input_embeddings().weight.grad.clone()))
    twin.zero_grad()
    torch.testing.assert_close(found[0], found[1], **TOLERANCE)


@torch.no_grad()
def test_maps_of_packed_rows_are_zero_between_texts(models: dict[str, Any]) -> None:
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3, 4, 5]])
    maps = models["random dense dot"](
        ids(1, 9), position_ids=positions, use_cache=False, output_attentions=True
    ).attentions
    for each in maps:
        assert not each[:, :, 3:, :3].any() and not each[:, :, :3, 3:].any()
        torch.testing.assert_close(each.sum(-1), torch.ones(1, 2, 9))


@torch.no_grad()
@pytest.mark.parametrize("name", ATTEND)
def test_maps_have_a_row_a_query_and_are_the_same_with_the_cache(name: str, models: dict[str, Any]) -> None:
    model, (given, _) = models[name], left_padded()
    plain, cached = (
        model(**given, use_cache=use, output_attentions=True).attentions for use in (False, True)
    )
    real = given["attention_mask"] > 0
    assert len(plain) >= 1
    for x, y in zip(plain, cached, strict=True):
        assert x.shape[0] == BATCH and x.shape[2:] == (LENGTH, LENGTH)
        torch.testing.assert_close(x, y, **TOLERANCE)
        rows = real[:, None].expand(x.shape[:3])
        torch.testing.assert_close(x.sum(-1)[rows], torch.ones(int(rows.sum())))
        assert not x.triu(1).any() and not (x * ~real[:, None, None]).any()


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_vectors_are_read_as_the_tokens_they_are_of(name: str, models: dict[str, Any]) -> None:
    model, (given, positions) = models[name], left_padded()
    wanted = model(**given, use_cache=False).logits
    tokens = given.pop("input_ids")
    vectors = model.get_input_embeddings()(tokens)
    torch.testing.assert_close(model(inputs_embeds=vectors, **given, use_cache=False).logits, wanted)
    told = model(inputs_embeds=vectors, **given, position_ids=positions, use_cache=False).logits
    torch.testing.assert_close(told, wanted)
    options = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False}
    written = model.generate(tokens, **given, **options)[:, LENGTH:]
    assert torch.equal(model.generate(inputs_embeds=vectors, **given, **options), written)


@torch.no_grad()
@pytest.mark.parametrize("name", ["gpt2", "srupp", "sru"])
@pytest.mark.parametrize("keep", [0, 1, 4, [2], [8, 0, 3]])
def test_logits_are_kept_where_they_are_wanted(
    name: str, keep: int | list[int], models: dict[str, Any]
) -> None:
    model, (given, _) = models[name], left_padded()
    whole = model(**given).logits
    kept = torch.tensor(keep) if isinstance(keep, list) else keep
    wanted = whole[:, kept] if isinstance(keep, list) else whole[:, LENGTH - keep if keep else 0 :]
    for use_cache in (False, True):
        found = model(**given, logits_to_keep=kept, use_cache=use_cache).logits
        torch.testing.assert_close(found, wanted, **TOLERANCE)


def test_losses_are_those_of_gpt2(models: dict[str, Any], twin: Any) -> None:
    tokens = ids(3, LENGTH)
    labels = tokens.masked_fill(padded_on("right", (9, 5, 2), LENGTH) == 0, -100)
    shifted = F.pad(labels[:, 1:], (0, 1), value=-100)
    for options in ({"labels": labels}, {"labels": labels, "num_items_in_batch": 29}):
        found, wanted = models["gpt2"](tokens, **options), twin(tokens, **options)
        torch.testing.assert_close(found.loss, wanted.loss, **TOLERANCE)
    told = models["gpt2"](tokens, labels=labels, shift_labels=shifted, num_items_in_batch=torch.tensor(29))
    torch.testing.assert_close(told.loss, wanted.loss, **TOLERANCE)


TWO_AXES = r"`attention_mask` has 4 axes; this model takes \(batch, length\)"
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "misspelt": (
        {"attention_msk": torch.ones(1, 3)},
        TypeError,
        "unknown argument `attention_msk`; did you mean `attention_mask`",
    ),
    "unknown": ({"zebra": 1}, TypeError, "unknown argument `zebra`$"),
    "a mask of each query": ({"attention_mask": torch.ones(1, 1, 3, 3)}, ValueError, TWO_AXES),
    "heads": ({"head_mask": torch.ones(2, 2)}, ValueError, "`head_mask` is not for"),
    "types": ({"token_type_ids": torch.zeros(1, 3)}, ValueError, "`token_type_ids` is not for"),
    "an encoder": ({"encoder_hidden_states": torch.ones(1, 2, 16)}, ValueError, "`encoder_hidden_states`"),
    "where a cache is": ({"cache_position": torch.arange(3)}, ValueError, "`cache_position` is not for"),
    "lengths without positions": ({"cu_seq_lens_q": torch.tensor([0, 3])}, ValueError, "`position_ids`"),
    "a cache of another": ({"past_key_values": DynamicCache()}, ValueError, "`past_key_values` is a Dynamic"),
    "tuples": ({"past_key_values": ((torch.ones(1), torch.ones(1)),)}, ValueError, "is a tuple"),
    "positions elsewhere": (
        {"position_ids": torch.tensor([[5, 6, 7]]), "use_cache": False},
        ValueError,
        "`position_ids` of a text have to count 0, 1, 2",
    ),
    "positions with gaps": (
        {"position_ids": torch.tensor([[0, 2, 4]]), "use_cache": False},
        ValueError,
        "have to count",
    ),
    "packed rows and a cache": (
        {"position_ids": torch.tensor([[0, 1, 0]]), "use_cache": True},
        ValueError,
        "pass `use_cache=False`",
    ),
    "tokens twice": ({"inputs_embeds": torch.ones(1, 3, 16)}, ValueError, "either `input_ids` or"),
}


@pytest.mark.parametrize("name", ["gpt2", "srupp", "sru"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_taken_is_named(case: str, name: str, models: dict[str, Any]) -> None:
    given, error, says = REFUSED[case]
    for model in (models[name], models[name].base_model):
        with pytest.raises(error, match=says):
            model(torch.tensor([[5, 6, 7]]), **given)


def test_maps_are_refused_where_there_are_none(models: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="`output_attentions` is not for this model: it has no attention"):
        models["sru"](ids(1, 3), output_attentions=True)


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_none_asks_for_nothing_and_tuples_come_where_they_are_wanted(
    name: str, models: dict[str, Any]
) -> None:
    tokens = ids(2, 5)
    wanted = models[name](tokens)
    (logits,) = models[name](tokens, head_mask=None, token_type_ids=None, return_dict=False, use_cache=False)
    torch.testing.assert_close(logits, wanted.logits, **TOLERANCE)
    told = models[name](
        tokens,
        position_ids=torch.arange(5)[None],
        use_cache=False,
        cu_seq_lens_q=torch.tensor([0, 5, 10]),
        max_length_q=5,
        seq_idx=torch.zeros(2, 5, dtype=torch.int32),
    )
    torch.testing.assert_close(told.logits, wanted.logits, **TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_a_text_goes_on_from_the_cache_of_the_last_call(name: str, models: dict[str, Any]) -> None:
    model, tokens, mask = models[name], ids(BATCH, LENGTH), padded_on("left", (9, 5, 7, 4), LENGTH)
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    whole = model(tokens, mask, use_cache=False).logits
    first = model(tokens[:, :6], mask[:, :6], positions[:, :6], use_cache=True)
    rest = model(tokens[:, 6:], mask, positions[:, 6:], first.past_key_values)
    torch.testing.assert_close(rest.logits[mask[:, 6:] > 0], whole[:, 6:][mask[:, 6:] > 0], **TOLERANCE)
    with pytest.raises(ValueError, match="`position_ids` are not those of one text"):
        model(tokens[:, :1], F.pad(mask, (0, 1), value=1), positions[:, :1], rest.past_key_values)
    with pytest.raises(ValueError, match="has 1 columns, but there are 10 positions"):
        model(tokens[:, :1], mask[:, :1], past_key_values=rest.past_key_values)
