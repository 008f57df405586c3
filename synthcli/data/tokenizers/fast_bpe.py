"""Ids of byte-level BPE by tiktoken, in a sixth of the time, where they are surely those of `tokenizers`.

Two things may differ. *What is joined*: tiktoken joins whatever neighbours spell an entry, `tokenizers` the
listed pairs alone. Both agree on every text if merges and ids are in one order, each entry comes of one pair,
and `tokenizers` reads every entry back as itself: by induction over length, no neighbours that spell an entry
are then ever met but its pair. *Where words are cut*: two engines may know two versions of Unicode. A
character counts as known if Unicode 3.2 and Python's agree whether it is a letter, a digit or white space.
"""

import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from synthcli.data.tokenizers.bpe import BYTES

if TYPE_CHECKING:
    import tiktoken
    from tiktoken import Encoding

# GPT-2's words, as tiktoken writes them for its engine
WORDS = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
SEPARATOR = "\ufdd0\ufdd1"  # of no characters: it begins nowhere but at itself
LONGEST = 10_000  # characters of one text: engines may give up on longer runs
CHARACTERS = 0x20000  # of those from here on none counts as known

Ids = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]
"""Ids of texts one after the other, and where those of each text end, after a 0."""


def fast_encoding(
    vocabulary: dict[str, int], pairs: list[tuple[str, str]], is_proved: bool = False
) -> "tiktoken.Encoding | None":
    """Return tiktoken's encoding of a vocabulary, None where its ids may be others.

    `is_proved` says of a published vocabulary that it was tried.
    """
    entries = [left + right for left, right in pairs]
    order = [vocabulary.get(entry, -1) for entry in entries]
    if not BYTES.keys() <= vocabulary.keys() or not all(one < other for one, other in pairwise([-1, *order])):
        return None
    if not is_proved and not _reads_entries_back(vocabulary, pairs, entries):
        return None
    from tiktoken import Encoding

    ranks = {bytes(BYTES[letter] for letter in entry): vocabulary[entry] for entry in (*BYTES, *entries)}
    separator = {SEPARATOR: max(vocabulary.values()) + 1}
    return Encoding("byte-pairs", pat_str=WORDS, mergeable_ranks=ranks, special_tokens=separator)


def _reads_entries_back(vocabulary: dict[str, int], pairs: list[tuple[str, str]], entries: list[str]) -> bool:
    """Return whether `tokenizers` joins the bytes of every entry to that entry."""
    from tokenizers import Tokenizer, models

    model = Tokenizer(models.BPE(vocabulary, pairs))
    found = model.encode_batch_fast(entries)
    return all(one.ids == [vocabulary[entry]] for one, entry in zip(found, entries, strict=True))


def encode_flat(encoding: "Encoding", texts: list[str], others: Callable[[list[str]], Ids]) -> Ids:
    """Return the ids of texts; those on which engines may not agree are given to `others`."""
    is_known = find_known_texts(texts)
    known = [text for text, fast in zip(texts, is_known, strict=True) if fast]
    values, ends = _encode_known(encoding, known)
    if len(known) == len(texts):
        return values, ends
    rest, ends_of_rest = others([text for text, fast in zip(texts, is_known, strict=True) if not fast])
    lengths = np.zeros(len(texts) + 1, np.int64)
    lengths[1:][is_known], lengths[1:][~is_known] = np.diff(ends), np.diff(ends_of_rest)
    is_fast = np.repeat(is_known, lengths[1:])
    ids = np.empty(len(is_fast), np.int32)
    ids[is_fast], ids[~is_fast] = values, rest
    return ids, np.cumsum(lengths)


def _encode_known(encoding: "Encoding", texts: list[str]) -> Ids:
    """Encode texts in one call: a separator after each is cut at before words are."""
    whole = "".join(f"{text}{SEPARATOR}" for text in texts)
    ids = np.asarray(encoding.encode_to_numpy(whole, allowed_special={SEPARATOR}), np.int32)
    marks = np.flatnonzero(ids == encoding.encode_single_token(SEPARATOR))
    ends = np.concatenate([np.zeros(1, np.int64), marks - np.arange(len(marks))])
    return np.delete(ids, marks), ends


def find_known_texts(texts: list[str]) -> npt.NDArray[np.bool_]:
    """Return which texts are short enough, and of known characters alone: the separator's are none."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    is_known: npt.NDArray[np.bool_] = lengths <= LONGEST
    is_known[np.searchsorted(np.cumsum(lengths), _unknown_places("".join(texts)), side="right")] = False
    return is_known


def _unknown_places(text: str) -> npt.NDArray[np.int64]:
    """Return where a text has characters at which engines may cut words each in its own way."""
    if text.isascii():
        return np.zeros(0, np.int64)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    is_known = _find_known_characters()[np.minimum(codes, CHARACTERS)]
    return np.flatnonzero(~is_known)


@cache
def _find_known_characters() -> npt.NDArray[np.bool_]:
    """Return, by number, whether a character is of one kind in Unicode 3.2 and Python's; the last is not."""
    old = unicodedata.ucd_3_2_0
    kinds = [(unicodedata.category(chr(code)), old.category(chr(code))) for code in range(CHARACTERS)]
    known = [new not in ("Cn", "Cs") and _character_kind(new) == _character_kind(then) for new, then in kinds]
    return np.array([*known, False])


def _character_kind(category: str) -> str:
    """Return what GPT-2's words ask of a character: a letter, a digit, white space or none of them."""
    return category[0] if category[0] in "LNZ" else "" if category != "Cc" else "Cc"
