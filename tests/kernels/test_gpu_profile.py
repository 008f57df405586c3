"""What `make gpu-check` times and profiles: the papers' models, and shares of time by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.autograd import DeviceType

from benchmarks.gpu import profiles
from benchmarks.gpu.profiles import Span, busy, summarise, top
from benchmarks.gpu.trainings import SHAPES
from synthcli.presets import load_preset
from synthcli.presets.planning import parameters_of


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_the_models_of_the_papers(name: str) -> None:
    """But for the text they read, and its length."""
    shape, pieces = SHAPES[name], 4000 if name.startswith(("codeparrot", "wmt14")) else 260
    ours = load_preset(shape.preset, "paper", None, shape.settings).fit_to_store(pieces)
    papers = load_preset(shape.preset, "paper")
    assert parameters_of(ours).non_embedding == parameters_of(papers).non_embedding
    assert ours.model.vocab_size == papers.model.vocab_size
    assert ours.training == papers.training


def test_busy_is_the_time_in_which_anything_ran() -> None:
    spans = [Span("a", 0, 4), Span("b", 2, 3), Span("c", 3, 6), Span("d", 10, 12)]
    assert busy(reversed(spans)) == 8


def test_what_took_the_most_time_is_first() -> None:
    found = top([Span("a", 0, 4000), Span("b", 0, 5000), Span("a", 9000, 13000)], steps=2)
    assert found == [
        {"name": "a", "milliseconds": 4.0, "calls": 1.0},
        {"name": "b", "milliseconds": 2.5, "calls": 0.5},
    ]


def event(name: str, kind: Any, start: float, end: float) -> Any:
    span = SimpleNamespace(start=start, end=end)
    return SimpleNamespace(
        name=name, device_type=kind, time_range=span, is_user_annotation=False, cpu_parent=None
    )


def test_a_profile_of_a_gpu_counts_its_kernels_and_the_host_s_waits() -> None:
    host = [event("cudaStreamSynchronize", DeviceType.CPU, 0, 100)] * 4
    host += [event("cudaLaunchKernel", DeviceType.CPU, 0, 1)] * 6
    there = [event("flash_fwd", DeviceType.CUDA, 20, 60), event("gemm", DeviceType.CUDA, 60, 80)]
    found = summarise([*host, *there], is_cuda=True, steps=2)
    assert (found["busy"], found["profiled_milliseconds"]) == (0.6, 0.05)
    assert (found["waits"], found["launches"]) == ({"cudaStreamSynchronize": 2.0}, 3.0)
    assert [one["name"] for one in found["top"]] == ["flash_fwd", "gemm"]
    assert found["attention"] == ["flash_fwd"]


def test_a_profile_without_the_device_has_failed() -> None:
    found = summarise([event("cudaLaunchKernel", DeviceType.CPU, 0, 1)], is_cuda=True, steps=1)
    assert found["result"] == "failed"


def test_a_profile_of_a_processor_is_of_its_operations() -> None:
    x = torch.randn(64, 64)
    found = profiles.record(lambda: [x @ x for _ in range(5)] and None, torch.device("cpu"), steps=5)
    assert 0 < found["busy"] <= 1
    assert {"name", "milliseconds", "calls"} == set(found["top"][0])
    assert [one["calls"] for one in found["top"] if one["name"] == "aten::matmul"] == [1.0]
