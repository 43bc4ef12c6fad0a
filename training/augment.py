"""Vectorised picture augmentation on whole batches: style, geometry, background.

Style is what lets the model recognise an emoji drawn by a vendor that it never saw: random colour matrices, grey
scale, darkened outlines, posterising. Colours are left alone where the text of a sample names one.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Traits:
    """What may be done to each of B pictures; every field is a bool array [B]."""

    glyph: np.ndarray  # black shape: draw it in any ink
    photo: np.ndarray  # opaque: crop inside the picture
    scene: np.ndarray  # generated: only slight changes
    recolour: np.ndarray  # no text names a colour
    mirror: np.ndarray  # no text names a side


def chance(rng: torch.Generator, n: int, probability: float) -> Tensor:
    """A random mask [n, 1, 1, 1]."""
    return (torch.rand(n, generator=rng) < probability).view(-1, 1, 1, 1)


def uniform(rng: torch.Generator, n: int, low: float, high: float) -> Tensor:
    return torch.rand(n, generator=rng) * (high - low) + low


def colour_matrices(rng: torch.Generator, n: int) -> Tensor:
    """[n, 3, 3]: mixes of the channels whose rows sum to one, so that grey stays grey."""
    mix = torch.randn(n, 3, 3, generator=rng) * 0.45 + torch.eye(3) * 0.8
    return mix + (1 - mix.sum(2, keepdim=True)) / 3


def restyle(rgb: Tensor, alpha: Tensor, free: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Changes colours and outlines of premultiplied pictures [B, 3, s, s]; `free` [B, 1, 1, 1] allows new colours."""
    n = len(rgb)
    mixed = torch.einsum("nij,njhw->nihw", colour_matrices(rng, n), rgb).clamp(min=0).minimum(alpha)
    rgb = torch.where(free & chance(rng, n, 0.5), mixed, rgb)
    grey = (rgb * torch.tensor([0.3, 0.59, 0.11]).view(3, 1, 1)).sum(1, keepdim=True)
    rgb = torch.where(free & chance(rng, n, 0.15), grey, rgb)
    levels = torch.randint(2, 5, (n, 1, 1, 1), generator=rng).float()
    rgb = torch.where(chance(rng, n, 0.1), (rgb * levels).round() / levels, rgb)
    body = grey + (1 - alpha)
    relief = F.max_pool2d(torch.cat([body, -body], 1), 3, 1, 1).sum(1, keepdim=True)
    strength = (relief * 2).clamp(0, 1) * uniform(rng, n, 0.3, 1.0).view(-1, 1, 1, 1)
    outlined = chance(rng, n, 0.4) & (alpha.amin((2, 3), keepdim=True) < 0.5)
    rgb = torch.where(outlined, rgb * (1 - strength), rgb)
    grown = F.max_pool2d(alpha, 3, 1, 1)
    rgb = torch.where(outlined & (grown > alpha + 0.3), rgb * 0.2, rgb)
    return rgb, torch.where(outlined, grown, alpha)


def backgrounds(rng: torch.Generator, n: int, side: int) -> Tensor:
    """[n, 3, side, side]: white (45 %), pale (15 %), plain (20 %) or a gradient (20 %)."""
    ends = torch.rand(2, n, 3, 1, 1, generator=rng)
    angle = torch.rand(n, 1, 1, generator=rng) * 6.2832
    ramp = torch.linspace(-0.5, 0.5, side)
    t = (ramp[None, None] * angle.cos() + ramp[None, :, None] * angle.sin() + 0.5).clamp(0, 1)[:, None]
    pick = torch.rand(n, 1, 1, 1, generator=rng)
    ground = torch.where(pick < 0.8, ends[0], ends[0] * (1 - t) + ends[1] * t)
    ground = torch.where(pick < 0.6, 0.85 + 0.15 * ends[0], ground)
    return torch.where(pick < 0.45, torch.ones(()), ground)


