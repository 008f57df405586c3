"""WordPiece (Schuster and Nakajima 2012) with BERT's normalisation and marks (Devlin et al. 2019).

Control characters go, Chinese characters and punctuation stand alone, and an uncased vocabulary lower-cases
and strips accents. A word is read as its longest pieces from the left; one that cannot be is [UNK].
"""

import hashlib
import re
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from synthcli.data.tokenizers.base import PLAIN, Saved
from synthcli.data.tokenizers.sentencepiece import COVERAGE
from synthcli.data.tokenizers.vocabulary_file import FILE, format_entries, refuse_repeated, split_entries
from synthcli.errors import SynthError

if TYPE_CHECKING:
    import tokenizers

    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUED = "##"
CAPITAL = re.compile("[A-Z]")


class WordPieceTokenizer(Saved):
    """Pieces by id; pad, bos, eos, unk and mask are [PAD], [CLS], [SEP], [UNK] and [MASK]."""

    kind = "wordpiece"

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.pad_id, self.unk_id, self.bos_id, self.eos_id, self.mask_id = map(pieces.index, SPECIAL_TOKENS)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote: an entry a line, to the letter."""
        pieces = split_entries(folder / FILE, cls.kind)
        refuse_repeated(folder / FILE, pieces)
        missing = [f"`{mark}`" for mark in SPECIAL_TOKENS if mark not in pieces]
        if missing:
            raise SynthError(
                f"`{folder / FILE}` lacks {', '.join(missing)}", "take the `vocab.txt` of a BERT model"
            )
        return cls(pieces)

    @property
    def ends_texts(self) -> bool:
        """As BERT was given texts; ours of named fields were not."""
        return self.form == PLAIN

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    @property
    def is_cased(self) -> bool:
        """Whether some piece, marks in brackets aside, has a capital letter."""
        return any(CAPITAL.search(piece) for piece in self.pieces if not piece.startswith("["))

    @cached_property
    def _model(self) -> "tokenizers.Tokenizer":
        from tokenizers import Tokenizer, decoders, models

        vocabulary = {piece: number for number, piece in enumerate(self.pieces)}
        model = Tokenizer(models.WordPiece(vocabulary, unk_token=UNK))
        model.normalizer, model.pre_tokenizer = _build_reading(is_cased=self.is_cased)
        model.decoder = decoders.WordPiece(prefix=CONTINUED)
        return model

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.kind.encode() + format_entries(self.pieces)).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._model.encode_batch_fast(texts)]

    def decode(self, ids: list[int]) -> str:
        """Return words with a space between, none before punctuation: white space is not kept."""
        silent = {self.pad_id, self.bos_id, self.eos_id, self.unk_id}
        return str(self._model.decode([int(i) for i in ids if i not in silent]))

    def token(self, number: int) -> str:
        return self.pieces[number]

    def files(self) -> dict[str, bytes]:
        return {FILE: format_entries(self.pieces)}


def _build_reading(
    is_cased: bool,
) -> "tuple[tokenizers.normalizers.Normalizer, tokenizers.pre_tokenizers.PreTokenizer]":
    """Return how BERT cleans text and cuts it into words."""
    from tokenizers import normalizers, pre_tokenizers

    return normalizers.BertNormalizer(lowercase=not is_cased), pre_tokenizers.BertPreTokenizer()


def train(config: "TokenizerConfig", sample: list[str]) -> WordPieceTokenizer:
    """Train lower-cased pieces; words with the rarest characters are left out, and so will be unknown."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    lines = [_split_words(chunk) for chunk in sample]
    if not any(lines):
        raise SynthError("no text to train a tokenizer on", "prepare a corpus that is not empty")
    alphabet = _common_characters(lines)
    # ids of characters are fixed beforehand: the trainer meets words in no fixed order
    known = [*SPECIAL_TOKENS, *alphabet, *(f"{CONTINUED}{character}" for character in alphabet)]
    if len(known) > config.vocab_size:
        raise SynthError(
            f"cannot train `wordpiece` with `vocab_size = {config.vocab_size}`:"
            f" marks and characters alone need {len(known)}",
            f"set `data.tokenizer.vocab_size` to {len(known)} or more",
        )
    model = Tokenizer(models.WordPiece(unk_token=UNK))
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size,
        special_tokens=known,
        continuing_subword_prefix=CONTINUED,
        show_progress=False,
    )
    kept = set(alphabet)
    model.train_from_iterator((" ".join(filter(kept.issuperset, words)) for words in lines), trainer)
    vocabulary: dict[str, int] = model.get_vocab()
    return WordPieceTokenizer(sorted(vocabulary, key=vocabulary.__getitem__))


def _split_words(text: str) -> list[str]:
    """Return the words of a text as an uncased vocabulary reads it."""
    normalizer, pre_tokenizer = _build_reading(is_cased=False)
    return [word for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))]


def _common_characters(lines: list[list[str]]) -> list[str]:
    """Return, sorted, the most frequent characters, which together cover the share wanted."""
    counts = Counter(character for words in lines for word in words for character in word)
    rest, kept = counts.total(), []
    allowed = (1 - COVERAGE) * rest
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        if rest <= allowed:
            break
        kept.append(character)
        rest -= counts[character]
    return sorted(kept)
