"""ESC-50, AudioSet, VGGSound and ImageNet as their authors publish them, quirk by quirk."""

import shutil

import pytest

from avssl.data import Pictures, Sounds
from avssl.data.sets import audioset, esc50, imagenet, vggsound
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import audioset as audioset_tree
from avssl.data.sets.fixtures import esc50 as esc50_tree
from avssl.data.sets.fixtures import imagenet as imagenet_tree
from avssl.data.sets.fixtures import vggsound as vggsound_tree
from avssl.data.sets.prepare import prepare


def told(listing, kind):
    return [(problem.path, problem.about) for problem in listing.problems if problem.kind == kind]


def counts(listing):
    return {count.what: (count.found, count.published) for count in listing.counts}


def prepared(read, root):
    prepare(read, "usage", ["--root", str(root), "--workers", "1"])
    return root


# --- ESC-50 ---------------------------------------------------------------------------------------------------------
def test_esc50_has_folds_as_splits_and_sources_as_groups(tmp_path):
    esc50_tree.write(tmp_path)
    listing = esc50.read(tmp_path)
    assert not listing.problems and list(listing.classes) == ["dog", "chirping birds", "hand saw"]
    first = listing.rows[0]
    assert (first["split"], first["label"], first["group"]) == ("fold1 esc10", "dog", "100032")
    assert counts(listing)["sounds"] == (7, 2000) and counts(listing)["fold2 sounds"] == (2, 400)
    folds = [Sounds(prepared(esc50.read, tmp_path), f"fold{number}", windows=2) for number in range(1, 6)]
    assert [len(fold) for fold in folds] == [2, 2, 1, 1, 1] and len(Sounds(tmp_path, "esc10")) == 3
    assert folds[0][0]["sound"].shape == (2, 1, 16000)


def test_a_source_in_two_folds_a_missing_sound_and_an_unlisted_one_are_told(tmp_path):
    esc50_tree.write(tmp_path)
    table = tmp_path / "meta" / "esc50.csv"
    table.write_text(table.read_text() + "3-100032-B-0.wav,3,0,dog,True,100032,B\n1-9-A-0.wav,1,0,dog,True,9,A\n")
    shutil.copy(tmp_path / "audio" / "1-100032-A-0.wav", tmp_path / "audio" / "3-100032-B-0.wav")
    (tmp_path / "audio" / "extra.wav").touch()
    listing = esc50.read(tmp_path)
    assert told(listing, "odd") == [("100032", "one source in folds 1, 3")]
    assert told(listing, "missing") == [("audio/1-9-A-0.wav", "listed")]
    assert told(listing, "unlisted") == [("audio/extra.wav", "in no row of the table")]


def test_another_table_is_refused(tmp_path):
    esc50_tree.write(tmp_path)
    (tmp_path / "meta" / "esc50.csv").write_text("file,label\na.wav,dog\n")
    with pytest.raises(SetError, match="has no column filename, fold"):
        esc50.read(tmp_path)
    with pytest.raises(SetError, match=r"Give .* instead"):
        esc50.read(tmp_path / "meta")


# --- AudioSet -------------------------------------------------------------------------------------------------------
def test_audioset_has_a_commented_header_and_several_classes_with_commas(tmp_path):
    audioset_tree.write(tmp_path)
    listing = audioset.read(tmp_path)
    assert list(listing.classes) == ["Speech", "Male speech, man speaking", "Music"]
    rows = {row["group"]: row for row in listing.rows}
    assert set(rows) == {"--4gqARaEJE", "-0RWZT-miFs", "--PJHxphWEs"}
    assert rows["-0RWZT-miFs"]["labels"] == "Music | Male speech, man speaking"
    assert rows["-0RWZT-miFs"]["segment"] == "420 430" and rows["--PJHxphWEs"]["split"] == "train"
    assert told(listing, "missing") == [("--gonegone1 from 40 s", "listed in balanced_train_segments.csv")]
    data = Sounds(prepared(audioset.read, tmp_path), "eval", windows=1)
    assert data[1]["labels"].tolist() == [1.0, 1.0, 0.0]  # in the order of their names: Male, Music, Speech


