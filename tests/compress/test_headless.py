"""An encoder that came without a head is measured by its hidden states, never by logits nobody trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from synthcli.compress.activations.cache import build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.assemble import with_mixers
from synthcli.compress.distill.closed_forms import STARTS, TeacherLayer
from synthcli.compress.distill.criteria.base import Given
from synthcli.compress.distill.criteria.kl_output import kl_output
from synthcli.compress.distill.students import StudentSpec, student_config
from synthcli.compress.fidelity.outputs import describe_outputs, measure_fidelity
from synthcli.compress.fidelity.teacher_agreement import StudentTally, evaluate_students
from synthcli.compress.healing import EveryPosition, Healing
from synthcli.compress.probe.figures import ProbedLayer
from synthcli.compress.probe.probe_layer import hook_points_for, probe_layer
from synthcli.compress.teacher import Teacher
from synthcli.data.config import MaskingConfig
from synthcli.data.examples.examples import Examples
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.evaluation.measure import refuse_headless
from synthcli.importers.hugging_face import load_hugging_face
from synthcli.model import ModelConfig
from synthcli.model.context import Context
from tests.cli.conftest import Synth, here, synth  # noqa: F401 - fixtures
from tests.compress.small import bert_config, small_teacher
from tests.importers.hub_folders import bert_folder


@pytest.fixture(scope="module")
def bare(store: Store) -> Teacher:
    """A post-norm encoder of three layers without a head."""
    return small_teacher(bert_config(store.tokenizer.vocab_size, head={"output": "hidden"}), store.tokenizer)


@pytest.fixture
def text(store: Store, bare: Teacher) -> Calibration:
    return Calibration(store, "train", bare, max_length=19, limit=40)


@pytest.fixture
def layer(bare: Teacher, text: Calibration, tmp_path: Path) -> TeacherLayer:
    cache = build_cache(tmp_path / "cache", bare, text, hook_points_for(bare, "encoder", [1], ["linear"]))
    return TeacherLayer(bare, cache, "encoder", 1)


def student_of(layer: TeacherLayer) -> Any:
    """Return the teacher with a linear map for its middle block's attention."""
    config = student_config("linear", StudentSpec(layer.teacher.config, "encoder", 1))
    mixer = STARTS["linear-map"](layer, config)
    return with_mixers(layer.teacher.model, layer.teacher.config, {1: (config, mixer)}, "encoder").eval()


@torch.no_grad()
def hidden_by_hand(model: Any, text: Calibration, number: int) -> torch.Tensor:
    """Return the last hidden states of one sequence by itself, in float64."""
    tokens = text.batch([number])["tokens"]
    wide = model.double()
    hidden, _ = wide.encoder(wide.embeddings(tokens), Context())
    model.float()
    return hidden[0]


def test_a_bare_bert_has_no_head_and_one_with_a_head_has_one(tmp_path: Path) -> None:
    bert_folder(tmp_path / "whole")
    whole = transformers.BertForMaskedLM.from_pretrained(tmp_path / "whole")
    whole.bert.save_pretrained(tmp_path / "bare")
    assert load_hugging_face(tmp_path / "whole").config.has_head  # type: ignore[union-attr]
    assert load_hugging_face(tmp_path / "bare").config.head.output == "hidden"  # type: ignore[union-attr]


def test_fidelity_is_the_cosine_of_hidden_states_by_hand(
    bare: Teacher, layer: TeacherLayer, text: Calibration
) -> None:
    student, cosines, vectors = student_of(layer), [], ([], [])  # type: ignore[var-annotated]
    for number in range(len(text)):
        theirs, ours = (hidden_by_hand(model, text, number) for model in (bare.model, student))
        cosines += [float(a @ b / (a.norm() * b.norm())) for a, b in zip(theirs, ours, strict=True)]
        for kept, states in zip(vectors, (theirs, ours), strict=True):
            kept.append(states.mean(0) / states.mean(0).norm())
    same = 0
    for number in range(len(text)):
        nearest = [
            max((k for k in range(len(text)) if k != number), key=lambda k: float(kept[number] @ kept[k]))
            for kept in vectors
        ]
        same += nearest[0] == nearest[1]
    near = measure_fidelity(bare.model, student, text)
    assert near.positions == len(cosines) == text.lengths.sum()
    assert near.cosine == pytest.approx(sum(cosines) / len(cosines), abs=1e-6)
    assert near.neighbours == same / len(text)
    assert near.to_json().keys() == {"positions", "cosine", "neighbours"}
    assert describe_outputs(near.to_json()).startswith(
        f"hidden states of cosine {near.cosine:.4f} with its teacher's"
    )


