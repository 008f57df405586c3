"""What callers give to an exported model means what it means to transformers' own, or is refused by name."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from synthcli.exporters.hugging_face.auto_classes import LOADERS
from tests.exporters.hugging_face_cases import BERT, NAMES, bundle_with
from tests.exporters.keyword_cases import CASES, Case
from tests.exporters.keyword_meanings import LENGTH, Batch, batch_for, run
from tests.exporters.own_code import modules_of_their_own, opened, write_own
from tests.exporters.tiny_models import FAMILIES

SIMPLE, SYNTHESIZER = FAMILIES["simplified-blocks"], FAMILIES["synthesizer"]
TASKS = {
    "c": "causal-lm",
    "s": "seq2seq",
    "m": "masked-lm",
    "k": "classification",
    "r": "regression",
    "o": "choice",
}
OWN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dense": ("c", "causal-lm", {"mixer": {"heads": 2, "scores": [{"kind": "dense"}]}}),
    "srupp": ("c", "causal-lm", FAMILIES["srupp"]),
    "skipless": ("c", "causal-lm", SIMPLE),
    "translator": ("s", "seq2seq", SYNTHESIZER),
    "masked": ("m", "masked-lm", SIMPLE),
    "masked with types": ("m", "masked-lm", BERT),
    "classifier": ("k", "classification", SIMPLE | {"class_names": NAMES}),
    "regression": ("r", "classification", SIMPLE | {"head": {"output": "regression"}, "num_classes": None}),
    "choice": ("o", "classification", SIMPLE | {"head": {"output": "choice"}, "num_classes": None}),
}
SMALL = {"vocab_size": 260, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
READER = SMALL | {"intermediate_size": 24, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
GPT2 = {"vocab_size": 260, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 80, "bos_token_id": 1}
STACK = {"layers": 2, "attention_heads": 2, "ffn_dim": 24}
BART = {
    "vocab_size": 260,
    "forced_eos_token_id": None,
    "d_model": 16,
    "max_position_embeddings": 80,
    "decoder_start_token_id": 1,
}
BART |= {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in STACK.items()}
NATIVE: dict[str, tuple[str, Any]] = {
    "GPT-2": ("c", lambda: transformers.GPT2Config(**GPT2, eos_token_id=2, pad_token_id=0)),
    "BART": ("s", lambda: transformers.BartConfig(**BART, bos_token_id=1, eos_token_id=2, pad_token_id=0)),
    "BERT": ("m", lambda: transformers.BertConfig(**READER)),
    "BERT classifier": ("k", lambda: transformers.BertConfig(**READER, num_labels=3)),
    "BERT regression": (
        "r",
        lambda: transformers.BertConfig(**READER, num_labels=1, problem_type="regression"),
    ),
    "BERT choice": ("o", lambda: transformers.BertConfig(**READER)),
}
INITIALS = {name: initial for name, (initial, *_) in (OWN | NATIVE).items()}

# what models of ours refuse by name
CAUSAL = ("dense", "srupp", "skipless")
REFUSED: dict[str, tuple[str, ...]] = {
    "attention_mask of four axes": CAUSAL,
    "past_key_values of transformers, empty": CAUSAL,
    "token_type_ids of the second type": ("masked", "classifier", "regression"),  # they have no types
}

PAIRS = [
    pytest.param(case, name, id=f"{case.name}, {name}")
    for case in CASES
    for name, initial in INITIALS.items()
    if initial in case.tasks
]
assert len(CASES) >= 30 and len(PAIRS) > 100

# what no model of ours takes: a value, and a part of the one message
NEVER: dict[str, tuple[Any, str]] = {
    "attention_masks": (torch.ones(3, LENGTH), "did you mean `attention_mask`"),
    "ouput_attentions": (True, "did you mean `output_attentions`"),
    "labells": (torch.zeros(3), "`labells`"),
    "head_mask": (torch.ones(2, 2), "`head_mask`"),
    "cross_attn_head_mask": (torch.ones(2, 2), "`cross_attn_head_mask`"),
    "decoder_head_mask": (torch.ones(2, 2), "`decoder_head_mask`"),
    "encoder_hidden_states": (torch.zeros(3, 4, 16), "`encoder_hidden_states`"),
    "encoder_attention_mask": (torch.ones(3, 4), "`encoder_attention_mask`"),
    "cache_position": (torch.arange(LENGTH), "`cache_position`"),
    "seq_idx": (torch.zeros(3, LENGTH), "`seq_idx`"),
    "cu_seq_lens_q": (torch.tensor([0, 4, 9]), "`cu_seq_lens_q`"),
    "pixel_values": (torch.zeros(3, 4), "`pixel_values`"),
}
# changes of a batch that no model takes, transformers' own among them; None: an input is missing
WRONG: dict[str, Callable[[Batch], Batch]] = {
    "no input at all": lambda batch: {"input_ids": None, "attention_mask": None},
    "ids and vectors": lambda batch: {"inputs_embeds": torch.zeros(*batch["input_ids"].shape, 16)},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    root = tmp_path_factory.mktemp("keywords")
    with modules_of_their_own(root / "modules"):
        found = {name: build_own(name, root) for name in OWN}
        yield found | {name: build_native(name) for name in NATIVE}


def build_own(name: str, root: Path) -> Any:
    initial, task, table = OWN[name]
    folder = write_own(bundle_with(name, task, table), root / name.replace(" ", "-"))
    return opened(loader_for(initial), folder)


def build_native(name: str) -> Any:
    initial, config = NATIVE[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = getattr(transformers, loader_for(initial)).from_config(config(), attn_implementation="eager")
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model.eval()


def loader_for(initial: str) -> str:
    return LOADERS["classification" if initial == "r" else TASKS[initial]]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_a_keyword_means_what_it_does_to_transformers_own(
    case: Case, name: str, models: dict[str, Any]
) -> None:
    model, batch = models[name], batch_for(TASKS[INITIALS[name]])
    if name in REFUSED.get(case.name, ()):
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=f"`{case.word}`"):
            run(model, batch, **case.give(model, batch))
        return
    expected = case.mean(model, batch)
    output = run(model, batch, **case.give(model, batch))
    for field, value in expected.items():
        compare(read(output, field), value, batch["attention_mask"])


@pytest.mark.parametrize("keyword", NEVER)
@pytest.mark.parametrize("name", OWN)
def test_what_no_model_takes_is_refused_by_name(name: str, keyword: str, models: dict[str, Any]) -> None:
    value, message = NEVER[keyword]
    with pytest.raises((ValueError, TypeError), match=message):
        run(models[name], batch_for(TASKS[INITIALS[name]]), **{keyword: value})


@pytest.mark.parametrize("change", WRONG)
@pytest.mark.parametrize("name", INITIALS)
def test_a_wrong_input_is_an_error(name: str, change: str, models: dict[str, Any]) -> None:
    """Ours says which input it is; transformers' own say less, or fail inside."""
    expected = Exception if name in NATIVE else ValueError
    match = "." if name in NATIVE else "`(input_ids|inputs_embeds|attention_mask)`"
    batch = batch_for(TASKS[INITIALS[name]])
    with pytest.raises(expected, match=match):
        run(models[name], batch, **WRONG[change](batch))


