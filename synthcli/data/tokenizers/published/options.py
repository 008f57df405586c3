"""Which settings decide how text is read, which do not, and which are refused by their name."""

from collections.abc import Iterator, Mapping

from synthcli.data.tokenizers.published.settings import (
    ADDITIONAL,
    BERT,
    CONFIG,
    DECODER,
    EXTRA,
    GPT2,
    OTHER,
    PLAIN,
    Settings,
    excerpt,
)
from synthcli.errors import SynthError

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
LISTS = (ADDITIONAL, EXTRA, "model_specific_special_tokens")
CASE, ACCENTS, CHINESE, PREFIX = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "add_prefix_space",
)
SPLITS, CLEANS = "split_special_tokens", "clean_up_tokenization_spaces"
CLEANS_PAIRS = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"

# what a class reads of the options that change ids; the default of each
READ: dict[str, dict[str, bool | None]] = {
    BERT: {CASE: True, ACCENTS: None, CHINESE: True},
    GPT2: {PREFIX: False},
    PLAIN: {},
    OTHER: {},
}
SOMEWHERE = {key for own in READ.values() for key in own}
SWITCHES = (SPLITS, CLEANS, CLEANS_PAIRS)
HONOURED = {"tokenizer_class", DECODER, *SWITCHES, *NAMED, *LISTS}

# options that one version or another of the library reads in Python alone, with what changes nothing
ONLY: dict[str, tuple[object, ...]] = {
    "do_basic_tokenize": (True, None),
    "never_split": (None, []),
    "wordpieces_prefix": ("##", None),
    "clean_text": (True, None),
    "errors": ("replace", None),
    "add_eos_token": (False, None),
    "fast_tokenizer_files": (None, []),
    "fix_mistral_regex": (False, None),
    "auto_map": (None, {}),
    "init_inputs": ([], None),
}

# options of batches, of chats, of files and of marks around a text: none changes the ids of a text
IDLE = {
    "_commit_hash",
    "_from_auto",
    "add_bos_token",
    "backend",
    "chat_control_tokens",
    "chat_template",
    "device_map",
    "files_loaded",
    "from_slow",
    "full_tokenizer_file",
    "is_local",
    "legacy",
    "local_files_only",
    "max_len",
    "max_length",
    "merges_file",
    "model_input_names",
    "model_max_length",
    "name_or_path",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "padding",
    "padding_side",
    "processor_class",
    "response_schema",
    "response_template",
    "return_special_tokens_mask",
    "return_token_type_ids",
    "slow_tokenizer_class",
    "special_tokens_map_file",
    "stride",
    "tokenizer_file",
    "transformers_version",
    "trim_offsets",
    "truncation",
    "truncation_side",
    "truncation_strategy",
    "trust_remote_code",
    "use_fast",
    "verbose",
    "vocab_file",
}


def check_tokenizer_options(settings: Settings) -> None:
    """Refuse by name every option that is neither honoured nor without effect."""
    own = READ[settings.family]
    optional = dict.fromkeys((CLEANS, CLEANS_PAIRS, "add_bos_token"))
    for key, default in (own | {SPLITS: False} | optional).items():
        settings.switch(key, default)
    for key, value in settings.values.items():
        if key in own or key in HONOURED or key in IDLE:
            continue
        if key in ONLY:
            if value not in ONLY[key]:
                raise _refuse(settings, key, value, f"only `{key} = {excerpt(ONLY[key][0])}` can be honoured")
        elif key in SOMEWHERE:
            _check_unread(settings, key, value)
        elif value is not None and not (key.endswith("_token") and isinstance(value, str | dict)):
            raise _refuse(settings, key, value, "take the line out if it does not change how text is read")


def _check_unread(settings: Settings, key: str, value: object) -> None:
    """Refuse an option that the folder's class does not read, unless it says what is so anyway."""
    if value is None or (value is False and settings.family in (BERT, GPT2)):
        return
    is_so = None if settings.description is None else read_option(settings.description, key)
    if value is not is_so:
        says = "" if is_so is None else f", and `tokenizer.json` says {excerpt(is_so)}"
        name = settings.class_name or settings.family
        raise _refuse(settings, key, value, f"`{name}` does not read it{says}: take the line out")


def read_option(table: Mapping[str, object], key: str) -> bool | None:
    """Return what a `tokenizer.json` says of an option, None where its parts disagree."""
    found = {
        value
        for part in ("normalizer", "pre_tokenizer")
        for step in _steps(table.get(part))
        if (value := _option_of_step(step, key)) is not None
    }
    return False if not found else found.pop() if len(found) == 1 else None


def _steps(tree: object) -> Iterator[Mapping[str, object]]:
    """Yield every step of a normalizer or pre-tokenizer, those of sequences too."""
    if isinstance(tree, dict):
        yield tree
        for inner in tree.values():
            yield from _steps(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _steps(inner)


def _option_of_step(step: Mapping[str, object], key: str) -> bool | None:
    """Return what one step says of an option, None where it has nothing to do with it."""
    kind = step.get("type")
    if key == PREFIX:
        scheme = step.get("prepend_scheme")
        return _as_flag(step.get(PREFIX)) if scheme is None else scheme != "never"
    if kind == "BertNormalizer":
        found = step.get({CASE: "lowercase", CHINESE: "handle_chinese_chars"}.get(key, key))
        return bool(step.get("lowercase")) if key == ACCENTS and found is None else _as_flag(found)
    return True if kind == {CASE: "Lowercase", ACCENTS: "StripAccents"}.get(key) else None


def _as_flag(value: object) -> bool | None:
    """Return true or false where a value is one."""
    return value if isinstance(value, bool) else None


def _refuse(settings: Settings, key: str, value: object, hint: str) -> SynthError:
    return SynthError(f"`{key} = {excerpt(value)}` of `{settings.folder / CONFIG}` cannot be honoured", hint)
