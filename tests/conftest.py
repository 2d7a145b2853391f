"""What all tests share: a cache of their own, so that no test reads or fills a person's cache."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Point the cache at a folder of this test session."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AVSSL_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()
