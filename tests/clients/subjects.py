"""The models that the bench is tried on: one of ours of each kind, and of transformers' own beside it.

All are small, of random weights and without dropout, so that what is computed twice is the same.
"""

import string
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers

from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.data.tokenizers.wordpiece import SPECIAL_TOKENS, WordPieceTokenizer
from synthcli.exporters.hugging_face.auto_classes import LOADERS
from synthcli.exporters.hugging_face.tokenizer_files import write_tokenizer
from synthcli.jobs.export.export import export_checkpoint
from synthcli.model import ModelConfig
from synthcli.training.checkpoints import write_model
from tests.clients.lines import CONTROLS, OWN
from tests.exporters.tiny_models import FAMILIES, model_of

WORDS = ["the", "of", "dog", "cat", "man", "woman", "runs", "sees", "red", "blue", "house", "tree", "and"]
LETTERS = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
READER, WRITER = WordPieceTokenizer([*SPECIAL_TOKENS, *WORDS, *LETTERS, "."]), ByteTokenizer()
STACK = {"layers": 2, "max_length": 128}
SPREAD = 0.3  # of initial weights: wide enough that no two inputs give the same
CLASSES = ("no", "yes", "perhaps")
SIMPLE, SYNTHESIZER = FAMILIES["simplified-blocks"], FAMILIES["synthesizer"]

# kind → task as transformers loads it, and the tables of the model
TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "dense": ("causal-lm", {"mixer": {"heads": 2, "scores": [{"kind": "dense"}]}}),
    "srupp": ("causal-lm", FAMILIES["srupp"]),
    "skip": ("causal-lm", SIMPLE),
    "s2s": ("seq2seq", SYNTHESIZER),
    "mlm": ("masked-lm", SIMPLE),
    "cls": ("classification", SIMPLE | {"num_classes": 3, "class_names": CLASSES}),
    "reg": ("classification", SYNTHESIZER | {"head": {"output": "regression"}}),
    "mc": ("choice", SIMPLE | {"head": {"output": "choice"}}),
}
assert TABLES.keys() == OWN.keys()


@dataclass(frozen=True)
class Subject:
    """A folder that transformers loads, and what kind of model it holds."""

    name: str
    task: str  # a key of `LOADERS`
    folder: Path

    @property
    def is_own(self) -> bool:
        return self.name in OWN

    @property
    def is_causal(self) -> bool:
        return self.task == "causal-lm"

    @property
    def reads_only(self) -> bool:
        """Whether it is an encoder."""
        return self.task not in ("causal-lm", "seq2seq")

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of `synth` that one of ours was exported from."""
        return self.folder.parent / f"{self.name}-checkpoint"

    def load(self, loader: str | None = None, folder: Path | None = None, **options: Any) -> Any:
        """Return the model by the class that fits it or by `loader`, in evaluation mode."""
        kind = getattr(transformers, loader or LOADERS[self.task])
        return kind.from_pretrained(folder or self.folder, trust_remote_code=True, **options).eval()

    @cached_property
    def config(self) -> Any:
        return transformers.AutoConfig.from_pretrained(self.folder, trust_remote_code=True)

    @cached_property
    def tokenizer(self) -> Any:
        return transformers.AutoTokenizer.from_pretrained(self.folder, trust_remote_code=True)


def write_subjects(root: Path) -> None:
    """Write the folder of every model; ours pass the certificate of `synth export` on the way."""
    for name in OWN:
        write_own(name, root)
    for name in CONTROLS:
        write_control(name, root)


def read_subject(name: str, root: Path) -> Subject:
    task = TABLES[name][0] if name in TABLES else NATIVE[name][0]
    return Subject(name, task, root / name)


def write_own(name: str, root: Path) -> None:
    config = config_of(name)
    checkpoint, weights = root / f"{name}-checkpoint", model_of(config).state_dict()
    write_model(checkpoint, config, dict(weights), tokenizer_for(config.task))
    export_checkpoint(checkpoint, "hf", root / name)


def config_of(name: str) -> ModelConfig:
    kind, table = TABLES[name]
    task = "classification" if kind == "choice" else kind
    tokenizer = tokenizer_for(task)
    base = {"task": task, "vocab_size": tokenizer.vocab_size, "d_model": 16, "d_ff": 24, "dropout": 0.0}
    stacks = {"encoder": task != "causal-lm", "decoder": task in ("causal-lm", "seq2seq")}
    merged = base | {key: STACK for key, has in stacks.items() if has} | table
    return ModelConfig.model_validate({key: value for key, value in merged.items() if value is not None})


def tokenizer_for(task: str) -> Tokenizer:
    return WRITER if task in ("causal-lm", "seq2seq") else READER


def gpt2() -> Any:
    return transformers.GPT2Config(
        vocab_size=WRITER.vocab_size,
        n_positions=128,
        n_embd=16,
        n_layer=2,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=SPREAD,
        bos_token_id=WRITER.bos_id,
        eos_token_id=WRITER.eos_id,
        pad_token_id=WRITER.pad_id,
    )


def bart() -> Any:
    return transformers.BartConfig(
        vocab_size=WRITER.vocab_size,
        max_position_embeddings=128,
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        dropout=0.0,
        init_std=SPREAD,
        bos_token_id=WRITER.bos_id,
        eos_token_id=WRITER.eos_id,
        pad_token_id=WRITER.pad_id,
        decoder_start_token_id=WRITER.bos_id,
        forced_eos_token_id=WRITER.eos_id,
    )


def bert(**options: Any) -> Any:
    return transformers.BertConfig(
        vocab_size=READER.vocab_size,
        max_position_embeddings=128,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=SPREAD,
        pad_token_id=READER.pad_id,
        **options,
    )


NAMES = dict(enumerate(CLASSES))
NATIVE: dict[str, tuple[str, Any]] = {
    "gpt2": ("causal-lm", gpt2),
    "bart": ("seq2seq", bart),
    "bert-mlm": ("masked-lm", bert),
    "bert-cls": ("classification", lambda: bert(id2label=NAMES, problem_type="single_label_classification")),
    "bert-reg": ("classification", lambda: bert(num_labels=1, problem_type="regression")),
    "bert-mc": ("choice", bert),
}
assert tuple(NATIVE) == CONTROLS


def write_control(name: str, root: Path) -> None:
    """Write a model of transformers, with the tokenizer that ours of the same task has."""
    task, config = NATIVE[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        getattr(transformers, LOADERS[task]).from_config(config()).save_pretrained(root / name)
    beside = next(own for own, control in OWN.items() if control == name)
    ours = config_of(beside)
    write_tokenizer(tokenizer_for(ours.task), ours, root / name)
