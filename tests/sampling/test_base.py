import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import avssl.sampling
from avssl.sampling import Clips, Sampler, Timeline, rng_for


def test_importing_the_samplers_loads_neither_torch_nor_a_video_library():
    code = (
        "import sys, avssl.sampling\n"
        "heavy = {'torch', 'torchvision', 'torchaudio', 'torchcodec', 'av', 'decord', 'cv2', 'scipy', 'sklearn', "
        "'pydantic', 'yaml', 'lightning', 'matplotlib', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_samplers_loads_of_avssl_only_the_samplers():
    code = "import sys, avssl.sampling\nprint(*sorted(m for m in sys.modules if m.startswith('avssl')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [module for module in done.stdout.split() if "sampling" not in module] == [
        "avssl",
        "avssl.lazy",
        "avssl.version",
    ]


@pytest.mark.parametrize("module", [avssl.sampling, avssl.sampling.presets])
def test_public_names_are_listed_in_alphabetical_order_and_exist(module):
    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("module", [avssl.sampling, avssl.sampling.presets])
def test_every_public_sampler_is_frozen_and_keyword_only(module):
    for name in module.__all__:
        kind = getattr(module, name)
        if not isinstance(kind, type) or not issubclass(kind, Sampler) or kind is Sampler:
            continue
        parameters = kind.__dataclass_params__
        assert parameters.frozen, name
        assert all(field.kw_only for field in kind.__dataclass_fields__.values()), name


def test_at_gives_the_frame_on_screen_and_forgives_rounding():
    timeline = Timeline.constant(frames=10, rate=10)
    assert timeline.at([0.0, 0.05, 0.0999, 0.1, 0.1 + 0.2, 0.7 - 1e-9]).tolist() == [0, 0, 0, 1, 3, 7]


def test_at_gives_the_first_or_last_frame_for_times_outside():
    assert Timeline.constant(frames=10, rate=10).at([-5.0, 99.0]).tolist() == [0, 9]


@given(frames=st.integers(1, 3000), rate=st.sampled_from([1, 15, 24, 24000 / 1001, 25, 30000 / 1001, 50, 240]))
def test_every_frame_is_on_screen_at_its_own_time(frames, rate):
    timeline = Timeline.constant(frames=frames, rate=rate)
    assert (timeline.at(timeline.times) == np.arange(frames)).all()


def test_slack_is_a_millisecond_or_a_quarter_of_the_shortest_distance():
    assert Timeline.constant(frames=10, rate=25).slack == 0.001
    assert Timeline.constant(frames=10, rate=1000).slack == pytest.approx(0.00025)
    assert Timeline.constant(frames=1, rate=25).slack == 0.001


def test_a_motion_profile_is_added_without_touching_the_rest():
    timeline = Timeline.constant(frames=3, rate=25, sound=(0.0, 0.1))
    moving = timeline.with_motion(np.array([0, 1, 2]))
    assert timeline.motion is None
    assert moving.motion.tolist() == [0, 1, 2]
    assert moving.sound == (0.0, 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": [], "end": 1}, "at least one frame"),
        ({"times": [0.0, 0.0], "end": 1}, "rise"),
        ({"times": [0.0, np.nan], "end": 1}, "finite"),
        ({"times": [0.0, 2.0], "end": 1}, "before the last frame"),
        ({"times": [0.0, 0.5], "end": 1, "motion": [1.0]}, "one finite number"),
        ({"times": [0.0, 0.5], "end": 1, "motion": [1.0, -1.0]}, "at least 0"),
    ],
)
def test_a_timeline_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Timeline(**arguments)


def test_clips_whose_arrays_do_not_fit_together_are_refused():
    array = np.zeros((2, 3))
    with pytest.raises(ValueError, match="share one shape"):
        Clips(index=array, times=array, valid=array[:1])
    with pytest.raises(ValueError, match="sound must be"):
        Clips(index=array, times=array, valid=array, sound=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="shrunk must be"):
        Clips(index=array, times=array, valid=array, shrunk=np.zeros(3))


def test_joining_clips_keeps_their_order_and_what_all_have():
    def one(value):
        array = np.full((1, 2), value)
        return Clips(index=array, times=array, valid=array > 0, sound=np.full((1, 2), value))

    joined = Clips.joined([one(1), one(2)])
    assert joined.index.tolist() == [[1, 1], [2, 2]]
    assert joined.sound.tolist() == [[1, 1], [2, 2]]
    assert joined.shrunk is None


def test_generators_differ_by_each_of_seed_epoch_sample_and_view():
    draws = [
        rng_for(seed, epoch, sample, view).integers(2**60)
        for seed in (0, 1)
        for epoch in (0, 1)
        for sample in (0, 1)
        for view in (0, 1)
    ]
    assert len(set(draws)) == 16