@pytest.mark.parametrize("name", OWN)
def test_a_mask_of_another_length_is_refused(name: str, models: dict[str, Any]) -> None:
    """transformers' own cut it, or say nothing."""
    batch = batch_for(TASKS[INITIALS[name]])
    shape = (*batch["input_ids"].shape[:-1], LENGTH + 2)
    with pytest.raises(ValueError, match="`attention_mask`"):
        run(models[name], batch, attention_mask=torch.ones(shape).long())


@pytest.mark.parametrize("name", CAUSAL)
def test_positions_that_count_from_elsewhere_are_refused(name: str, models: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="`position_ids`"):
        run(
            models[name], batch_for("causal-lm"), position_ids=torch.arange(3, LENGTH + 3)[None].expand(3, -1)
        )


@pytest.mark.parametrize("name", [*CAUSAL, "translator"])
def test_a_cache_of_transformers_that_holds_something_is_refused(name: str, models: dict[str, Any]) -> None:
    cache = transformers.DynamicCache()
    cache.update(torch.zeros(3, 2, 4, 8), torch.zeros(3, 2, 4, 8), 0)
    with pytest.raises(ValueError, match="`past_key_values` is a DynamicCache"):
        run(models[name], batch_for(TASKS[INITIALS[name]]), past_key_values=cache)


def read(output: Any, field: str) -> Any:
    """Return `name`, `[place]`, `name[-1]`, `len(name)` or `later(name)` of an output."""
    found = re.fullmatch(r"(?:(len|later)\()?(\w*)\)?(\[-?\d+\])?", field)
    assert found is not None
    function, name, place = found.groups()
    value = getattr(output, name) if name else output
    if place:
        value = value[int(place[1:-1])]
    if function == "len":
        assert all(torch.isfinite(part).all() for part in value)
        return len(value)
    if function == "later":
        return max(float(part.triu(1).abs().max()) for part in value)
    return value


def compare(found: Any, expected: Any, mask: Tensor) -> None:
    """Compare tensors where tokens are, anything else as it is."""
    if not isinstance(expected, Tensor):
        assert found == expected
        return
    assert found.shape == expected.shape
    if found.dim() == 3 and found.shape[1] == LENGTH:
        real = mask.flatten(0, -2) > 0
        found, expected = found[real], expected[real]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
