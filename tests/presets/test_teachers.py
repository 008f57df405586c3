"""What a preset of `[compress]` asks of its teacher, the teacher can give, at every scale that trains one."""

import pytest

from synthcli.presets import load_preset, preset_names
from synthcli.presets.scales import scales_of

TEACHERS = [
    (name, scale)
    for name in preset_names()
    for scale in scales_of(name)
    if (table := load_preset(name, scale).compress) is not None and table.teacher in preset_names()
]


@pytest.mark.parametrize(("name", "scale"), TEACHERS)
def test_a_teacher_reads_as_much_as_its_student_is_shown(name: str, scale: str) -> None:
    table = load_preset(name, scale).compress
    assert table is not None
    teacher = load_preset(table.teacher, scale).model
    stack = getattr(teacher, teacher.main_stack)
    assert all(block < stack.layers for block in getattr(table, "blocks", ()))
    longest = min(stack.max_length for stack in (teacher.encoder, teacher.decoder) if stack is not None)
    assert table.max_length is None or table.max_length <= longest


def test_there_are_teachers() -> None:
    assert {"smoke", "hour"} <= {scale for _, scale in TEACHERS} and len(TEACHERS) > 80
