"""The stand-in itself: it computes what a processor does, and notes what a GPU would wait for."""

import pytest
import torch
from torch.nn import functional as F

from tests.device.autocast import LOWER, PROMOTED, WIDE
from tests.device.double import CUDA, Device


def test_what_is_computed_from_the_device_is_on_it_and_says_so() -> None:
    with Device():
        x = torch.arange(6.0, device="cuda").view(2, 3)
        made = (x, x + 1, x[0], x.new_zeros(2), torch.zeros_like(x), x.sum(), x.detach(), x.to(torch.float64))
        assert {tensor.device for tensor in made} == {CUDA}
        assert {tensor.device for tensor in (torch.zeros(2), x.cpu(), torch.zeros_like(x, device="cpu"))} == {
            torch.device("cpu")
        }
        assert x.is_cuda and not x.is_cpu
        with pytest.raises(TypeError, match="can't convert cuda:0"):
            x.numpy()
    assert not torch.cuda.is_available() and x.device.type == "cpu"


def test_a_model_learns_on_it_as_on_the_processor() -> None:
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        layer, x = torch.nn.Linear(3, 4), torch.randn(2, 3)
        with Device():
            layer.to(device)
            optimizer = torch.optim.AdamW(layer.parameters())
            F.gelu(layer(x.to(device))).square().sum().backward()
            assert layer.weight.grad.device.type == device
            optimizer.step()
            found.append(layer.weight.detach().cpu())
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).all()),
        lambda x: float(x[0]),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.copy_(torch.ones(3)),
        lambda x: torch.tensor([1, 2], device="cuda"),
        lambda x: torch.ones(3).to("cuda", non_blocking=True),  # of memory that is not pinned
        lambda x: torch.empty(3).copy_(x),
        lambda x: torch.cuda.synchronize(),
    ],
)
def test_a_wait_is_noted(wait) -> None:
    with Device() as device:
        x = torch.ones(3, device="cuda")
        device.begin()
        wait(x)
    assert device.waits.total() == 1 and not device.mixed


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.masked_fill_(x > 0, 1.0),
        lambda x: x.index_select(0, torch.arange(2, device="cuda")),
        lambda x: torch.ones(3).pin_memory().to("cuda", non_blocking=True),
        lambda x: x + 1.0,
        lambda x: x * torch.tensor(2.0),  # a number of the host is given along
    ],
)
def test_what_needs_no_wait_is_none(work) -> None:
    with Device() as device:
        x = torch.ones(3, device="cuda")
        device.begin()
        work(x)
    assert not device.waits and not device.mixed


def test_a_tensor_of_the_host_in_an_operation_of_the_device_is_noted() -> None:
    with Device() as device:
        x = torch.ones(3, device="cuda")
        device.begin()
        x + torch.ones(3)
        x[torch.tensor([0, 1])]
    assert device.mixed == {"tests: add": 1, "tests: index": 1}


def test_launches_are_operations_that_compute() -> None:
    with Device() as device:
        x = torch.ones(2, 3, device="cuda", requires_grad=True)
        device.begin()
        x.view(3, 2).t()[0].detach()
        assert not device.launches
        F.dropout(x.exp(), 0.5).sum().backward()
    expected = ("exp", "native_dropout", "sum", "ones_like", "native_dropout_backward", "mul")
    assert device.launches == dict.fromkeys(expected, 1)


def test_fused_attention_is_a_launch_forward_and_one_backward() -> None:
    torch.manual_seed(0)
    given = torch.randn(3, 2, 2, 5, 4)
    expected = F.scaled_dot_product_attention(*given, is_causal=True)
    with Device() as device:
        query, key, value = (x.requires_grad_() for x in given.to("cuda"))
        device.begin()
        y = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        y.backward(torch.ones_like(y))
        names = [name for name in device.launches if "attention" in name]
        assert len(names) == 2
        torch.testing.assert_close(y.cpu(), expected)


def test_autocast_casts_as_cuda_does_and_a_weight_once() -> None:
    layer = torch.nn.Linear(3, 4)
    with Device() as device:
        layer.to("cuda")
        x = torch.randn(2, 3, device="cuda")
        device.begin()
        with torch.autocast("cuda", torch.bfloat16):
            y = layer(x) + layer(x)
            assert y.dtype == torch.bfloat16
            assert F.layer_norm(y, (4,)).dtype == y.softmax(-1).dtype == torch.float32
            assert (y @ layer.weight).dtype == torch.bfloat16
        assert (
            device.launches["_to_copy"] == 2 + 2 + 2
        )  # x twice, weight and bias once, two results to float32


def test_the_lists_are_torchs() -> None:
    names = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
    known = {name.removeprefix("aten::").partition(".")[0] for name in names}
    assert known >= LOWER | WIDE | PROMOTED
    without = {
        name for name in known - (LOWER | WIDE | PROMOTED) if not name.startswith(("_", "upsample", "cudnn"))
    }
    assert without <= {"binary_cross_entropy", "frobenius_norm", "nuclear_norm"}


def test_autocast_leaves_alone_what_is_written_to_a_place() -> None:
    with Device(), torch.autocast("cuda", torch.bfloat16):
        place, ones = torch.zeros(3, device=CUDA, dtype=torch.bfloat16), torch.ones(3, device=CUDA)
        torch.addcmul(ones, ones, ones, out=place)
        assert place.tolist() == [2, 2, 2]
