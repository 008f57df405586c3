"""What an ordering says of each pair of arms."""

import pytest

from synthcli.claims.order import arms_in, parse_order


def say(text: str) -> list[str]:
    return [str(one) for one in parse_order(text)]


def test_every_arm_of_a_group_is_held_against_the_next_group() -> None:
    assert say("a > b") == ["a > b"]
    assert say("a = b") == ["a = b"]
    assert say("a > b, c") == ["a > b", "a > c"]
    assert say("a = b > c > d, e") == ["a > c", "b > c", "c > d", "c > e", "a = b"]
    assert say("a = b, c = b") == ["a = b", "c = b"]
    assert say("x-1 = y_2 = z.toml") == ["x-1 = y_2", "y_2 = z.toml"]


def test_arms_are_named_once() -> None:
    assert arms_in("a = b > c, a") == ("a", "b", "c")


@pytest.mark.parametrize("text", ["", "a", "a, b", "a >", "> b", "a >> b", "a < b", "a = "])
def test_what_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"says nothing|no name of an arm"):
        parse_order(text)
