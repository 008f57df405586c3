"""Splits of which a tokenizer knows nothing have no figures; what is unknown in others is counted."""

from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.errors import SynthError

WORDS = TokenizerConfig.model_validate({"kind": "words"})
MESSAGE = (
    "`test` of `text` holds no token that its tokenizer knows: all are unknown or special\n"
    "take text in the tokenizer's own letters, or `--new-vocabulary` in `synth finetune`"
)


def prepared(folder: Path, test: list[str]) -> Store:
    """Prepare words of English, and a test split of other lines."""
    lines = {"train": ["the cat sat", "the dog ran"] * 5, "validation": ["the cat ran"], "test": test}
    for split, rows in lines.items():
        (folder / f"{split}.txt").write_text("".join(f"{row}\n" for row in rows))
    return prepare_store("text", WORDS, folder / "stores", folder)


def test_a_split_without_a_known_token_is_refused(tmp_path: Path) -> None:
    store = prepared(tmp_path, ["我 喜欢", "猫"])
    with pytest.raises(SynthError) as refused:
        Examples(store, "test", "causal-lm", max_target=8)
    assert f"{refused.value.message}\n{refused.value.hint}" == MESSAGE
    assert len(Examples(store, "validation", "causal-lm", max_target=8)) == 1


def test_unknown_tokens_are_counted(tmp_path: Path) -> None:
    store = prepared(tmp_path, ["the 猫 sat", "zebra cat"])
    examples = Examples(store, "test", "causal-lm", max_target=8)
    assert examples.count_unknown() == (2, 5)


def test_one_side_of_pairs_is_enough_to_refuse(tmp_path: Path) -> None:
    for split, rows in {"train": 8, "validation": 2, "test": 2}.items():
        (tmp_path / f"{split}.en").write_text("the cat sat\n" * rows)
        (tmp_path / f"{split}.de").write_text(("die Katze\n" if split != "test" else "我喜欢\n") * rows)
    store = prepare_store("parallel:source=en,target=de", WORDS, tmp_path / "stores", tmp_path)
    with pytest.raises(SynthError, match="holds no token in `target` that its tokenizer knows"):
        Examples(store, "test", "seq2seq", 8, 8)
