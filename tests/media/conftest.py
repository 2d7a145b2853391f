"""The zoo of odd files, written once a test session."""

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
