"""Ways to learn without labels, one file each."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.methods.base import Method as Method
    from avssl.methods.clustering.deepcluster import DeepCluster as DeepCluster
    from avssl.methods.clustering.deepcluster_v2 import DeepClusterV2 as DeepClusterV2
    from avssl.methods.clustering.scan import SCAN as SCAN
    from avssl.methods.clustering.sela import SeLa as SeLa
    from avssl.methods.clustering.self_label import SelfLabel as SelfLabel
    from avssl.methods.clustering.swav import SwAV as SwAV
    from avssl.methods.contrastive.barlow_twins import BarlowTwins as BarlowTwins
    from avssl.methods.contrastive.cpc import CPC as CPC
    from avssl.methods.contrastive.cpc_sound import CPCSound as CPCSound
    from avssl.methods.contrastive.cpc_video import DPC as DPC
    from avssl.methods.contrastive.densecl import DenseCL as DenseCL
    from avssl.methods.contrastive.detco import DetCo as DetCo
    from avssl.methods.contrastive.infomin import InfoMin as InfoMin
    from avssl.methods.contrastive.instdisc import InstDisc as InstDisc
    from avssl.methods.contrastive.moco import MoCo as MoCo
    from avssl.methods.contrastive.moco_v3 import MoCoV3 as MoCoV3
    from avssl.methods.contrastive.pcl import PCL as PCL
    from avssl.methods.contrastive.pirl import PIRL as PIRL
    from avssl.methods.contrastive.pixpro import PixPro as PixPro
    from avssl.methods.contrastive.simclr import SimCLR as SimCLR
    from avssl.methods.contrastive.vicreg import VICReg as VICReg
    from avssl.methods.contrastive.view_learning import ViewLearning as ViewLearning
    from avssl.methods.correspondence.colour_pointer import ColourPointer as ColourPointer
    from avssl.methods.correspondence.cycle_time import CycleTime as CycleTime
    from avssl.methods.correspondence.random_walk import RandomWalk as RandomWalk
    from avssl.methods.correspondence.tracked_patches import TrackedPatches as TrackedPatches
    from avssl.methods.correspondence.udt import UDT as UDT
    from avssl.methods.correspondence.uvc import UVC as UVC
    from avssl.methods.correspondence.vfs import VFS as VFS
    from avssl.methods.distillation.byol import BYOL as BYOL
    from avssl.methods.distillation.dino import DINO as DINO
    from avssl.methods.distillation.distilled import Distilled as Distilled
    from avssl.methods.distillation.lejepa import LeJEPA as LeJEPA
    from avssl.methods.distillation.simsiam import SimSiam as SimSiam
    from avssl.methods.masked.salt import SALT as SALT
    from avssl.methods.masked.videomae import VideoMAE as VideoMAE
    from avssl.methods.masked.vjepa import VJEPA as VJEPA
    from avssl.methods.order.arrow import ArrowOfTime as ArrowOfTime
    from avssl.methods.order.clip_order import ClipOrder as ClipOrder
    from avssl.methods.order.clip_rotation import ClipRotation as ClipRotation
    from avssl.methods.order.cubic_puzzle import CubicPuzzle as CubicPuzzle
    from avssl.methods.order.odd_one_out import O3N as O3N
    from avssl.methods.order.opn import OPN as OPN
    from avssl.methods.order.pace import Pace as Pace
    from avssl.methods.order.shuffle_and_learn import ShuffleAndLearn as ShuffleAndLearn
    from avssl.methods.pretext.colorization import Colorization as Colorization
    from avssl.methods.pretext.context_encoder import ContextEncoder as ContextEncoder
    from avssl.methods.pretext.hypercolumns import HypercolumnColorization as HypercolumnColorization
    from avssl.methods.pretext.jigsaw import Jigsaw as Jigsaw
    from avssl.methods.pretext.jigsaw_plus_plus import JigsawPlusPlus as JigsawPlusPlus
    from avssl.methods.pretext.relative_position import RelativePosition as RelativePosition
    from avssl.methods.pretext.rotation import Rotation as Rotation
    from avssl.methods.pretext.rotation_decoupling import RotationDecoupling as RotationDecoupling
    from avssl.methods.several import SeveralTasks as SeveralTasks
    from avssl.methods.sound.ave import AVE as AVE
    from avssl.methods.sound.avol import AVOL as AVOL
    from avssl.methods.sound.avts import AVTS as AVTS
    from avssl.methods.sound.cma import CMA as CMA
    from avssl.methods.sound.l3 import L3 as L3
    from avssl.methods.sound.nce import CrossModalNCE as CrossModalNCE
    from avssl.methods.sound.selavi import SeLaVi as SeLaVi
    from avssl.methods.sound.xdc import XDC as XDC
    from avssl.methods.transfer.knowledge_transfer import KnowledgeTransfer as KnowledgeTransfer
    from avssl.methods.transfer.self_training import SelfTraining as SelfTraining
    from avssl.methods.transfer.self_training_pixels import SelfTrainingPixels as SelfTrainingPixels

__getattr__, __dir__ = attach(__name__)
