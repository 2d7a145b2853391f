"""Self-labelling: who guesses, what counts, what is not changed, and what a run leaves."""

import pytest
import torch
from every import Items
from torch.nn import functional as F

from avssl.methods import SelfLabel
from avssl.nets import Classifier, SmallNet, load_classifier
from avssl.training import SGD, train
from avssl.training.export import load_method
from avssl.transforms import Flip, RandomResizedCrop

NAMES = ["cluster 0", "cluster 1", "cluster 2"]
VIEWS = [[Flip(0.0)], [RandomResizedCrop(16, scale=(0.3, 1.0)), Flip()]]
PLAIN = [[Flip(0.0)], [Flip(0.0)]]
SETTINGS = {"batch_size": 3, "workers": 0, "accelerator": "cpu", "tensorboard": False}


def clusters(sharp=1.0):
    torch.manual_seed(0)
    made = Classifier(SmallNet(dim=8, width=2), NAMES)
    with torch.no_grad():
        made.trunk.logits.weight.mul_(sharp)
    return made


def method(views=VIEWS, sharp=1.0, **settings):
    return SelfLabel(clusters(sharp), views, **({"threshold": 0.4} | settings))


def batch(count=6):
    chance = torch.Generator().manual_seed(0)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": torch.rand(count, 3, 20, 20, generator=chance), "key": key}


def learn(made, given, steps=3, lr=0.1):
    made.train()
    optimizer = torch.optim.SGD([one for group in made.parameter_groups() for one in group["params"]], lr=lr)
    for step in range(steps):
        optimizer.zero_grad()
        key = given["key"] + torch.tensor([0, step, 0])
        made(given | {"key": key})["loss"].backward()
        optimizer.step()


def test_sure_guesses_of_weak_views_teach_strong_ones_clusters_weighing_alike():
    given = batch(12)
    given["frames"] = given["frames"][:, :, :1, :1].expand(-1, -1, 20, 20)  # of one colour each
    teacher = clusters(30.0).eval()
    with torch.no_grad():
        teacher.trunk.logits.bias.sub_(teacher(given["frames"]).mean(0))  # no cluster has all
        shares, guesses = teacher(given["frames"]).softmax(1).max(1)
    made = SelfLabel(teacher, PLAIN, threshold=shares.median().item()).eval()
    sure = shares > made.threshold
    assert sure.sum() == 6 and len(guesses[sure].unique()) > 1
    answers = made.head(made.encoder(given["frames"]))
    each = F.cross_entropy(answers, guesses, reduction="none")
    wanted = torch.stack([each[sure & (guesses == one)].mean() for one in guesses[sure].unique()]).mean()
    found = made(given)
    torch.testing.assert_close(found["loss"], wanted)
    torch.testing.assert_close(found["confident"], sure.float().mean())
    made.balanced = False
    torch.testing.assert_close(made(given)["loss"], each[sure].mean())


def test_the_frozen_copy_keeps_every_byte_and_its_mode_and_the_student_changes():
    made = method(threshold=0.0)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    learn(made, batch())
    assert made.training and not any(part.training for part in made.teacher.modules())
    changed = {name for name, value in made.state_dict().items() if not value.equal(before[name])}
    assert any(name.startswith("encoder.") for name in changed) and "head.weight" in changed
    assert not any(name.startswith("teacher.") for name in changed)


def test_guesses_of_the_student_follow_it_and_are_made_in_evaluation_mode():
    made, given = method(threshold=0.0, guesses="student"), batch()
    assert made.teacher is None and not any(name.startswith("teacher.") for name in made.state_dict())
    weak = made.views_of(given)[1][0]
    made.train()
    before = {name: value.clone() for name, value in made.named_buffers()}
    first = made.guess(weak)
    assert made.training and made.encoder.training
    assert all(value.equal(before[name]) for name, value in made.named_buffers())
    learn(made, given)
    assert not made.guess(weak).equal(first)


