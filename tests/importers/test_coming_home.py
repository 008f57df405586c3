"""Folders of ours that other programs trained, merged, resized, cast and sharded come back by import.

Logits are those of the client's own model, and stay so in what is exported again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoTokenizer

from synthcli.compress.teacher import open_teacher
from synthcli.errors import SynthError
from synthcli.exporters import EXPORTERS
from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.folding import Folded
from synthcli.exporters.hugging_face.auto_classes import LOADERS, get_kind
from synthcli.exporters.parity_inputs import draw_cases
from synthcli.exporters.parity_reference import compute_logits
from synthcli.importers.hugging_face import import_hugging_face, load_hugging_face
from synthcli.importers.hugging_face.own_export_names import RENAMED, export_name
from synthcli.jobs.export.export import make_bundle as bundle_of_checkpoint
from synthcli.jobs.importing import ImportRequest, import_model
from synthcli.training.checkpoints import load_checkpoint, model_of
from tests.exporters.hugging_face_cases import CASES, bundle_of, bundle_with
from tests.exporters.own_code import modules_of_their_own, opened

pytestmark = pytest.mark.slow

CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # float32, two layers
RANK = 2
TRAVELLERS = [
    "simplified-blocks causal-lm",
    "synthesizer masked-lm",
    "bert-blocks seq2seq",
    "choice",
    "classifier that reads by a decoder",
    "adaptive srupp",
    "bert classifier",
    "gpt2 untied",
]
IN_CLUSTERS = ("adaptive srupp",)  # whose vocabulary nobody can resize


@pytest.fixture(scope="module", autouse=True)
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with modules_of_their_own(tmp_path_factory.mktemp("modules")):
        yield


def leave(bundle: ExportBundle, folder: Path) -> Path:
    """Write what an export writes, without its certificate."""
    folder.mkdir(parents=True)
    EXPORTERS["hf"].write(bundle, folder, ExportOptions())
    return folder


def leave_again(checkpoint: Path, folder: Path) -> Path:
    """Export a checkpoint, likewise."""
    found = load_checkpoint(checkpoint)
    model = model_of(found)
    return leave(bundle_of_checkpoint(found, Folded(found.config, model), model), folder)


def given(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a case as transformers calls its inputs."""
    source, padding = (inputs.get(f"source{end}") for end in ("", "_padding"))
    named = {"input_ids": inputs["tokens"] if source is None else source}
    if source is not None:
        named["decoder_input_ids"] = inputs["tokens"]
    padding = inputs.get("padding") if source is None else padding
    if padding is not None:
        named["attention_mask"] = (~padding).long()
    if "token_types" in inputs:
        named["token_type_ids"] = inputs["token_types"]
    return named


@torch.no_grad()
def compare(ours: nn.Module, theirs: Any, bundle: ExportBundle) -> None:
    """Compare the logits of real positions."""
    for inputs in draw_cases(bundle):
        expected, found = theirs(**given(inputs)).logits, compute_logits(ours, inputs)
        padding = inputs.get("padding")
        if expected.dim() == 3 and padding is not None:
            expected, found = expected[~padding], found[~padding]
        torch.testing.assert_close(found.reshape(expected.shape), expected, **CLOSE)


def train(model: Any, bundle: ExportBundle) -> None:
    """Take a step of gradient descent that moves every parameter."""
    inputs = next(draw_cases(bundle))
    model(**given(inputs)).logits.square().sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(0.1 * parameter.grad / (parameter.grad.norm() + 1e-6))
                parameter.grad = None


