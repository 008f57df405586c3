"""One merge function: tables by key, the rest replaced, every value with its source."""

import pytest

from synthcli.errors import SynthError
from synthcli.presets.merge import merge_trees, sources_of, trace, values_of, without_overruled
from synthcli.presets.overrides import parse_overrides


def merged(*tables: dict[str, object]) -> dict[str, object]:
    tree = trace({}, "")
    for table in tables:
        tree = merge_trees(tree, trace(table, "x"))
    return values_of(tree)


def test_tables_merge_by_key_and_everything_else_is_replaced() -> None:
    base = {"a": {"b": 1, "c": [1, 2], "d": {"e": 1}}, "f": 1}
    assert merged(base, {"a": {"c": [3], "d": {"g": 2}}}) == {
        "a": {"b": 1, "c": [3], "d": {"e": 1, "g": 2}},
        "f": 1,
    }
    assert merged(base, {"a": 5}) == {"a": 5, "f": 1}
    assert merged(base, {"f": {"h": 1}})["f"] == {"h": 1}


def test_another_kind_replaces_the_table_and_the_same_kind_merges() -> None:
    noam = {"schedule": {"kind": "noam", "factor": 0.5, "warmup_steps": 10}}
    cosine = {"schedule": {"kind": "cosine", "peak": 1e-3}}
    assert merged(noam, cosine) == cosine
    assert merged(noam, {"schedule": {"kind": "noam", "factor": 1.0}})["schedule"] == {
        "kind": "noam",
        "factor": 1.0,
        "warmup_steps": 10,
    }


@pytest.mark.parametrize("one, other", [("steps", "epochs"), ("epochs", "steps"), ("size", "max_tokens")])
def test_setting_one_of_two_alternatives_drops_the_other(one: str, other: str) -> None:
    assert merged({one: 5, "z": 0}, {other: 7}) == {"z": 0, other: 7}
    assert merged({}, {one: 5, other: 7}) == {
        one: 5,
        other: 7,
    }  # both in one place is for the schema to refuse


def test_each_value_remembers_the_last_place_that_set_it() -> None:
    tree = merge_trees(trace({"a": {"b": 1, "c": 2}}, "base"), trace({"a": {"c": 3}}, "top"))
    assert sources_of(tree) == {"a.b": "base", "a.c": "top"}


def test_overrides_are_toml_values_and_bare_words_are_strings() -> None:
    words = [
        "a.b=3",
        "a.c=true",
        "a.d=[1, 2]",
        "a.e=multi30k",
        'a.f="8"',
        "a.g=1e-3",
        "a.h={x = 1}",
        "a.i=2020-01-01",
    ]
    assert values_of(parse_overrides(words))["a"] == {
        "b": 3,
        "c": True,
        "d": [1, 2],
        "e": "multi30k",
        "f": "8",
        "g": 1e-3,
        "h": {"x": 1},
        "i": "2020-01-01",
    }


def test_a_value_cannot_smuggle_in_another_key() -> None:
    assert values_of(parse_overrides(["a=1\nb = 2"])) == {"a": "1\nb = 2"}


def test_of_two_overrides_of_one_key_the_later_counts() -> None:
    assert values_of(parse_overrides(["a.b=1", "a.b=2"])) == {"a": {"b": 2}}


@pytest.mark.parametrize("word", ["training.seed", "=3", "training..seed=3", ""])
def test_an_override_without_key_or_value_is_refused(word: str) -> None:
    with pytest.raises(SynthError) as caught:
        parse_overrides([word])
    assert str(caught.value) == (
        f"`--set {word}` names no key and value\n"
        "hint: write `--set key.path=value`, for example `--set training.seed=3`"
    )


def test_an_overlay_does_not_reach_into_a_table_of_another_kind() -> None:
    """Neither heads of an attention nor a warm-up mean anything to what took their place."""
    base = trace({"mixer": {"kind": "attention", "heads": 8}, "schedule": {"kind": "noam"}, "d": 4}, "base")
    over = trace({"mixer": {"kind": "sru"}, "schedule": {"kind": "cosine"}}, "over")
    overlay = trace({"mixer": {"heads": 2}, "schedule": {"kind": "linear", "peak": 1.0}, "d": 2}, "smoke")
    kept = without_overruled(overlay, base, over)
    assert values_of(kept) == {"schedule": {"kind": "linear", "peak": 1.0}, "d": 2}
    assert values_of(without_overruled(overlay, base, trace({"d": 5}, "over"))) == values_of(overlay)
