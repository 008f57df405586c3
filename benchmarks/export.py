"""Latency of exported models beside ours: `onnx` in onnxruntime, `hf` in transformers, all in one run.

Each does the same work in turn, round after round: a forward of 8 × 128 tokens, and greedy decoding of 64
tokens after a prompt, or from a source, of 16, a row alone. Ours is as it was trained; what leaves is folded.
Ours and the ONNX models decode in a plain loop with the state, `hf` by `generate` with its cache. Figures are
medians, and ratios to ours within this one run; above 1 the exported model takes longer. `--clock processor`
counts what the process itself computes, which other work on the machine hardly changes: for one thread.

    python benchmarks/export.py [--models gpt-2 bert ...] [--rounds 9] [--threads 1]
                                [--clock wall|processor] [--json FILE]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from synthcli.allocator import keep_freed_memory
from synthcli.exporters import EXPORTERS
from synthcli.exporters.export_bundle import CardFacts, ExportBundle, ExportOptions
from synthcli.exporters.folding import fold
from synthcli.exporters.parity.hugging_face_folder import Loaded
from synthcli.exporters.parity.programs import Programs
from synthcli.model import ModelConfig, build, count_parameters

VOCAB, D_MODEL, LAYERS, HEADS, LONGEST = 8192, 256, 4, 4, 128
BATCH, LENGTH, PROMPT, WRITTEN, BEGIN = 8, 128, 16, 64, 0
WARM_UP, TOLERANCE = 2, 1e-3
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}

BERT = {"scale": False, "norm": True, "tie": "output", "token_types": 2}
MODELS: dict[str, dict[str, Any]] = {
    "gpt-2": {
        "task": "causal-lm",
        "activation": "gelu-tanh",
        "embeddings": {"scale": False, "tie": "output"},
    },
    "skipless": {"task": "causal-lm", "block": "skipless"},
    "srupp": {
        "task": "causal-lm",
        "block": "recurrent",
        "d_ff": None,
        "mixer": {"kind": "srupp", "projection": 64, "heads": 1},
    },
    "bert": {"task": "masked-lm", "block": "post-norm", "embeddings": BERT, "norm_eps": 1e-12},
    "translator": {"task": "seq2seq"},
}
STACKS = {"causal-lm": ("decoder",), "masked-lm": ("encoder",), "seq2seq": ("encoder", "decoder")}


@dataclass(frozen=True)
class Contender:
    """`forward` returns logits; `greedy` the ids it adds, None for an encoder."""

    forward: Callable[[], Tensor]
    greedy: Callable[[], list[int]] | None


def config_of(name: str) -> ModelConfig:
    """Return the configuration of one of `MODELS`."""
    table = {
        "vocab_size": VOCAB,
        "d_model": D_MODEL,
        "d_ff": 4 * D_MODEL,
        "mixer": {"heads": HEADS},
        **MODELS[name],
    }
    table |= {stack: {"layers": LAYERS, "max_length": LONGEST} for stack in STACKS[table["task"]]}
    return ModelConfig.model_validate({key: value for key, value in table.items() if value is not None})


def bundle_of(name: str, config: ModelConfig, model: nn.Module) -> ExportBundle:
    """Return the folded model as `synth export` hands it to what writes."""
    folded = fold(config, model)
    counts = count_parameters(folded.model), count_parameters(model)
    return ExportBundle(name, folded.config, folded.model, None, CardFacts("0", *counts, step=0))


def inputs_of(config: ModelConfig) -> dict[str, np.ndarray]:
    """Return tokens, and of a translation its source."""
    names = ("source", "tokens") if config.task == "seq2seq" else ("tokens",)
    return {name: np.random.default_rng(0).integers(1, VOCAB, (BATCH, LENGTH)) for name in names}


def ours(config: ModelConfig, model: Any) -> Contender:
    """Return our model in a plain loop."""
    given = {name: torch.from_numpy(array) for name, array in inputs_of(config).items()}
    prompt = next(iter(given.values()))[:1, :PROMPT]

    @torch.inference_mode()
    def forward() -> Tensor:
        logits = model(**given)
        return logits[0] if isinstance(logits, tuple) else logits

    @torch.inference_mode()
    def greedy() -> list[int]:
        state, tokens, step, written = model.initial_state(), prompt, model, []
        if config.task == "seq2seq":
            tokens, step = (
                torch.full((1, 1), BEGIN),
                partial(model.decode, memory=model.encode(prompt)),
            )
        while len(written) < WRITTEN:
            logits, state = step(tokens, state=state)
            tokens = logits[:, -1:].argmax(-1)
            written.append(int(tokens))
        return written

    return Contender(forward, None if config.task == "masked-lm" else greedy)


def exported(kind: str, config: ModelConfig, folder: Path, threads: int) -> Contender:
    """Return what a folder computes, opened as its certificate opens it."""
    subject: Any
    if kind == "hf":
        subject = Loaded(folder, config.task, False)
        subject.model.generation_config.decoder_start_token_id = BEGIN  # there is no tokenizer to say so
    else:
        subject = Programs(folder, caller(folder, threads), {})
    given = inputs_of(config)
    prompt = next(iter(given.values()))[0, :PROMPT]

    def forward() -> Tensor:
        return torch.from_numpy(subject.logits(given))

    def greedy() -> list[int]:
        return [int(token) for token in subject.greedy(prompt, WRITTEN)]

    return Contender(forward, None if config.task == "masked-lm" else greedy)


def caller(folder: Path, threads: int) -> Callable[[str, dict[str, np.ndarray]], list[np.ndarray]]:
    """Return what runs a program of a folder by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = {
        path.stem: onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        for path in folder.glob("*.onnx")
    }
    return lambda name, inputs: list(sessions[name].run(None, inputs))


