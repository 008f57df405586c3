"""What exported encoders take beside tokens and a mask, and what they refuse by its name."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from tests.exporters.hugging_face_cases import bundle_of
from tests.exporters.own_code import (
    ENCODER_LOADERS,
    ids,
    modules_of_their_own,
    opened,
    padded_on,
    write_own,
)

BATCH, LENGTH, WIDTH = 3, 7, 16
TOKENS, MASK = ids(BATCH, LENGTH), padded_on("right", (7, 2, 5), LENGTH)
TYPED, PLAIN, RECURRENT, BOTH = (
    "bert-blocks masked-lm",
    "synthesizer masked-lm",
    "sru both ways",
    "srupp masked-lm",
)
NAMES = (TYPED, PLAIN, RECURRENT, BOTH)
PACKED = torch.tensor([0, 1, 2, 0, 1, 2, 3]).expand(BATCH, LENGTH)
WORDS, TEXTS, CHOICES = (
    f"AutoModelFor{name}" for name in ("TokenClassification", "SequenceClassification", "MultipleChoice")
)


class Models:
    """Models by class and folder, opened once; `root` is where the folders are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: dict[tuple[str, str], Any] = {}

    def __getitem__(self, key: tuple[str, str]) -> Any:
        if key not in self.found:
            self.found[key] = opened(key[0], self.root / key[1], ignore_mismatched_sizes=True)
        return self.found[key]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    root = tmp_path_factory.mktemp("inputs")
    with modules_of_their_own(root / "modules"):
        for name in NAMES:
            write_own(bundle_of(name), root / name)
        yield Models(root)


ONE = torch.ones(BATCH, LENGTH)
# class, folder, arguments beside the tokens, error, what it says
REFUSED: list[tuple[str, str, dict[str, Any], type[Exception], str]] = [
    (WORDS, TYPED, {"atention_mask": MASK}, TypeError, "`atention_mask`; did you mean `attention_mask`?"),
    (WORDS, TYPED, {"labells": TOKENS}, TypeError, "unknown argument `labells`; did you mean `labels`?"),
    (TEXTS, TYPED, {"start_positions": TOKENS}, TypeError, "unknown argument `start_positions`"),
    ("AutoModel", TYPED, {"logits_to_keep": 1}, TypeError, "unknown argument `logits_to_keep`"),
    (
        WORDS,
        TYPED,
        {"past_key_values": ()},
        ValueError,
        "`past_key_values` is not for SynthForTokenClassification",
    ),
    (WORDS, TYPED, {"use_cache": True}, ValueError, "`use_cache` is not for"),
    (WORDS, TYPED, {"cache_position": ONE}, ValueError, "`cache_position` is not for"),
    (WORDS, TYPED, {"head_mask": ONE}, ValueError, "heads cannot be masked"),
    (WORDS, TYPED, {"encoder_hidden_states": ONE}, ValueError, "it reads no encoder"),
    (WORDS, TYPED, {"encoder_attention_mask": ONE}, ValueError, "it reads no encoder"),
    (WORDS, TYPED, {"cu_seq_lens_q": ONE}, ValueError, "told apart by `position_ids`"),
    (
        WORDS,
        TYPED,
        {"attention_mask": MASK[:, None, None].expand(-1, 1, LENGTH, -1)},
        ValueError,
        "has 4 axes",
    ),
    (WORDS, TYPED, {"attention_mask": MASK[:, :5]}, ValueError, "is (3, 5), but the tokens (3, 7)"),
    (WORDS, TYPED, {"inputs_embeds": torch.ones(BATCH, LENGTH, WIDTH)}, ValueError, "either `input_ids` or"),
    (WORDS, TYPED, {"input_ids": None}, ValueError, "either `input_ids` or `inputs_embeds`"),
    (WORDS, TYPED, {"position_ids": PACKED + 1}, ValueError, "have to count 0, 1, 2"),
    (TEXTS, TYPED, {"position_ids": PACKED}, ValueError, "which has one label: give each text a row"),
    (WORDS, PLAIN, {"token_type_ids": torch.ones_like(TOKENS)}, ValueError, "have no types"),
    (WORDS, RECURRENT, {"output_attentions": True}, ValueError, "has no attention, so there are no maps"),
    (CHOICES, TYPED, {}, ValueError, "inputs are (batch, choices, length)"),
    (TEXTS, RECURRENT, {"labels": torch.ones(BATCH, 3)}, ValueError, 'give `problem_type="multi_label_class'),
    (
        TEXTS,
        RECURRENT,
        {"labels": torch.ones(BATCH, 2).long()},
        ValueError,
        "are not a class for each of 3 texts",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("loader", "name", "given", "error", "says"), REFUSED)
def test_an_argument_is_refused_by_its_name(
    loader: str, name: str, given: dict[str, Any], error: type[Exception], says: str, models: Models
) -> None:
    with pytest.raises(error) as raised:
        models[loader, name](**{"input_ids": TOKENS, "attention_mask": MASK} | given)
    assert says in str(raised.value)


# arguments that ask for nothing else than what is done without them
SAME: list[dict[str, Any]] = [
    {"past_key_values": None, "use_cache": False, "head_mask": None},
    {"attention_mask": MASK.bool()},
    {"attention_mask": MASK.float()},
    {"token_type_ids": torch.zeros_like(TOKENS)},
    {"position_ids": torch.arange(LENGTH)},
    {"position_ids": torch.arange(LENGTH)[None]},
    {"input_ids": TOKENS.int()},
    {"output_hidden_states": False, "output_attentions": False, "return_dict": True},
]


@pytest.mark.parametrize("given", SAME, ids=" ".join)
@pytest.mark.parametrize("name", [TYPED, PLAIN])
def test_an_argument_that_asks_for_nothing_changes_nothing(
    name: str, given: dict[str, Any], models: Models
) -> None:
    model = models[WORDS, name]
    expected = model(input_ids=TOKENS, attention_mask=MASK).logits
    found = model(**{"input_ids": TOKENS, "attention_mask": MASK} | given).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("loader", ENCODER_LOADERS)
def test_a_tuple_holds_what_the_output_does(loader: str, models: Models) -> None:
    tokens = TOKENS[:, None].expand(-1, 2, -1) if loader == CHOICES else TOKENS
    whole = models[loader, TYPED](input_ids=tokens, output_hidden_states=True, output_attentions=True)
    parts = models[loader, TYPED](
        input_ids=tokens, output_hidden_states=True, output_attentions=True, return_dict=False
    )
    assert isinstance(parts, tuple)
    for part, value in zip(parts, whole.values(), strict=True):
        torch.testing.assert_close(part, value, rtol=0, atol=0)


def test_options_of_the_configuration_hold_for_every_call(models: Models) -> None:
    model = opened("AutoModel", models.root / TYPED, output_hidden_states=True, output_attentions=True)
    seen = model(TOKENS)
    assert len(seen.hidden_states) == 3 and len(seen.attentions) == 2
    assert model(TOKENS, output_attentions=False).attentions is None


@pytest.mark.slow
def test_attention_inside_a_recurrence_has_maps(models: Models) -> None:
    seen = models["AutoModel", BOTH](TOKENS, MASK, output_attentions=True)
    assert len(seen.attentions) == 2
    for found in seen.attentions:
        assert found.shape == (BATCH, 2, LENGTH, LENGTH)
        torch.testing.assert_close(found.sum(-1), torch.ones(BATCH, 2, LENGTH))
        assert not found[1, :, :, 2:].any()  # padding


@pytest.mark.parametrize("name", NAMES)
def test_texts_packed_into_a_row_are_read_apart(name: str, models: Models) -> None:
    model = models["AutoModel", name]
    seen = model(TOKENS, position_ids=PACKED, output_hidden_states=True)
    assert seen.pooler_output is None
    for part in (slice(0, 3), slice(3, LENGTH)):
        alone = model(TOKENS[:, part], output_hidden_states=True)
        for whole, states in zip(seen.hidden_states, alone.hidden_states, strict=True):
            torch.testing.assert_close(whole[:, part], states, rtol=0, atol=1e-5)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_blocks_run_again_have_the_same_gradients(name: str, reentrant: bool, models: Models) -> None:
    model = copy.deepcopy(models[TEXTS, name]).train()
    for module in model.modules():
        if hasattr(module, "rate"):
            module.rate = 0.2
    expected = gradients_of(model)
    model.activation_checkpointing_enable({"use_reentrant": reentrant})
    model.enable_input_require_grads()
    found = gradients_of(model)
    assert model.is_activation_checkpointing and found.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, msg=lambda text, key=key: f"{key}: {text}")


