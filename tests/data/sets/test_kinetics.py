"""Kinetics as people have it: crawled or of the CVDF, in class folders or flat, with tables, lists or nothing."""

import shutil

import pytest

from avssl.data import Videos
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import kinetics as fixture
from avssl.data.sets.kinetics import PUBLISHED, plain, read, split_folders
from avssl.data.sets.prepare import prepare
from avssl.sampling import UniformClips


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinetics") / "k400"
    fixture.write(root)
    return root


@pytest.fixture
def tree(official, tmp_path):
    """A copy of the official tree that a test may spoil."""
    return shutil.copytree(official, tmp_path / "k400")


def by_id(listing):
    return {row["group"]: row for row in listing.rows}


def told(listing, kind):
    return [(problem.path, problem.about) for problem in listing.problems if problem.kind == kind]


def test_ids_that_begin_with_a_minus_are_read_from_names_and_tables(official):
    row = by_id(read(official))["---QUuC4vJs"]
    assert row["path"] == "train/air drumming/---QUuC4vJs_000084_000094.mp4"
    assert (row["split"], row["label"]) == ("train", "air drumming")


def test_the_table_names_the_class_however_the_folder_writes_it(official):
    rows = by_id(read(official))
    assert rows["-0_9_xUUIaM"]["label"] == "air drumming" and "air_drumming" in rows["-0_9_xUUIaM"]["path"]
    assert rows["3caPS4FHFF8"]["label"] == "gymnastics_tumbling"
    assert rows["aX-aEjyLdpU"]["label"] == rows["bcdefghijkl"]["label"] == "massaging person's head"
    assert rows["xVEd-Xqm-MY"]["label"] == "skiing (not slalom or crosscountry)"


def test_tables_are_read_with_is_cc_and_without_and_test_videos_have_no_label(official):
    listing = read(official)
    assert {row["split"] for row in listing.rows if row["label"] == ""} == {"test"}
    assert list(listing.classes) == sorted({"air drumming", "gymnastics_tumbling", "massaging person's head",
                                            "skiing (not slalom or crosscountry)"})  # fmt: skip
    assert not told(listing, "unlabelled")


def test_a_video_that_vanished_is_told_and_is_no_failure(official):
    listing = read(official)
    assert told(listing, "missing") == [
        ("train/massaging person's head/zzVanished__000007_000017.mp4", "listed in train")
    ]
    counts = {count.what: (count.found, count.published, count.tolerant) for count in listing.counts}
    assert counts["train videos"] == (5, 6, True) and counts["train listed"] == (6, 246534, True)
    assert counts["classes"] == (4, 400, False)


def test_a_video_that_is_in_no_table_stays_without_a_split(official):
    listing = read(official)
    assert told(listing, "unlisted") == [(fixture.UNLISTED, "in no table")]
    assert by_id(listing)["notInTable1"] | {"path": ""} == {
        "path": "", "split": "", "label": "air drumming", "group": "notInTable1"
    }  # fmt: skip


def test_a_flat_copy_says_the_same_as_class_folders(official, tree):
    for split in ("train", "val"):
        for path in list((tree / split).rglob("*.mp4")):
            path.rename(tree / split / path.name)
    wanted = {key: (row["split"], row["label"]) for key, row in by_id(read(official)).items() if row["split"]}
    flat = {key: (row["split"], row["label"]) for key, row in by_id(read(tree)).items() if row["split"]}
    assert flat == wanted


def test_files_called_by_the_id_alone_are_matched(tree):
    for path in list(tree.rglob("*.mp4")):
        path.rename(path.with_name(f"{path.stem[:11]}.mp4"))
    assert len(told(read(tree), "missing")) == 1 and by_id(read(tree))["---QUuC4vJs"]["split"] == "train"


def test_another_clip_of_a_listed_video_is_not_the_listed_one(tree):
    folder = tree / "val" / "air drumming"
    (folder / "--07WQ2iBlw_000001_000011.mp4").rename(folder / "--07WQ2iBlw_000030_000040.mp4")
    listing = read(tree)
    assert ("val/air drumming/--07WQ2iBlw_000001_000011.mp4", "listed in val") in told(listing, "missing")
    assert ("val/air drumming/--07WQ2iBlw_000030_000040.mp4", "in no table") in told(listing, "unlisted")


