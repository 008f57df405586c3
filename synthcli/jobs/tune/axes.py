"""What `--over` and `--tune` say: `KEY=LOW..HIGH`, or `KEY=A|B|C`, read and held against every arm."""

import math
from collections.abc import Sequence
from dataclasses import replace

from synthcli.compare.search import Axis, OneOf, Point, Range, Value, is_wide
from synthcli.errors import SynthError, did_you_mean
from synthcli.jobs.compare.arms import Arm
from synthcli.presets.overrides import parse_value
from synthcli.presets.schema import Experiment
from synthcli.presets.schema_hints import SchemaNode, describe_node, node_at, properties_of
from synthcli.runs.differences import MAY_CHANGE, SPLIT

SCALES = {"log": True, "linear": False}
FORM = "write `KEY=LOW..HIGH`, say `training.schedule.peak=1e-4..1e-2`, or `KEY=A|B|C`"
EQUAL = ("training.seed", "training.steps", "training.epochs")  # for all trials, or they are no trials
NUMBERS = ("number", "integer")


def parse_axes(words: Sequence[str], option: str) -> tuple[Axis, ...]:
    """Return what is looked through, each key once."""
    axes = tuple(parse_axis(word, option) for word in words)
    keys = [axis.key for axis in axes]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise SynthError(f"`{option}` names `{twice}` twice", "give each key one range")
    return axes


def parse_axis(word: str, option: str) -> Axis:
    """Return a range, or a choice: `1e-4..1e-2`, `0..0.3`, `1..100:linear`, `gelu|relu`."""
    key, equals, text = (part.strip() for part in word.partition("="))
    if not equals or not all(key.split(".")) or not text:
        raise SynthError(f"`{option} {word}` names no key and range", FORM)
    if ".." in text:
        return _parse_range(key, text, f"`{option} {word}`")
    options = tuple(parse_value(one.strip()) for one in text.split("|"))
    if len(options) < 2 or len(set(map(repr, options))) < len(options) or "" in options:
        raise SynthError(f"`{option} {word}` is no range and no choice of different values", FORM)
    plain = tuple(one for one in options if not isinstance(one, dict | list))
    if len(plain) < len(options):
        raise SynthError(f"`{option} {word}`: a choice is of numbers and words", FORM)
    return OneOf(key, plain)


def _parse_range(key: str, text: str, where: str) -> Range:
    ends, _, scale = text.partition(":")
    if scale and scale not in SCALES:
        raise SynthError(f"{where}: unknown scale `{scale}`", did_you_mean(scale, SCALES))
    low, high = (_number(end, where) for end in ends.split("..", 1))
    if low >= high:
        hint = f"write the lower end first: `{key}={high:g}..{low:g}`" if low > high else FORM
        raise SynthError(f"{where}: {low:g} is not below {high:g}", hint)
    if scale == "log" and low <= 0:
        hint = f"begin above 0, or write `{key}={ends}:linear`"
        raise SynthError(f"{where}: on a scale of logarithms {low:g} has no place", hint)
    return Range(key, low, high, SCALES.get(scale, is_wide(low, high)))


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SynthError(f"{where}: `{text}` is no number", FORM)
    return number


def fit_axes(axes: Sequence[Axis], arms: Sequence[tuple[Arm, Experiment]], option: str) -> tuple[Axis, ...]:
    """Return the axes as the settings of all arms allow them; a key that an arm lacks is refused."""
    for axis in axes:
        _refuse_key(axis.key, option)
        for arm, _ in arms:
            own = next((one for one in arm.overrides if one.partition("=")[0].strip() == axis.key), None)
            if own is not None:
                message = f"arm `{arm.name}` sets `{own}`, and `{option}` is to find it"
                raise SynthError(message, "leave one of them out")
    return tuple(_fit(axis, arms, option) for axis in axes)


