"""The scenes of DCASE as their archives are."""

import pytest

from avssl.data.sets import dcase2014
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import dcase2014 as tree


def test_scenes_are_read_from_names_and_splits_from_archives(tmp_path):
    tree.write(tmp_path)
    listing = dcase2014.read(tmp_path)
    assert not listing.problems and len(listing.rows) == 30 and len(listing.classes) == 10
    first = listing.rows[0]
    assert first["path"] == "scenes_stereo/bus01.wav" and (first["split"], first["label"]) == ("train", "bus")
    assert {row["label"] for row in listing.rows if row["path"].endswith("busystreet12.wav")} == {"busystreet"}
    counts = {count.what: (count.found, count.published) for count in listing.counts}
    assert counts["train recordings"] == (20, 100) and counts["test tube"] == (1, 10)
    assert len({row["group"] for row in listing.rows}) == 30


def test_an_archive_in_a_folder_of_its_name_is_found(tmp_path):
    tree.write(tmp_path)
    (tmp_path / "scenes_stereo").rename(tmp_path / "inner")
    (tmp_path / "scenes_stereo").mkdir()
    (tmp_path / "inner").rename(tmp_path / "scenes_stereo" / "scenes_stereo")
    assert dcase2014.read(tmp_path).rows[0]["path"] == "scenes_stereo/scenes_stereo/bus01.wav"


def test_names_without_a_scene_and_a_missing_test_are_told(tmp_path):
    tree.write(tmp_path)
    (tmp_path / "scenes_stereo" / "17.wav").touch()
    (tmp_path / "scenes_stereo_testset").rename(tmp_path / "elsewhere")
    told = [(problem.kind, problem.path) for problem in dcase2014.read(tmp_path).problems]
    assert told == [("unlabelled", "scenes_stereo/17.wav"), ("missing", "scenes_stereo_testset")]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(SetError, match="scenes_stereo"):
        dcase2014.read(tmp_path)
    (tmp_path / "scenes_stereo").mkdir()
    with pytest.raises(SetError, match="holds no recording such as"):
        dcase2014.read(tmp_path)
