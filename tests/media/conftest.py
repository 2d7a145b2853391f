"""The zoo of odd files, written once a test session."""

from collections.abc import Callable
from importlib import import_module

import pytest

from tests.media.filming import Film, NoEncoder
from tests.media.zoo import Zoo


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def odd(zoo, request) -> Film:
    """One film of the zoo, by indirect parameter; skips where PyAV has no encoder for it."""
    try:
        return zoo[request.param]
    except NoEncoder as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def need() -> Callable[[str], None]:
    """A function that skips the test where a backend's library does not load."""

    def check(backend: str):
        try:
            import_module("avssl" if backend in ("auto", "pyav") else backend)
        except (ImportError, OSError, RuntimeError) as error:
            pytest.skip(f"{backend} does not load here: {str(error).strip().splitlines()[0]}")

    return check
