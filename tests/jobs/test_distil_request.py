"""From options and presets to a request."""

from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.jobs.distil_request import Asked, from_preset, request_of
from synthcli.presets import load_preset, preset_names

GRID = [name for name in preset_names() if name.startswith("bert-distil-block-")]


@pytest.mark.parametrize("scale", ["smoke", None])
def test_every_preset_of_the_papers_grid_is_a_request(scale: str | None) -> None:
    assert len(GRID) == 36
    for name in GRID[:: 1 if scale else 5]:
        block, heads, d_head = (int(word) for word in name.split("-") if word.isdecimal())
        request = from_preset(load_preset(name, scale))
        assert request.blocks == (block,) and request.name == name
        assert request.students is not None and request.students.encoder is not None
        student = request.students.mixer_of(request.students.encoder, block)
        assert (student.kind, student.heads, student.d_head) == ("attention", heads, d_head)  # type: ignore[union-attr]
        assert request.text.max_length == (18 if scale == "smoke" else 40)
        if scale is None:
            assert (request.epochs, request.text.limit, request.plan.settings.batch_size) == (50, None, 64)
            assert request.teacher == "bert-base-uncased" and request.plan.settings.learning_rate == 1e-3
        else:
            assert (request.epochs, request.plan.settings.steps, request.text.limit) == (None, 60, 300)


def test_what_is_asked_comes_before_the_preset() -> None:
    name = "bert-distil-block-0-heads-1-dk-16"
    asked = Asked(steps=7, limit=9, criterion="cosine", seed=3, corpus="text", source=Path("here"))
    request = request_of(asked, name, None)
    assert (request.epochs, request.plan.settings.steps, request.plan.settings.seed) == (None, 7, 3)
    assert (request.plan.criterion, request.text.limit, request.text.corpus) == ("cosine", 9, "text")
    assert request.students is not None and request.name == name
    other = request_of(Asked(mixer="random"), name, None)
    assert other.students is None and other.name is None and other.mixer == "random"
    assert request_of(Asked(blocks="all"), name, None).blocks is None


def test_without_a_preset_blocks_are_named() -> None:
    assert request_of(Asked(blocks=(4,)), None, None).blocks == (4,)
    assert request_of(Asked(blocks=(4,)), None, None).text.limit == 2000
    rates = [
        request_of(Asked((1,), mixer=mixer), None, None).plan.settings.learning_rate
        for mixer in ("dense", "sru")
    ]
    assert rates == [1e-3, 5e-3]
    with pytest.raises(SynthError, match="no block is named"):
        request_of(Asked(), None, None)


def test_a_pipeline_is_a_request_with_corrected_targets() -> None:
    request = from_preset(load_preset("bert-half-pipeline", "hour"))
    assert request.blocks == tuple(range(12)) and request.plan.conditioned == "corrected"
    assert request.plan.settings.steps == 200


def test_healing_belongs_to_a_pipeline() -> None:
    with pytest.raises(SynthError, match='`method = "distil-block"` has no `heal_steps`'):
        load_preset(GRID[0], None, None, ["compress.heal_steps=3"])
