"""The presets of SRU++ and the model they are compared with: sizes, corpora, vocabularies too small."""

import pytest
import torch

from synthcli.claims.printed import figures_by_preset
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
    assert PEER not in figures_by_preset()


def test_the_peer_of_the_paper_has_its_parameters() -> None:
    assert abs(parameters(load_preset(PEER)) / 107_560_150 - 1) < 0.02


def mixer_and_layers(name: str, scale: str) -> tuple[SRUppConfig, int]:
    model = load_preset(name, scale).model
    assert isinstance(model.mixer, SRUppConfig) and model.decoder is not None
    return model.mixer, model.decoder.layers


def test_every_preset_has_a_scale_of_its_own_shape() -> None:
    """At smoke and hour too ratio-8 has a narrower attention, and k5 attends in the last layer."""
    names = [name for name in SRUPP if "-attention-" not in name]
    assert len(names) == 9 and len(SRUPP) == 9 + 7 + 3
    for name in SRUPP:
        for scale in ("smoke", "hour"):
            mixer, layers = mixer_and_layers(name, scale)
            ratio = load_preset(name, scale).model.d_model / mixer.projection
            assert ratio == 8 if "ratio-8" in name else 4 <= ratio <= 6.5, (name, scale)
            if name in names:
                assert mixer.attention_every == (layers if name.endswith("k5") else 1), (name, scale)


WITH_ATTENTION = {  # of ten layers, and of the six of smoke and hour
    "srupp-enwik8-42m-attention-0": ([], []),
    "srupp-enwik8-42m-attention-1": ([10], [6]),
    "srupp-enwik8-42m-attention-2": ([5, 10], [3, 6]),
    "srupp-enwik8-42m-attention-5": ([2, 4, 6, 8, 10], [2, 4, 6]),
    "srupp-enwik8-42m-attention-10": (list(range(1, 11)), list(range(1, 7))),
    "srupp-enwik8-42m-attention-last-2": ([9, 10], [5, 6]),
    "srupp-enwik8-42m-attention-last-5": ([6, 7, 8, 9, 10], [4, 5, 6]),
    "srupp-enwik8-base-attention-1": ([10], [6]),
    "srupp-enwik8-base-attention-2": ([5, 10], [3, 6]),
    "srupp-enwik8-base-attention-5": ([2, 4, 6, 8, 10], [2, 4, 6]),
}


@pytest.mark.parametrize(("name", "places"), WITH_ATTENTION.items())
def test_how_much_attention_a_model_has(name: str, places: tuple[list[int], list[int]]) -> None:
    for scale, expected in zip(
        ("paper", "day", "smoke", "hour"), (*places[:1] * 2, *places[1:] * 2), strict=True
    ):
        mixer, layers = mixer_and_layers(name, scale)
        found = [layer + 1 for layer in range(layers) if mixer.has_attention(layer, layers)]
        assert found == expected, scale


def test_a_layer_without_attention_spares_two_squares_of_its_projection_and_a_gain() -> None:
    """Keys, values and α; z itself is the query."""
    sizes = {
        count: parameters(load_preset(f"srupp-enwik8-42m-attention-{count}")) for count in (0, 1, 2, 5, 10)
    }
    for count, size in sizes.items():
        assert size - sizes[0] == count * (2 * 480**2 + 1)


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
        experiment.fit_to_store(size)
    assert str(caught.value) == (
        f"`model.embeddings.cutoffs` = [4000, 16000], but the store's vocabulary ends at {size}\n"
        f"hint: name clusters it has: {hint}"
    )
    assert experiment.fit_to_store(16_001).model.vocab_size == 16_001
