"""What a recurrence cannot be given is named, whatever would run it."""

from typing import Any

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.model.ops import dispatch
from synthcli.model.ops.recurrence import recurrence

from .recurrence_case import Case


def wrong(**changes: Any) -> dict[str, Any]:
    names = ("u", "skip", "initial", "weight_c", "bias", "padding", "starts", "mask")
    given = dict(zip(names, Case(padding=True, starts=True, mask=True).tensors(), strict=True))
    return {**given, **changes}


WRONG = {
    "u is (batch, length, 3 or 4, width), got (2, 5, 2, 6)": {"u": torch.zeros(2, 5, 2, 6)},
    "u is (batch, length, 3 or 4, width), got (2, 5, 18)": {"u": torch.zeros(2, 5, 18)},
    "u holds floating-point numbers of 16, 32 or 64 bits, got torch.int64": {
        "u": torch.zeros(2, 5, 3, 6, dtype=torch.int64)
    },
    "`skip` is (2, 5, 6) for u of (2, 5, 3, 6), got (2, 4, 6)": {"skip": torch.zeros(2, 4, 6)},
    "`padding` is (2, 5) for u of (2, 5, 3, 6), got (2, 6)": {"padding": torch.zeros(2, 6).bool()},
    "`starts` is (2, 2, 5) for u of (2, 5, 3, 6), got (2, 5)": {"bidirectional": True},
    "`mask` is (2, 6) for u of (2, 5, 3, 6), got (6,)": {"mask": torch.ones(6)},
    "`padding` holds True or False, got torch.float32": {"padding": torch.zeros(2, 5)},
    "`bias` holds floating-point numbers, got torch.int64": {"bias": torch.zeros(2, 6, dtype=torch.int64)},
    "`weight_c` is on meta, and u on cpu": {"weight_c": torch.zeros(2, 6, device="meta")},
    "u has four parts, the fourth of which is skipped, and `skip` is given too": {
        "u": torch.zeros(2, 5, 4, 6)
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_named(message: str) -> None:
    with pytest.raises(ValueError) as caught:
        recurrence(**wrong(**WRONG[message]))
    assert str(caught.value) == message


def test_an_odd_width_has_no_halves() -> None:
    tensors = Case(width=5).tensors()
    with pytest.raises(ValueError, match="`bidirectional` halves the width, and 5 is odd"):
        recurrence(*tensors, bidirectional=True)


def test_an_unknown_way_to_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dispatch.VARIABLE, "nativ")
    with pytest.raises(SynthError) as caught:
        recurrence(*Case().tensors())
    assert str(caught.value) == "`SYNTH_KERNELS=nativ` is no way to run kernels\nhint: did you mean `native`?"
