"""Every criterion against its formula, written out token by token in float64; and its gradients."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from synthcli.compress.distill.criteria import CRITERIA, Given, criterion
from synthcli.compress.distill.criteria.base import real_rows
from synthcli.compress.distill.criteria.maps import map_divergence, mask_visible
from synthcli.compress.distill.criteria.relation import common_heads, project_vectors
from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import MIXERS, Site
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.recurrent import SRUConfig

WIDTH, LENGTHS = 6, (5, 3, 1)


def attention(heads: int, d_head: int, seed: int, **more: Any) -> Any:
    torch.manual_seed(seed)
    config = AttentionConfig(heads=heads, d_head=d_head, **more)
    mixer = MIXERS["attention"](config, Site(WIDTH, 7, 7)).double()
    for parameter in mixer.parameters():
        nn.init.normal_(parameter, std=0.7)
    return mixer.eval()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    """x, y and padding of rows of 5, 3 and 1 tokens; what is padded holds nonsense."""
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(2, 3, 5, WIDTH, dtype=torch.float64, generator=generator)
    padding = torch.arange(5) >= torch.tensor(LENGTHS)[:, None]
    return x.masked_fill(padding[..., None], 1e3), y.masked_fill(padding[..., None], -1e3), padding


def softmax(row: list[float]) -> list[float]:
    top = max(row)
    powers = [math.exp(value - top) for value in row]
    return [power / sum(powers) for power in powers]


def divergence(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def heads_of(mixer: Any, x: Tensor, what: str) -> Tensor:
    """(heads, length, d_head) of one row, by its weights alone."""
    score = mixer.scores[0]
    linear = {"query": score.query, "key": score.key, "value": mixer.value}[what]
    projected = x @ linear.weight.T + linear.bias
    return projected.view(len(x), mixer.shape.heads, -1).transpose(0, 1)


def scores(mixer: Any, x: Tensor) -> list[list[list[float]]]:
    query, key = heads_of(mixer, x, "query"), heads_of(mixer, x, "key")
    return (query @ key.mT / math.sqrt(query.shape[-1])).tolist()


def loss_of(name: str, teacher: Any, student: Any, batch: Any, causal: bool = False, **given: Any) -> Tensor:
    x, y, padding = batch
    made = criterion(name, Given(teacher, **given), student)
    return made.loss(student, x, y, Context(causal=causal, key_padding=padding))


@torch.no_grad()
def outputs(student: Any, x: Tensor) -> Tensor:
    return student(x[None], Context())[0][0]


def test_l1(batch: Any) -> None:
    student, (x, y, _) = attention(2, 3, 0), batch
    deviation = math.sqrt(2.5 / WIDTH)
    expected = sum(
        float((outputs(student, x[row, :n])[t] - y[row, t]).abs().sum()) / WIDTH / deviation
        for row, n in enumerate(LENGTHS)
        for t in range(n)
    )
    with torch.no_grad():
        loss = loss_of("l1", attention(2, 3, 1), student, batch, variance=2.5)
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_mse(batch: Any) -> None:
    student, (x, y, _) = attention(2, 3, 0), batch
    expected = sum(
        float((outputs(student, x[row, :n])[t] - y[row, t]).square().sum()) / 2.5
        for row, n in enumerate(LENGTHS)
        for t in range(n)
    )
    torch.testing.assert_close(loss_of("mse", student, student, batch, variance=2.5).item(), expected)


def test_cosine(batch: Any) -> None:
    student, (x, y, _), expected = attention(2, 3, 0), batch, 0.0
    for row, n in enumerate(LENGTHS):
        for ours, theirs in zip(outputs(student, x[row, :n]), y[row, :n], strict=True):
            expected += 1 - float(ours @ theirs / (ours.norm() * theirs.norm()))
    torch.testing.assert_close(loss_of("cosine", student, student, batch).item(), expected)


def test_ce_logits_takes_the_softmax_over_features(batch: Any) -> None:
    student, (x, y, _), expected = attention(2, 3, 0), batch, 0.0
    for row, n in enumerate(LENGTHS):
        for ours, theirs in zip(outputs(student, x[row, :n]).tolist(), y[row, :n].tolist(), strict=True):
            said = softmax(ours)
            expected -= sum(p * math.log(q) for p, q in zip(softmax(theirs), said, strict=True))
    torch.testing.assert_close(loss_of("ce-logits", student, student, batch).item(), expected)


@pytest.mark.parametrize("causal", [False, True])
def test_mse_scores_counts_the_keys_seen(batch: Any, causal: bool) -> None:
    teacher, student, x, expected = attention(2, 3, 0), attention(2, 2, 1), batch[0], 0.0
    for row, n in enumerate(LENGTHS):
        theirs, ours = scores(teacher, x[row, :n]), scores(student, x[row, :n])
        for t in range(n):
            seen = range(t + 1 if causal else n)
            squares = [(theirs[h][t][k] - ours[h][t][k]) ** 2 for h in range(2) for k in seen]
            expected += sum(squares) / len(squares)
    torch.testing.assert_close(loss_of("mse-scores", teacher, student, batch, causal).item(), expected)


@pytest.mark.parametrize("causal", [False, True])
def test_ce_scores_takes_the_softmax_over_keys(batch: Any, causal: bool) -> None:
    teacher, student, x, expected = attention(2, 3, 0), attention(2, 4, 1), batch[0], 0.0
    for row, n in enumerate(LENGTHS):
        theirs, ours = scores(teacher, x[row, :n]), scores(student, x[row, :n])
        for t in range(n):
            last = t + 1 if causal else n
            for head in range(2):
                expected += divergence(softmax(theirs[head][t][:last]), softmax(ours[head][t][:last])) / 2
    torch.testing.assert_close(loss_of("ce-scores", teacher, student, batch, causal).item(), expected)


@pytest.mark.parametrize("relation_heads", [None, 2, 1])
def test_relation_cuts_the_heads_anew(batch: Any, relation_heads: int | None) -> None:
    teacher, student, x, expected = attention(3, 2, 0), attention(1, 4, 1), batch[0], 0.0
    number = relation_heads or 2  # the most that divide 6 and 4 columns and are no more than 3 heads
    for row, n in enumerate(LENGTHS):
        for what in ("query", "key", "value"):
            maps = []
            for mixer in (teacher, student):
                whole = heads_of(mixer, x[row, :n], what).transpose(0, 1).flatten(1)
                cut = whole.view(n, number, -1).transpose(0, 1)
                maps.append((cut @ cut.mT / math.sqrt(cut.shape[-1])).tolist())
            for head in range(number):
                for t in range(n):
                    expected += divergence(softmax(maps[0][head][t]), softmax(maps[1][head][t])) / number
    loss = loss_of("relation", teacher, student, batch, relation_heads=relation_heads)
    torch.testing.assert_close(loss.item(), expected)


def test_kl_output_is_of_words_at_every_real_position(batch: Any) -> None:
    student, (x, y, _), expected = attention(2, 3, 0), batch, 0.0
    head = torch.randn(9, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for row, n in enumerate(LENGTHS):
        ours = (outputs(student, x[row, :n]) @ head.T).tolist()
        theirs = (y[row, :n] @ head.T).tolist()
        expected += sum(divergence(softmax(theirs[t]), softmax(ours[t])) for t in range(n))
    loss = loss_of("kl-output", student, student, batch, rest=lambda stream, context: stream @ head.T)
    torch.testing.assert_close(loss.item(), expected)


def test_kl_output_of_a_classifier_counts_for_each_token(batch: Any) -> None:
    student, (x, y, _), expected = attention(2, 3, 0), batch, 0.0
    head = torch.randn(4, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for row, n in enumerate(LENGTHS):
        ours, theirs = outputs(student, x[row, :n])[0] @ head.T, y[row, 0] @ head.T
        expected += n * divergence(softmax(theirs.tolist()), softmax(ours.tolist()))
    loss = loss_of("kl-output", student, student, batch, rest=lambda stream, context: stream[:, 0] @ head.T)
    torch.testing.assert_close(loss.item(), expected)


@pytest.mark.parametrize("name", CRITERIA)
def test_padding_reaches_neither_loss_nor_gradient(batch: Any, name: str) -> None:
    teacher, student, (x, y, padding) = attention(2, 3, 0), attention(2, 3, 1), batch
    head = torch.randn(5, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    given = {"rest": lambda stream, context: stream @ head.T}
    found = []
    for fill in (7.0, -40.0):
        student.zero_grad()
        other = (x.masked_fill(padding[..., None], fill), y.masked_fill(padding[..., None], fill), padding)
        loss = loss_of(name, teacher, student, other, **given)
        loss.backward()
        found.append([loss, *(p.grad for p in student.parameters() if p.grad is not None)])
    assert len(found[0]) > 1
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("name", CRITERIA)
def test_gradients_are_those_of_differences(batch: Any, name: str) -> None:
    teacher, student = attention(2, 3, 0), attention(2, 3, 1)
    head = torch.randn(5, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weight = (
        student.scores[0].query.weight if "scores" in name or name == "relation" else student.value.weight
    )

    made = criterion(name, Given(teacher, rest=lambda stream, context: stream @ head.T), student)

    def loss(values: Tensor) -> Tensor:
        with torch.no_grad():
            weight.copy_(values)
        return made.loss(student, batch[0], batch[1], Context(key_padding=batch[2]))

    start = weight.detach().clone()
    loss(start).backward()
    assert weight.grad is not None
    step = 1e-6
    for place in ((0, 0), (2, 5), (4, 3)):
        moved = []
        for sign in (1, -1):
            values = start.clone()
            values[place] += sign * step
            moved.append(loss(values).item())
        assert weight.grad[place].item() == pytest.approx(
            (moved[0] - moved[1]) / (2 * step), rel=1e-5, abs=1e-7
        )


def test_a_teacher_is_at_no_distance_from_itself(batch: Any) -> None:
    teacher, (x, _, padding) = attention(2, 3, 0), batch
    y = teacher(x, Context(key_padding=padding))[0].detach()
    for name in ("mse", "mse-scores", "ce-scores", "relation", "cosine"):
        loss = loss_of(name, teacher, teacher, (x, y, padding))
        assert abs(loss.item()) < 1e-12, name


@pytest.mark.parametrize("name", ["mse-scores", "ce-scores"])
def test_other_heads_are_refused_with_what_to_use(name: str) -> None:
    with pytest.raises(SynthError) as error:
        criterion(name, Given(attention(2, 3, 0)), attention(3, 2, 1))
    assert error.value.message == (
        f"criterion `{name}` compares heads one by one, and the student has 3, the teacher 2"
    )
    assert error.value.hint == "use `--criterion relation`, which regroups them, or `--criterion mse`"


@pytest.mark.parametrize("name", ["mse-scores", "ce-scores", "relation"])
def test_a_student_without_maps_is_refused(name: str) -> None:
    student = MIXERS["sru"](SRUConfig(), Site(WIDTH, 7, 7))
    with pytest.raises(SynthError, match="the student's mixer is `sru`"):
        criterion(name, Given(attention(2, 3, 0)), student)


def test_scores_that_compare_nothing_have_no_relations() -> None:
    student = attention(2, 3, 1, scores=({"kind": "random"},))
    with pytest.raises(SynthError, match="the student's scores are `random`"):
        criterion("relation", Given(attention(2, 3, 0)), student)


def test_relation_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SynthError, match="4 relation heads do not divide the 6 columns of the teacher"):
        criterion("relation", Given(attention(2, 3, 0), relation_heads=4), attention(2, 2, 1))


def test_an_unknown_criterion_is_refused() -> None:
    with pytest.raises(SynthError, match="unknown criterion `mes`"):
        criterion("mes", Given(attention(2, 3, 0)), attention(2, 3, 1))


# by name: whether output is fitted by it, it is the NMSE, the student is a whole layer; and what it runs
RECORDS = {
    "mse": (True, True, False, ()),
    "l1": (True, False, False, ()),
    "mse-scores": (False, False, False, ("teacher",)),
    "ce-scores": (False, False, False, ("teacher",)),
    "relation": (False, False, False, ("teacher",)),
    "cosine": (True, False, False, ()),
    "ce-logits": (True, False, False, ()),
    "kl-output": (True, False, True, ("model",)),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_a_criterion_says_what_it_is(name: str) -> None:
    modules = {"teacher": attention(2, 3, 1), "model": nn.Linear(1, 1)}
    given = Given(modules["teacher"], rest=lambda stream, context: stream, model=modules["model"])
    made, (fits_output, is_error, of_layer, fixed) = criterion(name, given, attention(2, 3, 0)), RECORDS[name]
    assert made.name == name
    assert (made.fits_output, made.is_error, made.of_layer) == (fits_output, is_error, of_layer)
    assert [id(module) for module in made.fixed] == [id(modules[key]) for key in fixed]


def test_kl_output_runs_the_rest_of_the_teacher_in_the_same_context(batch: Any) -> None:
    x, y, padding = batch
    context, seen = Context(key_padding=padding), []

    def rest(stream: Tensor, given: Context) -> Tensor:
        seen.append(given)
        return stream

    student = attention(2, 3, 0)
    made = criterion("kl-output", Given(attention(2, 3, 1), rest=rest), student)
    made.loss(student, x, y, context)
    assert made.fixed == () and [one is context for one in seen] == [True, True]
    with pytest.raises(AssertionError, match=r"^kl-output needs the rest of the teacher$"):
        criterion("kl-output", Given(attention(2, 3, 1)), student)


def test_real_rows_are_wide_and_without_padding() -> None:
    values = torch.arange(24.0).view(2, 3, 4).half()
    rows = real_rows(values, Context())
    assert rows.dtype == torch.float32 and rows.tolist() == values.view(6, 4).tolist()
    padding = torch.tensor([[False, True, True], [False, False, True]])
    assert real_rows(values, Context(key_padding=padding))[:, 0].tolist() == [0, 12, 16]
    assert real_rows(values.double(), Context()).dtype == torch.float64


def test_what_a_query_sees() -> None:
    scores = torch.zeros(2, 3, 4, 4)
    everything = mask_visible(scores, Context())
    assert (everything.dtype, tuple(everything.shape)) == (torch.bool, (2, 1, 4, 4)) and bool(
        everything.all()
    )
    causal = mask_visible(scores, Context(causal=True))
    assert torch.equal(causal, torch.ones(4, 4).tril().bool().expand(2, 1, 4, 4))
    padding = torch.tensor([[False, False, True, True], [False] * 4])
    seen = mask_visible(scores, Context(key_padding=padding))
    assert seen[0, 0].tolist() == [[True, True, False, False]] * 2 + [[False] * 4] * 2 and bool(seen[1].all())


def test_divergences_of_narrow_scores_are_wide() -> None:
    teacher, student = torch.tensor([[[[5.0, 0.0]] * 2]]).half(), torch.tensor([[[[0.0, 5.0]] * 2]]).half()
    found = map_divergence(teacher, student, Context())
    p = 1 / (1 + math.exp(-5))
    assert found.dtype == torch.float32 and found.item() == pytest.approx(2 * (2 * p - 1) * 5, rel=1e-5)


def test_errors_of_narrow_scores_are_wide() -> None:
    teacher, student = attention(1, 3, 1).half(), attention(1, 3, 0).half()
    x = torch.full((1, 2, WIDTH), 10.0).half()
    loss = criterion("mse-scores", Given(teacher), student).loss(student, x, x, Context())
    assert loss.dtype == torch.float32


def test_vectors_begin_at_the_first_position() -> None:
    """Rotations turn the first position by nothing: its query and key are those of the linear maps."""
    torch.manual_seed(5)
    site = Site(WIDTH, 7, 7, rotary=True)
    mixer = MIXERS["attention"](AttentionConfig(heads=1, d_head=6), site).double().eval()
    x = torch.randn(2, 3, WIDTH, dtype=torch.float64)
    query, key, value = project_vectors(mixer, x)
    score: Any = mixer.scores[0]
    for found, linear in ((query, score.query), (key, score.key), (value, mixer.value)):
        torch.testing.assert_close(found[:, 0], x[:, 0] @ linear.weight.T + linear.bias)


def test_common_heads_divide_both_widths() -> None:
    def of(heads: int, d_head: int) -> Any:
        return attention(heads, d_head, 0)

    assert common_heads(of(4, 3), of(3, 6)) == 3  # 12 and 18 columns
    assert common_heads(of(4, 2), of(3, 3)) == 1  # 8 and 9
    assert common_heads(of(2, 9), of(2, 2)) == 2  # 18 and 4


SRU = "use `--criterion mse`, which every mixer can be held to"


@pytest.mark.parametrize("name", ["mse-scores", "ce-scores", "relation"])
@pytest.mark.parametrize("who", ["teacher", "student"])
def test_whose_mixer_has_no_maps_is_said(name: str, who: str) -> None:
    mixers = {"teacher": attention(2, 3, 1), "student": attention(2, 3, 0)}
    mixers[who] = MIXERS["sru"](SRUConfig(), Site(WIDTH, 7, 7))
    with pytest.raises(SynthError) as error:
        criterion(name, Given(mixers["teacher"]), mixers["student"])
    assert str(error.value) == (
        f"criterion `{name}` compares maps of attention, and the {who}'s mixer is `sru`\nhint: {SRU}"
    )


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_whose_scores_have_no_relations_is_said(who: str) -> None:
    mixers = {"teacher": attention(2, 3, 1), "student": attention(2, 3, 0)}
    mixers[who] = attention(2, 3, 0, scores=[{"kind": "random"}, {"kind": "random"}])
    with pytest.raises(SynthError) as error:
        criterion("relation", Given(mixers["teacher"]), mixers["student"])
    assert f"the {who}'s scores are `random`, `random`" in error.value.message
    assert error.value.hint == SRU


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_whose_columns_are_not_divided_is_said(who: str) -> None:
    mixers = {"teacher": attention(2, 6, 1), "student": attention(2, 6, 0)}
    mixers[who] = attention(2, 3, 0)
    with pytest.raises(SynthError) as error:
        criterion("relation", Given(mixers["teacher"], relation_heads=4), mixers["student"])
    assert error.value.message == f"4 relation heads do not divide the 6 columns of the {who}"
    assert error.value.hint == "leave the number out: as many are taken as fit both"


def test_the_nearest_criterion_is_named() -> None:
    with pytest.raises(SynthError) as error:
        criterion("mes", Given(attention(2, 3, 1)), attention(2, 3, 0))
    assert str(error.value) == "unknown criterion `mes`\nhint: did you mean `mse`?"


def test_a_teacher_without_a_head_says_no_words() -> None:
    bare = nn.Linear(1, 1)
    bare.config = SimpleNamespace(has_head=False)  # type: ignore[assignment]
    given = Given(attention(2, 3, 1), rest=lambda stream, context: stream, model=bare)
    with pytest.raises(SynthError) as error:
        criterion("kl-output", given, attention(2, 3, 0))
    assert str(error.value) == (
        "`--criterion kl-output` compares what models predict, and the teacher came without a head\n"
        "hint: use `--criterion mse` or `cosine`, which compare hidden states"
    )
