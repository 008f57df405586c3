"""transformers' auto classes: other heads, other vocabularies, other files."""

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from tests.clients.examples import batch_of, difference, encode, label, logits_of
from tests.clients.subjects import Subject


def read_hidden_states(subject: Subject, folder: Path) -> None:
    """`AutoModel` gives the states that the model's own head reads."""
    stack, model = subject.load("AutoModel"), subject.load()
    inputs = encode(subject)
    if subject.task == "choice":
        inputs = {name: rows.flatten(0, 1) for name, rows in inputs.items()}
    given = dict(inputs)
    if subject.task == "seq2seq":
        given["decoder_input_ids"] = given["input_ids"][:, :7]
    with torch.no_grad():
        output = stack(**given)
    states = output.last_hidden_state
    assert states.shape[-1] == subject.config.hidden_size and torch.isfinite(states).all()
    own = dict(model.named_parameters())
    shared = [name for name, _ in stack.named_parameters() if f"{model.base_model_prefix}.{name}" in own]
    assert shared, "no parameter of the stack is one of the model's"
    if subject.task in ("causal-lm", "seq2seq"):
        head = model.get_output_embeddings()
        assert head is not None, "no `get_output_embeddings()`"
        logits = head(states)
        if subject.task == "causal-lm":
            logits = logits[given["attention_mask"] > 0]
        assert difference(logits, logits_of(model, inputs)) < 1e-5


def train_head(subject: Subject, loader: str, batch: dict[str, Any], width: int, **options: Any) -> None:
    """Load another head of `width` outputs, and let a few steps make the loss smaller."""
    model = subject.load(loader, ignore_mismatched_sizes=True, **options).train()
    before = model(**batch)
    for logits in (value for name, value in before.items() if "logits" in name):
        assert logits.shape[-1] == width, logits.shape
    parameters = dict(model.named_parameters())
    assert all(torch.isfinite(parameter).all() for parameter in parameters.values())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    assert float(model(**batch).loss) < float(before.loss)


def flat(subject: Subject) -> dict[str, Any]:
    inputs = encode(subject)
    return {name: rows.flatten(0, -2) for name, rows in inputs.items()}


def classify_sequences(subject: Subject, folder: Path) -> None:
    """`num_labels` and `problem_type` are what is asked for, whatever the folder's head was."""
    inputs, rows = flat(subject), torch.arange(8)
    problems: dict[str, tuple[int, Tensor]] = {
        "single_label_classification": (5, rows % 5),
        "multi_label_classification": (4, torch.nn.functional.one_hot(rows % 4, 4).float()),
        "regression": (1, rows / 8),
    }
    for problem, (width, labels) in problems.items():
        batch = inputs | {"labels": labels}
        loader = "AutoModelForSequenceClassification"
        train_head(subject, loader, batch, width, num_labels=width, problem_type=problem)


def classify_tokens(subject: Subject, folder: Path) -> None:
    inputs = flat(subject)
    labels = (inputs["input_ids"] % 5).masked_fill(inputs["attention_mask"] == 0, -100)
    batch = inputs | {"labels": labels}
    train_head(subject, "AutoModelForTokenClassification", batch, 5, num_labels=5)


def answer_questions(subject: Subject, folder: Path) -> None:
    rows = torch.arange(8)
    inputs = flat(subject)
    batch = inputs | {"start_positions": rows % 3, "end_positions": rows % 3 + 1}
    width = inputs["input_ids"].shape[1]
    train_head(subject, "AutoModelForQuestionAnswering", batch, width, num_labels=2)


def choose(subject: Subject, folder: Path) -> None:
    inputs = {name: rows.view(4, 2, -1) for name, rows in flat(subject).items()}
    batch = inputs | {"labels": torch.arange(4) % 2}
    train_head(subject, "AutoModelForMultipleChoice", batch, 2)


def start_from_config(subject: Subject, folder: Path) -> None:
    """Every parameter is drawn: two starts of one seed are the same, and the model computes with it."""
    found = []
    for garbage in (float("nan"), 1e9):
        loader = getattr(transformers, transformers_loader(subject))
        torch.manual_seed(3)
        with Filled(garbage):
            model = loader.from_config(subject.config, trust_remote_code=True)
        found.append(model.eval())
    for (name, a), (_, b) in zip(*(model.named_parameters() for model in found), strict=True):
        assert torch.equal(a, b), f"`{name}` was not initialised"
    output = found[0](**batch_of(subject))
    assert torch.isfinite(output.loss) and torch.isfinite(output.logits).all()


class Filled:
    """Fills the memory of `torch.empty` with a value while a model is made."""

    def __init__(self, value: float) -> None:
        self.value, self.empty = value, torch.empty

    def __enter__(self) -> None:
        def filled(*sizes: Any, **options: Any) -> Tensor:
            found = self.empty(*sizes, **options)
            return found.fill_(self.value) if found.is_floating_point() and not found.is_meta else found

        torch.empty = filled  # type: ignore[assignment]

    def __exit__(self, *_: Any) -> None:
        torch.empty = self.empty


def transformers_loader(subject: Subject) -> str:
    from synthcli.exporters.hugging_face.auto_classes import LOADERS

    return LOADERS[subject.task]


def resize_embeddings(subject: Subject, folder: Path) -> None:
    """New tokens: the old logits stay, the new ones are there, and a saved copy is the same."""
    model, inputs = subject.load(), encode(subject)
    before, size = logits_of(model, inputs), subject.config.vocab_size
    model.resize_token_embeddings(size + 3)
    assert model.get_input_embeddings().weight.shape[0] == size + 3 == model.config.vocab_size
    after = logits_of(model, inputs)
    has_vocabulary = before.shape[-1] == size
    assert after.shape[-1] == (size + 3 if has_vocabulary else before.shape[-1])
    assert difference(after[..., :size] if has_vocabulary else after, before) < 1e-5
    first = inputs["input_ids"].flatten(0, -2)[:, :1]
    inputs["input_ids"] = inputs["input_ids"].masked_fill(inputs["input_ids"] == first.max(), size + 2)
    assert torch.isfinite(logits_of(model, inputs)).all()
    model.save_pretrained(folder)
    again = subject.load(folder=folder)
    assert difference(logits_of(again, inputs), logits_of(model, inputs)) == 0
    again.train()(**inputs, labels=label(subject, inputs)).loss.backward()


def save_shards(subject: Subject, folder: Path) -> None:
    """A folder of several files loads as the same model, with its code."""
    model = subject.load()
    model.save_pretrained(folder, max_shard_size="8KB")
    subject.tokenizer.save_pretrained(folder)
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    inputs = encode(subject)
    assert difference(logits_of(subject.load(folder=folder), inputs), logits_of(model, inputs)) == 0


def load_bfloat16(subject: Subject, folder: Path) -> None:
    """Half the digits: the same logits within them, finite losses and gradients."""
    model = subject.load(dtype=torch.bfloat16)
    batch = batch_of(subject)
    assert all(p.dtype == torch.bfloat16 for p in model.parameters())
    exact = logits_of(subject.load(), batch)
    assert difference(logits_of(model, batch), exact) < 0.05 * max(1.0, float(exact.abs().max()))
    loss = model.train()(**batch).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
