"""What `[training]` allows."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from synthcli.training.config import AdamWConfig, TrainingConfig

SCHEDULE = {"kind": "constant", "peak": 1e-3}


@pytest.mark.parametrize(("given", "got"), [({}, "neither"), ({"steps": 3, "epochs": 1}, "both")])
def test_one_of_steps_and_epochs_is_needed(given, got) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingConfig.model_validate({"schedule": SCHEDULE, **given})
    (error,) = caught.value.errors()
    assert (
        error["msg"] == f"Value error, exactly one of `steps` and `epochs` says how long to train, got {got}"
    )


def test_betas_are_below_one() -> None:
    with pytest.raises(ValidationError) as caught:
        AdamWConfig(betas=(0.9, 1.0))
    (error,) = caught.value.errors()
    assert error["msg"] == "Value error, `betas` holds 1.0, allowed: at least 0 and below 1"


def test_a_warm_up_longer_than_training_is_a_warning() -> None:
    schedule = {"kind": "cosine", "peak": 1e-3, "warmup_steps": 30}
    config = TrainingConfig.model_validate({"schedule": schedule, "steps": 20})
    assert config.warnings(30) == ()
    message = (
        "`training.schedule.warmup_steps` = 30 is longer than the training of 20 steps: "
        "the rate never reaches its peak"
    )
    assert config.warnings(20) == (message,)


def test_importing_the_config_imports_no_torch() -> None:
    code = (
        "import sys, synthcli.training.config; sys.exit(not {'torch', 'accelerate'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
