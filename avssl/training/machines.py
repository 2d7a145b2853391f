"""What is computed on, by how many processes on how many machines: as settings say, or as torchrun started them."""

import os
from typing import Any, Literal

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import distributed, nn

from avssl.training.errors import TrainingError

Number = int | Literal["auto"]


def started_by_torchrun() -> tuple[int, int] | None:
    """Return how many processes torchrun started on this machine, and on how many machines; None without torchrun.

    Raises:
        TrainingError: if machines have different numbers of processes, of which steps would have unequal shares.
    """
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        return None
    here, world = (int(os.environ[name]) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    machines = int(os.environ.get("GROUP_WORLD_SIZE", world // here))
    if here * machines != world:
        raise TrainingError(
            f"torchrun started {here} of {world} processes on one of {machines} machines; start as many on each "
            "(--nproc-per-node)"
        )
    return here, machines


def processes_of(devices: Number, nodes: Number) -> tuple[Number, int]:
    """Return processes of each machine (``"auto"`` where Fabric is to choose) and the number of machines.

    Args:
        devices: as set; ``"auto"`` takes what torchrun started.
        nodes: likewise; without torchrun ``"auto"`` is this machine alone.

    Raises:
        TrainingError: if the settings say otherwise than torchrun.
    """
    started = started_by_torchrun()
    if started is None:
        return devices, 1 if nodes == "auto" else nodes
    for name, value, count, what in (
        ("devices", devices, started[0], "processes on each machine"),
        ("nodes", nodes, started[1], "machines"),
    ):
        if value not in ("auto", count):
            raise TrainingError(
                f"{name}={value} and torchrun, which started {count} {what}, differ; set {name}={count} or {name}=auto"
            )
    return started


def require_others(fabric: Fabric, nodes: int) -> None:
    """Refuse several machines of which nothing says where they meet; this one would wait for the others for ever.

    Raises:
        TrainingError: if so.
    """
    environment: Any = getattr(fabric.strategy, "cluster_environment", None)
    lacking = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if name not in os.environ]
    if nodes > 1 and isinstance(environment, LightningEnvironment) and lacking:
        raise TrainingError(
            f"nodes={nodes} needs a start on each machine: torchrun --nnodes {nodes} --node-rank 0 (1, ...) "
            "--nproc-per-node N --master-addr FIRST --master-port PORT tools/train.py ...; "
            f"without torchrun set {', '.join(lacking)}"
        )


def share_batch_statistics(module: nn.Module, device: str, processes: int) -> None:
    """Let batch normalisation take its statistics over the batches of all processes, in place.

    Weights stay the same objects under the same names, so that checkpoints and exports are as without.

    Args:
        module: a method.
        device: the kind of device it trains on.
        processes: that train together.

    Raises:
        TrainingError: if the module has no batch normalisation, or it cannot be shared here.
    """
    if device != "cuda" or processes < 2:
        raise TrainingError(
            f"sync_batchnorm needs several CUDA devices, and this run is on {processes} of kind {device}; leave it out"
        )
    if not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules()):
        raise TrainingError(
            f"sync_batchnorm: {type(module).__name__} has no batch normalisation to share; leave it out"
        )
    nn.SyncBatchNorm.convert_sync_batchnorm(module)
