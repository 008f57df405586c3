"""Published files as one of our own kinds, where these read text as the files' settings say.

`wordpiece` and `gpt2` take the names of special tokens in a text for text. In all else each is one way to
read its vocabulary, and files that ask for another are refused with what differs.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli.data.tokenizers.base import special_ids
from synthcli.data.tokenizers.gpt2 import MERGES, VOCABULARY, Gpt2Tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer, load_published
from synthcli.data.tokenizers.published.added import END_OF_TEXT
from synthcli.data.tokenizers.published.options import CASE
from synthcli.data.tokenizers.published.pipelines import leaves
from synthcli.data.tokenizers.published.settings import (
    BERT,
    CONFIG,
    DESCRIBED,
    excerpt,
    read_tokenizer_settings,
)
from synthcli.data.tokenizers.vocabulary_file import FILE, check_size, read_pieces
from synthcli.data.tokenizers.wordpiece import SPECIAL_TOKENS, WordPieceTokenizer
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

READING = ("normalizer", "pre_tokenizer", "model")


def convert_wordpiece(config: "TokenizerConfig") -> WordPieceTokenizer:
    """Return the pieces of the files in `files`."""
    folder = Path(config.files or "")
    tokenizer = read_wordpiece(folder)
    check_size(folder, tokenizer.vocab_size, config.vocab_size)
    return tokenizer


def read_wordpiece(folder: Path) -> WordPieceTokenizer:
    """Return BERT's pieces in a folder of published files."""
    if not (folder / DESCRIBED).is_file():
        pieces = read_pieces(folder)
        if missing := [f"`{mark}`" for mark in SPECIAL_TOKENS if mark not in pieces]:
            message = f"`{folder / FILE}` lacks {', '.join(missing)}"
            raise SynthError(message, "take the `vocab.txt` of a BERT model")
    published = load_published(folder)
    own = WordPieceTokenizer(_order_entries(folder, json.loads(published.description)["model"]))
    settings = read_tokenizer_settings(folder)
    if settings.family == BERT and CASE not in settings.values and own.is_cased:
        message = f"the entries in `{folder}` have capital letters, and nothing says whether text keeps them"
        raise SynthError(message, f'say it in `{folder / CONFIG}`: `{{"{CASE}": false}}`, or true')
    _refuse_other_files(folder, own, json.loads(own._model.to_str()), published, set(SPECIAL_TOKENS))
    if special_ids(own) != special_ids(published):
        raise _refuse_tokenizer_kind(folder, own.kind, "its special tokens are others")
    return own


def convert_gpt2(config: "TokenizerConfig") -> Gpt2Tokenizer:
    """Return GPT-2's own files, under either of their names."""
    folder = Path(config.files or "")
    own = Gpt2Tokenizer.load(folder)
    if (folder / VOCABULARY[1]).is_file() and (folder / MERGES[1]).is_file():
        table = json.loads(own._bpe.to_str())
        _refuse_other_files(folder, own, table, load_published(folder), {END_OF_TEXT})
    return own


def _order_entries(folder: Path, model: Mapping[str, Any]) -> list[str]:
    """Return the entries in the order of their ids, of which none may be missing."""
    vocabulary: dict[str, int] = model["vocab"] if model["type"] == "WordPiece" else {}
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    if not set(SPECIAL_TOKENS) <= set(pieces):
        raise _refuse_tokenizer_kind(
            folder, "wordpiece", "it has no WordPiece vocabulary with BERT's special tokens"
        )
    if [vocabulary[piece] for piece in pieces] != list(range(len(pieces))) or any("\n" in p for p in pieces):
        raise _refuse_tokenizer_kind(folder, "wordpiece", "its ids are not those of the lines of a file")
    return pieces


def _refuse_other_files(
    folder: Path,
    own: WordPieceTokenizer | Gpt2Tokenizer,
    table: Mapping[str, object],
    published: HuggingFaceTokenizer,
    known: set[str],
) -> None:
    """Refuse files that are read otherwise than one of our kinds does, or that add tokens."""
    theirs = json.loads(published.description)
    ours, found = (_settle_accents(dict(leaves(side, READING))) for side in (table, theirs))
    for path in sorted(ours.keys() | found.keys()):
        if ours.get(path) != found.get(path):
            raise _refuse_tokenizer_kind(
                folder,
                own.kind,
                f"`{path}` is {excerpt(found.get(path))}, not {excerpt(ours.get(path))}",
            )
    for token in theirs["added_tokens"]:
        if token["content"] not in known:
            raise _refuse_tokenizer_kind(folder, own.kind, f"it adds the token `{token['content']}`")


def _settle_accents(values: dict[str, object]) -> dict[str, object]:
    """Return the values with the one that another decides while it is null."""
    if values.get("normalizer.strip_accents", 0) is None:
        values["normalizer.strip_accents"] = values["normalizer.lowercase"]
    return {path: value for path, value in values.items() if value not in (None, "", False)}


def _refuse_tokenizer_kind(folder: Path, kind: str, why: str) -> SynthError:
    message = f"the files in `{folder}` are not read as `{kind}` reads: {why}"
    return SynthError(message, "ask for `huggingface`, which reads them as their settings say")
