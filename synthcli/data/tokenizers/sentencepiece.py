"""SentencePiece, unigram (Kudo 2018) and BPE, trained on a corpus (Kudo and Richardson 2018).

Text is not normalised (`identity`): NFKC would turn "…" into "..." for good, and a hypothesis is evaluated
against the reference as it was written. Every space counts, bytes stand in for rare characters, and so
decoding gives the text back, save that U+2581, the mark of a space, becomes one.

A text is encoded word by word: no piece reaches from one into the next. SentencePiece's unigram model would
add up the scores of a whole text in single precision, and far into a document rounding would decide between
two segmentations of a word; here a word has the same ids wherever it stands. For BPE nothing differs.
"""

import hashlib
import io
import re
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from synthcli.data.tokenizers.base import Saved, special_name
from synthcli.data.tokenizers.training_sample import CHUNK
from synthcli.errors import SynthError

if TYPE_CHECKING:
    import sentencepiece

    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

FILE = "tokenizer.model"
PREFIX = "sentencepiece-"
SPACE = "\u2581"  # how pieces mark a space
# A text with two spaces in a row, or one at an end: the first word as it stands, others without one space.
RUNS = re.compile(r"(?:\A| )( *[^ ]+(?: +\Z)?| +\Z)")

SEEDS_PER_PIECE = 25
COVERAGE = 0.9995  # of all characters; bytes stand in for the others
THREADS = 4  # fixed: the sums of several threads depend on how many there are


class SentencePieceTokenizer(Saved):
    """A trained SentencePiece model; pad, bos, eos and unk are 0 to 3."""

    pad_id, bos_id, eos_id, unk_id = range(4)

    def __init__(self, kind: str, model: bytes) -> None:
        self.kind, self.model = kind, model

    @classmethod
    def load(cls, kind: str, folder: Path) -> Self:
        return cls(kind, (folder / FILE).read_bytes())

    @cached_property
    def _processor(self) -> "sentencepiece.SentencePieceProcessor":
        import sentencepiece

        return sentencepiece.SentencePieceProcessor(model_proto=self.model)

    @property
    def vocab_size(self) -> int:
        return int(self._processor.vocab_size())

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.kind.encode() + self.model).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        rows = [split_words(text) for text in texts]
        distinct = list(dict.fromkeys(chain.from_iterable(rows)))
        ids = dict(zip(distinct, self._processor.encode(distinct), strict=True))
        return [list(chain.from_iterable(map(ids.__getitem__, words))) for words in rows]

    def decode(self, ids: list[int]) -> str:
        return str(self._processor.decode([int(i) for i in ids if i > self.unk_id]))

    def token(self, number: int) -> str:
        """Return a piece; U+2581 is a space."""
        return special_name(self, number) or str(self._processor.id_to_piece(number))

    def files(self) -> dict[str, bytes]:
        return {FILE: self.model}


def split_words(text: str) -> list[str]:
    """Cut a text before the first of every few spaces, that one left out: the model puts one before any text.

    A text that holds U+2581 itself stays whole: the model cannot tell it from a space.
    """
    if SPACE in text:
        return [text]
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        return RUNS.findall(text)
    return text.split(" ")


def train(config: "TokenizerConfig", sample: list[str]) -> SentencePieceTokenizer:
    """Train on a sample of texts; a small one supports fewer pieces than are asked for."""
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sample),
            model_writer=model,
            model_type=config.kind.removeprefix(PREFIX),
            vocab_size=config.vocab_size,
            hard_vocab_limit=False,
            seed_sentencepiece_size=max(10_000, SEEDS_PER_PIECE * config.vocab_size),
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            byte_fallback=True,
            character_coverage=COVERAGE,
            max_sentence_length=8 * CHUNK,
            num_threads=THREADS,
            minloglevel=2,
            pad_id=SentencePieceTokenizer.pad_id,
            bos_id=SentencePieceTokenizer.bos_id,
            eos_id=SentencePieceTokenizer.eos_id,
            unk_id=SentencePieceTokenizer.unk_id,
        )
    except RuntimeError as error:
        raise SynthError(
            f"cannot train `{config.kind}` with `vocab_size = {config.vocab_size}`: {_reason(error)}",
            "256 bytes, 4 special ids and every common character must fit: try `--vocab-size 1000` or more",
        ) from error
    return SentencePieceTokenizer(config.kind, model.getvalue())


def _reason(error: RuntimeError) -> str:
    """Return what SentencePiece says after the place in its source and the failed condition."""
    return str(error).strip().rpartition("] ")[2].strip().rstrip(".").lower() or "it did not say why"
