"""Segment recurrence: the state goes from segment to segment, in training, validation and checkpoints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthcli.data.config import BatchConfig
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import continue_text, search_options
from synthcli.jobs.generate import generate_texts
from synthcli.model import flatten_state, unflatten_state
from synthcli.objectives import OBJECTIVES, segment_lm
from synthcli.training.checkpoints import Checkpointing, load_checkpoint, load_model, restore_training
from synthcli.training.loop import train
from synthcli.training.trainer import prepare
from synthcli.training.validation import Validation
from tests.training.toy_streams import LENGTH, PERIOD, SEGMENTS, SRUPP, STREAMS, Periodic, config, model

CARRYING = {
    "srupp": (SRUPP, "recurrent"),
    "transformer-xl": ({"kind": "transformer-xl", "heads": 2, "memory": 9, "dropout": 0.1}, "post-norm"),
    "dynamic-convolution": ({"kind": "dynamic-convolution", "heads": 2, "kernel": 5}, "pre-norm"),
}


def learn(
    steps: int, folder: Path | None = None, resume: Path | None = None, mixer: str = "srupp", **more: Any
) -> Any:
    network, examples = model(*CARRYING[mixer]), Periodic()
    callbacks: list[Any] = [Validation(examples)]
    if folder is not None:
        callbacks.append(Checkpointing(folder, ByteTokenizer()))
    train(
        network,
        examples,
        OBJECTIVES["causal-lm"],
        config(steps, **more),
        BatchConfig(size=STREAMS),
        callbacks=callbacks,
        resume=None if resume is None else load_checkpoint(resume),
    )
    return network


@pytest.mark.slow
@pytest.mark.parametrize("mixer", CARRYING)
def test_resuming_within_the_streams_is_exact(tmp_path: Path, mixer: str) -> None:
    """Step 5 of 8 is in the midst of an epoch: the state it left has to be there."""
    whole = learn(13, tmp_path / "whole", mixer=mixer)
    learn(5, tmp_path / "first", mixer=mixer)
    assert (tmp_path / "first/step-00000005/training/carried.safetensors").exists()
    resumed = learn(13, tmp_path / "first", resume=tmp_path / "first/step-00000005", mixer=mixer)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_resuming_with_other_micro_batches_continues_every_stream(tmp_path: Path) -> None:
    learn(5, tmp_path)
    trained = []
    for micro_size in (STREAMS, 2):
        batch = BatchConfig(size=STREAMS, micro_size=micro_size)
        network = model(SRUPP | {"attention_dropout": 0.0}, dropout=0.0)
        training = prepare(network, Periodic(), OBJECTIVES["causal-lm"], config(9), batch, ())
        restore_training(training, load_checkpoint(tmp_path / "step-00000005"))
        training.step += 1
        _, batches = training.next_batches()
        trained.append(sum(training.loss(batch, n).item() for n, batch in enumerate(batches, start=1)))
    assert len(batches) == 2
    assert trained[0] == pytest.approx(trained[1], rel=1e-6)


def test_a_checkpoint_of_other_streams_is_refused(tmp_path: Path) -> None:
    learn(5, tmp_path)
    few = Periodic(streams=2)
    batch = BatchConfig(size=2)
    training = prepare(model(SRUPP), few, OBJECTIVES["causal-lm"], config(9), batch, ())
    with pytest.raises(SynthError) as error:
        restore_training(training, load_checkpoint(tmp_path / "step-00000005"))
    path = tmp_path / "step-00000005/training/carried.safetensors"
    assert error.value.message == (f"`blocks.0.mixer.c` of `{path}` has the states of 3 streams, not of 2")
    assert error.value.hint == "resume with the `data.batch.size` the run began with"


def loss_of(network: torch.nn.Module, examples: Periodic, carries: bool) -> float:
    network.eval()
    total, count, state = 0.0, 0, network.initial_state()
    with torch.no_grad():
        for segment in range(examples.segments):
            batch = examples.collate(np.arange(STREAMS) + segment * STREAMS)
            loss, targets, new = segment_lm(network, batch, state, window=2 * PERIOD)
            state = new if carries else state
            total, count = total + loss.item(), count + targets
    return total / count


@pytest.mark.slow
def test_what_is_carried_helps_and_how_it_is_cut_does_not_matter() -> None:
    network = learn(400)
    losses = [loss_of(network, Periodic(length), carries=True) for length in (LENGTH, 1, 4, 24, 48)]
    assert max(losses) - min(losses) < 1e-5
    assert losses[0] < 0.8 * loss_of(network, Periodic(), carries=False)


@pytest.mark.parametrize(("segments", "given"), [(SEGMENTS, None), (3, 3 * STREAMS)])
def test_the_validation_loss_is_that_of_the_streams_at_once(segments: int, given: int | None) -> None:
    network = learn(5)
    wanted = config(5, validation_examples=given)
    training = prepare(network, Periodic(), OBJECTIVES["causal-lm"], wanted, BatchConfig(size=STREAMS), ())
    evaluation = Validation(Periodic()).evaluate(training)
    network.eval()
    ids = Periodic().ids[:, : segments * LENGTH + 1]
    with torch.no_grad():
        logits, _ = network(ids[:, :-1], state=network.initial_state(), window=2 * LENGTH)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).item()
    assert evaluation.targets == STREAMS * segments * LENGTH
    assert evaluation.loss == pytest.approx(loss, rel=1e-5)


def test_the_streams_begin_anew_with_every_epoch() -> None:
    examples = Periodic()
    training = prepare(
        model(SRUPP), examples, OBJECTIVES["causal-lm"], config(20), BatchConfig(size=STREAMS), ()
    )
    for step in range(1, SEGMENTS + 2):
        training.step = step
        epoch, (batch,) = training.next_batches()
        assert (epoch, len(training.carried)) == ((1, 0) if step > SEGMENTS else (0, min(step - 1, 1)))
        training.loss(batch, 1)
    assert training.carried[1].position == LENGTH


def test_a_model_without_a_state_to_carry_is_refused() -> None:
    network = model({"kind": "attention", "heads": 2}, block="pre-norm")
    with pytest.raises(SynthError) as error:
        prepare(network, Periodic(), OBJECTIVES["causal-lm"], config(5), BatchConfig(size=STREAMS), ())
    assert error.value.message == (
        '`data.layout = "streams"` carries a state of a fixed size from segment to segment, '
        "and `attention` has none"
    )


def test_a_state_survives_being_flattened() -> None:
    network = model(SRUPP)
    _, _, state = segment_lm(network, Periodic().collate(np.arange(STREAMS)), network.initial_state())
    again = unflatten_state(network.initial_state(), flatten_state(state, "7"), "7")
    assert again.position == state.position == LENGTH
    flat, other = flatten_state(state), flatten_state(again)
    assert flat.keys() == other.keys() and len(flat) == 1 + 2 * 2
    assert all(torch.equal(flat[name], other[name]) for name in flat)


def test_a_checkpoint_writes_more_than_a_segment_after_a_long_prompt(tmp_path: Path) -> None:
    learn(5, tmp_path)
    prompt = "a prompt of more than a segment and the one before it"
    asked = EvaluationConfig(metrics=("perplexity",), beam=1, max_length=5 * LENGTH)
    (text,) = generate_texts(tmp_path / "step-00000005", [prompt], asked)
    assert text.startswith(prompt)
    network, tokenizer = load_model(tmp_path / "step-00000005")
    options = search_options(tokenizer, asked, 2 * LENGTH, is_endless=True)
    ids = torch.tensor([tokenizer.bos_id, *prompt.encode()])
    ids[1:] += 4
    found = continue_text(network, ids, options, window=2 * LENGTH)
    assert options.max_length == 5 * LENGTH
    assert text == prompt + tokenizer.decode(list(found.tokens))
