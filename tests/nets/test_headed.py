"""Layers behind an encoder: one encoder with all layers, the same modules, and files that are what they say."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from avssl.config import describe, make
from avssl.nets import Classifier, ProjectedEncoder, SmallClips, SmallNet, load_classifier, named_projector
from avssl.nets.clips import encode_clips
from avssl.training.export import write_export


def small():
    torch.manual_seed(0)
    return SmallNet(dim=8, width=2).eval()


def write(path, encoder):
    return write_export(path, describe(encoder), encoder.trunk.state_dict(), {})


def test_features_are_what_the_first_layers_of_the_head_make_of_the_encoders():
    encoder, head, pictures = (
        small(),
        named_projector("simclr", 8, layers=3, hidden=6, out=4).eval(),
        torch.rand(3, 3, 20, 20),
    )
    for count in (1, 2):
        made = ProjectedEncoder.holding(head[:count], encoder, layers=count, hidden=6).eval()
        assert made.dim == 6 and made.layers == (*encoder.layers, *("head1", "head2")[:count])
        assert made(pictures).equal(head[:count](encoder(pictures)))
        assert all(
            own is given
            for own, given in zip(made.parameters(), [*encoder.parameters(), *head[:count].parameters()], strict=True)
        )


def test_layers_within_are_seen_as_the_encoder_shows_them():
    encoder, pictures = small(), torch.rand(2, 3, 20, 20)
    made = ProjectedEncoder(encoder, hidden=6).eval()
    for layer, found in made.taps(pictures, made.layers).items():
        assert found.equal(encoder.taps(pictures, [layer])[layer] if layer in encoder.layers else made(pictures))
    ours, theirs = made.maps(pictures, "conv2"), encoder.maps(pictures, "conv2")
    assert ours.values.equal(theirs.values) and (ours.stride, ours.offset) == (theirs.stride, theirs.offset)
    with pytest.raises(ValueError, match="head1"):
        made.maps(pictures, "head1")


def test_settings_build_one_within_another_again():
    made = Classifier(ProjectedEncoder(ProjectedEncoder(small(), hidden=6), "moco_v2", hidden=5), ["a", "b"])
    assert made.layers[-3:] == ("head1", "head2", "logits")
    again = make(describe(made), "avssl.nets.Encoder")
    assert again.trunk.load_state_dict(made.trunk.state_dict()).missing_keys == []
    assert again.eval()(torch.ones(1, 3, 20, 20)).equal(made.eval()(torch.ones(1, 3, 20, 20)))
    assert again.classes == ("a", "b")


def test_an_encoder_of_clips_stays_one():
    made, clips = Classifier(SmallClips(widths=(2, 2, 4, 4)), ["a", "b"]).eval(), torch.rand(2, 4, 3, 16, 16)
    assert made.takes == "clips" and encode_clips(made, clips).equal(made(clips)) and made(clips).shape == (2, 2)
    assert ProjectedEncoder(small()).takes == "pictures"


def test_a_classifier_comes_back_from_its_file_and_leaves_chance_alone(tmp_path):
    made = Classifier(small(), ["cat", "dog"]).eval()
    write(tmp_path / "a.safetensors", made)
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    again = load_classifier(tmp_path / "a.safetensors")
    assert torch.rand(1).equal(wanted) and not again.training and again.classes == ("cat", "dog")
    pictures = torch.rand(2, 3, 20, 20)
    assert again(pictures).equal(made(pictures))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda path: None, "there is no file .*evaluator.save=true"),
        (lambda path: path.write_bytes(b"no"), r"is no readable \.safetensors file"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "does not say which encoder it is"),
        (lambda path: write(path, small()), "holds a SmallNet, no classifier"),
        (
            lambda path: write_export(
                path,
                describe(Classifier(small(), ["a", "b"])),
                Classifier(small(), ["a", "b", "c"]).trunk.state_dict(),
                {},
            ),
            r"only 24 of the 26 tensors of Classifier matched; .* shape: logits\.bias, logits\.weight$",
        ),
        (
            lambda path: write_export(
                path,
                describe(Classifier(SmallNet(dim=6, width=2), ["a", "b"])),
                Classifier(small(), ["a", "b"]).trunk.state_dict(),
                {},
            ),
            r"of the 26 tensors of Classifier matched; .* encoder\.trunk\.fc",
        ),
        (lambda path: write_export(path, {"name": "strange.Net"}, {}, {}), r"strange"),
    ],
)
def test_files_that_hold_no_such_classifier_are_refused_in_one_line(tmp_path, written, said):
    written(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=said) as found:
        load_classifier(tmp_path / "a.safetensors")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("classes", [["a"], ["a", "a"], []])
def test_classes_have_names_of_their_own(classes):
    with pytest.raises(ValueError, match="at least two classes, each of a name of its own"):
        Classifier(small(), classes)


def test_a_head_of_no_layers_is_none():
    with pytest.raises(ValueError, match="layers of at least 1"):
        ProjectedEncoder(small(), layers=0)
    with pytest.raises(ValueError, match="no head 'nobody'"):
        ProjectedEncoder(small(), head="nobody")
    assert isinstance(ProjectedEncoder(small()).trunk.head1[0], nn.Linear)
