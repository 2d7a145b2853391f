"""What all tests share: one thread a process, a cache of their own, TorchCodec where it finds FFmpeg."""

import os

import pytest

# Read before torch is imported, here and in child processes. Two processes share the machine; sums have one order.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Let torch compute on one thread, also where it was loaded before."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Point the cache at a folder of this test session."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AVSSL_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


def torchcodec_loads():
    """Return whether TorchCodec is installed and finds the libraries of an FFmpeg that it knows."""
    try:
        from torchcodec.decoders import VideoDecoder

        VideoDecoder(b"no video")  # the libraries are loaded when they are first needed
    except (ImportError, OSError):
        return False
    except (RuntimeError, ValueError) as error:
        return "Could not load libtorchcodec" not in str(error)
    return True


def pytest_collection_modifyitems(items):
    mine = [item for item in items if asks_torchcodec(item)]
    if mine and not torchcodec_loads():
        for item in mine:
            item.add_marker(pytest.mark.skip(reason="TorchCodec is not installed, or finds no FFmpeg libraries"))


def asks_torchcodec(item):
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return item.path.name == "test_torchcodec.py" or any(
        value == "torchcodec" for value in values if isinstance(value, str)
    )
