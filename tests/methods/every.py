"""Every method of the house, tiny, and batches and data that any of them learns from."""

import torch
from torch import nn

from avssl import methods
from avssl.data import Dataset
from avssl.methods.order.tasks import OrderTask
from avssl.methods.views import MultiViewMethod
from avssl.nets import (
    Classifier,
    ColorFlow,
    FilterNet,
    MapNet,
    Queue,
    SmallClips,
    SmallNet,
    SmallSound,
    SmallVision,
    SpectrogramSpec,
    SplitColors,
    TubeletViT,
    WaveEncoder,
)
from avssl.transforms import ColorJitter, Flip, RandomResizedCrop

SPEC = SpectrogramSpec(rate=8000, window=64, hop=32, fft=64, mels=16, high=3900.0)
ITEMS, SIDE = 6, 32


def net():
    return SmallNet(dim=16, width=4)


def still():
    """Return a network without batch statistics, which processes do not share when they look at their items."""
    return SmallNet(dim=16, width=4, norm="group")


def ears(**settings):
    return SmallSound(widths=(4, 4, 8, 8), spec=SPEC, **settings)


def cells(**settings):
    return MapNet(dim=8, width=4, **settings)


def heard(kind, **settings):
    return lambda: kind(SmallVision(widths=(4, 4, 8, 8)), ears(), **settings)


def views(size=SIDE - 8, count=2):
    """Return recipes of views that move pictures and change their light."""
    return [[RandomResizedCrop(size, scale=(0.3, 1.0)), Flip(), ColorJitter(0.4, 0.4)] for _ in range(count)]


def parted():
    return SplitColors(net(), net(), ColorFlow(width=4))


def several():
    one, other = net(), net()
    return methods.SeveralTasks([methods.Rotation(one), methods.JigsawPlusPlus(other, **PUZZLE)])


SMALL = {"width": 12, "depth": 1, "heads": 2}
DENSE = {"hidden": 16, "dim": 8}
CLUSTERED = {"prototypes": 12, "hidden": 16, "dim": 8}
STAGES = {"layers": ["conv1", "conv2", "conv3", "fc"], "tile": 8, "gap": 3, "queue": 16} | DENSE


def predicting_sound():
    """Return CPC of sound whose maps tell something already; they begin at zero."""
    method = methods.CPCSound(WaveEncoder(channels=8, dim=8, spec=SPEC), steps=1, anchors=2)
    for weight in method.predict.parameters():
        nn.init.normal_(weight)
    return method


def moving():
    return SmallClips(widths=(4, 4, 8, 8))


def tokens(width=12, **settings):
    return TubeletViT(patch=8, tubelet=2, width=width, depth=1, heads=2, size=SIDE, frames=4, **settings)