def refuse_set(axes: Sequence[Axis], overrides: Sequence[str], option: str) -> None:
    """Raise where `--set` gives what is to be found."""
    for word in overrides:
        if any(word.partition("=")[0].strip() == axis.key for axis in axes):
            raise SynthError(f"`--set {word}` sets what `{option}` is to find", "leave one of them out")


def _refuse_key(key: str, option: str) -> None:
    """Raise for what makes trials unlike each other otherwise than in a setting, or does nothing."""
    if key in EQUAL:
        raise SynthError(f"`{option} {key}`: it is equal for all trials", "`--set` gives it to all of them")
    if key.startswith((*MAY_CHANGE, *SPLIT)):
        message = f"`{option} {key}`: it does not reach the weights, and all trials would be the same"
        raise SynthError(message, "name a setting of the model or of its training")
    if key.startswith("data.") and not key.startswith("data.batch."):
        message = f"`{option} {key}`: validation losses of different data cannot be compared"
        raise SynthError(message, "compare arms that differ in it: `'NAME=PRESET: KEY=VALUE'`")


def _fit(axis: Axis, arms: Sequence[tuple[Arm, Experiment]], option: str) -> Axis:
    nodes = [(arm, node_of(axis.key, arm, experiment)) for arm, experiment in arms]
    if isinstance(axis, OneOf):
        return axis
    schema = Experiment.model_json_schema()
    for arm, node in nodes:
        if node.get("type") not in NUMBERS:
            message = f"`{axis.key}` of arm `{arm.name}` is {describe_node(node, schema)}, and has no range"
            is_table = node.get("type") in (None, "object")
            hint = f"name what to choose from: `{option} '{axis.key}=A|B'`"
            raise SynthError(message, f"name a setting of it, `{axis.key}.…`" if is_table else hint)
    is_whole = any(node["type"] == "integer" for _, node in nodes)
    if is_whole and not (axis.low.is_integer() and axis.high.is_integer()):
        message = f"`{axis.key}` is a whole number, and {axis.low:g}..{axis.high:g} ends at others"
        raise SynthError(message, f"name whole ends: `{option} {axis.key}={_whole(axis)}`")
    least = max((one for _, node in nodes for one in _bounds(node, "inimum")), default=None)
    most = min((one for _, node in nodes for one in _bounds(node, "aximum")), default=None)
    return replace(axis, is_whole=is_whole, least=least, most=most)


def _whole(axis: Range) -> str:
    low, high = math.ceil(axis.low), math.floor(axis.high)
    return f"{low}..{max(high, low + 1)}"


def _bounds(node: SchemaNode, end: str) -> list[float]:
    """Return what a setting must not pass at one end: `minimum`, `exclusiveMinimum`, or those above."""
    return [node[key] for key in (f"m{end}", f"exclusiveM{end}") if key in node]


def node_of(key: str, arm: Arm, experiment: Experiment) -> SchemaNode:
    """Return what the schema says of a key of an arm; raise where it has none."""
    schema, table, path = Experiment.model_json_schema(), experiment.model_dump(mode="json"), key.split(".")
    for depth, part in enumerate(path):
        known = properties_of(node_at(schema, path[:depth], table))
        if part not in known:
            above, kind = ".".join(path[:depth]), _kind(table, path[:depth])
            where = f": its `{above}` is of kind `{kind}`" if kind else ""
            hint = did_you_mean(part, known) if known else f"`{above}` is a value by itself"
            raise SynthError(f"arm `{arm.name}` has no setting `{key}`{where}", hint)
    return node_at(schema, path, table)


def _kind(table: object, path: Sequence[str]) -> str | None:
    """Return of which kind the table at a path is, where it is one of several."""
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
    kind = table.get("kind") if isinstance(table, dict) else None
    return kind if isinstance(kind, str) else None


def settings_of(point: Point) -> tuple[str, ...]:
    """Return a point as `KEY=VALUE`."""
    return tuple(f"{key}={write_value(value)}" for key, value in point.items())


def write_value(value: Value) -> str:
    """Return a value as `--set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
