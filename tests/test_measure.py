"""What the tree may come to: a bound is lowered when the tree gets better, and never raised in passing."""

from tests.measure import circles, is_participle, measure, modules

BOUNDS = {
    "p90 lines of a file": 190,
    "median lines of a function": 6,
    "p90 lines of a function": 17,
    "functions named by a participle": 20,
    "% of top-level functions that share their name": 7.5,
    "class names of several classes": 1,
    "`Any` per 10,000 lines": 16,
    "`type: ignore`": 17,
    "import circles": 0,
    "preset files": 180,
}


def test_the_tree_keeps_its_bounds() -> None:
    found = measure()
    assert {name: found[name] for name, bound in BOUNDS.items() if found[name] > bound} == {}


def test_the_measure_sees_what_it_counts() -> None:
    assert [is_participle(name) for name in ("found", "_merged_as", "reading_rows")] == [True] * 3
    assert [is_participle(name) for name in ("find", "read_rows", "seed_of", "embedding_of")] == [False] * 4
    names = {module.name for module in modules()}
    assert {"synthcli", "synthcli.model.stack", "synthcli.cli.train"} <= names
    assert all(set(group) <= names for group in circles(modules()))
