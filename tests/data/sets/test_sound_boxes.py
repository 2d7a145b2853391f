"""VGG-SS and Flickr-SoundNet as public evaluation code reads them, and the pairs of picture and sound they give."""

import json

import numpy as np
import pytest
import torch

from avssl.data import Pictures, Stills
from avssl.data.recordings import boxes_of
from avssl.data.sets import flickr_soundnet, vggss
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import flickr_soundnet as flickr_tree
from avssl.data.sets.fixtures import vggss as vggss_tree
from avssl.data.sets.prepare import prepare


def told(listing):
    return [(problem.kind, problem.path) for problem in listing.problems]


def prepared(read, root, *more):
    prepare(read, "usage", ["--root", str(root), "--workers", "1", *more])
    return root


def test_vggss_has_boxes_as_shares_and_what_is_gone_or_amiss_is_told(tmp_path):
    vggss_tree.write(tmp_path)
    listing = vggss.read(tmp_path)
    assert told(listing) == [("odd", "--56QUhyDQM_000185"), ("missing", "frames/--gone-gone_000007.jpg")]
    first = listing.rows[0]
    assert first["sounding"] == "0 0.25 0.5 1 | 0.25 0.5 0.75 1" and first["votes"] == 1
    assert (first["sound"], first["group"]) == ("audio/---g-f_I2yQ_000001.wav", "---g-f_I2yQ")
    assert {count.what: (count.found, count.published) for count in listing.counts} == {
        "entries": (4, 5158),
        "clips there": (3, 4),
    }


def test_flickr_soundnet_has_boxes_on_a_grid_and_two_votes(tmp_path):
    flickr_tree.write(tmp_path)
    listing = flickr_soundnet.read(tmp_path)
    assert told(listing) == [("missing", "audio/10409146004.wav")]
    assert listing.rows[0]["sounding"] == "0 0 0.5 1 | 0.25 0 0.75 1 | 0 0.5 0.5 1" and listing.rows[0]["votes"] == 2


def test_a_manifest_gives_pictures_with_the_middle_of_their_sound_and_boxes(tmp_path):
    vggss_tree.write(tmp_path)
    pairs = Stills(prepared(vggss.read, tmp_path), "test", size=(32, 48), seconds=0.5)
    assert len(pairs) == 3 and pairs.classes == ["dog barking", "people marching", "waterfall burbling"]
    item = pairs[0, 0]
    assert item["frames"].shape == (1, 1, 3, 32, 48) and item["sound"].shape == (1, 1, 8000)
    assert item["sound_valid"].all() and not item["silent"].any() and float(item["times"]) == pytest.approx(1.0)
    assert pairs.recordings[0].boxes == ((0, 0.25, 0.5, 1), (0.25, 0.5, 0.75, 1)) and pairs.recordings[0].votes == 1
    assert torch.equal(item["frames"], Pictures(tmp_path, "test", size=(32, 48))[0, 0]["frames"])
    elsewhere = prepared(vggss.read, tmp_path, "--out", str(tmp_path / "out")) / "out"
    assert torch.equal(Stills(elsewhere, seconds=0.5)[0, 0]["sound"], item["sound"])


def test_a_sound_that_cannot_be_read_is_told_or_left_out(tmp_path):
    flickr_tree.write(tmp_path)
    prepared(flickr_soundnet.read, tmp_path)
    (tmp_path / "audio" / "10000130166.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match="10000130166"):
        Stills(tmp_path)[0, 0]
    assert "10000130166" in Stills(tmp_path, on_bad="skip")[0, 0]["failure"]["error"]
    with pytest.raises(ValueError, match="has no sound; needs a manifest with a column 'sound'"):
        Stills(tmp_path / "frames")


@pytest.mark.parametrize("entries", [{}, [], [{"file": "a"}], [{"file": "a", "bbox": [[0, 1]]}]])
def test_another_table_is_refused(tmp_path, entries):
    (tmp_path / "vggss.json").write_text(json.dumps(entries))
    with pytest.raises(SetError, match=r"vggss\.json"):
        vggss.read(tmp_path)


def test_broken_annotations_are_told_by_file(tmp_path):
    flickr_tree.write(tmp_path)
    folder = tmp_path / "Annotations"
    (folder / "a.xml").write_text("<annotation>")
    (folder / "b.xml").write_text("<annotation><object/></annotation>")
    (folder / "c.xml").write_text("<a><o><bbox><d>0</d><x>9</x><y>9</y><x>9</x><y>20</y></bbox></o></a>")
    (folder / "d.xml").write_text("<a><o><bbox><d>0</d><x>9</x></bbox></o></a>")
    kinds = dict(reversed(one) for one in told(flickr_soundnet.read(tmp_path)))
    assert kinds["Annotations/a.xml"] == kinds["Annotations/c.xml"] == kinds["Annotations/d.xml"] == "undecodable"
    assert kinds["Annotations/b.xml"] == "unlabelled"


def test_boxes_in_a_manifest_are_checked():
    assert boxes_of("", "m") == () and boxes_of("0 0 .5 1", "m") == ((0, 0, 0.5, 1),)
    for bad in ("0 0 1", "0 0 2 1", "0.5 0 0.5 1", "a b c d"):
        with pytest.raises(ValueError, match="m, row 2: a box is left, top, right, bottom between 0 and 1"):
            boxes_of(bad, "m, row 2")
    assert np.isfinite(boxes_of("0.1 0.1 0.2 0.2", "m")).all()
