"""Losses as pure functions of tensors: no state, no chance, no process group; usable in any PyTorch code."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.losses.affinities import cell_grid as cell_grid
    from avssl.losses.affinities import concentration as concentration
    from avssl.losses.affinities import orthogonality as orthogonality
    from avssl.losses.assignment import drawn_sizes as drawn_sizes
    from avssl.losses.assignment import sinkhorn as sinkhorn
    from avssl.losses.assignment import transport as transport
    from avssl.losses.contrastive import accuracy as accuracy
    from avssl.losses.contrastive import both_ways as both_ways
    from avssl.losses.contrastive import contrast as contrast
    from avssl.losses.contrastive import halfway as halfway
    from avssl.losses.contrastive import info_nce as info_nce
    from avssl.losses.contrastive import key_logits as key_logits
    from avssl.losses.contrastive import nt_xent as nt_xent
    from avssl.losses.contrastive import similarities as similarities
    from avssl.losses.contrastive import symmetric_contrast as symmetric_contrast
    from avssl.losses.copying import copied_classes as copied_classes
    from avssl.losses.copying import copying_loss as copying_loss
    from avssl.losses.copying import pointers as pointers
    from avssl.losses.dense import cell_places as cell_places
    from avssl.losses.dense import dense_contrast as dense_contrast
    from avssl.losses.dense import most_similar as most_similar
    from avssl.losses.dense import near_pairs as near_pairs
    from avssl.losses.dense import pixel_consistency as pixel_consistency
    from avssl.losses.distillation import distill as distill
    from avssl.losses.distillation import entropy as entropy
    from avssl.losses.gaussianity import sigreg as sigreg
    from avssl.losses.neighbours import balanced_cross_entropy as balanced_cross_entropy
    from avssl.losses.neighbours import cluster_entropy as cluster_entropy
    from avssl.losses.neighbours import neighbour_consistency as neighbour_consistency
    from avssl.losses.noise import contrast_with_bank as contrast_with_bank
    from avssl.losses.noise import estimate_log_constant as estimate_log_constant
    from avssl.losses.noise import noise_contrast as noise_contrast
    from avssl.losses.prediction import predictive_contrast as predictive_contrast
    from avssl.losses.prototypes import concentrations as concentrations
    from avssl.losses.prototypes import prototype_contrast as prototype_contrast
    from avssl.losses.ranking import triplet_ranking as triplet_ranking
    from avssl.losses.redundancy import barlow_twins as barlow_twins
    from avssl.losses.redundancy import covariance as covariance
    from avssl.losses.redundancy import cross_correlation as cross_correlation
    from avssl.losses.redundancy import variance as variance
    from avssl.losses.redundancy import vicreg as vicreg
    from avssl.losses.regression import byol as byol
    from avssl.losses.regression import negative_cosine as negative_cosine
    from avssl.losses.self_training import both_losses as both_losses
    from avssl.losses.self_training import target_cross_entropy as target_cross_entropy
    from avssl.losses.verification import pair_verification as pair_verification
    from avssl.losses.walk import Walk as Walk
    from avssl.losses.walk import palindrome_walk as palindrome_walk
    from avssl.losses.walk import transitions as transitions
    from avssl.losses.windows import cut_windows as cut_windows
    from avssl.losses.windows import window_distance as window_distance
    from avssl.losses.windows import windows_at as windows_at

__getattr__, __dir__ = attach(__name__)
