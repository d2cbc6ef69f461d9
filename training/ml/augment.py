"""Makes more of few photos: each batch is turned, moved, lit and blurred anew, but only as a camera could do it.

What the camera can do is the project's capture profile (``profile``). Everything works on whole batches of
tensors, so that it costs a small part of a training step, also on a CPU.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.ml.contract import CaptureProfile

BARRED = 0.35  # share of photos whose light has edges: a blind, a shadow


def augment(pixels: Tensor, profile: CaptureProfile, dice: torch.Generator) -> Tensor:
    """Photos as the camera might have taken them instead: uint8 (n, 3, side, side) to float of the same shape, 0-255.

    ``dice`` lives where ``pixels`` do; the same dice give the same photos.
    """
    photos = pixels.float() / 255
    photos = _move(photos, profile, dice)
    photos = _colour(photos, profile, dice)
    photos *= _light(len(photos), photos.shape[-1], profile, dice)
    _cover(photos, profile, dice)
    _blur(photos, profile, dice)
    _grain(photos, profile, dice)
    return photos.clamp_(0, 1).mul_(255)


def _uniform(dice: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=dice, device=dice.device)


def _normal(dice: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=dice, device=dice.device)


def _move(photos: Tensor, profile: CaptureProfile, dice: torch.Generator) -> Tensor:
    """Roll, turns, zoom, shift and tilt in one resampling; borders are mirrored, so that no edge gives them away."""
    n = len(photos)
    lot, side = _uniform(dice, n), _normal(dice, n).sign()
    angle = _normal(dice, n) * math.radians(profile.roll)
    angle += math.pi * (lot < profile.upside_down)
    angle += math.pi / 2 * side * ((lot >= profile.upside_down) & (lot < profile.upside_down + profile.quarter_turned))
    scale = torch.exp((2 * _uniform(dice, n) - 1) * math.log(profile.zoom))
    stretch = torch.exp(_normal(dice, n) * 0.3 * profile.tilt)
    flip = torch.where(_uniform(dice, n) < profile.mirrored, -1.0, 1.0)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    shift = (2 * _uniform(dice, n, 2) - 1) * 2 * profile.shift
    rows = torch.stack([cos * stretch * flip, -sin, shift[:, 0], sin * stretch * flip, cos, shift[:, 1]], dim=1)
    grid = functional.affine_grid(rows.view(n, 2, 3), list(photos.shape), align_corners=False)
    nearness = (grid * (_normal(dice, n, 1, 1, 2) * profile.tilt)).sum(-1, keepdim=True).clamp(-0.5, 0.5)
    return functional.grid_sample(photos, grid / (1 + nearness), padding_mode="reflection", align_corners=False)


def _colour(photos: Tensor, profile: CaptureProfile, dice: torch.Generator) -> Tensor:
    """White balance, exposure, saturation and contrast as one matrix and one offset a photo."""
    n, strength = len(photos), profile.colour
    gains = torch.exp(_normal(dice, n, 3) * 0.10 * strength) * torch.exp(_normal(dice, n, 1) * 0.35 * profile.light)
    saturation = torch.exp(_normal(dice, n, 1, 1) * 0.30 * strength)
    grey = torch.full((3, 3), 1 / 3, device=photos.device)
    matrix = torch.diag_embed(gains) @ (grey + saturation * (torch.eye(3, device=photos.device) - grey))
    contrast = torch.exp(_normal(dice, n, 1) * 0.25 * strength)
    middle = (matrix @ photos.mean((2, 3)).unsqueeze(2)).squeeze(2)
    offset = middle * (1 - contrast)
    mixed = torch.baddbmm(offset.unsqueeze(2), matrix * contrast.unsqueeze(2), photos.flatten(2))
    return mixed.view(photos.shape)


def _light(n: int, size: int, profile: CaptureProfile, dice: torch.Generator) -> Tensor:
    """Multipliers (n, 1, size, size): a slope of light, and in some photos bars or the edge of a shadow."""
    line = torch.linspace(-1, 1, size, device=dice.device)
    turn = _uniform(dice, n, 1, 1) * 2 * math.pi
    along = line.view(1, 1, size) * turn.cos() + line.view(1, size, 1) * turn.sin()
    strength = _uniform(dice, n, 1, 1) * 0.6 * profile.light
    bars = torch.tanh(3 * torch.sin(along * _uniform(dice, n, 1, 1) * 12 + _uniform(dice, n, 1, 1) * 2 * math.pi))
    field = torch.where(_uniform(dice, n, 1, 1) < BARRED, 0.8 * bars, along)
    return (1 + strength * field).clamp_(min=0.05).unsqueeze(1)


def _cover(photos: Tensor, profile: CaptureProfile, dice: torch.Generator) -> None:
    """A plain patch over a part of some photos, in place: a thumb, a corner of something."""
    n, size = len(photos), photos.shape[-1]
    line = torch.linspace(0, 1, size, device=photos.device)
    middle, reach = _uniform(dice, n, 2), 0.05 + 0.13 * _uniform(dice, n, 2)
    inside = ((line - middle.unsqueeze(2)).abs() < reach.unsqueeze(2)).unbind(1)
    chosen = _uniform(dice, n) < profile.covered
    patch = (inside[0].unsqueeze(1) & inside[1].unsqueeze(2) & chosen.view(n, 1, 1)).unsqueeze(1)
    torch.where(patch, _uniform(dice, n, 3, 1, 1), photos, out=photos)


def _blur(photos: Tensor, profile: CaptureProfile, dice: torch.Generator) -> None:
    """Some photos out of focus, in place: three neighbours averaged, both ways, to a share of its own."""
    lots = _uniform(dice, len(photos))
    chosen = (lots < profile.blur).nonzero().squeeze(1)
    if not len(chosen):
        return
    sharp = photos[chosen]
    soft = sharp
    for axis in (2, 3):
        soft = (soft + soft.roll(1, axis) + soft.roll(-1, axis)) / 3
    photos[chosen] = torch.lerp(sharp, soft, (lots[chosen] / profile.blur).view(-1, 1, 1, 1))


def _grain(photos: Tensor, profile: CaptureProfile, dice: torch.Generator) -> None:
    """Noise of the sensor, in place; one sheet of it shifted per photo, since drawing noise is slow."""
    n, size = len(photos), photos.shape[-1]
    sheet = _normal(dice, 3, size, 2 * size)
    starts = (_uniform(dice, n) * size).long().tolist()
    level = _uniform(dice, n, 1, 1, 1) * profile.grain
    photos += level * torch.stack([sheet[:, :, start : start + size] for start in starts])