def test_missing_videos_are_no_failure_but_no_table_is(tmp_path):
    audioset_tree.write(tmp_path)
    assert {count.what for count in audioset.read(tmp_path).counts if count.tolerant} == {
        "eval segments there", "train segments there"
    }  # fmt: skip
    for table in audioset_tree.SEGMENTS:
        (tmp_path / table).unlink()
    with pytest.raises(SetError, match="holds no table of segments"):
        audioset.read(tmp_path)


@pytest.mark.parametrize(("stem", "expected"), [
    ("--PJHxphWEs_30000_40000", ("--PJHxphWEs", 30)),
    ("--PJHxphWEs_30_40", ("--PJHxphWEs", 30)),
    ("Y--PJHxphWEs", ("--PJHxphWEs", None)),
    ("a_b_cdefghi", ("a_b_cdefghi", None)),
    ("Y_b_cdefghi1_0_10000", ("_b_cdefghi1", 0)),
])  # fmt: skip
def test_names_of_files_tell_id_and_start(stem, expected):
    assert audioset.named(stem) == expected


# --- VGGSound -------------------------------------------------------------------------------------------------------
def test_vggsound_has_no_header_and_commas_in_classes(tmp_path):
    vggsound_tree.write(tmp_path)
    listing = vggsound.read(tmp_path)
    assert {row["label"] for row in listing.rows} == {"people marching", "waterfall burbling", "playing tennis, indoor"}
    assert counts(listing) == {"train pieces there": (2, 3), "test pieces there": (1, 1), "classes": (3, 309)}
    assert told(listing, "missing") == [("--gone-gone_000007.mp4", "listed")]
    assert listing.rows[0]["path"] == "video/---g-f_I2yQ_000001.mp4"


def test_a_table_of_another_form_is_refused_with_its_row(tmp_path):
    vggsound_tree.write(tmp_path)
    (tmp_path / "vggsound.csv").write_text("---g-f_I2yQ,1,people marching,test\nid,start,label,split\n")
    with pytest.raises(SetError, match="row 2: needs id, start, class and train or test"):
        vggsound.read(tmp_path)


# --- ImageNet -------------------------------------------------------------------------------------------------------
def test_a_flat_validation_folder_is_told_by_the_kit_whose_numbers_are_not_in_order(tmp_path):
    imagenet_tree.write(tmp_path)
    listing = imagenet.read(tmp_path)
    val = [row["label"] for row in listing.rows if row["split"] == "val"]
    assert val == ["n01440764", "n02119789", "n01443537", "n01440764"]
    assert list(listing.classes) == ["n01440764", "n01443537", "n02119789"]
    assert next(row["words"] for row in listing.rows if row["label"] == "n01440764") == "tench"
    data = Pictures(prepared(imagenet.read, tmp_path), "train", size=[32, 32])
    assert len(data) == 8 and all(data[index]["frames"].shape == (1, 1, 3, 32, 32) for index in range(8))


def test_class_folders_of_the_validation_pictures_need_no_kit(tmp_path):
    imagenet_tree.write(tmp_path)
    for number, place in enumerate(imagenet_tree.VALIDATION, start=1):
        name = f"ILSVRC2012_val_{number:08d}.JPEG"
        folder = tmp_path / "val" / imagenet_tree.KIT[place][0]
        folder.mkdir(exist_ok=True)
        (tmp_path / "val" / name).rename(folder / name)
    shutil.rmtree(tmp_path / "ILSVRC2012_devkit_t12")
    assert counts(imagenet.read(tmp_path))["val pictures"] == (4, 50000)


def test_a_flat_folder_without_the_kit_an_empty_class_and_no_split_are_told(tmp_path):
    imagenet_tree.write(tmp_path)
    (tmp_path / "train" / "n09999999").mkdir()
    assert told(imagenet.read(tmp_path), "odd") == [("train/n09999999/", "the class folder is empty")]
    shutil.rmtree(tmp_path / "ILSVRC2012_devkit_t12")
    with pytest.raises(SetError, match="has no class folders; put ILSVRC2012_devkit_t12 beside it"):
        imagenet.read(tmp_path)
    shutil.rmtree(tmp_path / "train")
    shutil.rmtree(tmp_path / "val")
    with pytest.raises(SetError, match="holds no train/ or val/"):
        imagenet.read(tmp_path)
