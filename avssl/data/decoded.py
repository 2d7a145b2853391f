"""What fits stays decoded: data sets whose items have copies at their final size (``cache=``), with the same bits."""

import threading
from abc import ABC, abstractmethod

from torch.utils.data import get_worker_info

from avssl.config import ConfigError
from avssl.data.base import Dataset
from avssl.data.copies import Copies, Copy, Maker
from avssl.data.recordings import Recording
from avssl.data.store import Where

_making = threading.Lock()


class Decoded(Dataset, ABC):
    """A data set of files that may be kept decoded.

    What has no copy, since its file is broken, or changed after the copies were made, is read from its file, so that an
    item never depends on the cache.
    """

    recordings: list[Recording]
    cache: Where | None = None
    cache_gb: float | None = None
    copies: Copies | None = None

    @abstractmethod
    def maker(self) -> Maker:
        """Return what decodes a recording for good."""

    def prepare(self) -> None:
        if self.cache is None or self.copies is not None:
            return
        if self.cache == "memory" and get_worker_info() is not None:
            raise ConfigError(
                "cache=memory is filled before loading processes are started, which then share it: "
                "call prepare() of the data first, or set cache=file"
            )
        with _making:
            if self.copies is None:
                self.copies = Copies(self.cache, self.cache_gb, self.recordings, self.maker())

    def facts(self) -> list[str]:
        return [] if self.copies is None else [self.copies.told()]

    def copy_of(self, index: int) -> Copy | None:
        """Return the decoded copy of a recording; None if it must be read from its file."""
        if self.cache is None:
            return None
        self.prepare()
        assert self.copies is not None
        return self.copies.of(index)