@torch.no_grad()
def merge_low_rank(model: Any) -> None:
    """Add B A to every linear map, as `merge_and_unload` does."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            a = torch.randn(RANK, module.in_features, generator=generator)
            b = torch.randn(module.out_features, RANK, generator=generator)
            module.weight += 0.02 * b @ a


def save_as_clients_do(model: Any, tokenizer: Any, folder: Path) -> Any:
    """Cast to bfloat16, save in shards, and return the same model in float32."""
    model = model.to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="10KB")
    tokenizer.save_pretrained(folder)
    return model.float().eval()


@pytest.mark.parametrize("name", TRAVELLERS)
def test_what_a_client_changed_comes_back_and_leaves_again(name: str, tmp_path: Path) -> None:
    bundle = bundle_of(name)
    left, loader = leave(bundle, tmp_path / "left"), LOADERS[get_kind(bundle.config)]
    model, tokenizer = opened(loader, left), AutoTokenizer.from_pretrained(left, trust_remote_code=True)
    train(model, bundle)
    merge_low_rank(model)
    if name not in IN_CLUSTERS:
        tokenizer.add_tokens(["<ent>", "newword"])
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    theirs = save_as_clients_do(model, tokenizer, tmp_path / "client")
    assert (tmp_path / "client" / "model.safetensors.index.json").is_file() or name in IN_CLUSTERS
    report = import_model(ImportRequest("hf", tmp_path / "client", tmp_path / "ours"))
    assert report.unused == ()
    checkpoint = load_checkpoint(tmp_path / "ours")
    assert checkpoint.config.vocab_size == bundle.config.vocab_size + 2 * (name not in IN_CLUSTERS)
    assert checkpoint.config.class_names == bundle.config.class_names
    compare(model_of(checkpoint), theirs, bundle)
    again = leave_again(tmp_path / "ours", tmp_path / "again")
    compare(model_of(checkpoint), opened(loader, again), bundle)
    text = "a line of newword text <ent>"
    expected = tokenizer(text)["input_ids"]
    assert AutoTokenizer.from_pretrained(again, trust_remote_code=True)(text)["input_ids"] == expected
    assert json.loads((again / "config.json").read_text())["vocab_size"] == checkpoint.config.vocab_size


def test_a_folder_with_own_code_is_a_teacher(tmp_path: Path) -> None:
    bundle = bundle_of("synthesizer classification")
    left = leave(bundle, tmp_path / "left")
    teacher = open_teacher(left)
    assert (teacher.config.task, teacher.tokenizer.form) == ("classification", "named")
    compare(teacher.model, opened("AutoModelForSequenceClassification", left), bundle)


def test_every_class_and_family_travels() -> None:
    kinds = {get_kind(bundle_of(name).config) for name in TRAVELLERS}
    assert kinds == set(LOADERS) == set(RENAMED)
    assert set(TRAVELLERS) <= set(CASES)


BEFORE: dict[str, dict[str, Any]] = {
    "causal-lm": {"embeddings": {"tie": "none"}, "head": {"bias": True}},
    "masked-lm": {"head": {"transform": True, "bias": True}},
    "seq2seq": {"embeddings": {"tie": "none"}},
    "classification": {"head": {"pooler": True}},
}


@pytest.mark.parametrize("task", BEFORE)
def test_a_folder_of_before_comes_back(task: str, tmp_path: Path) -> None:
    """All of a model, its head too, stood in `model`."""
    bundle = bundle_with("former", task, {"mixer": {"heads": 2}, **BEFORE[task]})
    left, kind = leave(bundle, tmp_path / "left"), get_kind(bundle.config)
    expected = import_hugging_face(left)
    names = {export_name(name, kind): f"model.{name}" for name in expected.weights}
    tensors = {names[name]: tensor for name, tensor in load_file(left / "model.safetensors").items()}
    assert tensors.keys() != load_file(left / "model.safetensors").keys()
    save_file(tensors, left / "model.safetensors", {"format": "pt"})
    found = import_hugging_face(left)
    assert found.config == expected.config and found.weights.keys() == expected.weights.keys()
    assert all(torch.equal(found.weights[name], expected.weights[name]) for name in found.weights)


@pytest.mark.parametrize(("labels", "problem"), [(3, None), (1, None), (2, "single_label_classification")])
def test_a_new_head_comes_back(labels: int, problem: str | None, tmp_path: Path) -> None:
    """A client put a classifier on an encoder that guessed words."""
    bundle = bundle_of("synthesizer masked-lm")
    left = leave(bundle, tmp_path / "left")
    theirs = opened("AutoModelForSequenceClassification", left, num_labels=labels, problem_type=problem)
    theirs.save_pretrained(tmp_path / "client")
    config = import_hugging_face(tmp_path / "client").config
    assert (config.task, config.num_classes) == ("classification", labels if labels > 1 else None)
    assert config.head.output == ("classes" if labels > 1 else "regression")
    classifier = bundle_with("c", "classification", CASES["synthesizer classification"][1])
    compare(load_hugging_face(tmp_path / "client"), theirs, classifier)


def test_a_new_choice_comes_back(tmp_path: Path) -> None:
    left = leave(bundle_of("srupp classification"), tmp_path / "left")
    theirs = opened("AutoModelForMultipleChoice", left, ignore_mismatched_sizes=True)
    theirs.save_pretrained(tmp_path / "client")
    compare(load_hugging_face(tmp_path / "client"), theirs, bundle_of("choice"))


@pytest.mark.parametrize("task", ["masked-lm", "classification"])
def test_an_encoder_without_its_head_comes_back(task: str, tmp_path: Path) -> None:
    head = {"head": {"pooler": True}} if task == "classification" else {}
    bundle = bundle_with("reader", task, {"mixer": {"heads": 2}} | head)
    theirs = opened("AutoModel", leave(bundle, tmp_path / "left"))
    theirs.save_pretrained(tmp_path / "client")
    ours: Any = load_hugging_face(tmp_path / "client")
    assert not ours.config.has_head
    left_over = import_hugging_face(tmp_path / "client").unused
    assert left_over == (("pooler.bias", "pooler.weight") if head else ())
    tokens = torch.arange(5, 16)[None]
    with torch.no_grad():
        hidden, table = theirs(tokens).last_hidden_state, theirs.get_input_embeddings().weight
        torch.testing.assert_close(ours(tokens), hidden @ table.T, **CLOSE)


@pytest.mark.parametrize(
    ("loader", "said"),
    [
        ("AutoModelForTokenClassification", "it tells classes of single tokens"),
        ("AutoModelForQuestionAnswering", "it tells where an answer begins and ends"),
    ],
)
def test_a_head_that_ours_does_not_have_is_named(loader: str, said: str, tmp_path: Path) -> None:
    left = leave(bundle_of("synthesizer masked-lm"), tmp_path / "left")
    theirs = opened(loader, left)
    theirs.save_pretrained(tmp_path / "client")
    with pytest.raises(SynthError) as caught:
        import_hugging_face(tmp_path / "client")
    assert caught.value.message == (
        f"a model `{type(theirs).__name__}` cannot be imported (`{tmp_path}/client/config.json`): {said}"
    )
    assert caught.value.hint == "`synth` has no such head: import the model it began from"


def change(folder: Path, **options: Any) -> None:
    """Change options of `config.json`; None takes one out."""
    table = json.loads((folder / "config.json").read_text()) | options
    kept = {key: value for key, value in table.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


MEANT = {
    "CLAIM": "and its table `synth` says `classification`",
    "ASKED": "the configuration asks for (300, 16)",
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "several classes at once": (
        {"problem_type": "multi_label_classification"},
        '`problem_type = "multi_label_classification"` of `FOLDER/config.json` cannot be expressed',
    ),
    "quantised": (
        {"quantization_config": {"bits": 4}},
        '`quantization_config = {"bits": 4}` of `FOLDER/config.json` cannot be expressed',
    ),
    "no table": ({"synth": None}, "`FOLDER/config.json` holds no table `synth`"),
    "no class": ({"architectures": None}, "`FOLDER/config.json` names no class in `architectures`"),
    "another class": (
        {"architectures": ["SynthForCausalLM"]},
        "`SynthForCausalLM` of `FOLDER/config.json` is for `causal-lm`, CLAIM",
    ),
    "more words": (
        {"vocab_size": 300},
        "`model.embeddings.tokens.weight` gives a tensor of shape (260, 16), ASKED",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_come_back_is_named(case: str, tmp_path: Path) -> None:
    left = leave(bundle_of("srupp classification"), tmp_path / "left")
    options, message = REFUSED[case]
    change(left, **options)
    with pytest.raises(SynthError) as caught:
        import_hugging_face(left)
    for word, meant in {"FOLDER": str(left), **MEANT}.items():
        message = message.replace(word, meant)
    assert caught.value.message == message


def test_an_adapter_is_to_be_merged_first(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(SynthError) as caught:
        import_model(ImportRequest("hf", tmp_path, tmp_path / "ours"))
    assert caught.value.message == f"`{tmp_path}` holds an adapter of peft, and no model"
    assert caught.value.hint == (
        "put it into its model first: `merge_and_unload().save_pretrained(DIR)`, then import `DIR`"
    )


@pytest.mark.parametrize("name", ["simplified-blocks causal-lm", "gpt2"])
def test_an_adapter_within_a_model_is_to_be_merged_first(name: str, tmp_path: Path) -> None:
    left = leave(bundle_of(name), tmp_path / "left")
    tensors = load_file(left / "model.safetensors")
    tensors["base_model.model.x.lora_A.default.weight"] = torch.zeros(2, 16)
    save_file(tensors, left / "model.safetensors", {"format": "pt"})
    with pytest.raises(SynthError) as caught:
        import_hugging_face(left)
    assert caught.value.message == (
        f"`{left}` holds tensors of an adapter beside the model's, `base_model.model.x.lora_A.default.weight`"
    )