PUZZLE = {"permutations": 8, "tile": 8, "gap": 2, "hidden": 16}
MAKE = {
    "AVE": heard(methods.AVE),
    "AVOL": heard(methods.AVOL),
    "AVTS": lambda: methods.AVTS(SmallClips(widths=(4, 4, 8, 8)), ears(), gap=0.0),
    "CMA": heard(methods.CMA, recordings=ITEMS, top=2, noise=8, within_noise=4, start=1),
    "L3": heard(methods.L3),
    "XDC": heard(methods.XDC, recordings=ITEMS, clusters=2),
    "Colorization": lambda: methods.Colorization(net(), hidden=8),
    "ContextEncoder": lambda: methods.ContextEncoder(net(), size=SIDE, overlap=2, width=4),
    "CrossModalNCE": heard(methods.CrossModalNCE),
    "Distilled": lambda: methods.Distilled(SmallNet(dim=8, width=2), Classifier(net(), ["cat", "dog", "owl"])),
    "HypercolumnColorization": lambda: methods.HypercolumnColorization(net(), hidden=16, points=8),
    "KnowledgeTransfer": lambda: methods.KnowledgeTransfer(net(), clusters=5),
    "Jigsaw": lambda: methods.Jigsaw(net(), **PUZZLE),
    "JigsawPlusPlus": lambda: methods.JigsawPlusPlus(net(), **PUZZLE),
    "RelativePosition": lambda: methods.RelativePosition(net(), patch=8, gap=2, jitter=1, hidden=16),
    "Rotation": lambda: methods.Rotation(net()),
    "RotationDecoupling": lambda: methods.RotationDecoupling(net(), pictures=ITEMS, noise=8, dim=8),
    "SeLaVi": heard(methods.SeLaVi, recordings=ITEMS, clusters=2, heads=2),
    "SeveralTasks": several,
    "BYOL": lambda: methods.BYOL(net(), views(), hidden=16, dim=8, momentum=0.9),
    "BarlowTwins": lambda: methods.BarlowTwins(net(), views(), hidden=16),
    "DINO": lambda: methods.DINO(net(), [*views(), *views(16)], prototypes=12, hidden=16, bottleneck=8, frozen=1),
    "LeJEPA": lambda: methods.LeJEPA(net(), views(), hidden=16, dim=8, directions=16),
    "SimSiam": lambda: methods.SimSiam(net(), views(), hidden=16, bottleneck=4),
    "VICReg": lambda: methods.VICReg(net(), views(), hidden=16),
    "InstDisc": lambda: methods.InstDisc(net(), views(), items=ITEMS, noise=8, dim=8, proximal=0.5),
    "PCL": lambda: methods.PCL(net(), views(), items=ITEMS, clusters=(2, 3), warmup=1, queue=8, hidden=16, dim=8),
    "PIRL": lambda: methods.PIRL(net(), views(), items=ITEMS, tile=8, gap=2, noise=8, dim=8),
    "CPC": lambda: methods.CPC(SmallNet(16, 4, norm="group"), grid=4, patch=10, stride=6, steps=2, hidden=8, blocks=2),
    "CPCSound": predicting_sound,
    "DPC": lambda: methods.DPC(SmallClips(widths=(4, 4, 8, 8)), blocks=4, steps=2, dim=8),
    "SALT": lambda: methods.SALT(tokens(), tokens(18), **SMALL),
    "VJEPA": lambda: methods.VJEPA(tokens(), momentum=0.9, dense=0.5, **SMALL),
    "VideoMAE": lambda: methods.VideoMAE(tokens(positions="rotary"), ratio=0.75, decoded=0.5, **SMALL),
    "SCAN": lambda: methods.SCAN(net(), views(), clusters=3, heads=2),
    "SelfLabel": lambda: methods.SelfLabel(Classifier(net(), ["0", "1", "2"]), views(), threshold=0.35),
    "SimCLR": lambda: methods.SimCLR(net(), views(), hidden=16, dim=8),
    "SwAV": lambda: methods.SwAV(net(), [*views(), *views(16)], queue=8, frozen=1, **CLUSTERED),
    "SeLa": lambda: methods.SeLa(net(), views(), items=ITEMS, clusters=2, heads=2),
    "MoCo": lambda: methods.MoCo(net(), views(), hidden=16, dim=8, queue=16, momentum=0.9),
    "InfoMin": lambda: methods.InfoMin(net(), views(), tile=8, gap=2, queue=16, momentum=0.9, **DENSE),
    "ViewLearning": lambda: methods.ViewLearning(parted(), views(), hidden=16, dim=8, temperature=0.2),
    "MoCoV3": lambda: methods.MoCoV3(net(), views(), hidden=16, dim=8, temperature=0.2, momentum=0.9),
    "PixPro": lambda: methods.PixPro(net(), views(), layer="conv2", instance=1.0, **DENSE),
    "DenseCL": lambda: methods.DenseCL(net(), views(), layer="conv2", queue=16, **DENSE),
    "DeepCluster": lambda: methods.DeepCluster(still(), views(), items=ITEMS, clusters=3, components=4),
    "DeepClusterV2": lambda: methods.DeepClusterV2(
        still(), [*views(), *views(16, 1)], items=ITEMS, clusters=(2, 3, 3), layers=1, dim=8
    ),
    "DetCo": lambda: methods.DetCo(net(), [*views(), *views(33)], **STAGES),
    "SelfTraining": lambda: methods.SelfTraining(net(), ["cat", "dog"], [Flip()], dropout=0.1),
    "SelfTrainingPixels": lambda: methods.SelfTrainingPixels(net(), ["back", "dog"], ["conv1", "conv3"], (SIDE, SIDE)),
    "ArrowOfTime": lambda: methods.ArrowOfTime(moving()),
    "ClipOrder": lambda: methods.ClipOrder(net(), hidden=8),
    "ClipRotation": lambda: methods.ClipRotation(moving()),
    "CubicPuzzle": lambda: methods.CubicPuzzle(moving(), hidden=16),
    "O3N": lambda: methods.O3N(net(), hidden=16),
    "OPN": lambda: methods.OPN(net(), hidden=8),
    "Pace": lambda: methods.Pace(moving(), paces=(1, 2), frames=4),
    "ShuffleAndLearn": lambda: methods.ShuffleAndLearn(net(), hidden=16),
    "ColourPointer": lambda: methods.ColourPointer(cells(grey=True), layer="conv3", dim=8),
    "RandomWalk": lambda: methods.RandomWalk(cells(), layer="conv3", patch=16, stride=8, dim=8),
    "TrackedPatches": lambda: methods.TrackedPatches(cells(), layer="conv3", patch=8, dim=8, error=99.0, moved=0.0),
    "UDT": lambda: methods.UDT(FilterNet(dim=4, width=4), layer="conv2", size=12, drop=0.2),
    "CycleTime": lambda: methods.CycleTime(cells(), layer="conv3", size=SIDE, patch=16),
    "UVC": lambda: methods.UVC(cells(grey=True), layer="conv3", neighbourhood=2),
    "VFS": lambda: methods.VFS(cells(), views()[0], hidden=16, bottleneck=4),
    "bank": heard(methods.CrossModalNCE, negatives="bank", recordings=ITEMS, noise=4),
}
MOVING = {
    "AVTS": (2, 4),
    "DPC": (1, 8),
    "ColourPointer": (1, 4),
    "CycleTime": (1, 3),
    "RandomWalk": (1, 4),
    "TrackedPatches": (1, 4),
    "UDT": (1, 3),
    "UVC": (1, 2),
    "ArrowOfTime": (1, 8),
    "ClipOrder": (3, 4),
    "ClipRotation": (1, 4),
    "CubicPuzzle": (1, 8),
    "O3N": (4, 5),
    "OPN": (2, 4),
    "Pace": (2, 8),
    "SALT": (2, 4),
    "VJEPA": (2, 4),
    "VideoMAE": (2, 4),
    "ShuffleAndLearn": (1, 5),
}  # clips and frames of an item; others take one picture
OF_PAIRS = ("AVE", "AVOL", "AVTS", "CMA", "L3", "XDC", "CrossModalNCE", "SeLaVi", "bank")
SOUNDING = (*OF_PAIRS, "CPCSound")
OF_LABELS = (
    "KnowledgeTransfer",
    "SelfTraining",
    "SelfTrainingPixels",
)  # learn from labels alone, and refuse what has none
OF_ORDER = [name for name in MAKE if issubclass(getattr(methods, name, object), OrderTask)]
LINKING = ["ColourPointer", "CycleTime", "RandomWalk", "TrackedPatches", "UDT", "UVC"]
OF_VIEWS = [name for name in MAKE if issubclass(getattr(methods, name, object), MultiViewMethod)]
PREDICTING = ["CPC", "CPCSound", "DPC"]
MASKED = ["SALT", "VJEPA", "VideoMAE"]


