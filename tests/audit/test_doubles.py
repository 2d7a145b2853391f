"""Recordings that are there twice."""

import torch

from avssl.audit.doubles import alike, look_of, sound_of


def test_a_copy_with_another_gain_is_alike_and_other_recordings_are_not():
    pictures, sounds = torch.rand(6, 3, 32, 32), torch.randn(6, 1, 4000) * torch.linspace(0, 1, 4000)
    looks, marks = look_of(pictures), sound_of(sounds)
    again = look_of(pictures[[2, 4]] * 0.9), sound_of(sounds[[2, 4]] * 0.5)
    assert alike(looks, marks, again) == [(2, 0), (4, 1)]
