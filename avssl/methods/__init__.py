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
    from avssl.methods.distillation.byol import BYOL as BYOL
    from avssl.methods.distillation.dino import DINO as DINO
    from avssl.methods.distillation.distilled import Distilled as Distilled
    from avssl.methods.distillation.lejepa import LeJEPA as LeJEPA
    from avssl.methods.distillation.simsiam import SimSiam as SimSiam
    from avssl.methods.masked.salt import SALT as SALT
    from avssl.methods.masked.videomae import VideoMAE as VideoMAE
    from avssl.methods.masked.vjepa import VJEPA as VJEPA
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

__getattr__, __dir__ = attach(__name__)
