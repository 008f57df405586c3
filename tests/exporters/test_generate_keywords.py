"""`generate` of exported models does with its keywords what it does with transformers' own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from tests.exporters.keyword_meanings import embedded
from tests.exporters.own_code import modules_of_their_own
from tests.exporters.test_keywords import BART, GPT2, INITIALS, build_native, build_own

CAUSAL, TRANSLATOR = ("dense", "srupp", "skipless"), "translator"
OWN, NATIVE = (*CAUSAL, TRANSLATOR), ("GPT-2", "BART")
NEW, LENGTH = 8, 6
assert GPT2 and BART


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    root = tmp_path_factory.mktemp("generate")
    with modules_of_their_own(root / "modules"):
        yield {name: build_own(name, root) for name in OWN} | {name: build_native(name) for name in NATIVE}


def inputs() -> dict[str, Tensor]:
    """Return rows that begin with padding."""
    tokens = torch.randint(4, 250, (3, LENGTH), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(LENGTH) >= torch.tensor([[0], [2], [3]])).long()
    return {"input_ids": tokens.masked_fill(mask == 0, 0), "attention_mask": mask}


def write(model: Any, **options: Any) -> Any:
    """Generate greedily, by options beside `inputs`; its own defaults have no say."""
    settings = {
        "do_sample": False,
        "num_beams": 1,
        "max_new_tokens": NEW,
        "eos_token_id": -1,
        "pad_token_id": 0,
    }
    return model.generate(
        **{
            **inputs(),
            **settings,
            "generation_config": transformers.GenerationConfig(bos_token_id=1, decoder_start_token_id=1),
            **options,
        }
    )


def new(model: Any, tokens: Tensor) -> Tensor:
    return tokens[:, 1 if model.config.is_encoder_decoder else LENGTH :]


class Forbid(LogitsProcessor):
    """Lets only even tokens be written."""

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        odd = torch.arange(scores.shape[-1]) % 2 == 1
        return scores.masked_fill(odd, -torch.inf)


class StopAfter(StoppingCriteria):
    def __call__(self, input_ids: Tensor, scores: Any, **options: Any) -> Tensor:
        self.calls = getattr(self, "calls", 0) + 1
        return torch.full((len(input_ids),), self.calls == 3)


def first_written(model: Any) -> list[int]:
    found: list[int] = new(model, write(model))[:, 0].tolist()
    return found


def stops_at(model: Any) -> bool:
    """A row ends at its first token, which is one of those that end it."""
    tokens = new(model, write(model, eos_token_id=first_written(model)))
    return tokens.shape[1] == 1


def forbids(model: Any) -> bool:
    """What would be written first is not written."""
    banned = first_written(model)
    tokens = new(model, write(model, suppress_tokens=banned))
    words = new(model, write(model, bad_words_ids=[[token] for token in banned]))
    return torch.equal(tokens, words) and not set(tokens.flatten().tolist()) & set(banned)


def repeats_nothing(model: Any) -> bool:
    tokens = new(model, write(model, no_repeat_ngram_size=1))
    return all(len(set(row)) == NEW for row in tokens.tolist())


def scores_are_those_of_forward(model: Any) -> bool:
    """The logits of each step are those of the whole text at once."""
    found = write(model, return_dict_in_generate=True, output_logits=True, output_scores=True)
    logits = torch.stack(found.logits, 1)
    mask = torch.cat((inputs()["attention_mask"], torch.ones(3, NEW).long()), 1)
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            whole = model(**inputs(), decoder_input_ids=found.sequences).logits[:, :-1]
        else:
            positions = (mask.cumsum(1) - 1).clamp_min(0)
            whole = model(found.sequences, attention_mask=mask, position_ids=positions).logits[
                :, LENGTH - 1 : -1
            ]
    return torch.allclose(logits, whole, atol=1e-4) and torch.equal(
        logits.argmax(-1), new(model, found.sequences)
    )


def states_of_steps(model: Any) -> bool:
    """Hidden states of every step: of the whole prompt, then of a token."""
    found = write(model, return_dict_in_generate=True, output_hidden_states=True)
    steps = found.decoder_hidden_states if model.config.is_encoder_decoder else found.hidden_states
    lengths = [step[-1].shape[1] for step in steps]
    prompt = 1 if model.config.is_encoder_decoder else LENGTH
    return lengths == [prompt, *[1] * (NEW - 1)] and len(steps[0]) == model.config.num_hidden_layers + 1


def beams_agree(model: Any) -> bool:
    settings = {"num_beams": 4, "num_return_sequences": 2, "length_penalty": 0.5, "early_stopping": True}
    found = [write(model, use_cache=use, **settings) for use in (True, False)]
    return torch.equal(*found) and len(found[0]) == 6


def draws_agree(model: Any) -> bool:
    found = []
    for use in (True, False):
        torch.manual_seed(5)
        options = {"do_sample": True, "top_k": 30, "top_p": 0.9, "temperature": 1.5, "min_p": 0.001}
        found.append(write(model, use_cache=use, typical_p=0.99, num_return_sequences=2, **options))
    return torch.equal(*found) and len(found[0]) == 6


def allows(model: Any) -> bool:
    tokens = new(model, write(model, prefix_allowed_tokens_fn=lambda batch, ids: [40 + batch, 60]))
    return all(set(row) <= {40 + place, 60} for place, row in enumerate(tokens.tolist()))


def goes_on(model: Any) -> bool:
    """Two calls write what one does: the second has what the first kept."""
    if model.config.is_encoder_decoder:
        whole = write(model)
        return torch.equal(whole, write(model, decoder_input_ids=whole[:, :4], max_new_tokens=NEW - 3))
    whole, first = write(model), write(model, max_new_tokens=3, return_dict_in_generate=True)
    mask = torch.cat((inputs()["attention_mask"], torch.ones(3, 3).long()), 1)
    past = {"input_ids": first.sequences, "attention_mask": mask, "past_key_values": first.past_key_values}
    return torch.equal(whole, write(model, **past, max_new_tokens=NEW - 3))


def reads_vectors(model: Any) -> bool:
    vectors = embedded(model, inputs()["input_ids"])
    return torch.equal(
        new(model, write(model)), write(model, input_ids=None, inputs_embeds=vectors)[:, -NEW:]
    )


Meaning = Callable[[Any], bool]
KEYWORDS: dict[str, Meaning] = {
    "max_new_tokens": lambda m: new(m, write(m, max_new_tokens=3)).shape == (3, 3),
    "max_length": lambda m: write(m, max_new_tokens=None, max_length=7).shape == (3, 7),
    "min_new_tokens": lambda m: (
        new(m, write(m, eos_token_id=first_written(m), min_new_tokens=4)).shape[1] >= 4
    ),
    "eos_token_id": stops_at,
    "suppress_tokens, bad_words_ids": forbids,
    "no_repeat_ngram_size": repeats_nothing,
    "repetition_penalty": lambda m: torch.equal(
        write(m, repetition_penalty=1.7), write(m, repetition_penalty=1.7, use_cache=False)
    ),
    "use_cache": lambda m: torch.equal(write(m), write(m, use_cache=False)),
    "num_beams, num_return_sequences, length_penalty, early_stopping": beams_agree,
    "do_sample, top_k, top_p, temperature, min_p, typical_p": draws_agree,
    "logits_processor": lambda m: (
        not bool((new(m, write(m, logits_processor=LogitsProcessorList([Forbid()]))) % 2).any())
    ),
    "stopping_criteria": lambda m: (
        new(m, write(m, stopping_criteria=StoppingCriteriaList([StopAfter()]))).shape[1] == 3
    ),
    "prefix_allowed_tokens_fn": allows,
    "output_logits, output_scores": scores_are_those_of_forward,
    "output_hidden_states": states_of_steps,
    "past_key_values, decoder_input_ids": goes_on,
    "inputs_embeds": reads_vectors,
    "forced_eos_token_id": lambda m: bool((write(m, forced_eos_token_id=9)[:, -1] == 9).all()),
    "attention_mask left out": lambda m: len(write(m, attention_mask=None)) == 3,
}


@pytest.mark.slow
@pytest.mark.parametrize("keywords", KEYWORDS)
@pytest.mark.parametrize("name", [*OWN, *NATIVE])
def test_keywords_of_generate_mean_what_they_do(name: str, keywords: str, models: dict[str, Any]) -> None:
    assert KEYWORDS[keywords](models[name])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a cache of another kind": ({"cache_implementation": "static"}, "cache_implementation='static'"),
    "a misspelt keyword": ({"max_new_token": 3}, "max_new_token"),
    "a misspelt input": ({"atention_mask": torch.ones(3, LENGTH)}, "atention_mask"),
    "drafts from the prompt": ({"prompt_lookup_num_tokens": 2}, "assisted|stateful"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", OWN)
def test_what_it_cannot_do_is_one_clear_error(name: str, case: str, models: dict[str, Any]) -> None:
    options, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        write(models[name], **options)


@pytest.mark.parametrize("name", CAUSAL)
def test_another_model_cannot_propose(name: str, models: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="assisted generation"):
        models[name].generate(torch.tensor([[5, 6, 7]]), assistant_model=models[name], max_new_tokens=4)


def test_every_model_that_writes_is_here() -> None:
    assert {name for name, initial in INITIALS.items() if initial in "cs"} == {*OWN, *NATIVE}
