"""transformers' `generate`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TextStreamer

from tests.clients.examples import TEXTS
from tests.clients.subjects import Subject

NEW = 10


def prompts(subject: Subject, texts: list[str] = TEXTS[:4]) -> dict[str, Tensor]:
    return dict(subject.tokenizer(texts, padding=True, return_tensors="pt"))


def written(subject: Subject, model: Any, inputs: dict[str, Tensor], **options: Any) -> Tensor:
    """Return what is new."""
    tokens = model.generate(**inputs, max_new_tokens=NEW, min_new_tokens=NEW, **options)
    start = 1 if subject.task == "seq2seq" else inputs["input_ids"].shape[1]
    new: Tensor = tokens[:, start:]
    return new


def write_greedily(subject: Subject, folder: Path) -> None:
    """A batch writes what its rows write alone, with the cache and without."""
    model = subject.load()
    together = written(subject, model, prompts(subject), do_sample=False, num_beams=1)
    apart = [
        written(subject, model, prompts(subject, [text]), do_sample=False, num_beams=1) for text in TEXTS[:4]
    ]
    bare = written(subject, model, prompts(subject), do_sample=False, num_beams=1, use_cache=False)
    assert together.shape == (4, NEW)
    assert torch.equal(together, torch.cat(apart)) and torch.equal(together, bare)


def write_by_default(subject: Subject, folder: Path) -> None:
    """Without any option it writes what `synth` does: greedily where it is a language model."""
    model, inputs = subject.load(), prompts(subject)
    options = model.generation_config
    if subject.task == "causal-lm":
        assert not options.do_sample and options.num_beams in (None, 1), options
        assert getattr(model.config, "max_position_embeddings", None) == 128, "no length limit"
    assert model.generate(**inputs).shape[0] == 4


def search_beams(subject: Subject, folder: Path) -> None:
    """Beams are the same with the cache and without."""
    model, inputs = subject.load(), prompts(subject)
    settings = {"do_sample": False, "num_beams": 3, "num_return_sequences": 2}
    found = [written(subject, model, inputs, use_cache=use, **settings) for use in (True, False)]
    assert found[0].shape == (8, NEW) and torch.equal(*found)


def sample(subject: Subject, folder: Path) -> None:
    """A seed draws the same tokens with the cache and without, and another seed others."""
    model, inputs, found = subject.load(), prompts(subject), []
    for seed, use in ((0, True), (0, False), (1, True)):
        torch.manual_seed(seed)
        settings = {"do_sample": True, "num_beams": 1, "top_k": 40, "top_p": 0.95, "temperature": 1.3}
        found.append(written(subject, model, inputs, use_cache=use, **settings))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


class Listener(TextStreamer):
    """Keeps what a streamer would print."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer, skip_special_tokens=True)
        self.text, self.calls = "", 0

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.text, self.calls = self.text + text, self.calls + bool(text)


def stream(subject: Subject, folder: Path) -> None:
    """Text comes as it is written, also by the folder's defaults where it is a language model."""
    model, inputs = subject.load(), prompts(subject, ["the dog"])
    listener = Listener(subject.tokenizer)
    options = {} if subject.task == "causal-lm" else {"num_beams": 1}
    tokens = model.generate(**inputs, max_new_tokens=NEW, streamer=listener, **options)
    assert listener.text == subject.tokenizer.decode(tokens[0], skip_special_tokens=True)


def assist(subject: Subject, folder: Path) -> None:
    """A smaller model proposes; what is written stays the same."""
    model, inputs = subject.load(), prompts(subject, ["the dog"])
    plain = written(subject, model, inputs, do_sample=False)
    helped = written(subject, model, inputs, do_sample=False, assistant_model=subject.load())
    assert torch.equal(plain, helped)
