"""The stamp of a side: the same as long as its pictures are."""

from PIL import Image

from avssl.data import Pictures
from avssl.evaluation.dense.sides import stamp


def test_copies_in_memory_leave_the_stamp_as_it_is_and_other_sizes_do_not(tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    plain, quick, small = (
        Pictures(tmp_path, size=size, cache=where) for size, where in ((9, None), (9, "memory"), (8, None))
    )
    assert stamp(plain) == stamp(quick) != stamp(small)
    assert stamp(plain) is not None
