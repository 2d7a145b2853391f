"""The version, alone, so that a build can read it without importing anything."""

import platform

__version__ = "0.1.0"


def versions() -> str:
    """Return the versions that a figure depends on."""
    import av
    import torch
    import torchvision

    cuda = f", CUDA {torch.version.cuda}" if torch.cuda.is_available() else ""
    return (
        f"avssl {__version__}, Python {platform.python_version()}, torch {torch.__version__}{cuda}, "
        f"torchvision {torchvision.__version__}, PyAV {av.__version__}"
    )
