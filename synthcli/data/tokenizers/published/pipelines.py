"""What cuts a text into ids, built as the class of a folder builds it, of the tokenizers library's parts.

BERT's and GPT-2's classes take the vocabulary alone from a `tokenizer.json` and build the rest from their own
options; where the file says otherwise in what no option sets, it is refused. Any other class is as its
`tokenizer.json` describes it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from synthcli.data.tokenizers.bpe import BYTES, byte_pair_model, read_merges
from synthcli.data.tokenizers.patterns import refuse_runaway
from synthcli.data.tokenizers.published.options import ACCENTS, CASE, CHINESE, PREFIX
from synthcli.data.tokenizers.published.settings import (
    BERT,
    CONFIG,
    DESCRIBED,
    ENTRIES,
    GPT2,
    MERGES,
    PIECES,
    PLAIN,
    Settings,
    excerpt,
    read_json_table,
)
from synthcli.data.tokenizers.vocabulary_file import read_pieces
from synthcli.errors import SynthError
from synthcli.safe_read import parse_json, read_bytes, read_text

if TYPE_CHECKING:
    import tokenizers

UNKNOWN = "[UNK]"
PARTS = ("normalizer", "pre_tokenizer", "model", "decoder")
TYPES = {BERT: "WordPiece", GPT2: "BPE"}
# what the options decide, or nothing that changes an id or a decoded text
DECIDED = {
    BERT: {"normalizer.lowercase", "normalizer.strip_accents", "normalizer.handle_chinese_chars"},
    GPT2: {f"{part}.{key}" for part in ("pre_tokenizer", "decoder") for key in (PREFIX, "trim_offsets")}
    | {"decoder.use_regex"},
}


def build_pipeline(settings: Settings) -> "tokenizers.Tokenizer":
    """Return what reads text in a folder, without its special and added tokens."""
    if settings.family == BERT:
        model = _bert(settings, _read_entries(settings))
    elif settings.family == GPT2:
        model = _gpt2(settings, *_pairs(settings))
    elif settings.description is None:
        name = settings.class_name or settings.model.get("model_type", PLAIN)
        message = f"the tokenizer of `{name}` needs a `{DESCRIBED}`, and `{settings.folder}` has none"
        hint = "let transformers write one: `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`"
        raise SynthError(message, hint)
    else:
        return parse(read_text(settings.folder / DESCRIBED))
    if settings.description is not None:
        _refuse_other(settings, model)
    return model


def parse(description: str) -> "tokenizers.Tokenizer":
    """Build what encodes and decodes; the library says of a bad description no more than `Exception`."""
    from tokenizers import Tokenizer

    table = parse_json(description)
    if isinstance(table, dict):
        refuse_runaway(table)
    try:
        model = Tokenizer.from_str(description)
    except Exception as error:
        raise ValueError(f"it is no description of a tokenizer: {str(error)[:80]}") from error
    model.no_truncation()
    model.no_padding()
    return model


def _bert(settings: Settings, vocabulary: dict[str, int]) -> "tokenizers.Tokenizer":
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    unknown = content(settings.values.get("unk_token", UNKNOWN))
    if unknown not in vocabulary:
        message = f"the vocabulary in `{settings.folder}` lacks the unknown token, `{unknown}`"
        raise SynthError(message, f"name the one it has: `unk_token` in `{CONFIG}`")
    model = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    model.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.switch(CHINESE, True) is True,
        strip_accents=settings.switch(ACCENTS, None),
        lowercase=settings.switch(CASE, True) is True,
    )
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    model.decoder = decoders.WordPiece(prefix="##")
    return model


def _gpt2(
    settings: Settings, vocabulary: dict[str, int], pairs: list[tuple[str, str]]
) -> "tokenizers.Tokenizer":
    from tokenizers import pre_tokenizers

    try:
        model = byte_pair_model(vocabulary, pairs)
    except Exception as error:  # the library has no narrower one
        raise ValueError(f"the vocabulary and its merges do not fit: {str(error)[:80]}") from error
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=settings.switch(PREFIX, False) is True)
    return model


def content(token: object) -> str | None:
    """Return the text of a token, which stands as text or as a table with its text."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def _read_entries(settings: Settings) -> dict[str, int]:
    """Return the ids of WordPiece's entries: those of `tokenizer.json`, or the lines of `vocab.txt`."""
    if settings.description is not None:
        return dict(_model_of(settings)["vocab"])
    if PIECES not in settings.files:
        raise ValueError(f"there is no `{DESCRIBED}` and no `{PIECES}`")
    return {piece: number for number, piece in enumerate(read_pieces(settings.folder))}


def _pairs(settings: Settings) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the entries of byte-level BPE and what is merged, best first."""
    if settings.description is not None:
        model = _model_of(settings)
        merges = [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in model["merges"]]
        return dict(model["vocab"]), merges
    if not {ENTRIES, MERGES} <= settings.files:
        raise ValueError(f"there is no `{DESCRIBED}`, `{PIECES}`, or `{ENTRIES}` with `{MERGES}`")
    vocabulary: dict[str, Any] = read_json_table(settings.folder / ENTRIES)
    return vocabulary, read_merges(read_bytes(settings.folder / MERGES))


def _model_of(settings: Settings) -> dict[str, Any]:
    """Return the model of `tokenizer.json`, which has to be of the kind that the class builds."""
    assert settings.description is not None
    model, wanted = settings.description.get("model"), TYPES[settings.family]
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
        raise ValueError(f"`{DESCRIBED}` holds no vocabulary by ids")
    if model.get("type", wanted) != wanted:
        name = settings.class_name or settings.family
        message = (
            f"`{settings.folder / DESCRIBED}` holds a {model['type']} model, and `{name}` reads {wanted}"
        )
        raise SynthError(message, f"name its class in `{CONFIG}`: `tokenizer_class = {excerpt(PLAIN)}`")
    return model


def _refuse_other(settings: Settings, model: "tokenizers.Tokenizer") -> None:
    """Refuse a `tokenizer.json` that says what the class would read otherwise, and no option could set."""
    theirs = dict(leaves(json.loads(parse(json.dumps(settings.description)).to_str())))
    ours = dict(leaves(json.loads(model.to_str())))
    whole = set(BYTES) <= model.get_vocab().keys()
    for path in sorted(ours.keys() | theirs.keys()):
        value, built = theirs.get(path), ours.get(path)
        is_idle = settings.family == GPT2 and path == "model.unk_token" and whole
        is_same = value == built or {value, built} <= {None, "", False}
        if is_same or is_idle or path in DECIDED[settings.family]:
            continue
        said = f"`{path} = {excerpt(value)}` of `{settings.folder / DESCRIBED}`"
        message = f"{said}, and `{settings.class_name or settings.family}` has {excerpt(built)}"
        hint = f"to read the file as it stands: `tokenizer_class = {excerpt(PLAIN)}` in `{CONFIG}`"
        raise SynthError(message, hint)


def leaves(table: Mapping[str, object], parts: tuple[str, ...] = PARTS) -> Iterator[tuple[str, object]]:
    """Yield every value of a description by its dotted path, vocabulary and merges aside."""
    for part in parts:
        if part == "model":
            whole = table[part]
            assert isinstance(whole, dict)  # the library has read it
            model = {key: value for key, value in whole.items() if key not in ("vocab", "merges")}
            yield from _values(part, model)
        else:
            yield from _values(part, table.get(part))


def _values(path: str, tree: object) -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from _values(f"{path}.{key}", inner)
    elif isinstance(tree, list):
        for place, inner in enumerate(tree):
            yield from _values(f"{path}.{place}", inner)
    else:
        yield path, tree
