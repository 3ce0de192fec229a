"""model/drop_path.py: whole images are left out, the rest scaled up, by the CPU generator's draws."""

import torch

from crbl_training.model.drop_path import DropPath


def test_images_are_left_out_whole_at_the_rate_and_the_rest_keeps_the_mean():
    torch.manual_seed(0)
    out = DropPath(0.2).train()(torch.ones(4000, 2, 3, 3))
    values = out.flatten(1)
    assert torch.equal(values.amin(1), values.amax(1))
    assert set(values[:, 0].tolist()) == {0.0, 1.25}
    # Five standard deviations of the mean of that many draws.
    assert abs((values[:, 0] == 0).float().mean() - 0.2) < 5 * (0.2 * 0.8 / 4000) ** 0.5


def test_nothing_happens_in_eval_mode_or_at_rate_0():
    x = torch.rand(8, 1, 2, 2)
    assert DropPath(0.5).eval()(x) is x
    assert DropPath(0.0).train()(x) is x


def test_same_seed_leaves_out_the_same_images():
    x, results = torch.ones(64, 1, 1, 1), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(DropPath(0.5).train()(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
