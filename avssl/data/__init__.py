"""What to learn from: datasets, and the order their items are drawn in."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.data.base import DataError as DataError
    from avssl.data.base import Dataset as Dataset
    from avssl.data.batches import collate as collate
    from avssl.data.chosen import FewLabels as FewLabels
    from avssl.data.chosen import Some as Some
    from avssl.data.chosen import Without as Without
    from avssl.data.endless import Endless as Endless
    from avssl.data.idx import IdxPictures as IdxPictures
    from avssl.data.neighbours import WithNeighbours as WithNeighbours
    from avssl.data.neighbours import write_neighbours as write_neighbours
    from avssl.data.noise import Noise as Noise
    from avssl.data.persons import Persons as Persons
    from avssl.data.pictures import Pictures as Pictures
    from avssl.data.pseudo_labels import WithPseudoLabels as WithPseudoLabels
    from avssl.data.pseudo_masks import PseudoMasks as PseudoMasks
    from avssl.data.recordings import Recording as Recording
    from avssl.data.recordings import find_recordings as find_recordings
    from avssl.data.relabelled import Relabelled as Relabelled
    from avssl.data.relabelled import write_labels as write_labels
    from avssl.data.scene_crops import SceneCrops as SceneCrops
    from avssl.data.scenes import Scenes as Scenes
    from avssl.data.sounds import Sounds as Sounds
    from avssl.data.stills import Stills as Stills
    from avssl.data.videos import Videos as Videos
    from avssl.data.viewed import Viewed as Viewed

__getattr__, __dir__ = attach(__name__)
