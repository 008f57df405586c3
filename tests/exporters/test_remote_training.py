"""Models with own code that write are trained, resized and placed as transformers' own are."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from accelerate import cpu_offload, disk_offload
from torch import Tensor, nn
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments

from tests.exporters.hugging_face_cases import CASES, GPT2, bundle_of, bundle_with
from tests.exporters.own_code import ids, modules_of_their_own, opened, padded_on, write_own, write_twin

pytestmark = pytest.mark.slow

LENGTH, ROWS = 9, 8
LENGTHS = (9, 3, 7, 5, 8, 2, 6, 4)
UNTIED = GPT2 | {"embeddings": {"scale": False, "tie": "none"}, "head": {"bias": True}}
MODELS = {
    "gpt2": CASES["gpt2"],
    "untied": ("causal-lm", UNTIED),
    "random dense dot": CASES["synthesizer causal-lm"],
    "skipless": CASES["simplified-blocks causal-lm"],
    "skips behind norms": CASES["skips behind norms"],
    "srupp": CASES["srupp causal-lm"],
    "narrow": CASES["srupp from narrow vectors"],
    "adaptive": CASES["adaptive srupp"],
    "translator": CASES["synthesizer seq2seq"],
    "translator of two tables": (
        "seq2seq",
        CASES["synthesizer seq2seq"][1] | {"embeddings": {"tie": "none"}},
    ),
    "recurrent translator": CASES["srupp seq2seq"],
}
FIXED = ["adaptive"]  # words in clusters
LEARNING = ["gpt2", "random dense dot", "srupp", "adaptive", "translator"]
RESIZED = [name for name in MODELS if name not in FIXED]


def loader_of(name: str) -> str:
    return "AutoModelForSeq2SeqLM" if MODELS[name][0] == "seq2seq" else "AutoModelForCausalLM"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("writers")
    with modules_of_their_own(folder / "modules"):
        for name, (task, table) in MODELS.items():
            write_own(bundle_with(name, task, table), folder / name)
        write_twin(bundle_of("gpt2"), folder / "twin")
        yield folder


def load(name: str, root: Path, **options: Any) -> Any:
    return opened(loader_of(name), root / name, **options)


def batch_of(rows: slice = slice(None)) -> dict[str, Tensor]:
    mask, tokens = padded_on("right", LENGTHS, LENGTH), ids(ROWS, LENGTH)
    whole = {"input_ids": tokens, "attention_mask": mask, "labels": tokens.masked_fill(mask == 0, -100)}
    return {name: tensor[rows] for name, tensor in whole.items()}


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", LEARNING)
def test_a_batch_in_parts_has_the_loss_and_gradients_of_the_whole(name: str, root: Path) -> None:
    found = []
    for parts in (1, 4, 8):
        model, size, total = load(name, root).train(), ROWS // parts, 0.0
        labels = batch_of()["labels"]
        count = (labels if MODELS[name][0] == "seq2seq" else labels[:, 1:]).ne(-100).sum()
        for start in range(0, ROWS, size):
            loss = model(**batch_of(slice(start, start + size)), num_items_in_batch=count).loss
            loss.backward()
            total += loss.item()
        found.append((total, gradients(model)))
    plain = load(name, root).train()(**batch_of()).loss.item()
    for total, found_gradients in found:
        assert math.isclose(total, plain, rel_tol=1e-5)
        torch.testing.assert_close(found_gradients, found[0][1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["skipless", "srupp", "translator", "recurrent translator"])
def test_blocks_that_run_again_give_the_same_gradients(name: str, root: Path) -> None:
    found, calls = [], []
    for options in (None, {"use_reentrant": False}, {"use_reentrant": True}):
        model = load(name, root).train()
        if options is not None:
            model.activation_checkpointing_enable(options)
            assert model.is_activation_checkpointing
            model.enable_input_require_grads()
        stack = model.base_model.decoder
        hook = stack.blocks[0].register_forward_pre_hook(lambda *_: calls.append(len(found)))
        output = model(**batch_of(), use_cache=True)
        output.loss.backward()
        hook.remove()
        assert options is None or output.past_key_values is None
        found.append(gradients(model))
    assert (calls.count(0), calls.count(1), calls.count(2)) == (1, 2, 2)
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[2], found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_a_configuration_alone_has_every_parameter_drawn(name: str, root: Path) -> None:
    auto: Any = getattr(transformers, loader_of(name))
    config = transformers.AutoConfig.from_pretrained(root / name, trust_remote_code=True)
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        poison = [torch.full((64, 64), torch.nan) for _ in range(200)]  # memory that is handed out again
        del poison
        model = auto.from_config(config, trust_remote_code=True)
    drawn = [*model.named_parameters(), *model.named_buffers()]
    assert all(tensor.isfinite().all() and tensor.abs().max() < 10 for _, tensor in drawn)
    if name not in FIXED:  # whose first cluster has all the others in it
        loss = model(**batch_of()).loss
        assert abs(loss.item() - math.log(model.config.vocab_size)) < 1.0
    trained = load(name, root)
    assert {n: p.shape for n, p in model.named_parameters()} == {
        n: p.shape for n, p in trained.named_parameters()
    }


@torch.no_grad()
@pytest.mark.parametrize("name", RESIZED)
@pytest.mark.parametrize("size", [251, 263])
def test_words_are_added_and_cut(name: str, size: int, root: Path, tmp_path: Path) -> None:
    model, batch = load(name, root), batch_of()
    batch["input_ids"].clamp_(max=249)
    labels = batch.pop("labels").clamp(max=249)
    if MODELS[name][0] == "seq2seq":
        batch["decoder_input_ids"] = labels.clamp(min=0)
    before = model(**batch).logits
    torch.manual_seed(0)
    model.resize_token_embeddings(size)
    assert model.config.vocab_size == model.config.synth["vocab_size"] == size
    after = model(**batch).logits
    kept = min(size, before.shape[-1])
    assert after.shape[-1] == size
    torch.testing.assert_close(after[..., :kept], before[..., :kept], rtol=1e-5, atol=1e-5)
    batch["input_ids"][0, 0] = size - 1  # a new word, or the last that is left
    model.save_pretrained(tmp_path)
    again = opened(loader_of(name), tmp_path)
    torch.testing.assert_close(again(**batch).logits, model(**batch).logits, rtol=0, atol=0)
    assert len(list(again.parameters())) == len(list(load(name, root).parameters()))


@torch.no_grad()
def test_new_words_are_those_that_gpt2_adds(root: Path) -> None:
    found = []
    for model in (load("gpt2", root), opened("AutoModelForCausalLM", root / "twin")):
        torch.manual_seed(0)
        model.resize_token_embeddings(263)
        found.append(model(ids(2, 5)).logits)
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)


def test_a_table_of_words_is_replaced_where_it_can_be(root: Path) -> None:
    model = load("untied", root)
    new = nn.Embedding(model.config.vocab_size, model.config.hidden_size)
    model.set_input_embeddings(new)
    assert model.get_input_embeddings() is new
    head = nn.Linear(model.config.hidden_size, model.config.vocab_size)
    model.set_output_embeddings(head)
    torch.testing.assert_close(model(ids(1, 3)).logits, head(model.model(ids(1, 3)).last_hidden_state))
    fixed = load("adaptive", root)
    for change in (
        lambda: fixed.resize_token_embeddings(300),
        lambda: fixed.resize_token_embeddings(pad_to_multiple_of=64),
        lambda: fixed.set_input_embeddings(new),
    ):
        with pytest.raises(NotImplementedError, match=r"in clusters that end at \(20, 100, 260\)"):
            change()
    with pytest.raises(NotImplementedError, match="head of this model is adaptive"):
        fixed.set_output_embeddings(head)
    assert fixed.resize_token_embeddings() is fixed.get_input_embeddings()
    assert fixed.resize_token_embeddings(fixed.config.vocab_size) is fixed.get_input_embeddings()


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_weights_may_wait_elsewhere(name: str, root: Path, tmp_path: Path) -> None:
    wanted = load(name, root)(**batch_of()).logits
    for offload in (cpu_offload, lambda model, **options: disk_offload(model, str(tmp_path), **options)):
        model = load(name, root)
        offload(model, execution_device=torch.device("cpu"))
        assert all(parameter.is_meta for parameter in model.parameters())
        torch.testing.assert_close(model(**batch_of()).logits, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_blocks_are_named_that_stay_whole(name: str, root: Path) -> None:
    model = load(name, root)
    kinds = {type(block).__name__ for block in model.base_model.decoder.blocks}
    assert set(model._no_split_modules) >= kinds and "Stack" not in model._no_split_modules


@pytest.mark.parametrize("name", ["random dense dot", "srupp", "translator"])
def test_a_trainer_evaluates_predicts_and_writes(name: str, root: Path, tmp_path: Path) -> None:
    batch = batch_of()
    rows = [{key: tensor[i] for key, tensor in batch.items()} for i in range(ROWS)]
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(tmp_path),
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        eval_strategy="steps",
        eval_steps=1,
        max_steps=2,
        learning_rate=1e-2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=4,
        per_device_eval_batch_size=ROWS,
        predict_with_generate=MODELS[name][0] == "seq2seq",
        generation_max_length=7,
        generation_num_beams=1,
    )
    model = load(name, root)
    with torch.no_grad():
        expected = model(**batch)
    trainer = Seq2SeqTrainer(model, arguments, train_dataset=rows, eval_dataset=rows)  # type: ignore[arg-type]
    predicted = trainer.predict(rows)  # type: ignore[arg-type]
    assert math.isclose(predicted.metrics["test_loss"], expected.loss.item(), rel_tol=1e-4)  # type: ignore[index]
    found = torch.as_tensor(predicted.predictions)
    if MODELS[name][0] == "seq2seq":
        given = {key: batch[key] for key in ("input_ids", "attention_mask")}
        written = model.generate(**given, max_length=7, num_beams=1, do_sample=False)
        assert torch.equal(found[:, : written.shape[1]], written)
    else:
        torch.testing.assert_close(found, expected.logits, rtol=1e-5, atol=1e-5)
    trainer.train()
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert len(losses) == 2 and losses[1] < losses[0] < expected.loss.item()
