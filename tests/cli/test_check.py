"""`synth check`: a sound model, a broken one, and names that do not exist."""

import json
from pathlib import Path

import pytest
import torch

from synthcli.model.contract import EVERYWHERE, GENERATIVE
from synthcli.model.mixers import Attention

from .conftest import Synth

PROPERTIES = [*EVERYWHERE, *GENERATIVE]  # of a seq2seq model


def test_a_sound_preset_has_every_property(synth: Synth, tiny: str) -> None:
    said = synth("check", tiny)
    assert said.code == 0
    assert [line for line in said.out.splitlines() if "holds ✓" in line] == said.out.splitlines()[1:]
    assert len(said.out.splitlines()) == 1 + len(PROPERTIES)
    first, second, *_ = said.err.splitlines()
    assert first == f"checking `{tiny}` at scale `smoke`: the properties are about structure, not size"
    assert second.startswith("parameters: ") and " with 48 layers (" in second
    assert f"sound: {len(PROPERTIES)} properties hold" in said.err


def test_a_scale_that_is_named_is_the_one_checked(synth: Synth, tiny: str) -> None:
    said = synth("check", tiny, "--scale", "paper", "--json")
    assert "checking" not in said.err
    table = json.loads(said.out)
    assert (table["preset"], table["scale"]) == (tiny, "paper")
    assert table["parameters"] < 50_000  # d_model is 16
    assert [one["promise"] for one in table["promises"]] == PROPERTIES
    assert all(one["is_kept"] and one["seconds"] >= 0 and one["detail"] for one in table["promises"])


def test_a_preset_without_scales_is_checked_as_it_is(synth: Synth, here: Path) -> None:
    path = here / "own.toml"
    path.write_text(
        """\
title = "on its own"
[model]
task = "causal-lm"
d_model = 8
d_ff = 16
mixer = { heads = 2 }
decoder = { layers = 1, max_length = 8 }
[data]
corpus = "stdlib-bytes"
tokenizer = { kind = "bytes" }
layout = "packed"
batch = { size = 4 }
[training]
steps = 1
schedule = { kind = "constant", peak = 1e-3 }
[evaluation]
metrics = ["perplexity"]
"""
    )
    said = synth("check", str(path))
    assert said.code == 0
    assert said.err.startswith("parameters: ") and "packed documents are apart" in said.out


def test_a_broken_mixer_is_named_with_what_it_breaks(
    synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Attention.forward

    def seeing_the_future(self, x, context, state=None):
        y, new = forward(self, x, context, state)
        return y + y.mean(1, keepdim=True), new

    monkeypatch.setattr(Attention, "forward", seeing_the_future)
    said = synth("check", tiny)
    assert said.code == 1
    broken = {line.split("  ")[0] for line in said.out.splitlines() if "fails ✗" in line}
    assert {"nothing leaks from the future", "step by step equals all at once"} <= broken
    assert "a logit depends on a later position" in said.out
    assert "shapes                           holds ✓" in said.out
    assert f"error: `{tiny}` lacks {len(broken)} of {len(PROPERTIES)} properties: " in said.err
    assert "next:" not in said.err


@pytest.mark.slow
def test_a_mixer_that_raises_is_broken_and_the_place_is_told(
    synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(self, x, context, state=None):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Attention, "forward", raising)
    said = synth("check", tiny, "--json")
    assert said.code == 1
    found = {one["promise"]: one for one in json.loads(said.out)["promises"]}
    assert found["builds on the meta device"]["is_kept"]
    assert found["shapes"]["detail"].startswith("RuntimeError: no such luck (test_check.py:")


def test_a_check_leaves_random_numbers_alone(synth: Synth, tiny: str) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    synth("check", tiny)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wmt14-dens"], "error: no preset is called `wmt14-dens`\nhint: did you mean `wmt14-dense`?\n"),
        (
            ["wmt14-dense", "--scale", "smok"],
            "error: `wmt14-dense` has no scale `smok`\nhint: did you mean `smoke`?\n",
        ),
        (["my.toml"], "error: no preset file `my.toml`\nhint: give the path of a TOML file, "),
    ],
)
def test_a_bad_name_is_a_bad_request(words: list[str], message: str, synth: Synth) -> None:
    said = synth("check", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(message)
