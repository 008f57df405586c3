"""The order of batches: complete, reproducible, and known for any step alone."""

import numpy as np
import pytest

from synthcli.data.config import BatchConfig
from synthcli.data.examples.batches import Batches, split
from synthcli.errors import SynthError

LENGTHS = np.random.default_rng(0).integers(1, 50, size=103)
CONFIGS = {
    "size": BatchConfig(size=10),
    "size by length": BatchConfig(size=10, group_by_length=True),
    "tokens": BatchConfig(max_tokens=200),
    "tokens by length": BatchConfig(max_tokens=200, group_by_length=True),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_epoch_has_every_row_once(config: BatchConfig) -> None:
    batches, step = Batches(LENGTHS, config, seed=3), 0
    for epoch in range(3):
        rows = []
        for _ in range(batches.steps_per_epoch(epoch)):
            at, indices = batches.at(step)
            assert at == epoch
            rows.append(indices)
            step += 1
        assert sorted(np.concatenate(rows)) == list(range(103))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_step_asked_for_alone_is_the_step_met_on_the_way(config: BatchConfig) -> None:
    on_the_way = Batches(LENGTHS, config, seed=3)
    steps = {step: on_the_way.at(step) for step in range(40)}
    for step in (39, 0, 17):
        epoch, indices = Batches(LENGTHS, config, seed=3).at(step)
        assert epoch == steps[step][0]
        assert indices.tolist() == steps[step][1].tolist()


def test_epochs_and_seeds_differ() -> None:
    def order(seed: int, step: int) -> list[int]:
        return Batches(LENGTHS, CONFIGS["size"], seed).at(step)[1].tolist()

    assert order(0, 0) != order(0, 11)
    assert order(0, 0) != order(1, 0)


def test_the_short_batch_is_the_last_of_an_epoch() -> None:
    for name in ("size", "size by length"):
        batches = Batches(LENGTHS, CONFIGS[name], seed=0)
        sizes = [len(batches.at(step)[1]) for step in range(11)]
        assert sizes == [10] * 10 + [3]
        assert batches.steps_per_epoch() == 11


@pytest.mark.parametrize("name", ["tokens", "tokens by length"])
def test_tokens_count_padding(name: str) -> None:
    batches = Batches(LENGTHS, CONFIGS[name], seed=0)
    for step in range(batches.steps_per_epoch()):
        lengths = LENGTHS[batches.at(step)[1]]
        assert len(lengths) * lengths.max() <= 200


def test_grouping_leaves_little_padding() -> None:
    def padding(config: BatchConfig) -> int:
        batches = Batches(LENGTHS, config, seed=0)
        groups = [LENGTHS[batches.at(step)[1]] for step in range(batches.steps_per_epoch())]
        return int(sum(len(group) * group.max() - group.sum() for group in groups))

    assert padding(CONFIGS["size by length"]) < padding(CONFIGS["size"]) / 4


def test_processes_share_a_batch() -> None:
    rows = np.arange(11)
    parts = [split(rows, rank, world=4, micro_size=2) for rank in range(4)]
    assert [len(part) for part in parts] == [2, 2, 2, 2]
    assert [[len(micro) for micro in part] for part in parts] == [[2, 1], [2, 1], [2, 1], [2, 0]]
    assert sorted(int(row) for part in parts for micro in part for row in micro) == list(range(11))


def test_one_micro_batch_without_a_size() -> None:
    assert [len(micro) for micro in split(np.arange(11), 0, world=1, micro_size=None)] == [11]
    assert [len(micro) for micro in split(np.arange(2), 3, world=4, micro_size=None)] == [0]


def test_a_budget_below_the_longest_example_is_refused() -> None:
    with pytest.raises(SynthError) as error:
        Batches(np.array([3, 60]), BatchConfig(max_tokens=50), seed=0)
    assert str(error.value) == (
        "`data.batch.max_tokens = 50` is less than the longest example's 60\n"
        "hint: set it to at least 60, or lower `max_length`"
    )


def test_no_examples_are_refused() -> None:
    with pytest.raises(SynthError, match="there are no examples to make batches of"):
        Batches(np.array([], dtype=np.int64), BatchConfig(size=1), seed=0)


GROWING = BatchConfig.model_validate({"size": 20, "ramp": {"from": 4, "until": 0.5}})


def test_batches_grow_until_a_share_of_the_steps() -> None:
    batches = Batches(LENGTHS, GROWING, seed=3, steps=16)
    sizes = [len(batches.at(step)[1]) for step in range(16)]
    assert sizes == [4, 6, 8, 10, 12, 14, 16, 18, *[20] * 8]


def test_growing_batches_read_epoch_after_epoch() -> None:
    batches = Batches(LENGTHS, GROWING, seed=3, steps=16)
    rows = np.concatenate([batches.at(step)[1] for step in range(16)])
    assert [sorted(part) for part in (rows[:103], rows[103:206])] == [list(range(103))] * 2
    assert rows[:103].tolist() != rows[103:206].tolist()
    epochs = [batches.at(step)[0] for step in range(16)]
    assert epochs == [*[0] * 9, *[1] * 5, 2, 2]
    assert [batches.steps_per_epoch(epoch) for epoch in range(3)] == [9, 5, 2]
    each = [batches.epochs_at(step).tolist() for step in range(16)]
    assert [len(one) for one in each] == [len(batches.at(step)[1]) for step in range(16)]
    assert [epoch for step in each for epoch in step] == (np.arange(248) // 103).tolist()
    alone = Batches(LENGTHS, GROWING, seed=3, steps=16).at(8)
    assert (alone[0], alone[1].tolist()) == (0, batches.at(8)[1].tolist())


def test_every_row_of_a_step_knows_its_epoch() -> None:
    for config in (BatchConfig(size=10), BatchConfig(max_tokens=int(LENGTHS.max()) * 3)):
        batches = Batches(LENGTHS, config, seed=3)
        last = batches.steps_per_epoch(0) - 1
        for step, epoch in ((0, 0), (last, 0), (last + 1, 1)):
            assert batches.epochs_at(step).tolist() == [epoch] * len(batches.at(step)[1])


def test_growing_batches_need_to_know_the_steps() -> None:
    with pytest.raises(SynthError) as error:
        Batches(LENGTHS, GROWING, seed=3)
    assert str(error.value) == (
        "`data.batch.ramp` needs `training.steps`: it lasts a fraction of them\n"
        "hint: set `training.steps`, and leave `training.epochs` out"
    )


def test_a_ramp_is_written_as_it_is_read() -> None:
    dumped = GROWING.model_dump(mode="json", exclude_none=True)
    assert dumped["ramp"] == {"from": 4, "until": 0.5}
    assert BatchConfig.model_validate(dumped) == GROWING


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_tokens": 9}, "`ramp` needs a fixed `size`, and no `group_by_length`"),
        ({"size": 9, "group_by_length": True}, "`ramp` needs a fixed `size`, and no `group_by_length`"),
        ({"size": 3}, "`ramp.from = 4` is more than `size = 3`"),
    ],
)
def test_ramps_without_room_are_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchConfig.model_validate({**values, "ramp": {"from": 4, "until": 0.5}})


def test_in_order_nothing_is_shuffled() -> None:
    batches = Batches(LENGTHS, BatchConfig(size=10), seed=3, in_order=True)
    rows = np.concatenate([batches.at(step)[1] for step in range(22)])
    assert rows.tolist() == [*range(103), *range(103)]