def contenders(name: str, root: Path, threads: int) -> dict[str, Contender]:
    """Build a model, export it both ways, and open what came of it."""
    config = config_of(name)
    torch.manual_seed(0)
    model = build(config).eval()
    found = {"ours": ours(config, model)}
    for kind in ("onnx", "hf"):
        folder = root / f"{name}-{kind}"
        folder.mkdir()
        EXPORTERS[kind].write(bundle_of(name, config, model), folder, ExportOptions())
        found[kind] = exported(kind, config, folder, threads)
    return found


def compare(name: str, root: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Time whole sequences and decoding of one model in turn."""
    found, rows = contenders(name, root, options.threads), []
    expected = found["ours"].forward()
    for one in found.values():
        torch.testing.assert_close(one.forward(), expected, rtol=TOLERANCE, atol=TOLERANCE)
    for work in ("forward", "greedy"):
        calls = {kind: getattr(one, work) for kind, one in found.items()}
        if calls["ours"] is None:
            continue
        seconds = {kind: statistics.median(times) for kind, times in timed(calls, options).items()}
        ratios = {f"{kind}_ratio": seconds[kind] / seconds["ours"] for kind in ("onnx", "hf")}
        rows.append({"model": name, "work": work, "seconds": seconds, **ratios})
    return rows


def timed(calls: dict[str, Callable[[], object]], options: argparse.Namespace) -> dict[str, list[float]]:
    """Return seconds of each call, which take turns."""
    clock = CLOCKS[options.clock]
    seconds: dict[str, list[float]] = {kind: [] for kind in calls}
    for turn in range(options.rounds + WARM_UP):
        for kind, call in calls.items():
            began = clock()
            call()
            if turn >= WARM_UP:
                seconds[kind].append(clock() - began)
    return seconds


def main() -> None:
    keep_freed_memory()  # as `synth` itself does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'model':12} {'work':8} {'ours ms':>9} {'onnx ×':>7} {'hf ×':>7}   load {os.getloadavg()[0]:.1f}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            for row in compare(name, Path(folder), options):
                rows.append(row)
                times = f"{1e3 * row['seconds']['ours']:9.2f} {row['onnx_ratio']:7.2f} {row['hf_ratio']:7.2f}"
                print(f"{name:12} {row['work']:8} {times}   load {os.getloadavg()[0]:.1f}", flush=True)
    if options.json:
        options.json.write_text(
            json.dumps({"threads": options.threads, "clock": options.clock, "rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
