"""Whatever a `tokenizer.json` of the tokenizers library describes, special ids where its publisher put them.

Truncation and padding, which such a file may ask for, are left to what makes batches.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from synthcli.data.tokenizers.base import ENDINGS, Saved, special_name
from synthcli.data.tokenizers.patterns import ends_named
from synthcli.data.tokenizers.published.added import add_tokens
from synthcli.data.tokenizers.published.options import (
    CASE,
    CLEANS,
    CLEANS_PAIRS,
    SPLITS,
    check_tokenizer_options,
    read_option,
)
from synthcli.data.tokenizers.published.pipelines import build_pipeline, parse
from synthcli.data.tokenizers.published.roles import ROLES, find_special_ids
from synthcli.data.tokenizers.published.settings import (
    BERT,
    CONFIG,
    DESCRIBED,
    ENTRIES,
    GPT2,
    MERGES,
    PIECES,
    Settings,
    read_tokenizer_settings,
)
from synthcli.errors import SynthError
from synthcli.safe_read import check_files, read_json, read_text

if TYPE_CHECKING:
    import tokenizers

FILE, SPECIAL, ENDS = DESCRIBED, "special-ids.json", "ends_texts"
HINT = "is it the folder of a tokenizer of the transformers library, whole?"
# what the library takes out of a decoded text on request, in its order
CLEANED = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)
CAPITAL = re.compile("[A-Z]")


class HuggingFaceTokenizer(Saved):
    """A description in JSON and the ids of its special tokens.

    Where it `splits_special`, the name of a special token that stands in a text is text; where it
    `ends_texts`, a classifier's texts end with eos. `notes` say what a reader should know of how the files
    were read; they are not kept.
    """

    kind = "huggingface"

    def __init__(
        self,
        description: str,
        ids: dict[str, int],
        splits_special: bool = False,
        ends_texts: bool = False,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.description, self.ids, self.notes = description, ids, notes
        self.splits_special, self._ends_texts = splits_special, ends_texts
        self.pad_id, self.bos_id, self.eos_id, self.unk_id = (ids[role] for role in ROLES[:4])
        self.mask_id = ids.get("mask")

    @classmethod
    def load(cls, folder: Path) -> Self:
        table = read_json(folder / SPECIAL)
        ids = {key: value for key, value in table.items() if key not in (SPLITS, ENDS)}
        if not set(ROLES[:4]) <= set(ids) <= set(ROLES):
            raise ValueError(f"`{SPECIAL}` does not name the special ids")
        if not all(type(number) is int and number >= 0 for number in ids.values()):
            raise ValueError(f"`{SPECIAL}` holds ids that are no numbers")
        tokenizer = cls(read_text(folder / FILE), ids, table.get(SPLITS) is True, table.get(ENDS) is True)
        _ = tokenizer._model
        return tokenizer

    @cached_property
    def _model(self) -> "tokenizers.Tokenizer":
        model = parse(self.description)
        model.encode_special_tokens = self.splits_special
        return model

    @property
    def ends_texts(self) -> bool:
        return self._ends_texts

    @cached_property
    def vocab_size(self) -> int:
        return max(*self._model.get_vocab(with_added_tokens=True).values(), *self.ids.values()) + 1

    @property
    def hash(self) -> str:
        named = json.dumps(self._special, sort_keys=True)
        return hashlib.sha256(f"{self.kind}{self.description}{named}".encode()).hexdigest()

    @property
    def _special(self) -> dict[str, int]:
        said = {SPLITS: self.splits_special, ENDS: self.ends_texts}
        return self.ids | {key: value for key, value in said.items() if value}

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        with ends_named(max(map(len, texts), default=0)):
            encodings = self._model.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: list[int]) -> str:
        silent = {self.pad_id, self.bos_id, self.eos_id, self.unk_id}
        return str(self._model.decode([int(i) for i in ids if i not in silent]))

    def token(self, number: int) -> str:
        return special_name(self, number) or str(self._model.id_to_token(number))

    def files(self) -> dict[str, bytes]:
        special = json.dumps(self._special, indent=2) + "\n"
        return {FILE: self.description.encode(), SPECIAL: special.encode()}


def is_published(folder: Path) -> bool:
    """Whether a folder holds tokenizer files of the transformers library."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return FILE in names or PIECES in names or {ENTRIES, MERGES} <= names


def load_published(folder: Path) -> HuggingFaceTokenizer:
    """Return the tokenizer of a published model's folder; what its settings say is honoured, or refused."""
    try:
        check_files(folder, ENDINGS)
        settings = read_tokenizer_settings(folder)
        check_tokenizer_options(settings)
        model = build_pipeline(settings)
        add_tokens(model, settings)
        _clean_decoded(model, settings)
        ids = find_special_ids(model, settings)
        splits, ends = settings.switch(SPLITS, False) is True, _ends_texts(model, settings, ids["eos"])
        return HuggingFaceTokenizer(model.to_str(), ids, splits, ends, tuple(_notes(model, settings)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SynthError(f"the tokenizer in `{folder}` cannot be read: {error}", HINT) from error


def _ends_texts(model: "tokenizers.Tokenizer", settings: Settings, eos: int) -> bool:
    """Whether the files put eos after a text: BERT's class always does, another's `tokenizer.json` may."""
    if settings.family in (BERT, GPT2):
        return settings.family == BERT
    try:
        bare, marked = (model.encode("a", add_special_tokens=flag).ids for flag in (False, True))
        return len(marked) > len(bare) and marked[-1] == eos
    except Exception:  # the library has no narrower one, where a letter is unknown and nothing stands for it
        return False


def _clean_decoded(model: "tokenizers.Tokenizer", settings: Settings) -> None:
    """Let decoding take out the spaces that the files ask for, of byte pairs only where they insist."""
    from tokenizers import decoders

    is_pairs = json.loads(model.to_str())["model"]["type"] == "BPE"
    if settings.switch(CLEANS, None) and (not is_pairs or settings.switch(CLEANS_PAIRS, None)):
        replaced = [decoders.Replace(before, after) for before, after in CLEANED]
        model.decoder = decoders.Sequence([model.decoder or decoders.Fuse(), decoders.Fuse(), *replaced])


def _notes(model: "tokenizers.Tokenizer", settings: Settings) -> Iterator[str]:
    """Yield what the files leave to the library's default, where they seem to mean something else."""
    if settings.family != BERT or CASE in settings.values:
        return
    capitals = sum(1 for piece in model.get_vocab() if CAPITAL.search(piece) and not piece.startswith("["))
    is_cased = settings.description is not None and not read_option(settings.description, CASE)
    if capitals or is_cased:
        why = f"`{DESCRIBED}` says otherwise" if is_cased else f"{capitals} entries have capitals"
        yield (
            f"text is lower-cased, as transformers does where no `{CASE}` is set, though {why}:"
            f" `{CASE} = false` in `{CONFIG}` keeps capitals"
        )
