"""Public names of a package are read from its source text, wherever that lies."""

from zipfile import ZipFile

import pytest

from avssl import lazy

SOURCE = "if TYPE_CHECKING:\n    from parcel.inside import Thing as Thing\n    from parcel.inside import old as new\n"


def test_names_are_read_out_of_an_archive_too(tmp_path, monkeypatch):
    with ZipFile(tmp_path / "parcel.zip", "w") as archive:
        archive.writestr("parcel/__init__.py", SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path / "parcel.zip"))
    assert lazy.table("parcel") == {"Thing": ("parcel.inside", "Thing"), "new": ("parcel.inside", "old")}


@pytest.mark.parametrize("package", ["no_such_package", "sys"])
def test_a_package_without_source_text_is_told_in_one_line(package):
    with pytest.raises(ImportError, match=f"^the source text of {package} is not there; its public names are read"):
        lazy.table(package)
