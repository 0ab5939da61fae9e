"""Values and gradients: by hand, against the reference, at the edges."""

import pytest
import torch
from topicforge.plugin import InputError, OptionError

from topicforge_scatter_mmd import NATIVE, WHY, imq_mmd

needs_native = pytest.mark.skipif(not NATIVE, reason=f"native operator: {WHY}")
IMPLS = [pytest.param("native", marks=needs_native), "reference"]
C = (0.5, 1.0, 4.0)


def sample(n, width, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator, dtype=dtype)


def run(x, y, impl, c=C, unbiased=True):
    """Value and both gradients."""
    x, y = x.detach().clone().requires_grad_(), y.detach().clone().requires_grad_()
    value = imq_mmd(x, y, c, unbiased, impl)
    value.backward()
    return value.detach(), x.grad, y.grad


@pytest.mark.parametrize("impl", IMPLS)
def test_two_points_and_one_by_hand(impl):
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0]])
    # k(0, 1) = 1/2, k(0, 2) = 1/5, k(1, 2) = 1/2; unbiased: 1/2 + 0 - (1/5 + 1/2)
    value, grad_x, grad_y = run(x, y, impl, c=[1.0])
    assert value.item() == pytest.approx(-0.2, abs=1e-6)
    # k' = -1/(1 + d)^2: the pair in x pulls by 0.5, the pairs with y by 0.16 and 0.5
    assert grad_x.flatten().tolist() == pytest.approx([0.5 - 0.16, -0.5 - 0.5], abs=1e-6)
    assert grad_y.flatten().tolist() == pytest.approx([0.16 + 0.5], abs=1e-6)
    # biased: (1 + 1 + 1/2 + 1/2) / 4 + 1 - 7/10
    assert run(x, y, impl, c=[1.0], unbiased=False)[0].item() == pytest.approx(1.05, abs=1e-6)


@pytest.mark.parametrize("impl", IMPLS)
def test_scales_add_up(impl):
    x, y = sample(9, 3, 0), sample(7, 3, 1)
    one_by_one = sum(imq_mmd(x, y, [c], True, impl) for c in C)
    torch.testing.assert_close(imq_mmd(x, y, C, True, impl), one_by_one)


@needs_native
@pytest.mark.parametrize("unbiased", [True, False])
# around the tile (64 rows in float32, 32 in float64), one row, no columns, many columns
@pytest.mark.parametrize(
    ("n", "m", "width"),
    [
        (1, 1, 1),
        (2, 1, 3),
        (31, 33, 5),
        (64, 64, 8),
        (65, 127, 50),
        (200, 3, 2),
        (4, 5, 0),
        (3, 40, 300),
    ],
)
def test_same_as_reference(n, m, width, unbiased):
    x, y = sample(n, width, 2), sample(m, width, 3) + 0.3
    wide = run(x, y, "reference", unbiased=unbiased)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 3e-6)):
        # rounding grows with the terms: kernels are at most S, so the tolerance is against S
        for came, want in zip(
            run(x.to(dtype), y.to(dtype), "native", unbiased=unbiased), wide, strict=True
        ):
            assert came.dtype == dtype
            torch.testing.assert_close(came.double(), want, rtol=tolerance, atol=3 * tolerance)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("unbiased", [True, False])
def test_gradcheck(impl, unbiased):
    x, y = sample(34, 2, 4).requires_grad_(), sample(3, 2, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: imq_mmd(a, b, C, unbiased, impl), (x, y))


@needs_native
@pytest.mark.parametrize("which", ["x", "y", "none"])
def test_only_what_is_asked_for_gets_a_gradient(which):
    x, y = sample(70, 4, 6), sample(40, 4, 7)
    _, both_x, both_y = run(x, y, "native")
    x.requires_grad_(which == "x")
    y.requires_grad_(which == "y")
    value = imq_mmd(x, y, C, impl="native")
    assert value.requires_grad == (which != "none")
    if which == "none":
        return
    value.backward()
    assert (x.grad is None) == (which == "y")
    assert torch.equal(x.grad if which == "x" else y.grad, both_x if which == "x" else both_y)


@needs_native
def test_same_bits_with_any_number_of_threads():
    x, y = sample(500, 20, 8, torch.float32), sample(333, 20, 9, torch.float32)
    before = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3, 5):
            torch.set_num_threads(count)
            results.append(run(x, y, "native"))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@needs_native
def test_strided_rows():
    wide = sample(40, 12, 10)
    x, y = wide[:, ::2], sample(6, 33, 11).T
    assert not x.is_contiguous()
    assert not y.is_contiguous()
    came = imq_mmd(x, y, C, impl="native")
    assert torch.equal(came, imq_mmd(x.contiguous(), y.contiguous(), C, impl="native"))


