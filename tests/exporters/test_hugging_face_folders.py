"""Folders for transformers: opened without the project, they compute what our models do."""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from synthcli.exporters import EXPORTERS, parity_inputs
from synthcli.exporters.export_bundle import CardFacts, ExportBundle, ExportOptions, Metric
from synthcli.exporters.hugging_face.auto_classes import label_entries
from synthcli.exporters.hugging_face.modeling import write_modeling_source
from synthcli.exporters.hugging_face.native import as_native
from synthcli.exporters.hugging_face.pad_layers import pad_to_alike
from synthcli.exporters.hugging_face.tree_shake import REMOTE
from synthcli.importers.hugging_face import import_hugging_face
from synthcli.model import ModelConfig
from synthcli.model.scores import SCORES
from tests.exporters.hugging_face_cases import (
    CASES,
    NATIVE,
    OWN_CODE,
    SMALLER,
    TOLERANCE,
    bundle_of,
    write,
)
from tests.exporters.tiny_models import FAMILIES, STACKS, config_of

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("opening.py")
PARITY = Path(parity_inputs.__file__).parent
STEPS = 8  # fewer than a certificate's: the fresh environment is given all of them

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every folder, and beside it what its model computes."""
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity_inputs, "STEPS", STEPS)
        for name in CASES:
            write(name, folder)
    return folder


@pytest.fixture(scope="module")
def found(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What a process that refuses the project found in every folder."""
    home = str(tmp_path_factory.mktemp("home"))
    environment = os.environ | {"HF_HOME": home, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-I", str(SCRIPT), str(PARITY), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: Found = json.loads(done.stdout)
    return found


def folder_name(name: str) -> str:
    return name.replace(" ", "-")


@pytest.mark.parametrize("name", CASES)
def test_a_folder_computes_the_same_without_the_project(name: str, found: Found) -> None:
    report = found[folder_name(name)]
    assert report["holds"], report["reasons"]
    assert report["max_difference"] <= TOLERANCE
    assert report["runs_own_code"] == (name in OWN_CODE)
    assert report["printed"].strip() or CASES[name][0] == "masked-lm"  # bytes have no mask to fill


@pytest.mark.parametrize("name", ["bert classifier", "sru both ways"])
def test_classes_keep_their_names(name: str, root: Path) -> None:
    options = json.loads((root / folder_name(name) / "config.json").read_text(encoding="utf-8"))
    assert options["id2label"] == {"0": "no", "1": "yes", "2": "perhaps"}
    assert options["label2id"] == {"no": 0, "yes": 1, "perhaps": 2}
    if name in NATIVE:
        assert import_hugging_face(root / folder_name(name)).config.class_names == ("no", "yes", "perhaps")


def test_classes_without_names_have_those_of_transformers() -> None:
    options = label_entries(config_of("classification", {}))
    assert options["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    assert options["label2id"] == {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}


WRITING = [name for name, (task, _) in CASES.items() if task in ("causal-lm", "seq2seq")]


@pytest.mark.parametrize("name", WRITING)
def test_generate_writes_the_same_tokens_padded_and_without_the_cache(name: str, found: Found) -> None:
    greedy = found[folder_name(name)]["greedy"]
    assert (greedy["steps"], greedy["agreement"]) == (STEPS, 1.0)
    assert (greedy["padded_batch_agreement"], greedy["without_cache_agreement"]) == (1.0, 1.0)


@pytest.mark.parametrize("name", sorted(set(WRITING) & set(OWN_CODE)))
def test_beams_keep_their_cache_and_saving_loses_nothing(name: str, found: Found) -> None:
    report = found[folder_name(name)]
    assert report["beams_agree"] and report["saves"] and report["tied"]


@pytest.mark.parametrize(
    "name", [n for n in OWN_CODE if CASES[n][1].get("head", {}).get("output") != "choice"]
)
def test_padding_on_the_left_changes_nothing(name: str, found: Found) -> None:
    assert found[folder_name(name)]["left_padding_max_difference"] <= TOLERANCE


@pytest.mark.parametrize("name", OWN_CODE)
def test_the_code_imports_torch_and_transformers_alone(name: str, root: Path) -> None:
    imported = set()
    for file in (root / folder_name(name)).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"torch", "transformers"}


def test_every_task_of_every_family_is_opened() -> None:
    assert len([f"{family} {task}" for family in FAMILIES for task in STACKS]) >= 16
    assert {f"{family} {task}" for family in FAMILIES for task in STACKS} <= CASES.keys()


@pytest.mark.parametrize("kind", SCORES)
def test_only_the_scores_of_a_configuration_are_in_its_code(kind: str) -> None:
    config = config_of("causal-lm", {"mixer": {"heads": 2, "scores": [{"kind": kind}]}})
    source = write_modeling_source(config, [(f"{REMOTE}.causal_lm", "SynthForCausalLM")])
    classes = {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    scores = {score.__name__ for score in SCORES.values()}
    always = {"DotProduct"}  # attention asks whether a score is one
    assert classes & scores == {SCORES[kind].__name__} | always


def test_the_code_reads_as_ours_does(root: Path) -> None:
    source = (root / "synthesizer-causal-lm" / "modeling_synth.py").read_text(encoding="utf-8")
    assert "Random synthesizer: S = R[:queries, :keys]" in source  # equations stay
    assert "# only the keys present are computed" in source  # and comments
    assert "type: ignore" not in source and "pydantic" not in source
    tree = ast.parse(source)
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("change", [{"block": "pre-norm"}, {"gated": True}, {"activation": "leaky-relu"}])
def test_what_bert_is_not_leaves_with_code(change: dict[str, Any]) -> None:
    task, table = CASES["bert"]
    assert as_native(_leaving(config_of(task, table))) is not None
    assert as_native(_leaving(config_of(task, table | change))) is None


def test_heads_that_do_not_fit_the_width_leave_with_code() -> None:
    task, table = CASES["bert"]
    assert as_native(_leaving(config_of(task, table | {"mixer": {"heads": 3, "d_head": 7}}))) is None


@torch.no_grad()
def test_padded_layers_attend_as_the_formula_does() -> None:
    """softmax(Q Kᵀ / √d) V W_o + b of 2 heads of 3, against 4 heads of 4 with √4."""
    bundle = bundle_of("bert of smaller layers")
    weights = {name: tensor.double() for name, tensor in bundle.model.state_dict().items()}
    found = pad_to_alike(bundle.config, weights)
    assert found is not None
    config, wide = found
    assert config.mixer.heads == 4 and SMALLER["layer_mixers"][1] == {"heads": 2, "d_head": 3}
    torch.manual_seed(0)
    x = torch.randn(5, 16, dtype=torch.float64)
    narrow = _attended(x, weights, "encoder.blocks.1", heads=2)
    torch.testing.assert_close(
        _attended(x, wide, "encoder.blocks.1", heads=4), narrow, rtol=1e-12, atol=1e-12
    )
    expand, output = "encoder.blocks.1.feed_forward.expand", "encoder.blocks.1.feed_forward.output"
    assert (weights[f"{expand}.weight"].shape, wide[f"{expand}.weight"].shape) == ((10, 16), (24, 16))
    assert not wide[f"{expand}.weight"][10:].any() and not wide[f"{output}.weight"][:, 10:].any()


def _attended(x: torch.Tensor, weights: dict[str, torch.Tensor], block: str, heads: int) -> torch.Tensor:
    def mapped(leaf: str) -> torch.Tensor:
        name = f"{block}.mixer.{leaf}"
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    query, key, value = (
        mapped(leaf).unflatten(1, (heads, -1)) for leaf in ("scores.0.query", "scores.0.key", "value")
    )
    parts = []
    for head in range(heads):
        scores = query[:, head] @ key[:, head].T / query.shape[-1] ** 0.5
        parts.append(scores.softmax(-1) @ value[:, head])
    name = f"{block}.mixer.output"
    return torch.cat(parts, dim=1) @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


METRIC = Metric(
    name="BLEU",
    value=31.256,
    interval=(30.1, 32.4),
    protocol="sacreBLEU, detokenised | cased",
    signature="nrefs:1|case:mixed",
    corpus="multi30k",
    split="test",
    samples=1000,
    split_size=1000,
    options={},
)


def test_the_card_has_a_header_that_the_hub_reads_and_every_protocol_and_count(tmp_path: Path) -> None:
    facts = CardFacts(
        synth="0.1",
        parameters=123_456,
        trained_parameters=130_000,
        step=700,
        recipe="`synth train multi30k-dense --scale hour` repeats it.",
        title="Dense synthesizer on Multi30k",
        corpus="multi30k",
        corpus_title="Multi30k",
        corpus_url="https://huggingface.co/datasets/bentrevett/multi30k",
        corpus_licence="non-commercial",
        paper="Tay et al. 2021, table 2",
        paper_url="https://arxiv.org/abs/2005.00743",
        metrics=(METRIC,),
        folded=("a gain became part of a matrix",),
        notes=("It never saw a number.",),
    )
    bundle = bundle_of("synthesizer seq2seq")
    bundle = ExportBundle("multi30k-dense", bundle.config, bundle.model, bundle.tokenizer, facts)
    EXPORTERS["hf"].write(bundle, tmp_path, ExportOptions())
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    card = ModelCard(text).data
    assert (card.library_name, card.pipeline_tag, card.datasets) == (
        "transformers",
        "translation",
        ["bentrevett/multi30k"],
    )
    (result,) = card.eval_results
    assert (result.metric_name, result.metric_value, result.metric_args["split_size"]) == (
        "BLEU",
        31.256,
        1000,
    )
    row = "| BLEU | 31.26 | 30.10 to 32.40 | `multi30k` | 1,000 of 1,000 of `test` |"
    assert row in text and r"sacreBLEU, detokenised \| cased; `nrefs:1\|case:mixed`" in text
    for part in (
        "0.1 M (123,456)",
        "non-commercial",
        "It never saw a number.",
        "- a gain became part",
        "--scale hour` repeats it.",
        "mixers `attention` by ",
        "table 2",
    ):
        assert part in text
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert (
        code is not None
        and "AutoModelForSeq2SeqLM.from_pretrained(folder, trust_remote_code=True)" in code[1]
        and "import torch\n" not in code[1]  # it does without
    )


def test_generation_is_as_the_model_was_judged(root: Path) -> None:
    options = json.loads((root / "synthesizer-seq2seq" / "generation_config.json").read_text())
    assert options == {
        "do_sample": False,
        "num_beams": 2,
        "max_length": 12,
        "length_penalty": 0.0,
        "early_stopping": True,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
        "suppress_tokens": [0, 1],
    }


def test_a_model_without_a_tokenizer_leaves_without_one(tmp_path: Path) -> None:
    bundle = replace(bundle_of("srupp causal-lm"), tokenizer=None)
    EXPORTERS["hf"].write(bundle, tmp_path, ExportOptions())
    assert not list(tmp_path.glob("tokenizer*"))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "it came without a tokenizer" in card and "AutoTokenizer" not in card
    assert "pad_token_id" not in json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))


def _leaving(config: ModelConfig) -> ExportBundle:
    from tests.exporters.tiny_models import TOKENIZER, model_of

    facts = CardFacts(synth="0", parameters=1, trained_parameters=1, step=1)
    return ExportBundle("x", config, model_of(config), TOKENIZER, facts)


def test_the_cases_are_not_empty() -> None:
    assert len(NATIVE) >= 9 and len(WRITING) >= 8
