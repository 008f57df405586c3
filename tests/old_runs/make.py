"""Runs as versions before wrote them, made of runs of today: by code, so that no weights are kept.

`forget_records` takes away what was not written then; `write_old_names` puts back the words of then, each of
those that `synthcli/presets/old_names.py` lists.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from synthcli.compress.config import CONFIGS
from synthcli.presets import old_names
from synthcli.presets.files import read_toml
from synthcli.training.manifest import MANIFEST, write_manifest

TABLES = {"GONE", "IDLE", "KEYS", "PRESETS", "WORDS"}  # of `old_names`, all put back here
CLAIMS = {"loss": {"metric": "loss", "value": 1.155, "source": "repository", "verified": False}}
NONE_WHATEVER = {"blocks": [0]}  # of what `IDLE` takes at any value


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, table: Any) -> None:
    path.write_text(json.dumps(table), encoding="utf-8")


def steps_of(runs: Path) -> dict[str, Path]:
    """Return the words for every checkpoint of a folder of runs, `RUN-ID/step-…`, and where it lies."""
    return {f"{path.parents[1].name}/{path.name}": path for path in runs.glob("*/*/checkpoints/step-*")}


def forget_records(run: Path, places: Mapping[str, Path]) -> None:
    """Take from a run what versions before did not write: other checkpoints are named by their paths."""
    write_json(run / "environment.json", {"sessions": read_json(run / "environment.json")["sessions"]})
    preset = (run / "preset.toml").read_text(encoding="utf-8")
    for word, place in places.items():
        preset = preset.replace(f'"{word}"', f'"{place}"')
    (run / "preset.toml").write_text(preset, encoding="utf-8")
    for path in run.glob("checkpoints/step-*/training/state.json"):
        state = read_json(path)
        write_json(path, {key: value for key, value in state.items() if key != "preset"})
        (path.parents[1] / MANIFEST).unlink()
        write_manifest(path.parents[1], state["step"], None)
    account = run / "results" / "compress.json"
    if account.exists():
        write_json(account, {key: _as_path(key, value) for key, value in read_json(account).items()})


def _as_path(key: str, value: Any) -> Any:
    if key not in ("teacher", "student"):
        return value
    return {"path": value["absolute"]} | {name: value[name] for name in ("hash",) if name in value}


def write_old_names(folder: Path) -> None:
    """Write the presets of all runs of a name in the words of before, and call their folder so."""
    for preset in folder.glob("*/preset.toml"):
        preset.write_text(tomlkit.dumps(write_old_words(read_toml(preset))), encoding="utf-8")
    folder.rename(folder.with_name(old_name(folder.name)))


def write_old_words(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset in the words of before; what a method's table needlessly held, it holds again."""
    old = {**table, old_names.GONE: CLAIMS}
    old |= {key: old_name(table[key]) for key in ("name", "extends") if key in table}
    if "compress" in table:
        old["compress"] = {**_with_old_keys(table["compress"]), **_idle(table["compress"]["method"])}
    scales = table.get("scale") if isinstance(table.get("scale"), dict) else {}
    for scale, part in scales.items():
        old.setdefault("scale", {})[scale] = {**part, "compress": _with_old_keys(part["compress"])}
    return old


def old_name(name: str) -> str:
    """Return what a preset, or a run of one, was called."""
    for old, new in old_names.PRESETS.items():
        if name == new or name.startswith(f"{new}-"):
            return old + name.removeprefix(new)
    return name


def _with_old_keys(table: Mapping[str, Any]) -> dict[str, Any]:
    keys = {new: old for old, new in old_names.KEYS.items()}
    words = {key: {new: old for old, new in pairs.items()} for key, pairs in old_names.WORDS.items()}
    return {keys.get(key, key): words.get(key, {}).get(str(one), one) for key, one in table.items()}


def _idle(method: str) -> dict[str, Any]:
    """Return what the table of a method held that its config has no field for."""
    return {
        key: NONE_WHATEVER[key] if values is None else values[-1]
        for key, values in old_names.IDLE.items()
        if key not in CONFIGS[method].model_fields
    }
