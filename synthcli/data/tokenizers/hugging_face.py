"""Whatever a `tokenizer.json` of the tokenizers library describes, special ids where its publisher put them.

Truncation and padding, which such a file may ask for, are left to what makes batches.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from synthcli.data.tokenizers.base import ENDINGS, Saved, shown
from synthcli.data.tokenizers.byte_pairs import byte_pair_model, pairs_in
from synthcli.data.tokenizers.wordpiece import MARKS, UNK, WordPieceTokenizer, reading
from synthcli.errors import SynthError
from synthcli.safe_read import check_files, read_json

FILE, SPECIAL = "tokenizer.json", "special-ids.json"
ROLES = ("pad", "bos", "eos", "unk", "mask")
# what stands in for a role that a publisher gave no token, in order
INSTEAD = {"bos": ("cls", "eos"), "eos": ("sep", "bos"), "pad": ("eos", "sep"), "unk": ("eos", "pad")}
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
END_OF_TEXT = "<|endoftext|>"  # GPT-2's, which old folders name nowhere
HINT = "is it the folder of a tokenizer of the transformers library, whole?"


class HuggingFaceTokenizer(Saved):
    """A description in JSON and the ids of its special tokens."""

    kind = "huggingface"

    def __init__(self, description: str, ids: dict[str, int]) -> None:
        self.description, self.ids = description, ids
        self.pad_id, self.bos_id, self.eos_id, self.unk_id = (ids[role] for role in ROLES[:4])
        self.mask_id = ids.get("mask")

    @classmethod
    def load(cls, folder: Path) -> Self:
        ids = read_json(folder / SPECIAL)
        if not isinstance(ids, dict) or not set(ROLES[:4]) <= set(ids) <= set(ROLES):
            raise ValueError(f"`{SPECIAL}` does not name the special ids")
        if not all(type(number) is int and number >= 0 for number in ids.values()):
            raise ValueError(f"`{SPECIAL}` holds ids that are no numbers")
        tokenizer = cls((folder / FILE).read_text(encoding="utf-8"), ids)
        _ = tokenizer._model
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        return model_of(self.description)

    @cached_property
    def vocab_size(self) -> int:
        return max(*self._model.get_vocab(with_added_tokens=True).values(), *self.ids.values()) + 1

    @property
    def hash(self) -> str:
        named = json.dumps(self.ids, sort_keys=True)
        return hashlib.sha256(f"{self.kind}{self.description}{named}".encode()).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        encodings = self._model.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: list[int]) -> str:
        silent = {self.pad_id, self.bos_id, self.eos_id, self.unk_id}
        return str(self._model.decode([int(i) for i in ids if i not in silent]))

    def piece(self, number: int) -> str:
        return shown(self, number) or str(self._model.id_to_token(number))

    def files(self) -> dict[str, bytes]:
        special = json.dumps(self.ids, indent=2) + "\n"
        return {FILE: self.description.encode(), SPECIAL: special.encode()}


def model_of(description: str) -> Any:
    """Build what encodes and decodes; the library says of a bad description no more than `Exception`."""
    from tokenizers import Tokenizer

    try:
        model = Tokenizer.from_str(description)
    except Exception as error:
        raise ValueError(f"it is no description of a tokenizer: {str(error)[:80]}") from error
    model.no_truncation()
    model.no_padding()
    return model


def is_published(folder: Path) -> bool:
    """Whether a folder holds tokenizer files of the transformers library."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return FILE in names or "vocab.txt" in names or {"vocab.json", "merges.txt"} <= names


