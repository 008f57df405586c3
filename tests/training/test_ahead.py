"""What is made ahead is what would have been made."""

import threading

import pytest

from synthcli.training.ahead import Ahead


def test_the_next_step_is_made_in_another_thread_before_it_is_asked_for() -> None:
    made, is_made = [], threading.Event()

    def make(step: int) -> int:
        made.append((step, threading.current_thread()))
        if step == 2:
            is_made.set()
        return step * step

    ahead = Ahead(make, steps=3)
    assert ahead.at(1) == 1
    assert is_made.wait(10)
    assert [ahead.at(2), ahead.at(3)] == [4, 9]
    ahead.close()
    assert [step for step, _ in made] == [1, 2, 3]  # each once, and none after the last
    assert threading.current_thread() not in {thread for _, thread in made}


def test_a_step_that_is_not_the_next_one_is_made_when_it_is_asked_for() -> None:
    ahead = Ahead(lambda step: -step, steps=9)
    assert [ahead.at(step) for step in (1, 5, 6, 2)] == [-1, -5, -6, -2]
    ahead.close()


def test_what_goes_wrong_is_raised_at_its_own_step() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("a row that cannot be read")
        return step

    ahead = Ahead(make, steps=3)
    assert ahead.at(1) == 1
    with pytest.raises(ValueError, match="a row that cannot be read"):
        ahead.at(2)
    ahead.close()