def test_without_tables_folders_tell_split_and_class(tree):
    shutil.rmtree(tree / "annotations")
    listing = read(tree)
    rows = by_id(listing)
    assert rows["-0_9_xUUIaM"]["label"] == rows["---QUuC4vJs"]["label"] == "air drumming"
    assert rows["3caPS4FHFF8"]["label"] == "gymnastics_tumbling" and rows["notInTable1"]["split"] == "train"
    counts = {count.what: (count.found, count.published) for count in listing.counts}
    assert counts["val videos"] == (2, 19906) and "val listed" not in counts and not listing.problems


def test_flat_videos_without_a_table_are_said_to_have_no_class(tree):
    shutil.rmtree(tree / "annotations")
    for path in list((tree / "val").rglob("*.mp4")):
        path.rename(tree / "val" / path.name)
    about = "no table and no class folder tells the class of 2 videos"
    assert told(read(tree), "unlabelled") == [("val/", about)]


def test_only_some_splits_may_be_there(tree):
    shutil.rmtree(tree / "train")
    listing = read(tree)
    assert told(listing, "missing") == [("train/", "no such folder, so none of 6 listed videos")]
    assert {row["split"] for row in listing.rows} == {"val", "test"} and len(listing.classes) == 4
    assert len(read(tree / "val").rows) == 2 and {row["split"] for row in read(tree / "val").rows} == {"val"}


def test_folders_of_splits_have_several_names_and_a_class_called_training_is_none(tree):
    (tree / "val").rename(tree / "validation_256")
    (tree / "train").rename(tree / "train_256")
    (tree / "training dog").mkdir()
    (tree / "training_dog").mkdir()
    assert {split: path.name for split, path in split_folders(tree).items()} == {
        "train": "train_256", "val": "validation_256", "test": "test"
    }  # fmt: skip


def test_where_folders_tell_no_split_the_tables_do(tree):
    for path in list(tree.rglob("*.mp4")):
        path.rename(tree / path.name)
    for split in ("train", "val", "test"):
        shutil.rmtree(tree / split)
    listing = read(tree)
    splits = {row["group"]: row["split"] for row in listing.rows}
    assert splits["---QUuC4vJs"] == "train" and splits["bcdefghijkl"] == "val" and splits["-8YXc8iCt8_"] == "test"
    assert splits["notInTable1"] == "" and len(told(listing, "missing")) == 1


def test_replacements_take_the_place_of_damaged_and_of_lost_training_videos(tree):
    spare = tree / "replacement" / "replacement_for_corrupted_k400"
    spare.mkdir(parents=True)
    whole = next((tree / "train" / "air drumming").glob("---QUuC4vJs*"))
    shutil.copy(whole, spare / whole.name)
    shutil.copy(whole, spare / "zzVanished__000007_000017.mp4")
    rows = by_id(read(tree))
    assert rows["---QUuC4vJs"]["path"] == f"replacement/replacement_for_corrupted_k400/{whole.name}"
    assert rows["zzVanished_"]["split"] == "train" and rows["zzVanished_"]["label"] == "massaging person's head"
    assert not told(read(tree), "missing")


def test_videos_in_the_wrong_place_twice_or_packed_are_told(tree):
    (tree / "train" / "part_7.tar.gz").touch()
    (tree / "train" / "gymnastics_tumbling" / "3caPS4FHFF8_000000_000010.mp4").rename(
        tree / "train" / "air drumming" / "3caPS4FHFF8_000000_000010.mp4"
    )
    clip = "bcdefghijkl_000055_000065.mp4"
    shutil.copy(tree / "val" / "massaging person's head" / clip, tree / "train" / "massaging_persons_head" / clip)
    listing = read(tree)
    assert told(listing, "odd") == [
        ("train/part_7.tar.gz", "still packed"),
        ("train/air drumming/3caPS4FHFF8_000000_000010.mp4", "listed as 'gymnastics_tumbling', which counts"),
        (f"train/massaging_persons_head/{clip}", "listed in val, which counts"),
        (f"val/massaging person's head/{clip}", f"again train/massaging_persons_head/{clip}; left out"),
    ]
    assert by_id(listing)["3caPS4FHFF8"]["label"] == "gymnastics_tumbling"


@pytest.mark.parametrize("version", ["400", "600", "700", "700-2020"])
def test_every_edition_has_its_published_counts(official, version):
    listing = read(official, version=version)
    counts = {count.what: count.published for count in listing.counts}
    assert counts["train listed"] == PUBLISHED[version]["train"] and counts["classes"] == int(version[:3])
    assert listing.name == f"Kinetics-{version}"