def published_tokenizer(folder: Path) -> "HuggingFaceTokenizer | WordPieceTokenizer":
    """Return the tokenizer of a published model's folder; one like BERT's is our `wordpiece`."""
    try:
        check_files(folder, ENDINGS)
        settings = read_settings(folder)
        description = read_description(folder, settings)
        model = model_of(description)
        if pieces := pieces_like_berts(json.loads(description)):
            return WordPieceTokenizer(pieces)
        return HuggingFaceTokenizer(model.to_str(), special_ids(model, settings, folder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SynthError(f"the tokenizer in `{folder}` cannot be read: {error}", HINT) from error


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what the files beside a tokenizer say of it."""
    settings: dict[str, Any] = {}
    for name in SETTINGS:
        if (folder / name).is_file():
            found = read_json(folder / name)
            if not isinstance(found, dict):
                raise ValueError(f"`{name}` holds no table")
            settings |= found
    return settings


def read_description(folder: Path, settings: dict[str, Any]) -> str:
    """Return `tokenizer.json`, or one made of the files that came before it."""
    if (folder / FILE).is_file():
        return (folder / FILE).read_text(encoding="utf-8")
    if (folder / "vocab.txt").is_file():
        return describe_wordpiece(folder, settings)
    if not {"vocab.json", "merges.txt"} <= {path.name for path in folder.iterdir()}:
        raise ValueError(f"there is no `{FILE}`, `vocab.txt`, or `vocab.json` with `merges.txt`")
    vocabulary = read_json(folder / "vocab.json")
    pairs = pairs_in((folder / "merges.txt").read_bytes())
    try:
        return str(byte_pair_model(vocabulary, pairs).to_str())
    except Exception as error:  # the library has no narrower one
        raise ValueError(f"`vocab.json` and `merges.txt` do not fit: {str(error)[:80]}") from error


def describe_wordpiece(folder: Path, settings: dict[str, Any]) -> str:
    """Describe the pieces of a `vocab.txt`; capitals are kept where the files say so, else as pieces show."""
    from tokenizers import Tokenizer, decoders, models

    own = WordPieceTokenizer.load(folder)
    is_cased = not settings["do_lower_case"] if "do_lower_case" in settings else own.is_cased
    model = Tokenizer(models.WordPiece({p: n for n, p in enumerate(own.pieces)}, unk_token=UNK))
    model.normalizer, model.pre_tokenizer = reading(is_cased=is_cased)
    model.decoder = decoders.WordPiece()
    return str(model.to_str())


def pieces_like_berts(table: dict[str, Any]) -> list[str] | None:
    """Return the pieces where a description is that of BERT's own tokenizer, and none where it differs."""
    model, normalizer, words = table["model"], table.get("normalizer"), table.get("pre_tokenizer")
    if model.get("type") != "WordPiece" or not normalizer or not words:
        return None
    vocabulary: dict[str, int] = model["vocab"]
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    if [vocabulary[piece] for piece in pieces] != list(range(len(pieces))) or not set(MARKS) <= set(pieces):
        return None
    added = {token["content"] for token in table.get("added_tokens") or []}
    is_lower = not WordPieceTokenizer(pieces).is_cased
    wanted = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "lowercase": is_lower,
    }
    is_like = (
        all(normalizer.get(key) == value for key, value in wanted.items())
        and normalizer.get("strip_accents") in (None, is_lower)
        and words.get("type") == "BertPreTokenizer"
        and model.get("continuing_subword_prefix") == "##"
        and added <= set(MARKS)
    )
    return pieces if is_like else None


def special_ids(model: Any, settings: dict[str, Any], folder: Path) -> dict[str, int]:
    """Return the id of every role; a role without a token has that of its nearest relative."""
    named = {role: numbered(model, settings.get(f"{role}_token")) for role in (*ROLES, "cls", "sep")}
    if not any(number is not None for number in named.values()):
        named["eos"] = model.token_to_id(END_OF_TEXT)
    ids = {role: resolved(role, named) for role in ROLES}
    if missing := [role for role in ROLES[:4] if ids[role] is None]:
        tokens = ", ".join(f"`{role}_token`" for role in missing)
        raise SynthError(f"the tokenizer in `{folder}` names no {tokens}", f"set it in `{SETTINGS[0]}`")
    return {role: number for role, number in ids.items() if number is not None}


def numbered(model: Any, token: object) -> int | None:
    """Return the id of a token, which stands as text or as a table with its text."""
    text = token.get("content") if isinstance(token, dict) else token
    return model.token_to_id(text) if isinstance(text, str) else None


def resolved(role: str, named: dict[str, int | None]) -> int | None:
    """Return a role's own id, or that of what stands in for it, one step on at most twice."""
    for name in (
        role,
        *INSTEAD.get(role, ()),
        *(n for i in INSTEAD.get(role, ()) for n in INSTEAD.get(i, ())),
    ):
        if named.get(name) is not None:
            return named[name]
    return None
