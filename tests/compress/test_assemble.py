"""Models put together: what stays the same, what is numbered anew, what is refused."""

import copy

import pytest
import torch

from synthcli.compress.activations.capture import logits_of
from synthcli.compress.activations.hook_points import main_stack
from synthcli.compress.assemble import KeptLayer, New, new_block, new_mixer, with_layers, with_mixers
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError
from synthcli.model import build, count_parameters
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig, NoneConfig
from synthcli.model_config.recurrent import SRUConfig
from synthcli.training.weights import weights_of
from tests.compress.small import HEADS, LAYERS, bert_config, small_teacher

TOKENS = torch.arange(2 * 11).view(2, 11) + 5
BATCH = {"tokens": TOKENS, "padding": torch.arange(11) >= torch.tensor([[11], [7]])}


@pytest.fixture(params=["bert", "gpt2"])
def teacher(request: pytest.FixtureRequest) -> Teacher:
    found: Teacher = request.getfixturevalue(request.param)
    return found


def words(model: torch.nn.Module) -> torch.Tensor:
    return logits_of(model, BATCH)[~BATCH["padding"]]


def test_a_block_swapped_by_its_own_copy_changes_nothing(teacher: Teacher) -> None:
    stack = main_stack(teacher.config)
    own = getattr(teacher.model, stack).blocks[1].mixer
    model = with_mixers(teacher.model, teacher.config, {1: (own.config, copy.deepcopy(own))}, stack)
    torch.testing.assert_close(words(model), words(teacher.model), atol=1e-6, rtol=0)
    assert model.config == teacher.config


def test_a_whole_layer_swapped_by_its_own_copy_changes_nothing(teacher: Teacher) -> None:
    stack = main_stack(teacher.config)
    block = copy.deepcopy(getattr(teacher.model, stack).blocks[1])
    layers = [KeptLayer(0), New(block.mixer.config, teacher.config.d_ff, block), KeptLayer(2)]
    model = with_layers(teacher.model, teacher.config, layers, stack)
    torch.testing.assert_close(words(model), words(teacher.model), atol=1e-6, rtol=0)
    assert model.config == teacher.config


def test_the_result_is_what_its_configuration_builds(teacher: Teacher) -> None:
    stack = main_stack(teacher.config)
    student = AttentionConfig(heads=3, d_head=5)
    mixers = {0: (student, new_mixer(teacher.config, 0, student, stack))}
    model = with_mixers(teacher.model, teacher.config, mixers, stack)
    assert getattr(model.config, stack).layer_mixers == {0: student}
    again = build(model.config).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(words(again), words(model))
    assert not torch.allclose(words(model), words(teacher.model), atol=1e-2)


def test_a_model_put_together_shares_no_memory_and_learns(bert: Teacher) -> None:
    before = words(bert.model).clone()
    model = with_layers(bert.model, bert.config, [KeptLayer(0), KeptLayer(1), KeptLayer(2)], "encoder")
    assert all(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert torch.equal(words(bert.model), before)


def test_layers_are_numbered_anew(bert: Teacher) -> None:
    wide = AttentionConfig(heads=2, d_head=7)
    first = with_mixers(
        bert.model, bert.config, {2: (wide, new_mixer(bert.config, 2, wide, "encoder"))}, "encoder"
    )
    block = new_block(first.config, 1, LinearConfig(), 9, "encoder")
    model = with_layers(
        first, first.config, [KeptLayer(2), New(LinearConfig(), 9, block), KeptLayer(0)], "encoder"
    )
    assert model.config.encoder.layers == 3
    assert model.config.encoder.layer_mixers == {0: wide, 1: LinearConfig()}
    assert model.config.encoder.layer_d_ff == {1: 9}
    theirs, ours = weights_of(first.encoder.blocks[0]), weights_of(model.encoder.blocks[2])
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)
    shorter = with_layers(bert.model, bert.config, [KeptLayer(1)], "encoder")
    assert shorter.config.encoder.layers == 1 and shorter.config.encoder.layer_mixers == {}
    per_block = sum(p.numel() for p in bert.model.encoder.blocks[0].parameters())
    assert count_parameters(shorter) == count_parameters(bert.model) - (LAYERS - 1) * per_block


@pytest.mark.parametrize("kind", [NoneConfig(), LinearConfig(), SRUConfig()])
def test_any_mixer_takes_a_place(teacher: Teacher, kind: NoneConfig | LinearConfig | SRUConfig) -> None:
    stack = main_stack(teacher.config)
    mixers = {1: (kind, new_mixer(teacher.config, 1, kind, stack, seed=4))}
    model = with_mixers(teacher.model, teacher.config, mixers, stack)
    assert torch.isfinite(words(model)).all()
    back = getattr(teacher.model, stack).blocks[1].mixer
    if not isinstance(kind, NoneConfig):
        again = with_mixers(model, model.config, {1: (back.config, back)}, stack)
        assert torch.equal(words(again), words(teacher.model))


def test_double_precision_stays(bert: Teacher) -> None:
    double = small_teacher(bert.config, bert.tokenizer, torch.float64)
    model = with_layers(double.model, double.config, [KeptLayer(0), KeptLayer(1), KeptLayer(2)], "encoder")
    assert torch.equal(words(model), words(double.model))
    assert words(model).dtype == torch.float64


def test_a_gain_that_follows_from_depth_keeps_its_value(bert: Teacher) -> None:
    block = {"kind": "pre-norm", "feed_forward_residual": "depth"}
    config = bert_config(bert.config.vocab_size, block=block)
    deep = small_teacher(config, bert.tokenizer)
    model = with_layers(deep.model, config, [KeptLayer(0), KeptLayer(1), KeptLayer(2)], "encoder")
    torch.testing.assert_close(words(model), words(deep.model), atol=1e-6, rtol=0)
    shorter = with_layers(deep.model, config, [KeptLayer(0)], "encoder")
    assert shorter.config.block.feed_forward_residual == pytest.approx(0.1 * 6**0.5)


def test_a_first_layer_of_its_own_is_not_moved_in_silence(bert: Teacher) -> None:
    mixer = {"heads": HEADS, "first_value": {"kind": "identity"}}
    config = bert_config(bert.config.vocab_size, mixer=mixer)
    teacher = small_teacher(config, bert.tokenizer)
    with pytest.raises(SynthError, match=r"the model put together holds `encoder.blocks.0.mixer.value"):
        with_layers(teacher.model, config, [KeptLayer(1), KeptLayer(2)], "encoder")


def test_layers_that_are_not_there_are_refused(bert: Teacher) -> None:
    for make in (
        lambda: with_layers(bert.model, bert.config, [KeptLayer(3)], "encoder"),
        lambda: with_mixers(bert.model, bert.config, {3: (LinearConfig(), torch.nn.Identity())}, "encoder"),
        lambda: new_mixer(bert.config, 3, LinearConfig(), "encoder"),
    ):
        with pytest.raises(SynthError, match="there is no block 3") as error:
            make()
        assert "0 to 2" in error.value.hint
    with pytest.raises(SynthError, match="no layer of the encoder would be left"):
        with_layers(bert.model, bert.config, [], "encoder")
