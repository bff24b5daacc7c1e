"""A buffer keeps partitions apart, counts and forgets."""

from crossfade.sources.kafka.batch import Buffer, Partition, Stretch

ONE, TWO = Partition("listens", 0), Partition("listens", 1)


def test_a_batch_holds_each_partition_in_order_with_its_stretch() -> None:
    buffer = Buffer()
    buffer.add(ONE, 4, [b"a", None], [4, 6])
    buffer.add(TWO, None, [b"xyz"], [0])
    buffer.add(ONE, 4, [b"b"], [9])
    assert (buffer.num_rows, buffer.num_bytes) == (4, 5)
    batch = buffer.take()
    assert batch.values == [b"a", None, b"b", b"xyz"]
    assert batch.offsets.tolist() == [4, 6, 9, 0]
    assert batch.owners.tolist() == [0, 0, 0, 1]
    assert batch.stretches == (Stretch(ONE, 4, 10), Stretch(TWO, None, 1))
    assert (buffer.num_rows, buffer.num_bytes, buffer.seconds) == (0, 0, 0.0)


def test_a_dropped_partition_leaves_the_others_and_their_age() -> None:
    now = [100.0]
    buffer = Buffer(lambda: now[0])
    buffer.add(ONE, 0, [b"a"], [0])
    now[0] = 103.0
    buffer.add(TWO, 0, [b"b"], [0])
    buffer.drop(ONE)
    assert (buffer.num_rows, buffer.seconds) == (1, 3.0)
    buffer.drop(TWO)
    buffer.drop(TWO)
    assert (buffer.num_rows, buffer.seconds) == (0, 0.0)
