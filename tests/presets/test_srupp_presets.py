"""The presets of SRU++ and the model they are compared with: sizes, corpora, vocabularies too small."""

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.model import build, count_parameters
from synthcli.model_config.recurrent import SRUppConfig
from synthcli.presets import load_preset, preset_names
from synthcli.presets.schema import Experiment

SRUPP = [name for name in preset_names() if name.startswith("srupp-")]
PEER = "enwik8-pre-norm"


def parameters(experiment: Experiment) -> int:
    with torch.device("meta"):
        return count_parameters(build(experiment.model))


@pytest.mark.parametrize(("scale", "tolerance"), [("hour", 0.01), ("day", 0.01), ("paper", 0.02)])
def test_the_peer_is_as_large_and_reads_as_much(scale: str, tolerance: float) -> None:
    ours, peer = load_preset("srupp-enwik8-base", scale), load_preset(PEER, scale)
    assert abs(parameters(peer) / parameters(ours) - 1) < tolerance
    sizes = [(one.data.batch.size or 0) * (one.model.max_target_length or 0) for one in (ours, peer)]
    assert sizes[0] == sizes[1]
    assert ours.data.corpus == peer.data.corpus == "enwik8"
    assert ours.data.tokenizer == peer.data.tokenizer and ours.evaluation.split == peer.evaluation.split
    assert peer.claims == {}


def test_the_peer_of_the_paper_has_its_parameters() -> None:
    assert abs(parameters(load_preset(PEER)) / 107_560_150 - 1) < 0.02


def test_every_preset_has_a_scale_of_its_own_shape() -> None:
    """At smoke and hour too ratio-8 has a narrower attention, and k5 attends in the last layer."""
    assert len(SRUPP) == 9
    for name in SRUPP:
        for scale in ("smoke", "hour"):
            model = load_preset(name, scale).model
            mixer = model.mixer
            assert isinstance(mixer, SRUppConfig) and model.decoder is not None
            ratio = model.d_model / mixer.projection
            assert ratio == 8 if "ratio-8" in name else 4 <= ratio <= 6.5, (name, scale)
            every = model.decoder.layers if name.endswith("k5") else 1
            assert mixer.attention_every == every, (name, scale)


def test_an_hour_keeps_the_corpus() -> None:
    for name in (*SRUPP, PEER):
        assert load_preset(name, "hour").data.corpus == load_preset(name).data.corpus


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        (5012, "`--set model.embeddings.cutoffs='[4000]'`"),
        (900, "`--set model.embeddings.cutoffs='[]' --set model.embeddings.div_val=1`"),
    ],
)
def test_clusters_that_a_store_has_no_words_for(size: int, hint: str) -> None:
    experiment = load_preset("srupp-lm1b-base", "hour")
    with pytest.raises(SynthError) as caught:
        experiment.fitted(size)
    assert str(caught.value) == (
        f"`model.embeddings.cutoffs` = [4000, 16000], but the store's vocabulary ends at {size}\n"
        f"hint: name clusters it has: {hint}"
    )
    assert experiment.fitted(16_001).model.vocab_size == 16_001
