import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.nets.correlation_filter import fit, gaussian_label, respond, shifted, shifts, windowed

FEATURES = torch.rand(1, 3, 33, 33, generator=torch.Generator().manual_seed(0))
LABEL = gaussian_label(33, 33, 2.0)


def test_a_filter_answers_its_own_template_with_a_peak_near_one_at_the_start():
    response = respond(fit(FEATURES, LABEL), FEATURES)[0]
    assert divmod(int(response.argmax()), 33) == (0, 0) and 0.98 < response.max() <= 1
    assert (response - LABEL).abs().max() < 0.02


def test_a_shift_is_found_on_both_axes():
    moved = FEATURES.roll((4, -7), (2, 3))
    assert shifts(respond(fit(FEATURES, LABEL), moved)).tolist() == [[-7, 4]]


@settings(deadline=None, max_examples=20)
@given(st.integers(6, 11), st.integers(6, 11), st.integers(-2, 2), st.integers(-2, 2))
def test_sizes_are_kept_odd_or_even_and_shifts_are_found_in_all(height, width, down, across):
    windows = torch.rand(2, 4, height, width, generator=torch.Generator().manual_seed(height * 100 + width))
    response = respond(fit(windows, gaussian_label(height, width, 1.0)), windows.roll((down, across), (2, 3)))
    assert response.shape == (2, height, width) and shifts(response).tolist() == [[across, down]] * 2


def test_the_closed_form_is_the_least_squares_over_all_shifts():
    template, label = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(1)), gaussian_label(3, 4, 1.0)
    rows = torch.stack(  # every cyclic shift of the template is an example, its label the value there
        [template.roll((-down, -across), (1, 2)).flatten() for down in range(3) for across in range(4)]
    ).double()
    half = torch.fft.rfft2(template.double()).abs().square().sum(0)  # what the mean is taken of
    weight = 1e-2 * half.mean()
    ridge = torch.linalg.solve(rows @ rows.T + weight * torch.eye(12).double(), label.flatten().double())
    slow = (rows @ rows.T @ ridge).view(3, 4)
    assert torch.allclose(respond(fit(template, label, 1e-2), template).double(), slow, atol=1e-5)


def test_gradients_reach_template_and_search():
    template, search = FEATURES.clone().requires_grad_(), FEATURES.roll(2, 2).clone().requires_grad_()
    (respond(fit(template, LABEL), search) - LABEL).square().sum().backward()
    for one in (template, search):
        assert one.grad is not None and torch.isfinite(one.grad).all() and one.grad.abs().sum() > 0


def test_labels_roll_along_both_axes_each_by_its_own_steps():
    rolled = shifted(LABEL, torch.tensor([[0, 0], [-7, 4], [3, -2]]))
    assert torch.equal(rolled[0], LABEL)
    for one, (across, down) in zip(rolled, ((0, 0), (-7, 4), (3, -2)), strict=True):
        assert torch.equal(one, LABEL.roll((down, across), (0, 1)))
    assert shifts(rolled).tolist() == [[0, 0], [-7, 4], [3, -2]]


def test_an_empty_window_gives_zeros_and_no_nan():
    flat = windowed(torch.full((1, 3, 8, 9), 0.7))
    response = respond(fit(flat, gaussian_label(8, 9, 1.0)), flat)
    assert torch.isfinite(response).all() and response.abs().max() < 1e-3


def test_windows_do_not_depend_on_light_and_contrast():
    windows = torch.rand(2, 3, 9, 9)
    assert torch.allclose(windowed(windows), windowed(windows * 5 + 2), atol=1e-4)
    assert windowed(windows)[..., 0, :].abs().max() == pytest.approx(0)
