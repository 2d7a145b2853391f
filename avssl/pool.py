"""Processes that work for this one: they end when it does, and leave it to this one to answer Ctrl-C."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

from avssl.memory import keep_freed_memory


class Pool(ProcessPoolExecutor):
    """An executor whose processes do not run this one's script anew, so that no script needs a guard for them.

    What is submitted must be found in modules: nothing of the script itself reaches its processes.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")  # processes start here, and ask this one for its script
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            sys.modules["__main__"] = main


@contextmanager
def pool(
    workers: int, preload: Sequence[str] = (), begin: Callable[..., None] | None = None, given: Sequence[Any] = ()
) -> Iterator[Pool]:
    """Give processes that do not outlive this one; an error in the block, Ctrl-C too, ends what they are at.

    Args:
        workers: how many at most; they start as work comes.
        preload: modules that are loaded once for all of them, where the system lets processes share what is loaded.
        begin: is called first in each.
        given: its arguments.

    Raises:
        concurrent.futures.process.BrokenProcessPool: from futures, when a process has died.
    """
    way = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(way)
    if way == "forkserver":
        context.set_forkserver_preload(list(preload))
    ended, end = context.Pipe(duplex=False)
    with ended, end:
        executor = Pool(workers, mp_context=context, initializer=_settle, initargs=(ended, begin, given))
        try:
            yield executor
        except BaseException:
            end.close()  # none waits for what it is at
            raise
        finally:
            executor.shutdown(cancel_futures=True)


def _settle(ended: Connection, begin: Callable[..., None] | None, given: Sequence[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    threading.Thread(target=_follow, args=[ended], daemon=True).start()
    if begin is not None:
        begin(*given)


def _follow(ended: Connection) -> None:
    parent = multiprocessing.parent_process()
    wait([ended] if parent is None else [ended, parent.sentinel])
    os._exit(1)
