"""A clean grain on a white tray: its outline, height map and reflectance.

The demo trains without pretrained weights, and what random convolutions see first is edges. So clean grains are calm,
much alike in size and place, and stand before the tray with a soft rim; impurities come in numbers and are sharp.
"""

from dataclasses import dataclass

import numpy as np

from crbl_training.data.grains.maps import OVERSAMPLING, Field, Random, noise, soften, step

# The original line cuts the object at row 89, and what a person should see must lie above.
LAST_ROW_OF_INTEREST = 86.0


@dataclass(frozen=True)
class Scene:
    """A grain on the tray before the light falls on it; maps are float32 [h, w] on the oversampled grid.

    `x`, `y` and `height` are in image pixels; `rho` is 0 at the grain's centre and 1 at its outline; `cover` is 1
    where there is an object and 0 on the tray; `albedo` [h, w, 3] is linear reflectance; `gloss` scales highlights;
    `radius` is the grain's mean radius in image pixels.
    """

    x: Field
    y: Field
    rho: Field
    height: Field
    cover: Field
    albedo: Field
    gloss: Field
    radius: float


def clean_scene(random: Random) -> Scene:
    image_height, image_width = (int(side) for side in random.integers(99, 102, size=2))
    x, y = _grid(image_height, image_width)
    semi_major = random.uniform(37, 38.5)
    semi_minor = semi_major * random.uniform(0.85, 0.98)
    angle = random.uniform(0, np.pi)
    reach = float(np.hypot(semi_major * np.sin(angle), semi_minor * np.cos(angle)))
    centre_x = image_width / 2 + random.uniform(-0.8, 0.8)
    centre_y = min(image_height / 2 + random.uniform(-2.6, -1.4), LAST_ROW_OF_INTEREST - reach)
    along = (x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)
    across = (y - centre_y) * np.cos(angle) - (x - centre_x) * np.sin(angle)

    rho = np.hypot(along, across) / _outline(np.arctan2(across, along), semi_major, semi_minor, random)
    radius = float(np.sqrt(semi_major * semi_minor))
    thickness = radius * random.uniform(0.6, 0.75)
    dome = np.clip(1 - rho ** random.uniform(2.4, 3.0), 0, None) ** 0.5
    height = thickness * dome + _relief(rho.shape, random)
    return Scene(
        x=x,
        y=y,
        rho=rho,
        height=soften(height * (rho < 1), 0.6),
        # The rim lies lower than the top, on which the camera is focussed.
        cover=step((1 - rho) * radius, random.uniform(1.6, 2.0)),
        albedo=_grain_albedo(x.shape, random),
        gloss=np.full(rho.shape, random.uniform(0.1, 0.2), np.float32),
        radius=radius,
    )


def _grid(image_height: int, image_width: int) -> tuple[Field, Field]:
    rows = (np.arange(image_height * OVERSAMPLING, dtype=np.float32) + 0.5) / OVERSAMPLING
    columns = (np.arange(image_width * OVERSAMPLING, dtype=np.float32) + 0.5) / OVERSAMPLING
    x, y = np.meshgrid(columns, rows)
    return x, y


def _outline(theta: Field, semi_major: float, semi_minor: float, random: Random) -> Field:
    """Radius in pixels at each angle: a superellipse whose radius a few Fourier terms of falling weight disturb."""
    angles = np.linspace(-np.pi, np.pi, 721)
    exponent = random.uniform(2.0, 2.5)
    terms = np.abs(np.cos(angles) / semi_major) ** exponent + np.abs(np.sin(angles) / semi_minor) ** exponent
    roughness = random.uniform(0.005, 0.02)
    disturbance = np.ones_like(angles)
    for order in range(2, 12):
        disturbance += roughness * 2 / order * random.normal() * np.cos(order * angles + random.uniform(0, 2 * np.pi))
    return np.interp(theta, angles, terms ** (-1 / exponent) * np.clip(disturbance, 0.8, 1.12)).astype(np.float32)


def _relief(shape: tuple[int, ...], random: Random) -> Field:
    coarse, fine = random.uniform(0.2, 0.5), random.uniform(0.03, 0.06)
    return coarse * noise(shape, 9, random) + fine * noise(shape, 1.6, random)


def _grain_albedo(shape: tuple[int, ...], random: Random) -> Field:
    shade = random.uniform(0.13, 0.2)
    tint = 1 + random.uniform(0, 0.16) * np.array([0.9, 0.1, -1.0], np.float32)
    mottle = random.uniform(0.03, 0.07) * noise(shape, 7, random)
    crystals = random.uniform(0.03, 0.06) * noise(shape, 1.3, random)
    return (shade * np.exp(mottle + crystals))[..., None] * tint