def warp_grid(traits: Traits, rng: torch.Generator, side: int) -> Tensor:
    """Sampling grids [B, side, side, 2]: crop or shrink, aspect, turn, shift and mirror."""
    n = len(traits.glyph)
    photo, scene = torch.from_numpy(traits.photo), torch.from_numpy(traits.scene)
    zoom = torch.where(photo, uniform(rng, n, 0.62, 1.0), uniform(rng, n, 0.8, 1.3))
    zoom = torch.where(scene, uniform(rng, n, 0.92, 1.0), zoom)
    stretch = torch.where(scene, torch.ones(n), uniform(rng, n, -0.14, 0.14).exp())
    sx, sy = zoom * stretch, zoom / stretch
    sx, sy = torch.where(photo, sx.clamp(max=1), sx), torch.where(photo, sy.clamp(max=1), sy)
    turn = torch.where(scene | photo | (torch.rand(n, generator=rng) < 0.5), torch.zeros(n), uniform(rng, n, -0.25, 0.25))
    room_x, room_y = (1 - sx).abs().clamp(max=0.2), (1 - sy).abs().clamp(max=0.2)
    shift_x, shift_y = uniform(rng, n, -1, 1) * room_x, uniform(rng, n, -1, 1) * room_y
    mirror = torch.from_numpy(traits.mirror) & (torch.rand(n, generator=rng) < 0.5)
    sx = torch.where(mirror, -sx, sx)
    affine = torch.stack(
        [turn.cos() * sx, -turn.sin() * sy, shift_x, turn.sin() * sx, turn.cos() * sy, shift_y], 1
    ).view(n, 2, 3)
    return F.affine_grid(affine, [n, 1, side, side], align_corners=False)


def inks(rgb: Tensor, glyph: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the glyphs drawn in one random colour."""
    ink = torch.rand(len(rgb), 3, 1, 1, generator=rng)
    return torch.where(glyph & chance(rng, len(rgb), 0.5), ink.expand_as(rgb), rgb)


def augment(pixels: np.ndarray, traits: Traits, side: int, rng: torch.Generator) -> Tensor:
    """[B, 72, 72, 4] uint8 -> [B, 3, side, side] in -1..1."""
    n = len(pixels)
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    rgb, alpha = planes[:, :3], planes[:, 3:]
    mask = [torch.from_numpy(a).view(-1, 1, 1, 1) for a in (traits.glyph, traits.recolour, traits.scene)]
    glyph, recolour, scene = mask
    rgb = inks(rgb, glyph & recolour, rng)
    source = torch.cat([rgb * alpha, alpha], 1)
    if side <= source.shape[2] // 2:
        source = F.avg_pool2d(source, 2)
    grid = warp_grid(traits, rng, side)
    warped = F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    rgb, alpha = warped[:, :3], warped[:, 3:]
    styled, grown = restyle(rgb, alpha, recolour, rng)
    rgb, alpha = torch.where(scene, rgb, styled), torch.where(scene, alpha, grown)
    edge = torch.from_numpy(traits.photo | traits.scene)
    ground = backgrounds(rng, n, side)
    light = rgb.sum((1, 2, 3), keepdim=True) / (3 * alpha.sum((1, 2, 3), keepdim=True)).clamp(min=1)
    clash = (light - ground.mean((1, 2, 3), keepdim=True)).abs() < 0.25
    ground = torch.where(glyph & clash, torch.where(light > 0.5, torch.zeros(()), torch.ones(())), ground)
    alpha = torch.where(edge.view(-1, 1, 1, 1), torch.ones(()), alpha)
    picture = rgb + ground * (1 - alpha)
    gain, lift = uniform(rng, n, 0.8, 1.2).view(-1, 1, 1, 1), uniform(rng, n, -0.08, 0.08).view(-1, 1, 1, 1)
    picture = torch.where(chance(rng, n, 0.5), (picture - 0.5) * gain + 0.5 + lift, picture)
    return picture.clamp_(0, 1).mul_(2).sub_(1)