def test_tables_lie_where_people_put_them(tree):
    for table in list((tree / "annotations").iterdir()):
        word = {"train": "train", "val": "validate", "test": "holdout_test"}[table.stem]
        table.rename(tree / f"kinetics400_{word}.csv")
    (tree / "annotations").rmdir()
    assert by_id(read(tree))["--07WQ2iBlw"]["split"] == "val" and len(told(read(tree), "missing")) == 1
    elsewhere = tree.parent / "tables"
    elsewhere.mkdir()
    for table in list(tree.glob("*.csv")):
        table.rename(elsewhere / table.name)
    assert len(told(read(tree, annotations=elsewhere), "missing")) == 1


def test_lists_of_other_toolkits_name_files_wherever_they_lay(tree):
    lists = tree / "lists"
    lists.mkdir()
    first, second = "---QUuC4vJs_000084_000094.mp4", "-0_9_xUUIaM_001052_001062.mp4"
    train = [f"/home/me/train/air drumming/{first} 7", f"train/air_drumming/{second} 7", "gone.mp4 3"]
    val = [
        "val/air drumming/--07WQ2iBlw_000001_000011.mp4 0 -1",
        "",
        "val/massaging person's head/bcdefghijkl_000055_000065.mp4,12",
    ]
    (lists / "train.csv").write_text("\n".join(train))
    (lists / "kinetics400_val_list_videos.txt").write_text("\n".join(val))
    listing = read(tree, lists=lists)
    rows = {row["group"]: (row["split"], row["label"]) for row in listing.rows}
    assert rows == {
        "---QUuC4vJs": ("train", "7"),
        "-0_9_xUUIaM": ("train", "7"),
        "--07WQ2iBlw": ("val", ""),
        "bcdefghijkl": ("val", "12"),
    }
    assert told(listing, "missing") == [("gone.mp4", "listed in train.csv")] and list(listing.classes) == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda tree: read(tree.parent), r"no videos in train/, val/ or test/; it holds k400/\. Give .*k400 instead"),
        (lambda tree: read(tree / "annotations"), r"no videos in train/, .* Give .*k400 instead"),
        (
            lambda tree: read(tree, annotations=tree / "train"),
            "holds no table such as train.csv with a column youtube_id",
        ),
        (lambda tree: read(tree, lists=tree / "train"), "holds no list such as train.csv or val.txt"),
        (lambda tree: read(tree, lists=tree / "annotations"), "should be a path, a blank and the number of a class"),
    ],
)
def test_wrong_folders_are_answered_in_one_line(tree, spoil, complaint):
    with pytest.raises(SetError, match=complaint) as error:
        spoil(tree)
    assert "\n" not in str(error.value)


def test_a_table_that_is_a_list_of_paths_and_times_that_are_none_are_refused(tree):
    table = tree / "annotations" / "val.csv"
    table.write_text(table.read_text().replace(",55,65,", ",soon,65,"))
    with pytest.raises(SetError, match=r"val\.csv, row 3: time_start and time_end should be seconds"):
        read(tree)
    table.write_text("val/a.mp4 7\n")
    with pytest.raises(SetError, match=r"no column youtube_id.*; a list of paths and labels is given with --lists"):
        read(tree)


def test_where_only_archives_lie_they_are_named(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "part_0.tar.gz").touch()
    with pytest.raises(SetError, match=r"Extract part_0\.tar\.gz"):
        read(tmp_path)


def test_labels_of_all_editions_stay_apart_when_written_plainly():
    hard = ["passing American football (in game)", "passing American football (not in game)", "hugging (not baby)",
            "hugging baby", "tying knot (not on a tie)", "petting cat", "petting animal (not cat)"]  # fmt: skip
    assert len({plain(label) for label in hard}) == len(hard)


def test_the_manifest_is_read_end_to_end(tree):
    prepare(read, "", ["--root", str(tree), "--check", "none", "--version", "400"])
    train = Videos(source=tree, split="train", sampler=UniformClips(frames=2), size=(16, 16))
    assert len(train) == 5 and len(train.classes) == 4
    assert train[0]["label"] == 0 and train[0]["group"] == "---QUuC4vJs"
    test = Videos(source=tree, split="test", sampler=UniformClips(frames=2), size=(16, 16))
    assert [test[index]["label"] for index in range(2)] == [-1, -1]
