"""Students evaluated in batches, beside each sequence by itself and formulas written out."""

import copy

import numpy as np
import pytest
import torch

from synthcli.compress.costs import costs_of, layer_parameters
from synthcli.compress.fidelity import teacher_agreement
from synthcli.compress.fidelity.teacher_agreement import StudentTally, evaluate_students
from synthcli.compress.healing import hidden_states
from synthcli.compress.teacher import Teacher
from synthcli.data.examples.examples import Examples
from synthcli.data.store.store import Store
from synthcli.model import ModelConfig, build, count_parameters
from synthcli.objectives import IGNORED
from tests.compress.small import bert_config, gpt2_config, small_teacher


def examples_of(store: Store, teacher: Teacher) -> Examples:
    config = teacher.config
    return Examples(store, "test", config.task, config.max_source_length, config.max_target_length)


def student_of(config: ModelConfig) -> torch.nn.Module:
    torch.manual_seed(9)
    return build(config).eval()


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_agreement_does_not_depend_on_batches(
    kind: str, store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher: Teacher = request.getfixturevalue(kind)
    stack = "encoder" if kind == "bert" else "decoder"
    config = (bert_config if kind == "bert" else gpt2_config)(
        store.tokenizer.vocab_size, **{stack: {"layers": 1, "max_length": 32}}
    )
    examples, student = examples_of(store, teacher), student_of(config).double()
    double, found, state = copy.deepcopy(teacher.model).double(), [], torch.get_rng_state()
    for tokens in (1024, 1, 100):
        monkeypatch.setattr(teacher_agreement, "TOKENS", tokens)
        for chosen in (np.arange(12), np.arange(12)[::-1]):
            (scores,) = evaluate_students(double, [StudentTally(student, (2,))], examples, chosen, 5)
            sums = [score.sampled.statistics[np.argsort(chosen)] for score in scores]
            found.append([*sums, np.array([score.value for score in scores])])
    for sums in found[1:]:
        for one, other in zip(sums, found[0], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_batches_of_any_size_give_what_the_formula_gives(
    kind: str, store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher: Teacher = request.getfixturevalue(kind)
    stack = "encoder" if kind == "bert" else "decoder"
    config = (bert_config if kind == "bert" else gpt2_config)(
        store.tokenizer.vocab_size, **{stack: {"layers": 1, "max_length": 32}}
    )
    examples, student = examples_of(store, teacher), student_of(config)
    chosen = np.arange(len(examples))[:6]
    fixed = torch.rand(6, 64) < 0.3  # the same words are hidden in whatever batches
    collate = examples.collate

    def collate_fixed(indices, *drawing):  # type: ignore[no-untyped-def]
        batch = dict(collate(indices))
        if kind == "bert":
            tokens, padding = batch["targets"].clone(), batch["padding"]
            length = tokens.shape[1]
            tokens = torch.tensor(indices)[:, None] * 3 % 40 + 5 + torch.arange(length)[None] % 30
            hide = fixed[indices, :length].clone()
            hide[:, 1] = True
            real = torch.ones_like(hide) if padding is None else ~padding
            batch |= {"tokens": tokens, "targets": tokens.masked_fill(~(hide & real), IGNORED)}
        return batch

    monkeypatch.setattr(examples, "collate", collate_fixed)
    (scores,) = evaluate_students(teacher.model, [StudentTally(student, (2,))], examples, chosen, 0)
    found = {score.name: score.value for score in scores}
    kl, first, right, count, wrong, streams = 0.0, 0, 0, 0, 0.0, []
    for index in chosen:
        batch = collate_fixed(np.array([index]))
        where = batch["targets"][0] != IGNORED
        with torch.no_grad(), hidden_states(teacher.model, [2]) as h, hidden_states(student, [0]) as g:
            p, q = (m(batch["tokens"]) for m in (teacher.model, student))
        p, q = ((x[0] if isinstance(x, tuple) else x)[0][where].double() for x in (p, q))
        a, b = p.exp() / p.exp().sum(-1, keepdim=True), q.exp() / q.exp().sum(-1, keepdim=True)
        kl += float((a * (a / b).log()).sum())
        first += int((p.argmax(-1) == q.argmax(-1)).sum())
        right += int((q.argmax(-1) == batch["targets"][0][where]).sum())
        count += int(where.sum())
        wrong += float((h[2] - g[0]).double().square().sum())
        streams.append(h[2][0].double())
    stream = torch.cat(streams)
    error = wrong / float((stream - stream.mean(0)).square().sum())
    assert found["kl"] == pytest.approx(kl / count, rel=1e-5)
    assert found["teacher_top1"] == pytest.approx(100 * first / count)
    assert found["accuracy"] == pytest.approx(100 * right / count)
    tally = StudentTally(student, (2,))
    monkeypatch.setattr("synthcli.compress.fidelity.teacher_agreement.TOKENS", 20)
    (again,) = evaluate_students(teacher.model, [tally], examples, chosen, 0)
    assert {score.name: score.value for score in again} == pytest.approx(found, rel=1e-5)
    assert tally.layer_errors == [pytest.approx(error, rel=1e-5)]


def test_what_is_hidden_is_the_same_for_all_and_every_time(store: Store, bert: Teacher) -> None:
    examples, chosen = examples_of(store, bert), np.arange(8)
    student = small_teacher(bert_config(store.tokenizer.vocab_size), store.tokenizer).model
    runs = [evaluate_students(bert.model, [StudentTally(student, None)], examples, chosen, 3) for _ in "ab"]
    (one,), (two,) = runs
    assert [score.value for score in one] == [score.value for score in two]
    tally = StudentTally(student_of(bert.config), None)
    (other,) = evaluate_students(bert.model, [tally], examples, chosen, 4)
    assert other[0].sampled.statistics[:, 1].tolist() == one[0].sampled.statistics[:, 1].tolist()


def test_costs_count_layers_apart(bert: Teacher, gpt2: Teacher) -> None:
    batch = {"tokens": torch.randint(5, 30, (2, 7)), "padding": None}
    for teacher, cost in zip((bert, gpt2), costs_of([bert.model, gpt2.model], batch), strict=True):
        stack = teacher.model.get_submodule("encoder" if teacher is bert else "decoder")
        assert cost.layer_parameters == layer_parameters(teacher.model) == count_parameters(stack)
        assert cost.parameters == count_parameters(teacher.model) > cost.layer_parameters
        assert cost.flops == 2 * cost.layer_parameters and cost.layers == 3
        assert cost.milliseconds > 0
