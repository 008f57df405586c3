"""The tokenizer of whatever a folder is: one saved, a store, a checkpoint, or a model's published files."""

from pathlib import Path

from synthcli.data.tokenizers import Tokenizer, home, load_tokenizer
from synthcli.data.tokenizers.base import DESCRIPTION
from synthcli.data.tokenizers.gpt2 import MERGES, VOCABULARY, Gpt2Tokenizer
from synthcli.data.tokenizers.hugging_face import FILE as DESCRIBED
from synthcli.data.tokenizers.hugging_face import published_tokenizer
from synthcli.data.tokenizers.vocabulary_file import FILE, read_entries
from synthcli.data.tokenizers.wordpiece import MARKS, WordPieceTokenizer
from synthcli.data.tokenizers.words import WordTokenizer
from synthcli.errors import SynthError

EXPECTED = (
    f"expected a folder with `{DESCRIPTION}`, GPT-2's `{VOCABULARY[0]}` and `{MERGES[0]}`, or a `{FILE}`:"
    " `synth tokenizer train` makes one"
)


def tokenizer_of(place: Path) -> Tokenizer:
    """Return the tokenizer of a folder; what holds none is refused with what would."""
    folder = home(place)
    if (folder / DESCRIPTION).is_file():
        return load_tokenizer(folder)
    if any((folder / name).is_file() for name in (*VOCABULARY, *MERGES)):
        return Gpt2Tokenizer.load(folder)
    if not (folder / FILE).is_file() and (folder / DESCRIBED).is_file():
        return published_tokenizer(folder)
    if not (folder / FILE).is_file():
        raise SynthError(f"`{place}` holds no tokenizer that is known", EXPECTED)
    is_wordpiece = set(MARKS) <= set(read_entries(folder, WordPieceTokenizer.kind))
    return WordPieceTokenizer.load(folder) if is_wordpiece else WordTokenizer.load(folder)
