"""Perplexity of packed text in windows that overlap, against a loop that shows each token its context."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from synthcli.data.config import TokenizerConfig
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.measure import EvaluationJob, evaluate_metric
from synthcli.model import ModelConfig, build
from synthcli.progress import no_progress

LENGTH, CONTEXT = 8, 5


def test_each_token_is_predicted_from_its_context(tmp_path: Path) -> None:
    lines = [b"one line", b"", b"two more lines", b"x"] * 3
    (tmp_path / "enwik8").write_bytes(b"\n".join(lines * 20))
    store = prepare_store("enwik8", TokenizerConfig(kind="bytes"), tmp_path / "stores", tmp_path / "enwik8")
    torch.manual_seed(0)
    table = {
        "d_model": 8,
        "d_ff": 8,
        "dropout": 0.0,
        "mixer": {"heads": 2},
        "embeddings": {"positions": "rotary"},
    }
    table |= {"task": "causal-lm", "vocab_size": 260, "decoder": {"layers": 2, "max_length": LENGTH}}
    model = build(ModelConfig.model_validate(table)).double().eval()

    options = {"max_target": LENGTH, "layout": "packed"}
    examples = Examples(store, "test", "causal-lm", **options, context=CONTEXT)
    config = EvaluationConfig.model_validate({"metrics": ["perplexity"], "context": CONTEXT})
    chosen = np.arange(len(examples))
    score = evaluate_metric(
        "perplexity", EvaluationJob(model, store.tokenizer, examples, config, chosen, no_progress)
    )[0]

    whole = Examples(store, "test", "causal-lm", max_target=10_000, layout="packed").collate(np.array([0]))
    tokens, targets = whole["tokens"][0], whole["targets"][0]
    nats = 0.0
    for place, target in enumerate(targets):
        window = 0 if place < LENGTH else 1 + (place - LENGTH) // (LENGTH - CONTEXT)
        first = max(0, LENGTH + (window - 1) * (LENGTH - CONTEXT) - CONTEXT) if window else 0
        logits, _ = model(tokens[None, first : place + 1])
        nats -= float(logits[0, -1].detach().log_softmax(-1)[target])
        assert place + 1 - first > CONTEXT or first == 0
    assert score.value == pytest.approx(math.exp(nats / len(targets)), rel=1e-12)