def test_a_teacher_is_like_itself(bare: Teacher, text: Calibration) -> None:
    near = measure_fidelity(bare.model, bare.model, text)
    assert near.cosine == pytest.approx(1) and near.neighbours == 1


def test_a_probe_measures_the_model_put_together(layer: TeacherLayer, text: Calibration) -> None:
    (one,) = probe_layer(ProbedLayer(layer, layer.cache), ["linear"])
    near = measure_fidelity(layer.teacher.model, student_of(layer), text)
    assert one.kl is None and near.cosine is not None and near.cosine < 0.999
    assert one.cosine == pytest.approx(near.cosine, abs=0.002)  # of recordings in float16


def examples_of(store: Store) -> Examples:
    return Examples(store, "validation", "masked-lm", 20, masking=MaskingConfig(mask=0.0, random=0.0))


def test_agreement_compares_hidden_states_alone(bare: Teacher, layer: TeacherLayer, store: Store) -> None:
    examples = examples_of(store)
    chosen = np.arange(len(examples))
    (scores,) = evaluate_students(
        bare.model, [StudentTally(student_of(layer), (0, 1, 2))], examples, chosen, 0
    )
    assert [score.name for score in scores] == ["cosine", "neighbours"]
    (own,) = evaluate_students(bare.model, [StudentTally(bare.model, None)], examples, chosen, 0)
    assert [score.value for score in own] == pytest.approx([1, 100])


def test_healing_has_no_divergence_and_its_gradient_is_that_of_the_formula(
    bare: Teacher, layer: TeacherLayer, store: Store
) -> None:
    student = student_of(layer).double()
    teacher = bare.model.double()
    batch = EveryPosition(examples_of(store)).collate(np.arange(4))
    loss, count = Healing(teacher, hidden=0.5, layers=((2, 2),))(student, batch)
    loss.backward()
    found = student.encoder.blocks[2].feed_forward.output.weight.grad.clone()
    student.zero_grad()
    padding = batch.get("padding")
    real = torch.ones_like(batch["tokens"], dtype=torch.bool) if padding is None else ~padding
    states = []
    for model in (teacher, student):
        states.append(model.encoder(model.embeddings(batch["tokens"]), Context(key_padding=padding))[0][real])
    h, h_hat = states[0].detach(), states[1]
    expected = 0.5 * ((h_hat - h).pow(2).sum(1) / h.pow(2).sum(1)).sum()
    expected.backward()
    assert count == int(real.sum())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    torch.testing.assert_close(found, student.encoder.blocks[2].feed_forward.output.weight.grad)
    bare.model.float()


def test_what_needs_predictions_is_refused(bare: Teacher) -> None:
    with pytest.raises(SynthError, match="this encoder came without a head: it predicts no tokens"):
        refuse_headless(bare.config)
    given = Given(bare.model.encoder.blocks[1].mixer, rest=lambda x, c: x, model=bare.model)  # type: ignore[union-attr]
    with pytest.raises(SynthError, match="the teacher came without a head"):
        kl_output(given, bare.model)


@pytest.mark.parametrize(
    "changes",
    [
        {
            "task": "causal-lm",
            "head": {"output": "hidden"},
            "encoder": None,
            "decoder": {"layers": 1, "max_length": 8},
        },
        {"head": {"output": "hidden", "transform": True}},
    ],
    ids=["decoder", "transform"],
)
def test_only_a_headless_encoder_may_say_so(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"`head.output = \"hidden\"`"):
        ModelConfig.model_validate(bert_config(90).model_dump() | changes)


def test_commands_refuse_to_predict_with_it(synth: Synth, here: Path) -> None:  # noqa: F811
    whole = bert_folder(here / "whole")
    whole.bert.save_pretrained(here / "bare")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (here / "bare" / name).write_bytes((here / "whole" / name).read_bytes())
    assert synth("import", "bare", "-o", "encoder").code == 0
    for words in (("eval", "perplexity", "encoder"), ("generate", "encoder", "--prompt", "the [MASK]")):
        said = synth(*words)
        assert said.code == 2
        assert said.err == (
            "error: this encoder came without a head: it predicts no tokens\n"
            "hint: `synth finetune` gives it one; `synth eval teacher-agreement` compares hidden states\n"
        )
