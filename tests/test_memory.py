"""What does not fit is refused with what it takes and what there is, before any of it is made."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from synthcli import memory
from synthcli.__main__ import explain_error
from synthcli.cli import screen
from synthcli.config import Config
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import search_options
from synthcli.evaluation.token_sampling import Sampling, refuse_bad_sampling
from synthcli.presets import load_preset
from synthcli.presets.planning import parameters_of
from synthcli.training.config import TrainingConfig
from tests.cli.conftest import Synth, here, synth, tiny
from tests.data.small import BYTES

__all__ = ["here", "synth", "tiny"]


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory", lambda: 10**9)


def test_there_is_memory() -> None:
    assert 2**28 < memory.memory() < 2**50


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1_234_000, "1.23 MB"), (4 * 10**18, "4 EB")]
)
def test_an_amount(size: int, text: str) -> None:
    assert memory.amount(size) == text


def test_what_is_larger_is_refused_with_both_numbers(little: None) -> None:
    memory.refuse_larger("it", 10**9, "hint")
    with pytest.raises(SynthError) as caught:
        memory.refuse_larger("it", 10**9 + 1, "use less")
    assert str(caught.value) == "it takes 1 GB of memory, and there are 1 GB\nhint: use less"


def test_a_model_too_large_to_train(synth: Synth, tiny: str, here: Path) -> None:
    """4 bytes for each weight, its gradient and its two moments; nothing is written."""
    wide = ("--set", "model.d_model=65536", "--set", "model.d_ff=1000000000")
    parameters = parameters_of(load_preset(tiny, None, None, [word for word in wide if "=" in word])).total
    before = sorted(here.rglob("*"))
    said = synth("train", tiny, *wide)
    assert said.code == 2
    there = memory.amount(memory.memory())
    needed = memory.amount(16 * parameters)
    told = f"error: a model of {parameters:,} parameters takes {needed} of memory, and there are {there}"
    assert told in said.err
    assert parameters > 10**14
    assert sorted(here.rglob("*")) == before


def test_a_tensor_that_cannot_be_counted(synth: Synth, tiny: str) -> None:
    for verb in (("train", tiny), ("plan", tiny), ("presets", "validate", tiny)):
        more = () if verb[0] == "presets" else ("--set", f"model.d_model={2**62}")
        said = synth(*verb, *more)
        assert said.code == (2 if more else 0), said.err
        if more:
            assert said.err.count("error: ") == 1 and "too large to be" in said.err


def test_a_beam_wider_than_memory(little: None) -> None:
    tokenizer = ByteTokenizer()
    wide = EvaluationConfig(metrics=("bleu",), beam=10**6)
    with pytest.raises(SynthError) as caught:
        search_options(tokenizer, wide, 16)
    assert str(caught.value) == (
        f"a beam of 1,000,000 over {BYTES.size} tokens takes 5.2 GB of memory, and there are 1 GB\n"
        "hint: 4 to 10 is usual; 1 is greedy"
    )
    assert search_options(tokenizer, wide.model_copy(update={"beam": 100}), 16).beam == 100


class Numbers(Config):
    whole: int = 0
    real: float = 0.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_setting_is_infinite(value: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Numbers(real=value)


@pytest.mark.parametrize("value", [2**63, -(2**63), 10**30, int("9" * 4_000)])
def test_no_setting_is_larger_than_torch_can_hold(value: int) -> None:
    digits = len(str(abs(value)))
    with pytest.raises(ValidationError, match=f"`whole` has {digits:,} digits, allowed: less than 2"):
        Numbers(whole=value)
    assert Numbers(whole=2**63 - 1).whole == 2**63 - 1


@pytest.mark.parametrize("verb", ["train", "generate", "distill-block", "merge-layers", "heal"])
@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
def test_seeds_of_the_command_line(verb: str, seed: int, synth: Synth) -> None:
    said = synth(verb, f"--seed={seed}")
    assert said.code == 2
    assert said.err.startswith("error: invalid value for '--seed': ")
    assert said.err.endswith(f"\nhint: `synth {verb} --help` says what there is\n")


def test_seeds() -> None:
    assert TrainingConfig.model_fields["seed"].default == 0
    for seed in (-1, 2**63):
        with pytest.raises(ValidationError):
            EvaluationConfig(metrics=("bleu",), seed=seed)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "`--temperature inf` is no number to divide by"),
        (float("nan"), "`--temperature nan` is no number to divide by"),
        (-1.0, "`--temperature -1` is below 0"),
    ],
)
def test_temperatures(value: float, message: str) -> None:
    with pytest.raises(SynthError) as caught:
        refuse_bad_sampling(Sampling(value))
    assert caught.value.message == message


def test_errors_that_nobody_named() -> None:
    """The last resort: what the system, torch or a configuration says becomes one message, faults do not."""
    no_memory = explain_error(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried…")
    )
    assert no_memory is not None and (no_memory.message, no_memory.exit_code) == (
        "there is not enough memory",
        1,
    )
    assert explain_error(MemoryError()) is not None
    name = explain_error(OSError(36, "File name too long", "x"))
    assert name is not None and (name.message, name.exit_code) == ("`x`: file name too long", 2)
    assert explain_error(OSError(28, "No space left on device", "x")) is None  # others say what that means
    assert explain_error(RuntimeError("size mismatch")) is None and explain_error(ValueError("x")) is None
    assert explain_error(BrokenPipeError(32, "Broken pipe", "x")) is None


def test_a_message_can_be_read() -> None:
    shown = screen.one_message("a" * 3_000 + "b" * 3_000)
    assert len(shown) < 4_100 and shown.startswith("aaa") and shown.endswith("bbb")
    assert "… 2,000 characters …" in shown
