"""GPT-2's byte-level BPE (Radford et al. 2019) from its own two files.

Ids 0 to 50,256 are GPT-2's. Three follow: pad 50,257, bos 50,258, eos 50,259. Nothing is unknown to a
byte-level vocabulary; `unk_id` is GPT-2's <|endoftext|>, 50,256, which no text encodes to.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from synthcli.data.hub_access import ask
from synthcli.data.tokenizers.base import ENDINGS, Saved, special_name
from synthcli.data.tokenizers.bpe import byte_pair_model, entry_text, read_merges
from synthcli.errors import SynthError
from synthcli.safe_read import check_files

if TYPE_CHECKING:
    import tiktoken
    import tokenizers

VOCABULARY, MERGES = ("encoder.json", "vocab.json"), ("vocab.bpe", "merges.txt")
ORIGIN = (
    "take `encoder.json` and `vocab.bpe` (or `vocab.json` and `merges.txt`) of"
    " https://huggingface.co/openai-community/gpt2 and pass their folder as `--tokenizer-files DIR`"
)
HUB_ID, HUB_REVISION = "openai-community/gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e"
ENTRIES = 50_257
PUBLISHED = "357847eccc669c043132c140dc3e6ef7a0f7670471432816b87251b114eccd85"  # a test tries its fast ids


class Gpt2Tokenizer(Saved):
    """GPT-2's vocabulary with pad, bos and eos after it."""

    kind = "gpt2"
    vocab_size = ENTRIES + 3
    unk_id, pad_id, bos_id, eos_id = range(ENTRIES - 1, ENTRIES + 3)

    def __init__(self, vocabulary: bytes, merges: bytes) -> None:
        self.vocabulary, self.merges = vocabulary, merges

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the two files under either of their names."""
        check_files(folder, ENDINGS)
        contents = []
        for names in (VOCABULARY, MERGES):
            present = [folder / name for name in names if (folder / name).is_file()]
            if not present:
                raise SynthError(f"`{folder}` lacks GPT-2's `{names[0]}`", ORIGIN)
            contents.append(present[0].read_bytes())
        tokenizer = cls(*contents)
        tokenizer.check(folder)
        return tokenizer

    @classmethod
    def from_hub(cls) -> Self:
        """Fetch the files of the pinned revision, or take them from the hub's cache."""
        try:
            paths = _fetch_files(is_cached=True) or _fetch_files(is_cached=False)
        except Exception as error:  # http, offline and cache errors share no base class
            message = f"could not read GPT-2's files from the Hugging Face hub: {type(error).__name__}"
            raise SynthError(message, ORIGIN) from error
        return cls(*(path.read_bytes() for path in paths))

    def check(self, folder: Path) -> None:
        """Refuse files that are not GPT-2's."""
        try:
            entries, merges = len(json.loads(self.vocabulary)), read_merges(self.merges)
        except (ValueError, TypeError) as error:
            raise SynthError(f"the GPT-2 files in `{folder}` cannot be read: {error}", ORIGIN) from error
        if (entries, len(merges)) != (ENTRIES, 50_000):
            raise SynthError(
                f"the vocabulary in `{folder}` has {entries} entries and {len(merges)} merges,"
                f" GPT-2's has {ENTRIES} and 50000",
                ORIGIN,
            )

    @cached_property
    def _bpe(self) -> "tokenizers.Tokenizer":
        return byte_pair_model(json.loads(self.vocabulary), read_merges(self.merges))

    @cached_property
    def fast_encoding(self) -> "tiktoken.Encoding | None":
        """What encodes texts in less time, None where its ids may be others."""
        from synthcli.data.tokenizers.fast_bpe import fast_encoding

        is_proved = self.hash == PUBLISHED
        return fast_encoding(json.loads(self.vocabulary), read_merges(self.merges), is_proved)

    @property
    def hash(self) -> str:
        return hashlib.sha256(b"gpt2" + self.vocabulary + self.merges).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._bpe.encode_batch_fast(texts)]

    def decode(self, ids: list[int]) -> str:
        return str(self._bpe.decode([i for i in ids if i < self.unk_id]))

    def token(self, number: int) -> str:
        return special_name(self, number) or entry_text(self._bpe.id_to_token(number) or "")

    def files(self) -> dict[str, bytes]:
        return {VOCABULARY[0]: self.vocabulary, MERGES[0]: self.merges}


def _fetch_files(is_cached: bool) -> list[Path]:
    """Return both files from the hub's cache, an empty list where they are not there, or from the hub."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if not is_cached:
        ask("model", HUB_ID, HUB_REVISION)
    try:
        return [
            Path(hf_hub_download(HUB_ID, name, revision=HUB_REVISION, local_files_only=is_cached))
            for name in (VOCABULARY[1], MERGES[1])
        ]
    except LocalEntryNotFoundError:
        if is_cached:
            return []
        raise
