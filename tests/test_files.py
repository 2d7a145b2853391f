"""What is told of the files of a folder."""

from avssl.files import same_bytes


def test_files_of_the_same_bytes_are_found_and_others_not_even_read(tmp_path):
    for name, text in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "longer")):
        (tmp_path / name).write_text(text)
    assert same_bytes([tmp_path / name for name in "abcda"]) == [[tmp_path / "a", tmp_path / "c"]]
