"""Byte-level BPE trained on a corpus; see `byte_pairs` for what it is.

The ids of bytes and merges come first, then pad, bos, eos and unk: so no merge can ever spell one of them.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from synthcli.data.tokenizers.base import Saved, special_name
from synthcli.data.tokenizers.bpe import byte_pair_model, entry_text, read_merges
from synthcli.errors import SynthError

if TYPE_CHECKING:
    import tiktoken
    import tokenizers

    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

VOCABULARY, MERGES = "vocab.json", "merges.txt"
SPECIALS = 4
LEAST = 256 + SPECIALS


class ByteLevelBpeTokenizer(Saved):
    """A trained vocabulary with pad, bos, eos and unk after it."""

    kind = "byte-level-bpe"

    def __init__(self, vocabulary: bytes, merges: bytes) -> None:
        self.vocabulary, self.merges = vocabulary, merges
        self.entries = {str(entry): int(number) for entry, number in json.loads(vocabulary).items()}
        self.vocab_size = len(self.entries) + SPECIALS
        self.pad_id, self.bos_id, self.eos_id, self.unk_id = range(len(self.entries), self.vocab_size)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls((folder / VOCABULARY).read_bytes(), (folder / MERGES).read_bytes())

    @cached_property
    def _bpe(self) -> "tokenizers.Tokenizer":
        return byte_pair_model(self.entries, read_merges(self.merges))

    @cached_property
    def fast_encoding(self) -> "tiktoken.Encoding | None":
        """What encodes texts in less time, None where its ids may be others."""
        from synthcli.data.tokenizers.fast_bpe import fast_encoding

        return fast_encoding(self.entries, read_merges(self.merges))

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.kind.encode() + self.vocabulary + self.merges).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._bpe.encode_batch_fast(texts)]

    def decode(self, ids: list[int]) -> str:
        return str(self._bpe.decode([int(i) for i in ids if i < self.pad_id]))

    def token(self, number: int) -> str:
        return special_name(self, number) or entry_text(self._bpe.id_to_token(number) or "")

    def files(self) -> dict[str, bytes]:
        return {VOCABULARY: self.vocabulary, MERGES: self.merges}


def train(config: "TokenizerConfig", sample: list[str]) -> ByteLevelBpeTokenizer:
    """Train on a sample of texts; a small one supports fewer merges than are asked for."""
    from tokenizers import pre_tokenizers, trainers

    if config.vocab_size < LEAST:
        raise SynthError(
            f"cannot train `{config.kind}` with `vocab_size = {config.vocab_size}`:"
            f" bytes and special ids alone need {LEAST}",
            f"set `data.tokenizer.vocab_size`, or `--vocab-size`, to {LEAST} or more",
        )
    model = byte_pair_model({}, [])
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size - SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(iter(sample), trainer)
    learnt = json.loads(model.to_str())["model"]
    entries = sorted(learnt["vocab"].items(), key=lambda entry: entry[1])
    vocabulary = json.dumps(dict(entries), ensure_ascii=False, indent=0) + "\n"
    merges = "".join(f"{left} {right}\n" for left, right in learnt["merges"])
    return ByteLevelBpeTokenizer(vocabulary.encode(), f"#version: 0.2\n{merges}".encode())
