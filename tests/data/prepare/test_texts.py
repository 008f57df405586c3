"""Texts in one buffer come back, and are counted as Python counts them one by one."""

import random
import sys

import numpy as np
import pyarrow
import pytest

from synthcli.data.prepare.texts import NARROW, WIDE, TextBuffer
from synthcli.data.store import arrays

LETTERS = "ab é漢🙂\u2013" + NARROW + WIDE


def texts(letters: str) -> list[str]:
    draw = random.Random(0)
    return ["", " ", *("".join(draw.choices(letters, k=draw.randint(0, 12))) for _ in range(500)), ""]


@pytest.mark.parametrize("letters", ["ab .", "ab\n\t ", LETTERS])
def test_texts_are_counted(letters: str) -> None:
    given = texts(letters)
    joined = TextBuffer.join(given)
    assert len(joined) == len(given)
    assert joined.strings() == given
    assert joined.bytes.tolist() == [len(text.encode()) + 1 for text in given]
    assert joined.words.tolist() == [len(text.split()) + 1 for text in given]


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_slices_are_all_of_the_texts(size: int) -> None:
    given = texts(LETTERS)
    slices = list(TextBuffer.join(given).slices(size))
    assert [text for part in slices for text in part.strings()] == given
    assert all(len(part.data) >= size for part in slices[:-1])
    assert [words for part in slices for words in part.words] == TextBuffer.join(given).words.tolist()


def test_no_texts() -> None:
    none = TextBuffer.join([])
    assert (len(none), none.strings(), list(none.slices(1)), none.words.tolist()) == (0, [], [], [])


def test_white_space_is_pythons() -> None:
    spaces = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert spaces == set(NARROW + WIDE)
    assert all(not f"a{space}b".split()[1:] for space in "\u200b\ufeff")


def test_arrays_become_numbers_and_back() -> None:
    array = arrays.int_array(arrays.cumulate(np.arange(5)))
    assert arrays.numbers_in(array[2:5]).tolist() == array.to_pylist()[2:5]
    assert arrays.numbers_in(array[:0]).tolist() == []
    floats = pyarrow.array([0.5, 1.5], pyarrow.float32())
    assert arrays.numbers_in(floats).tolist() == [0.5, 1.5]
    column = pyarrow.chunked_array([array[:2], array[2:]])
    assert arrays.join_numbers(column).tolist() == array.to_pylist()
    assert arrays.join_numbers(pyarrow.chunked_array([], pyarrow.int32())).dtype == np.int32
