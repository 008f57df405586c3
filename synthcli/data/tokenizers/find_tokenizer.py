"""The tokenizer of whatever a folder is: one saved, a store, a checkpoint, or a model's published files."""

from pathlib import Path

from synthcli.data.tokenizers import Tokenizer, load_tokenizer, tokenizer_folder
from synthcli.data.tokenizers.base import DESCRIPTION, ENDINGS
from synthcli.data.tokenizers.gpt2 import MERGES, VOCABULARY, Gpt2Tokenizer
from synthcli.data.tokenizers.hugging_face import is_published, load_published
from synthcli.data.tokenizers.published.settings import CONFIG, DESCRIBED, MODEL_CONFIG
from synthcli.data.tokenizers.vocabulary_file import FILE, split_entries
from synthcli.data.tokenizers.word_level import WordTokenizer
from synthcli.data.tokenizers.wordpiece import SPECIAL_TOKENS
from synthcli.errors import SynthError
from synthcli.safe_read import check_files

EXPECTED = (
    f"expected a folder with `{DESCRIPTION}`, a `{DESCRIBED}`, GPT-2's `{VOCABULARY[0]}` and `{MERGES[0]}`"
    f" or `{VOCABULARY[1]}` and `{MERGES[1]}`, or a `{FILE}`: `synth tokenizer train` makes one"
)


def find_tokenizer(place: Path) -> Tokenizer:
    """Return the tokenizer of a folder; what holds none is refused with what would."""
    folder = tokenizer_folder(place)
    check_files(folder, ENDINGS)  # what is no plain file is not passed over as if it were not there
    if (folder / DESCRIPTION).is_file():
        return load_tokenizer(folder)
    if any((folder / name).is_file() for name in (VOCABULARY[0], MERGES[0])):
        return Gpt2Tokenizer.load(folder)
    if not is_published(folder):
        raise SynthError(f"`{place}` holds no tokenizer that is known", EXPECTED)
    return WordTokenizer.load(folder) if _holds_words(folder) else load_published(folder)


def _holds_words(folder: Path) -> bool:
    """Whether a `vocab.txt` stands alone and has none of BERT's special tokens: a list of words."""
    if any((folder / name).is_file() for name in (DESCRIBED, CONFIG, MODEL_CONFIG)):
        return False
    if not (folder / FILE).is_file():
        return False
    return not set(SPECIAL_TOKENS) & {
        line.rstrip() for line in split_entries(folder / FILE, WordTokenizer.kind)
    }
