"""The CUDA source, compiled for this host, against the equations in float64: forward and all gradients."""

import ctypes
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.kernels.abi import CUDA_ERROR, Problem
from synthcli.kernels.library import Library, open_library
from synthcli.model.ops import reference
from tests.kernels.on_host import compile_on_host
from tests.kernels.sru_calls import Given, Results, by_the_equations, call, draw, problem_of, results_of

pytestmark = pytest.mark.slow

CHUNK = 4  # steps between stored states, as the library says
SINGLE = torch.float32


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """As it is built: columns are few in most tests, and have the kernels for that."""
    return open_library("cuda", compile_on_host(tmp_path_factory.mktemp("host") / "libhost.so"))


@pytest.fixture(scope="module")
def for_many(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """With the kernels for many columns alone."""
    path = tmp_path_factory.mktemp("host") / "libmany.so"
    return open_library("cuda", compile_on_host(path, "-DSRU_FEW_COLUMNS=0"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def incoming(given: Given) -> tuple[Tensor, Tensor]:
    """Return the gradients of h and of the last c."""
    g = torch.Generator().manual_seed(7)
    batch, length, _, width = given.u.shape
    grad_h = torch.randn(batch, length, width, generator=g, dtype=torch.float64).to(given.u.dtype)
    return grad_h, torch.randn(batch, width, generator=g, dtype=torch.float64).to(given.initial.dtype)


def close(got: Results, want: Results, tolerance: float) -> None:
    assert len(got.all()) == len(want.all())
    for one, other in zip(got.all(), want.all(), strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=tolerance, atol=tolerance)


def agree(library: Library, given: Given, tolerance: float = 1e-12) -> None:
    grads = incoming(given)
    close(call(library, given, *grads), results_of(given, *grads), tolerance)


def test_the_library_says_what_it_is(library: Library) -> None:
    assert library.target == "sm_00"
    assert library.checkpoint_every == CHUNK


LENGTHS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2, 16, 17, 48, 61]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("options", [(), ("padding", "starts", "bidirectional")], ids=["plain", "marked"])
def test_every_length_of_chunks_and_groups(library: Library, length: int, options: tuple[str, ...]) -> None:
    agree(library, draw(length=length, options=options))
    single = draw(SINGLE, length=length, options=options).but(
        lambda name, t: t.double() if t.is_floating_point() else t
    )
    grads = incoming(single)
    narrow = single.but(lambda name, t: t.float() if t.is_floating_point() else t)
    close(call(library, narrow, *(g.float() for g in grads)), results_of(single, *grads), 2e-5)


@pytest.mark.parametrize(
    "options",
    [("padding",), ("starts",), ("mask",), ("scale",), ("bidirectional",), ("padding", "starts"),
     ("starts", "bidirectional"), ("padding", "starts", "mask", "scale", "bidirectional")],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("inputs", ["skip", "no skip", "fourth part"])
@pytest.mark.parametrize("dtype", [torch.float64, SINGLE], ids=str)
def test_every_option(library: Library, options: tuple[str, ...], inputs: str, dtype: torch.dtype) -> None:
    parts = 4 if inputs == "fourth part" else 3
    given = draw(dtype, options=options, parts=parts, skips=inputs == "skip", width=10)
    grads = incoming(given)
    exact = given.but(lambda name, t: t.double() if t.is_floating_point() else t)
    close(call(library, given, *grads), results_of(exact, *grads), 1e-12 if dtype == torch.float64 else 2e-5)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("parts", [3, 4])
@pytest.mark.parametrize("options", [(), ("mask", "scale", "bidirectional")], ids=" ".join)
@pytest.mark.parametrize("dtype", [SINGLE, torch.bfloat16, torch.float16], ids=str)
def test_few_columns_give_the_bits_of_many(
    library: Library,
    for_many: Library,
    length: int,
    parts: int,
    options: tuple[str, ...],
    dtype: torch.dtype,
) -> None:
    for skips in (True, False):
        given = draw(dtype, length=length, width=10, parts=parts, skips=skips, options=options)
        grads = incoming(given)
        few, many = call(library, given, *grads), call(for_many, given, *grads)
        assert all(torch.equal(one, other) for one, other in zip(few.all(), many.all(), strict=True))


def test_kernels_for_many_columns_keep_the_equations(for_many: Library) -> None:
    for length in LENGTHS:
        given = draw(SINGLE, length=length, width=10, options=("mask", "scale", "bidirectional"))
        grads = incoming(given)
        exact = given.but(lambda name, t: t.double())
        close(call(for_many, given, *grads), results_of(exact, *grads), 2e-5)


def test_the_column_where_few_end_is_like_those_before(library: Library) -> None:
    """2^15 columns are many, one less is few."""
    many = draw(SINGLE, batch=1, length=18, width=1 << 15)
    few = many.but(lambda name, t: t[..., :-1].contiguous())
    grad_h, grad_last = incoming(many)
    more = call(library, many, grad_h, grad_last)
    less = call(library, few, grad_h[..., :-1].contiguous(), grad_last[..., :-1].contiguous())
    assert all(torch.equal(a[..., :-1], b) for a, b in zip(more.all(), less.all(), strict=True))


@pytest.mark.parametrize("width", [2, 31 * 2, 32 * 2, 33 * 2, 65 * 2])
@pytest.mark.parametrize("options", [(), ("bidirectional",)], ids=["one direction", "two directions"])
def test_columns_that_do_not_fill_blocks(library: Library, width: int, options: tuple[str, ...]) -> None:
    agree(library, draw(width=width, length=5, options=options))


def test_so_many_columns_that_blocks_are_larger(library: Library) -> None:
    """From 2^17 columns on a block has 64 threads; the last is not full."""
    given = draw(SINGLE, batch=2, length=2, width=(1 << 16) + 1)
    grads = incoming(given)
    exact = given.but(lambda name, t: t.double())
    close(call(library, given, *grads), results_of(exact, *grads), 2e-5)


def errors(results: Results, exact: Results) -> list[float]:
    return [float((a.double() - b).norm()) for a, b in zip(results.all(), exact.all(), strict=True)]


@pytest.mark.parametrize(
    "options", [("mask", "scale"), ("padding", "starts", "mask", "bidirectional")], ids=" ".join
)
@pytest.mark.parametrize("dtype", [SINGLE, torch.bfloat16, torch.float16], ids=str)
def test_the_error_is_at_most_twice_the_references(
    library: Library, dtype: torch.dtype, options: tuple[str, ...]
) -> None:
    given = draw(dtype, batch=3, length=200, width=300, options=options)
    grads = incoming(given)
    exact = results_of(given.but(lambda name, t: t.double() if t.is_floating_point() else t), *grads)
    ours = errors(call(library, given, *grads), exact)
    theirs = errors(results_of(given, *grads, function=by_the_reference), exact)
    assert all(a <= 2 * b for a, b in zip(ours, theirs, strict=True)), (ours, theirs)
    assert min(theirs) > 0


def by_the_reference(given: Given) -> Any:
    names = (
        "u",
        "skip",
        "initial",
        "weight_c",
        "bias",
        "padding",
        "starts",
        "mask",
        "skip_scale",
        "bidirectional",
    )
    return reference.recurrence(*(getattr(given, name) for name in names))


def test_time_first_and_slices_of_something_wider(library: Library) -> None:
    given = draw(length=9, width=6, options=("padding",))
    wider = torch.full((9, 3, 3, 20), torch.nan, dtype=torch.float64)
    wider[..., 4:10] = given.u.transpose(0, 1)
    strided = given.but(
        lambda name, t: {
            "u": wider[..., 4:10].transpose(0, 1),
            "skip": t.transpose(0, 1).contiguous().transpose(0, 1),
        }.get(name, t)
    )
    grad_h, grad_last = incoming(given)
    by_time = grad_h.transpose(0, 1).contiguous().transpose(0, 1)
    assert strided.u.stride() != given.u.stride()
    close(call(library, strided, by_time, grad_last), results_of(given, grad_h, grad_last), 1e-12)


def test_two_halves_equal_the_whole(library: Library) -> None:
    given = draw(length=2 * CHUNK + 3, options=("padding", "starts"))
    grad_h, grad_last = incoming(given)
    whole = call(library, given, grad_h, grad_last)
    for cut in (1, CHUNK, CHUNK + 2):

        def part(piece: slice, initial: Tensor, given: Given = given) -> Given:
            def change(name: str, t: Tensor) -> Tensor:
                sliced = {"u": t[:, piece], "skip": t[:, piece], "padding": t[:, piece], "initial": initial}
                return (t[..., piece] if name == "starts" else sliced.get(name, t)).contiguous()

            return given.but(change)

        first, second = slice(0, cut), slice(cut, None)
        head = call(library, part(first, given.initial), grad_h[:, first].contiguous(), grad_last)
        tail = call(library, part(second, head.last), grad_h[:, second].contiguous(), grad_last)
        torch.testing.assert_close(torch.cat((head.h, tail.h), 1), whole.h, rtol=0, atol=0)
        torch.testing.assert_close(tail.last, whole.last, rtol=0, atol=0)
        again = call(library, part(first, given.initial), grad_h[:, first].contiguous(), tail.gradients[2])
        joined = torch.cat((again.gradients[0], tail.gradients[0]), 1)
        torch.testing.assert_close(joined, whole.gradients[0], rtol=0, atol=0)


def test_not_a_number_stays_in_its_column(library: Library) -> None:
    given = draw(SINGLE, length=6)
    given.u[1, 2, 0, 3] = torch.nan
    results = call(library, given, *incoming(given))
    wrong = results.h.isnan()
    assert wrong[1, 2:, 3].all()
    wrong[1, 2:, 3] = False
    assert not wrong.any()


def test_large_inputs_give_finite_gates(library: Library) -> None:
    given = draw(SINGLE, length=6).but(lambda name, t: t * 1e4 if name == "u" else t)
    assert all(t.isfinite().all() for t in call(library, given, *incoming(given)).all())


# ---------------------------------------------------------------- the interface


def status(library: Library, function: str, device: int = 0, **changes: Any) -> int:
    problem = problem_of(draw())
    for name, value in changes.items():
        setattr(problem, name, value)
    return int(getattr(library, function)(ctypes.byref(problem), device, None))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"abi": 1}, 1), ({"dtype": 9}, 2), ({"dtype": -1}, 2), ({"batch": -1}, 3), ({"parts": 5}, 3),
     ({"parts": 4}, 3), ({"bidirectional": 1, "width": 5}, 3), ({"u": None}, 4), ({"bias": None}, 4)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("function", ["forward", "backward"])
def test_a_wrong_problem_is_refused(
    library: Library, function: str, changes: dict[str, Any], expected: int
) -> None:
    assert status(library, function, **changes) == expected
    assert library.forward(None, 0, None) == 4


def test_outputs_that_are_absent_are_refused(library: Library) -> None:
    assert status(library, "forward") == 4
    assert status(library, "backward") == 4


def test_nothing_to_do_touches_nothing(library: Library) -> None:
    for name in ("batch", "width"):
        assert status(library, "forward", **{name: 0}) == 0
        assert status(library, "backward", **{name: 0}) == 0


def test_a_device_that_is_not_there_is_cudas_error(library: Library) -> None:
    given = draw()
    problem = problem_of(given)
    h, last = torch.empty_like(given.u[:, :, 0]).contiguous(), torch.empty_like(given.initial)
    problem.h, problem.last, problem.h_batch, problem.h_time = h.data_ptr(), last.data_ptr(), *h.stride()[:2]
    assert library.forward(ctypes.byref(problem), 1, None) == 0
    torch.testing.assert_close(h, by_the_equations(given)[0], rtol=1e-12, atol=1e-12)
    assert library.forward(ctypes.byref(problem), 7, None) == CUDA_ERROR + 101
    assert library.explain(CUDA_ERROR + 101) == "CUDA says: invalid device ordinal"
    with pytest.raises(
        RuntimeError, match=r"^the cuda kernel of SRU refused the call: CUDA says: invalid device"
    ):
        library.run(library.forward, problem, 7, None)


def test_no_checkpoints_are_written_where_none_are_wanted(library: Library) -> None:
    given = draw()
    problem: Problem = problem_of(given)
    h, last = torch.empty_like(given.u[:, :, 0]).contiguous(), torch.empty_like(given.initial)
    problem.h, problem.last, problem.h_batch, problem.h_time = h.data_ptr(), last.data_ptr(), *h.stride()[:2]
    library.run(library.forward, problem, 0, None)
    torch.testing.assert_close(last, by_the_equations(given)[1], rtol=1e-12, atol=1e-12)
