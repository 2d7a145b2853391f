"""Names of what is kept: by all that a result depends on, and by nothing else."""

import numpy as np
import pytest

from avssl.features.cache import FeatureCache, name_of

PLAIN = {"name": "Pictures", "source": "here", "size": [8, 8]}


@pytest.mark.parametrize("cache", ["memory", "file", None])
@pytest.mark.parametrize("inside", [lambda data: data, lambda data: [data], lambda data: (data, 1)])
def test_how_fast_data_come_is_no_part_of_what_was_computed_of_them(inside, cache):
    fast = PLAIN | {"cache": cache, "cache_gb": 3.0}
    plain, quick = ({"about": "fit", "data": inside(one)} for one in (PLAIN, fast))
    assert name_of(plain) == name_of(quick)
    assert name_of(plain) != name_of({"about": "fit", "data": inside(PLAIN | {"size": [9, 9]})})


def test_a_result_is_read_back_after_the_cache_of_the_data_is_turned_on(tmp_path):
    kept = FeatureCache(tmp_path)
    kept.put({"data": PLAIN | {"cache": None}}, np.ones(2))
    assert kept.get({"data": PLAIN | {"cache": "memory"}}) is not None