def test_the_weak_view_is_guessed_and_the_strong_one_is_learned():
    made, seen = method().train(), {}
    made.teacher.register_forward_pre_hook(lambda _module, inputs: seen.setdefault("weak", inputs[0]))
    made.encoder.register_forward_pre_hook(lambda _module, inputs: seen.setdefault("strong", inputs[0]))
    given = batch()
    made(given)
    assert seen["weak"].equal(given["frames"]) and seen["strong"].shape[-1] == 16


def test_no_confident_item_is_a_loss_of_zero_that_teaches_nothing_and_a_line():
    made, given = method(threshold=0.999999), batch()
    before = {name: value.clone() for name, value in made.named_parameters()}
    found = made.train()(given)
    assert found["loss"].item() == 0 and found["confident"].item() == 0
    learn(made, given)
    assert all(value.equal(before[name]) for name, value in made.named_parameters())
    scores = {f"train/{name}": value for name, value in made.eval().measure([given]).items()}
    (line,) = [line for line in made.warnings(scores, scores) if "surer" in line]
    assert line == (
        "warning: no item of train that was measured is guessed surer than 0.999999, and without one nothing is "
        "learned; set threshold lower, or train the clusters longer"
    )


def test_lost_clusters_are_told():
    made = method().eval()
    scores = {f"train/{name}": value for name, value in made.measure([batch()]).items()}
    start = scores | {"train/clusters": 10.0}
    assert any(f"{scores['train/clusters']:.0f} clusters of train are used, and 10 were" in line
               for line in made.warnings(scores, start))  # fmt: skip


def file_of(folder):
    from avssl import config
    from avssl.training.export import write_export

    made = clusters()
    return write_export(folder / "known.safetensors", config.describe(made), made.trunk.state_dict(), {})


def test_a_run_that_was_cut_off_ends_where_an_uncut_one_does_and_exports_a_classifier(tmp_path):
    path = str(file_of(tmp_path))
    settings = {"data": Items("SelfLabel"), "optim": SGD(lr=0.05), "steps": 4, "save_every": 2, **SETTINGS}

    def made():
        return SelfLabel(path, VIEWS, threshold=0.35)

    whole = train(method=made(), out=tmp_path / "whole", **settings)
    cut = made()

    def stop(step, _steps):
        if step == 3:
            raise KeyboardInterrupt

    cut.after_step = stop
    with pytest.raises(KeyboardInterrupt):
        train(method=cut, out=tmp_path / "cut", **settings)
    train(method=made(), out=tmp_path / "cut", **settings)
    states = [torch.load(tmp_path / part / "last.ckpt", weights_only=True)["method"] for part in ("whole", "cut")]
    assert all(value.equal(states[1][name]) for name, value in states[0].items())
    found = load_classifier(tmp_path / "cut" / "classifier.safetensors")
    assert found.classes == tuple(NAMES) and found.trunk.logits.weight.equal(whole.head.weight)
    assert not found.trunk.logits.weight.equal(clusters().trunk.logits.weight)
    assert load_method(tmp_path / "cut").head.weight.equal(whole.head.weight)
    SelfLabel(tmp_path / "cut" / "classifier.safetensors", VIEWS)  # a further round


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"threshold": 1.0}, r"threshold in \[0, 1\)"),
        ({"views": VIEWS + VIEWS[:1]}, "needs two views, a weak and a strong one"),
        ({"guesses": "me"}, "guesses 'frozen' or 'student'; got 2 views, 0.4 and 'me'"),
        ({"teacher": "/nowhere/classifier.safetensors"}, "there is no file /nowhere/classifier.safetensors"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(settings, said):
    settings = {"teacher": clusters(), "views": VIEWS, "threshold": 0.4} | settings
    with pytest.raises(ValueError, match=said) as found:
        SelfLabel(**settings)
    assert "\n" not in str(found.value)