def make(name, seed=0):
    """Return a method; what it fills when it first sees a batch is filled."""
    torch.manual_seed(seed)
    method = MAKE[name]()
    if name == "AVOL":
        with torch.no_grad():
            method.eval().score_pairs(torch.rand(2, 1, 3, SIDE, SIDE), torch.randn(2, 1, 800))
    if name == "SeLa":
        method.after_step(1, 100)  # so that it looks at items by the running statistics, as from its first step on
    for queue in [module for module in method.modules() if isinstance(module, Queue)]:
        queue.enqueue(torch.randn(len(queue) // 2, queue.rows.shape[1]), 1000 + torch.arange(len(queue) // 2))
    return method.train()


def rivals(method, optim):
    """Return an optimiser for each name that groups of parameters give, such as the adversary's."""
    return {group["optimizer"]: optim for group in method.parameter_groups() if "optimizer" in group}


class Items(Dataset):
    """Items that a method takes, each of a recording of its own."""

    def __init__(self, name: str, size: int = ITEMS):
        self.name, self.size = name, size

    def __len__(self):
        return self.size

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < self.size:
            raise IndexError(index)
        chance = torch.Generator().manual_seed(index)
        clips, frames = MOVING.get(self.name, (1, 1))
        item = {
            "frames": torch.randint(0, 256, (clips, frames, 3, SIDE, SIDE), dtype=torch.uint8, generator=chance),
            "times": (torch.arange(clips)[:, None] + torch.arange(frames) / frames).double(),
            "valid": torch.ones(clips, frames, dtype=torch.bool),
            "key": torch.tensor([0, epoch, index]),
            "path": f"{index}.mp4",
            "label": -1,
        }
        if self.name in OF_LABELS:
            item |= {"label": index % 2, "mask": torch.randint(0, 2, (SIDE, SIDE), generator=chance).byte()}
        if self.name in SOUNDING:
            item["sound"] = torch.randn(clips, 1, 800, generator=chance)
        return item
