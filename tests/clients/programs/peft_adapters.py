"""peft: adapters and prompts beside frozen weights."""

from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptTuningConfig,
    TaskType,
    get_peft_model,
)
from torch import nn

from tests.clients.examples import batch_of, difference, encode, logits_of
from tests.clients.subjects import Subject

TASKS = {
    "causal-lm": TaskType.CAUSAL_LM,
    "seq2seq": TaskType.SEQ_2_SEQ_LM,
    "masked-lm": TaskType.FEATURE_EXTRACTION,  # peft has none of its own
    "classification": TaskType.SEQ_CLS,
    "choice": None,
}


def adapter(**options: Any) -> LoraConfig:
    return LoraConfig(r=2, target_modules="all-linear", lora_dropout=0.0, init_lora_weights=False, **options)


def train(model: nn.Module, batch: dict[str, Any], steps: int = 6) -> None:
    """Take steps that make the loss smaller, dropout apart; what learns has a gradient."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=2e-3)
    before = loss_of(model, batch)
    torch.manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        model.train()(**batch).loss.backward()
        optimizer.step()
    assert any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in learning)
    assert loss_of(model, batch) < before
    model.eval()


def loss_of(model: nn.Module, batch: dict[str, Any]) -> float:
    with torch.no_grad():
        return float(model.eval()(**batch).loss)


def adapted(subject: Subject) -> Any:
    """Return a model with an adapter that has learnt."""
    model = get_peft_model(subject.load(), adapter(task_type=TASKS[subject.task]))
    assert any("lora_A" in name for name, _ in model.named_parameters())
    train(model, batch_of(subject))
    return model


def adapt(subject: Subject, folder: Path) -> None:
    """A saved adapter, on the folder's weights again, computes the same."""
    model, inputs = adapted(subject), encode(subject)
    model.save_pretrained(folder)
    again = PeftModel.from_pretrained(subject.load(), str(folder)).eval()
    found = logits_of(model, inputs)
    assert difference(logits_of(again, inputs), found) < 1e-6
    assert difference(logits_of(subject.load(), inputs), found) > 1e-4


def merge(subject: Subject, folder: Path) -> None:
    """An adapter merged into the weights computes the same, and is saved as a whole folder."""
    model, inputs = adapted(subject), encode(subject)
    found = logits_of(model, inputs)
    merged = model.merge_and_unload()
    assert difference(logits_of(merged, inputs), found) < 1e-4
    merged.save_pretrained(folder)
    assert difference(logits_of(subject.load(folder=folder), inputs), logits_of(merged, inputs)) == 0


def tune_prompt(subject: Subject, folder: Path) -> None:
    """Vectors before the text learn, are saved and loaded."""
    check_prompt(subject, folder, PromptTuningConfig(task_type=TASKS[subject.task], num_virtual_tokens=3))


def tune_prefix(subject: Subject, folder: Path) -> None:
    """Keys and values before the text learn, are saved and loaded."""
    check_prompt(subject, folder, PrefixTuningConfig(task_type=TASKS[subject.task], num_virtual_tokens=3))


def check_prompt(subject: Subject, folder: Path, config: Any) -> None:
    model = get_peft_model(subject.load(), config)
    batch = batch_of(subject)
    train(model, batch)
    model.save_pretrained(folder)
    again = PeftModel.from_pretrained(subject.load(), str(folder)).eval()
    with torch.no_grad():
        found, expected = again(**batch), model(**batch)
    assert difference(found.logits, expected.logits) < 1e-6
    if subject.is_causal:
        prompt = subject.tokenizer(["the dog", "a cat sees"], padding=True, return_tensors="pt")
        written = again.generate(**prompt, max_new_tokens=5, do_sample=False)
        assert torch.equal(
            written, again.generate(**prompt, max_new_tokens=5, do_sample=False, use_cache=False)
        )
