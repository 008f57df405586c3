"""Sites hold what their names say, and nothing is computed after the last."""

import pytest
import torch
import torch.nn.functional as F

from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import capture, context_of, logits_of
from synthcli.compress.activations.hook_points import PARTS, HookPoint, logits_hook_point, width_of
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError

EXACT = {"rtol": 0.0, "atol": 0.0}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # float32, computed in another order


@pytest.fixture
def batch(text: Calibration) -> dict[str, torch.Tensor | None]:
    return text.batch(range(5))


def points(stack: str, layer: int) -> dict[str, HookPoint]:
    return {part: HookPoint(stack, layer, part) for part in PARTS if part != "logits"}


def test_post_norm_sites_are_the_terms_of_its_equation(bert: Teacher, batch) -> None:
    at = points("encoder", 1)
    found = capture(bert, batch, at.values())
    got = {part: found[point] for part, point in at.items()}
    block, padding = bert.model.encoder.blocks[1], batch["padding"]
    assert padding is not None and padding.any()
    torch.testing.assert_close(got["mixer-in"], got["layer-in"], **EXACT)
    torch.testing.assert_close(block.mixer.output(got["context"]), got["mixer-out"], **EXACT)
    middle = block.mixer_norm(got["layer-in"] + got["mixer-out"])
    torch.testing.assert_close(got["feed-forward-in"], middle, **EXACT)
    hidden = F.gelu(block.feed_forward.expand(middle))
    torch.testing.assert_close(got["feed-forward-hidden"], hidden, **EXACT)
    torch.testing.assert_close(block.feed_forward.output(hidden), got["feed-forward-out"], **EXACT)
    out = block.feed_forward_norm(middle + got["feed-forward-out"])
    torch.testing.assert_close(got["layer-out"], out, **EXACT)


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_softmax_of_scores_times_values_is_the_context(stack, bert, gpt2, batch) -> None:
    teacher, at = (bert if stack == "encoder" else gpt2), points(stack, 2)
    found = capture(teacher, batch, [at["mixer-in"], at["scores"], at["context"]])
    mixer, scores = getattr(teacher.model, stack).blocks[2].mixer, found[at["scores"]]
    hidden = batch["padding"][:, None, None, :]
    if stack == "decoder":
        hidden = hidden | torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    values = mixer.value(found[at["mixer-in"]]).unflatten(-1, (4, 6))
    weights = scores.masked_fill(hidden, -1e30).softmax(-1)
    context = torch.einsum("bhqk,bkhd->bqhd", weights, values).flatten(2)
    real = ~batch["padding"]
    torch.testing.assert_close(context[real], found[at["context"]][real], **CLOSE)


def test_pre_norm_mixers_read_the_normed_stream(gpt2: Teacher, batch) -> None:
    at = points("decoder", 0)
    found = capture(gpt2, batch, at.values())
    block = gpt2.model.decoder.blocks[0]
    torch.testing.assert_close(found[at["mixer-in"]], block.mixer_norm(found[at["layer-in"]]), **EXACT)
    y, _ = block.mixer(found[at["mixer-in"]], context_of("decoder", batch["padding"]))
    torch.testing.assert_close(found[at["mixer-out"]], y, **EXACT)


def test_the_forward_ends_with_the_last_site(bert: Teacher, batch) -> None:
    ran: list[int] = []
    blocks = bert.model.encoder.blocks
    handles = [
        block.register_forward_hook(lambda *_, layer=layer: ran.append(layer))
        for layer, block in enumerate(blocks)
    ]
    capture(bert, batch, [HookPoint("encoder", 1, "mixer-out"), HookPoint("encoder", 0, "layer-in")])
    for handle in handles:
        handle.remove()
    assert ran == [0]
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in bert.model.modules())


def test_logits_are_those_of_the_model_and_nothing_has_a_gradient(bert: Teacher, batch) -> None:
    last, layer = logits_hook_point(bert.config), HookPoint("encoder", 2, "layer-out")
    found = capture(bert, batch, [last, layer])
    torch.testing.assert_close(found[last], logits_of(bert.model, batch), **EXACT)
    torch.testing.assert_close(found[last], bert.model.head(found[layer]), **EXACT)
    assert list(found) == [last, layer] and not found[last].requires_grad


def test_widths_are_those_of_what_is_captured(bert: Teacher, batch) -> None:
    wanted = [*(point for part, point in points("encoder", 1).items() if part != "scores")]
    wanted.append(logits_hook_point(bert.config))
    found = capture(bert, batch, wanted)
    assert {point: width_of(bert.model, point) for point in wanted} == {
        s: t.shape[-1] for s, t in found.items()
    }


@pytest.mark.parametrize(
    "name", ["encoder.3.mixer-out", "decoder.0.logits", "encoder.11.feed-forward-hidden"]
)
def test_a_site_reads_back_as_it_is_written(name: str) -> None:
    assert str(HookPoint.parse(name)) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "encoder.3.mixer-out",
            "there is no block 3: the model has 3 layers\nhint: blocks count from 0, allowed: 0 to 2",
        ),
        ("decoder.0.layer-in", "a `masked-lm` model has no `decoder`\nhint: it has `encoder`"),
        (
            "encoder.0.logits",
            "there is no hook point `encoder.0.logits`\nhint: logits are at `encoder.2.logits`",
        ),
    ],
)
def test_a_site_that_is_not_there_is_refused(bert: Teacher, batch, name: str, message: str) -> None:
    with pytest.raises(SynthError) as error:
        capture(bert, batch, [HookPoint.parse(name)])
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["encoder.x.mixer-out", "mixer-out", "encoder.1.mixer-uot", "head.0.logits"])
def test_a_word_that_is_no_site_is_refused(name: str) -> None:
    with pytest.raises(SynthError, match=r"no hook point|unknown part `mixer-uot`"):
        HookPoint.parse(name)
