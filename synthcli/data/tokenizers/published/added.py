"""Special and added tokens: which are put to a vocabulary, in which order, and how each is matched.

The order is that of transformers 5: tokens with ids by their ids, then those named for a role, then the
others that are special. A token takes the id it has in the vocabulary, else the next one free. A file that
says another id is refused: transformers would give the token the free one without a word.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from synthcli.data.tokenizers.published.options import LISTS, NAMED
from synthcli.data.tokenizers.published.pipelines import content
from synthcli.data.tokenizers.published.settings import (
    ADDED,
    ADDITIONAL,
    BERT,
    CONFIG,
    DECODER,
    DESCRIBED,
    EXTRA,
    GPT2,
    Settings,
    read_json_table,
    wrong,
)
from synthcli.errors import SynthError

if TYPE_CHECKING:
    import tokenizers

END_OF_TEXT = "<|endoftext|>"
DEFAULTS: dict[str, dict[str, str]] = {
    BERT: {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    },
    GPT2: {"unk_token": END_OF_TEXT, "bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT},
}
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


def list_named(settings: Settings) -> dict[str, object]:
    """Return the tokens that have a name, such as `pad_token`, as the files write them; null is none."""
    given = {key: value for key, value in settings.values.items() if _is_name(key, value)}
    for key in LISTS:
        if isinstance(more := settings.values.get(key), dict):
            given |= more
    tokens = {key: given.pop(key) for key in NAMED if key in given}
    tokens = DEFAULTS.get(settings.family, {}) | tokens
    ordered = {key: tokens[key] for key in NAMED if key in tokens} | given
    return {key: _check_token(settings, key, value) for key, value in ordered.items() if value is not None}


def add_tokens(model: "tokenizers.Tokenizer", settings: Settings) -> None:
    """Add every token that the files name, and check that each has the id they say."""
    numbered = _read_numbered(settings)
    named = list_named(settings)
    names = {content(token) for token in named.values()}
    tokens = [_token(settings, token) for _, token in sorted(numbered.items())]
    known = {token.content for token in (*model.get_added_tokens_decoder().values(), *tokens)}
    others: list[object] = []
    for token in (*named.values(), *_others(settings)):
        if content(token) not in known and token not in others:
            others.append(token)  # of one token in two forms the later one's flags count
    tokens += [_token(settings, token) for token in others]
    for token in tokens:
        token.special = token.special or token.content in names
    _refuse_unsure([*model.get_added_tokens_decoder().values(), *tokens], settings)
    model.add_tokens(tokens)
    _refuse_alike(model, settings)
    for number, token in sorted(numbered.items()):
        if (own := model.token_to_id(str(content(token)))) != number:
            message = f"the files in `{settings.folder}` give `{content(token)}` the id {number}"
            raise SynthError(
                f"{message}, and its place in the vocabulary is {own}",
                "is the vocabulary the one they belong to?",
            )


def _refuse_unsure(tokens: "list[tokenizers.AddedToken]", settings: Settings) -> None:
    """Refuse a token that is special and then, in a later place, is not: the library keeps to both."""
    special: set[str] = set()
    for token in tokens:
        if token.special:
            special.add(token.content)
        elif token.content in special:
            message = (
                f"the token `{token.content}` is special in one place of the files in `{settings.folder}`"
            )
            raise SynthError(f"{message}, and not in another", "write `special` alike in both")


def _refuse_alike(model: "tokenizers.Tokenizer", settings: Settings) -> None:
    """Refuse tokens that normalising makes one: which of them a text means is left to chance."""
    seen: dict[str, str] = {}
    for token in model.get_added_tokens_decoder().values():
        if model.normalizer is not None and token.normalized and token.content:
            text = model.normalizer.normalize_str(token.content)
            if (other := seen.setdefault(text, token.content)) != token.content:
                message = f"the added tokens `{other}` and `{token.content}` in `{settings.folder}`"
                raise SynthError(f"{message} are one once they are normalised", "take one out")


def _is_name(key: str, value: object) -> bool:
    return key in NAMED or (key.endswith("_token") and isinstance(value, str | dict))


def _others(settings: Settings) -> Iterator[object]:
    """Yield special tokens without a name."""
    key = EXTRA if EXTRA in settings.values else ADDITIONAL
    tokens = settings.values.get(key) or []
    if isinstance(tokens, dict):
        return
    if not isinstance(tokens, list):
        raise wrong(settings.folder / CONFIG, key, tokens, "a list of tokens")
    for token in tokens:
        yield _check_token(settings, key, token)


def _read_numbered(settings: Settings) -> dict[int, object]:
    """Return the tokens that the files number, by their ids."""
    if DECODER in settings.values:
        return _decoder(settings)
    found: dict[int, object] = {}
    if ADDED in settings.files:
        tokens = [settings.values.get(key) for key in NAMED]
        tokens += _others(settings) if EXTRA in settings.values else []
        # no version of the library looks through those that `tokenizer_config.json` has as tables
        special = {content(t) for t in tokens if not (isinstance(t, dict) and "__type" in t)}
        for text, number in read_json_table(settings.folder / ADDED).items():
            is_special = text in special
            table = {"content": text, "normalized": not is_special, "special": is_special}
            _put(settings, found, _read_id(settings, ADDED, text, number), table)
    for token in _describe_tokens(settings):
        _put(settings, found, _read_id(settings, DESCRIBED, content(token), token.get("id")), token)
    return found


def _put(settings: Settings, found: dict[int, object], number: int, token: object) -> None:
    """Put a token under its id; the later file's flags count, and another token is refused."""
    if number in found and content(found[number]) != content(token):
        message = (
            f"the files in `{settings.folder}` give both `{content(found[number])}` and `{content(token)}`"
        )
        raise SynthError(f"{message} the id {number}", "an id is one token's: take the other out")
    found[number] = token


