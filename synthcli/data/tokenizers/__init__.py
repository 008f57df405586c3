"""Tokenizers: text to ids and back, trained or loaded, saved beside what uses them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.data.tokenizers import byte_level_bpe, sentencepiece, wordpiece
from synthcli.data.tokenizers.base import DESCRIPTION, ENDINGS, FORMS, NAMED, Tokenizer
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.data.tokenizers.byte_level_bpe import ByteLevelBpeTokenizer
from synthcli.data.tokenizers.convert_published import convert_gpt2, convert_wordpiece
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer, load_published
from synthcli.data.tokenizers.sentencepiece import SentencePieceTokenizer
from synthcli.data.tokenizers.training_cache import Train, train_cached
from synthcli.data.tokenizers.word_level import WordTokenizer, frequent_words, read_word_vocabulary
from synthcli.data.tokenizers.wordpiece import WordPieceTokenizer
from synthcli.errors import SynthError, did_you_mean
from synthcli.safe_read import check_files, read_json

if TYPE_CHECKING:
    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

UNIGRAM, BPE = "sentencepiece-unigram", "sentencepiece-bpe"

TOKENIZERS: dict[str, Callable[[Path], Tokenizer]] = {
    UNIGRAM: lambda folder: SentencePieceTokenizer.load(UNIGRAM, folder),
    BPE: lambda folder: SentencePieceTokenizer.load(BPE, folder),
    "byte-level-bpe": ByteLevelBpeTokenizer.load,
    "gpt2": Gpt2Tokenizer.load,
    "bytes": ByteTokenizer.load,
    "wordpiece": WordPieceTokenizer.load,
    "words": WordTokenizer.load,
    "huggingface": HuggingFaceTokenizer.load,
}

# kinds that learn from a sample, and the library that decides what
TRAINERS: dict[str, tuple[Train, str]] = {
    UNIGRAM: (sentencepiece.train, "sentencepiece"),
    BPE: (sentencepiece.train, "sentencepiece"),
    "byte-level-bpe": (byte_level_bpe.train, "tokenizers"),
    "wordpiece": (wordpiece.train, "tokenizers"),
}

# kinds that files without a description define
BARE: dict[str, Callable[["TokenizerConfig"], Tokenizer]] = {
    "gpt2": convert_gpt2,
    "wordpiece": convert_wordpiece,
    "words": read_word_vocabulary,
    "huggingface": lambda config: load_published(Path(config.files or "")),
}


def train_or_load_tokenizer(
    config: "TokenizerConfig", texts: Iterable[str], cache: Path | None = None
) -> Tokenizer:
    """Return the tokenizer of a configuration; `texts` are read only where it is trained.

    One trained before on the same sample is taken from the folder `cache`, and a new one is kept there.
    """
    if config.files is not None:
        return load_given(config)
    if config.kind in TRAINERS:
        train, library = TRAINERS[config.kind]
        return train_cached(config, texts, train, load_tokenizer, library, cache)
    if config.kind == "words":
        return frequent_words(config, texts)
    if config.kind == "huggingface":
        hint = "name the folder of a published model: `--tokenizer-files DIR`, `data.tokenizer.files`"
        raise SynthError("`huggingface` needs the files of a tokenizer", hint)
    return Gpt2Tokenizer.from_hub() if config.kind == "gpt2" else ByteTokenizer()


def load_given(config: "TokenizerConfig") -> Tokenizer:
    """Return the tokenizer that `files` holds: of a store or a checkpoint, saved, or as bare files."""
    folder = tokenizer_folder(Path(config.files or ""))
    if not (folder / DESCRIPTION).is_file() and config.kind in BARE:
        return BARE[config.kind](config)
    tokenizer = load_tokenizer(folder)
    if tokenizer.kind != config.kind:
        message = f"`{folder}` holds a `{tokenizer.kind}` tokenizer, and `{config.kind}` was asked for"
        raise SynthError(message, f"ask for `{tokenizer.kind}`, or name another folder")
    return tokenizer


def tokenizer_folder(folder: Path) -> Path:
    """Return the folder of a tokenizer's files: the one named, or `tokenizer` in it, as stores have it."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise SynthError(f"`{folder}` {what}", "name a folder with a tokenizer, a store, or a checkpoint")
    inner = folder / "tokenizer"
    return inner if (inner / DESCRIPTION).is_file() and not (folder / DESCRIPTION).is_file() else folder


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read what `Tokenizer.save` wrote; a missing, unknown or changed one is refused."""
    path = folder / DESCRIPTION
    try:
        check_files(folder, ENDINGS)
        description = read_json(path)
        tokenizer = find_loader(description, path)(folder)
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise SynthError(
            f"`{folder}` holds no tokenizer: `{missing}` is missing", "prepare it again"
        ) from error
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SynthError(f"`{path}` cannot be read: {error}", "prepare it again") from error
    if tokenizer.hash != description.get("hash"):
        raise SynthError(
            f"the tokenizer in `{folder}` is not the one its description names", "prepare it again"
        )
    training = description.get("training")
    if not isinstance(training, dict | None):
        raise SynthError(f"`{path}` holds no table `training`", "prepare it again")
    tokenizer.training, tokenizer.form = training, _form_in(description, path)
    return tokenizer


def _form_in(description: Mapping[str, object], path: Path) -> str:
    form = description.get("form", NAMED)
    if form not in FORMS:
        raise SynthError(f"`{path}` names no known `form` of texts", "use a newer version of `synth`")
    return str(form)


def find_loader(description: object, path: Path) -> Callable[[Path], Tokenizer]:
    """Return what loads the kind that a description names."""
    kind = description.get("kind") if isinstance(description, dict) else None
    if not isinstance(kind, str):
        raise SynthError(f"`{path}` names no kind of tokenizer", "prepare it again")
    if kind not in TOKENIZERS:
        raise SynthError(f"unknown tokenizer `{kind}` in `{path}`", did_you_mean(kind, TOKENIZERS))
    return TOKENIZERS[kind]


__all__ = ["TOKENIZERS", "Tokenizer", "load_given", "load_tokenizer", "train_or_load_tokenizer"]