@needs_native
def test_equal_samples_of_equal_rows_are_at_no_distance():
    x = torch.full((70, 5), 1e4)
    value, grad_x, grad_y = run(x, x, "native")
    assert value.item() == pytest.approx(0, abs=1e-6)  # float32 rounding of S + S - 2 S
    assert not grad_x.any()
    assert not grad_y.any()


@needs_native
def test_far_from_the_origin_float32_keeps_its_digits():
    x, y = sample(50, 4, 12, torch.float32) + 1e4, sample(50, 4, 13, torch.float32) + 1e4
    exact = run(x.double(), y.double(), "native")
    for came, want in zip(run(x, y, "native"), exact, strict=True):
        torch.testing.assert_close(came.double(), want, rtol=1e-5, atol=1e-5)


@needs_native
def test_distances_beyond_float32_are_kernels_of_zero():
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[1e30], [1e30]])
    value, grad_x, grad_y = run(x, y, "native", c=[1.0])
    assert value.item() == pytest.approx(0.5 + 1)  # k(0, 1) and k(1e30, 1e30)
    assert torch.isfinite(grad_x).all()
    assert not grad_y.any()


@pytest.mark.parametrize("impl", IMPLS)
def test_nan_is_not_hidden(impl):
    x, y = sample(40, 3, 14), sample(5, 3, 15)
    x[33, 1] = float("nan")
    assert imq_mmd(x, y, C, True, impl).isnan()


@pytest.mark.parametrize("impl", IMPLS)
def test_half_types_are_computed_in_float32(impl):
    x, y = sample(8, 3, 16).bfloat16(), sample(9, 3, 17).bfloat16()
    came = imq_mmd(x, y, C, True, impl)
    assert came.dtype == torch.float32
    torch.testing.assert_close(came, imq_mmd(x.float(), y.float(), C, True, impl))


@needs_native
def test_second_derivative_is_refused_in_words():
    x, y = sample(5, 2, 18).requires_grad_(), sample(6, 2, 19)
    (first,) = torch.autograd.grad(imq_mmd(x, y, C, impl="native"), x, create_graph=True)
    with pytest.raises(InputError, match="first derivatives only"):
        torch.autograd.grad(first.sum(), x)
    (first,) = torch.autograd.grad(imq_mmd(x, y, C, impl="reference"), x, create_graph=True)
    assert torch.autograd.grad(first.square().sum(), x)[0].any()


@needs_native
def test_torch_finds_the_operator_well_behaved():
    x, y = sample(40, 3, 20).requires_grad_(), sample(7, 3, 21).requires_grad_()
    operator = torch.ops.topicforge_scatter_mmd.imq_mmd.default
    done = torch.library.opcheck(
        operator, (x, y, torch.tensor(C, dtype=x.dtype), True, True, True),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )  # fmt: skip
    assert set(done.values()) == {"SUCCESS"}


@needs_native
def test_meta_tensors_have_the_shapes():
    x, y = torch.empty(40, 3, device="meta"), torch.empty(7, 3, device="meta")
    c = torch.empty(2, device="meta")
    value, to_x, to_y = torch.ops.topicforge_scatter_mmd.imq_mmd(x, y, c, True, True, False)
    assert (value.shape, to_x.shape, to_y.shape) == ((), (40, 3), (0, 3))


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "match"),
    [
        (torch.ones(3), torch.ones(3, 1), {}, InputError, r"\(n, L\) and \(m, L\)"),
        (torch.ones(3, 2), torch.ones(3, 1), {}, InputError, r"with one L, got \(3, 2\)"),
        (torch.ones(0, 2), torch.ones(3, 2), {}, InputError, "must have rows, got 0 and 3"),
        (torch.ones(3, 2), torch.ones(3, 2).double(), {}, InputError, "one floating-point dtype"),
        (torch.ones(3, 2).int(), torch.ones(3, 2).int(), {}, InputError, "floating-point"),
        (torch.ones(3, 2), torch.ones(3, 2), {"c": []}, OptionError, "one or more numbers > 0"),
        (torch.ones(3, 2), torch.ones(3, 2), {"c": [-1.0]}, OptionError, "one or more numbers > 0"),
        (torch.ones(3, 2), torch.ones(3, 2), {"c": [1e-46]}, OptionError, "float32 can hold"),
        (torch.ones(3, 2), torch.ones(3, 2), {"impl": "fast"}, OptionError, "got 'fast'"),
    ],
)
def test_bad_input_ends_in_words(x, y, options, error, match):
    with pytest.raises(error, match=match):
        imq_mmd(x, y, **{"c": C, **options})


@needs_native
def test_native_on_another_device_is_an_error_and_auto_is_the_reference():
    x = torch.ones(3, 2, device="meta")
    with pytest.raises(InputError, match="for the CPU, but the tensors are on meta"):
        imq_mmd(x, x, C, impl="native")
    assert imq_mmd(x, x, C).shape == ()