def gradients_of(model: Any) -> dict[str, Tensor]:
    model.zero_grad()
    torch.manual_seed(0)
    model(input_ids=TOKENS, attention_mask=MASK, labels=torch.tensor([0, 1, 1])).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", [TYPED, PLAIN])
def test_new_words_are_read_and_written_and_saved(name: str, models: Models, tmp_path: Path) -> None:
    model = opened("AutoModelForMaskedLM", models.root / name)
    before, words = model(TOKENS).logits, model.config.vocab_size
    model.resize_token_embeddings(words + 3)
    after = model(TOKENS).logits
    assert after.shape[-1] == words + 3 == model.config.vocab_size
    torch.testing.assert_close(after[..., :words], before, rtol=0, atol=1e-5)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path / "saved")
    again = opened("AutoModelForMaskedLM", tmp_path / "saved")
    tokens = TOKENS.clone()
    tokens[0, 0] = words + 2
    torch.testing.assert_close(again(tokens).logits, model(tokens).logits, rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loader", "name"),
    [
        (loader, name)
        for name in NAMES
        for loader in ENCODER_LOADERS
        if (loader, name) != ("AutoModelForMaskedLM", RECURRENT)  # a classifier has no words to predict
    ],
)
def test_a_model_of_a_configuration_alone_is_drawn_whole(loader: str, name: str, models: Models) -> None:
    config = transformers.AutoConfig.from_pretrained(models.root / name, trust_remote_code=True)
    torch.manual_seed(0)
    model = getattr(transformers, loader).from_config(config, trust_remote_code=True)
    for key, parameter in model.named_parameters():
        assert bool(parameter.isfinite().all()) and parameter.abs().max() < 4, key
