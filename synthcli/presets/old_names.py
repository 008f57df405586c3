"""What presets and runs once held under another name, or hold no more: still read, all listed here."""

from collections.abc import Mapping

from synthcli.presets.merge import Sourced, Tree

GONE = "claims"  # what was printed for a preset: claims.toml of its paper says it now
PRESETS = {"bert-distil": "bert-distill"}  # how names of presets begin
KEYS = {"data": "corpus", "sequence_length": "max_length"}
WORDS = {"method": {"distil-block": "distill-block"}}
# every table held these, whatever its method: what they were where they said nothing; None is any value
IDLE: dict[str, tuple[object, ...] | None] = {
    "blocks": None,
    "criterion": ("mse", "kl-output"),
    "conditioned": ("teacher",),
    "start": ("best",),
    "group": (2,),
    "hidden": (0.0,),
    "temperature": (1.0,),
    "train_only": ([],),
}


def preset_now(name: str) -> str:
    """Return what a preset, or a run of one, is called now."""
    for old, new in PRESETS.items():
        if name == old or name.startswith(f"{old}-"):
            return new + name.removeprefix(old)
    return name


def rename(table: Mapping[str, object]) -> dict[str, object]:
    """Return a preset's table in the words of now, `[compress]` of overlays too."""
    new = {key: value for key, value in table.items() if key != GONE}
    compress, scales = table.get("compress"), table.get("scale")
    if isinstance(compress, dict):
        new["compress"] = {KEYS.get(key, key): _new_word(key, one) for key, one in compress.items()}
    if isinstance(scales, dict):
        new["scale"] = {scale: rename(one) if isinstance(one, dict) else one for scale, one in scales.items()}
    return new


def _new_word(key: str, value: object) -> object:
    return WORDS.get(key, {}).get(value, value) if isinstance(value, str) else value


def drop_idle(tree: Tree) -> Tree:
    """Return the settings without what the method of `[compress]` has no use for and once was written."""
    from synthcli.compress.config import CONFIGS

    table = tree.get("compress")
    method = table.get("method") if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(method, Sourced) or method.value not in CONFIGS:
        return tree
    fields = CONFIGS[method.value].model_fields
    kept = {key: one for key, one in table.items() if key in fields or not _is_idle(key, one)}
    return {**tree, "compress": kept}


def _is_idle(key: str, value: "Tree | Sourced") -> bool:
    """Whether a key says nothing; one of the command line means something."""
    if key not in IDLE or not isinstance(value, Sourced) or value.source.startswith("--"):
        return False
    words = IDLE[key]
    return words is None or value.value in words
