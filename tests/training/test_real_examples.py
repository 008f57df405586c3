"""The loop on prepared corpora: every task trains, saves, and loads by itself."""

from pathlib import Path

import pytest
import torch

from synthcli.data.config import BatchConfig, TokenizerConfig
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.model import ModelConfig, build
from synthcli.objectives import OBJECTIVES
from synthcli.runs import create_run, find_checkpoint
from synthcli.training.checkpoints import load_model
from synthcli.training.config import TrainingConfig
from synthcli.training.loop import train
from synthcli.training.seeding import seed_torch
from synthcli.training.weights import weights_of

STACK = {"layers": 1, "max_length": 24}


@pytest.fixture(scope="module")
def copies(tmp_path_factory) -> Store:
    return prepare_store(
        "copy", TokenizerConfig(kind="bytes", vocab_size=260), tmp_path_factory.mktemp("stores")
    )


def test_a_model_trains_on_a_store_and_loads_by_itself(copies: Store, tmp_path: Path) -> None:
    table = {"task": "seq2seq", "vocab_size": 260, "d_model": 32, "d_ff": 64, "mixer": {"heads": 2}}
    seed_torch(0)
    model = build(ModelConfig.model_validate({**table, "dropout": 0.0, "encoder": STACK, "decoder": STACK}))
    schedule = {"kind": "linear", "peak": 1e-2, "warmup_steps": 5}
    config = TrainingConfig.model_validate({"steps": 30, "schedule": schedule, "validation_examples": 50})
    run = create_run("copy", 'name = "copy"\n', tmp_path)
    with run.lock():
        outcome = train(
            model,
            Examples(copies, "train", "seq2seq", 24, 24),
            OBJECTIVES["seq2seq"],
            config,
            BatchConfig(size=16),
            callbacks=run.callbacks(copies.tokenizer, Examples(copies, "validation", "seq2seq", 24, 24)),
        )
    assert outcome.evaluation.loss < 4.5 < torch.tensor(260.0).log()
    loaded, tokenizer = load_model(find_checkpoint("copy", tmp_path))
    assert tokenizer.hash == copies.tokenizer.hash
    torch.testing.assert_close(weights_of(loaded), weights_of(model), rtol=0, atol=0)
