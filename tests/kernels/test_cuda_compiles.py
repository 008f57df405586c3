"""The CUDA kernels compile without spills: 7 s of a processor for each architecture.

The oldest and the newest are tried; `python -m tests.kernels.compile_only` compiles for all of them.
"""

import pytest

from tests.kernels.compile_only import ARCHITECTURES, Usage, compile_for, nvcc, parse, table

pytestmark = pytest.mark.slow

REGISTERS = 64  # half of a multiprocessor's threads at a time
REGISTERS_OF_FEW = 128  # where there are too few columns to fill it anyway
FORWARD_AND_BACKWARD, TYPES, OPTIONS = 2, 4, 4  # options: skipped inputs, masks
OF_FEW_COLUMNS = 3 * 2  # types but float64, skipped inputs; without masks

REPORT = """\
ptxas info    : Compiling entry function '_ZN3sru12_GLOBAL__N_17forwardIfLb1ELb0ELb1EEEvNS0_4TaskE' for 'sm_90'
ptxas info    : Function properties for _ZN3sru12_GLOBAL__N_17forwardIfLb1ELb0ELb1EEEvNS0_4TaskE
    8 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 63 registers, used 0 barriers
ptxas info    : Compiling entry function '_ZN3sru12_GLOBAL__N_18backwardINS_4bf16ELb0ELb1ELb0EEEvNS0_4TaskE' for 'sm_90'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 64 registers, used 0 barriers
"""  # noqa: E501


@pytest.mark.parametrize("architecture", [ARCHITECTURES[0], ARCHITECTURES[-1]])
def test_no_kernel_spills_or_takes_too_many_registers(architecture: int) -> None:
    compiler = nvcc()
    if compiler is None:
        pytest.skip("no nvcc and gcc to compile the CUDA kernels with")
    usages = compile_for(compiler, architecture)
    assert len(usages) == FORWARD_AND_BACKWARD * (TYPES * OPTIONS + OF_FEW_COLUMNS)
    limits = {False: REGISTERS, True: REGISTERS_OF_FEW}
    assert [u for u in usages if u.registers > limits[u.has_few_columns] or u.spilled] == []


def test_the_report_is_read_and_put_in_a_table() -> None:
    usages = parse(REPORT)
    assert usages == [
        Usage("backward", "bfloat16", False, True, False, 64, 0),
        Usage("forward", "float32", True, False, True, 63, 20),
    ]
    assert table({90: usages}).splitlines()[2:] == [
        "| backward | bfloat16 |  | yes |  | 64 |",
        "| forward | float32 | yes |  | yes | 63 + 20 B |",
    ]