def _decoder(settings: Settings) -> dict[int, object]:
    """Return `added_tokens_decoder`; in BERT's and GPT-2's classes a token that it leaves out is refused.

    There the list of `tokenizer.json` is one more file that transformers 5 does not read, and 4 did.
    """
    table = settings.values[DECODER]
    if not isinstance(table, dict):
        raise wrong(settings.folder / CONFIG, DECODER, table, "a table of tokens by their ids")
    found: dict[int, object] = {}
    for number, token in table.items():
        if not isinstance(token, dict) or not number.isdecimal():
            raise wrong(
                settings.folder / CONFIG, f"{DECODER}.{number}", token, "a table with an id for its key"
            )
        found[int(number)] = token
    known = {
        content(token) for token in (*found.values(), *list_named(settings).values(), *_others(settings))
    }
    for token in _describe_tokens(settings) if settings.family in DEFAULTS else ():
        if content(token) not in known:
            message = f"`{DECODER}` of `{settings.folder / CONFIG}` leaves out `{content(token)}`"
            raise SynthError(
                f"{message}, which `{DESCRIBED}` adds", "take it out of the one, or put it in the other"
            )
    return found


def _describe_tokens(settings: Settings) -> list[Mapping[str, object]]:
    tokens = (settings.description or {}).get("added_tokens") or []
    if not isinstance(tokens, list) or not all(content(token) is not None for token in tokens):
        raise ValueError(f"`added_tokens` of `{DESCRIBED}` is no list of tokens")
    return tokens


def _read_id(settings: Settings, file: str, text: object, number: object) -> int:
    if type(number) is not int or number < 0:
        raise wrong(settings.folder / file, str(text), number, "an id")
    return number


def _check_token(settings: Settings, key: str, token: object) -> object:
    """Return a token as text or as a table with its text; anything else is refused."""
    if content(token) is None:
        raise wrong(settings.folder / CONFIG, key, token, "a token: its text, or a table with its `content`")
    return token


def _token(settings: Settings, token: object) -> "tokenizers.AddedToken":
    """Return a token as the library takes it: text alone is special, a table has its own flags."""
    from tokenizers import AddedToken

    if isinstance(token, str):
        return AddedToken(token, special=True)
    text, flags = content(token), dict[str, bool]()
    assert isinstance(token, dict) and text is not None  # `_check_token`
    for key, value in token.items():
        if key in ("content", "id", "__type"):
            continue
        if key not in FLAGS:
            message = f"the token `{text}` in `{settings.folder}` has the flag `{key}`"
            raise SynthError(message, "flags of a token are " + ", ".join(f"`{flag}`" for flag in FLAGS))
        if not isinstance(value, bool):
            raise wrong(settings.folder / CONFIG, f"{text}.{key}", value, "true or false")
        flags[key] = value
    return AddedToken(text, **flags)
