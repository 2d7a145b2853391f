"""Recordings that are there twice."""

import torch

from avssl.audit.doubles import alike, look_of, same_bytes, sound_of


def test_files_of_the_same_bytes_are_found_and_others_not_even_read(tmp_path):
    for name, text in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "longer")):
        (tmp_path / name).write_text(text)
    assert same_bytes([tmp_path / name for name in "abcda"]) == [[tmp_path / "a", tmp_path / "c"]]


def test_a_copy_with_another_gain_is_alike_and_other_recordings_are_not():
    pictures, sounds = torch.rand(6, 3, 32, 32), torch.randn(6, 1, 4000) * torch.linspace(0, 1, 4000)
    looks, marks = look_of(pictures), sound_of(sounds)
    again = look_of(pictures[[2, 4]] * 0.9), sound_of(sounds[[2, 4]] * 0.5)
    assert alike(looks, marks, again) == [(2, 0), (4, 1)]
