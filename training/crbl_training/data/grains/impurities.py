"""The impurities, each a change of the scene: outline, height map and reflectance.

They change the scene before the light falls on it, so that they are shaded, blurred and made noisy like the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_training.data.grains.maps import OVERSAMPLING, Field, Random, mix, noise, soften, step
from crbl_training.data.grains.scene import LAST_ROW_OF_INTEREST, Scene


def _bright_inclusion(scene: Scene, random: Random) -> Scene:
    """A glassy speck set in the surface."""
    mask = _blob(scene, _point(scene, random, 0.0, 0.85), random.uniform(3.0, 6.5), random)
    sparkle = np.exp(0.25 * noise(mask.shape, 2.0, random))[..., None]
    glass = random.uniform(0.4, 0.8) * sparkle * np.array([0.96, 1.0, 1.02])
    return replace(
        scene,
        albedo=mix(scene.albedo, glass, mask * random.uniform(0.75, 1.0)),
        height=scene.height + random.uniform(0.4, 1.4) * soften(mask, 1.2),
        gloss=scene.gloss + 1.2 * mask,
    )


def _dark_pit(scene: Scene, random: Random) -> Scene:
    """A hole with a steep wall."""
    radius = random.uniform(3.0, 6.5)
    mask = _blob(scene, _point(scene, random, 0.0, 0.75), radius, random)
    return replace(
        scene,
        albedo=mix(scene.albedo, scene.albedo * random.uniform(0.08, 0.3), soften(mask, 0.7)),
        height=scene.height - radius * random.uniform(0.5, 0.9) * soften(mask, 1.0),
        gloss=scene.gloss * (1 - mask),
    )


def _fibre(scene: Scene, random: Random) -> Scene:
    """A dyed textile hair lying across the grain."""
    middle = np.array(_point(scene, random, 0.0, 0.6))
    direction = random.uniform(0, np.pi)
    forward = np.array([np.cos(direction), np.sin(direction)])
    sideways = np.array([-forward[1], forward[0]])
    along = np.linspace(-1, 1, 40)[:, None] * scene.radius * random.uniform(0.6, 1.15)
    bend = random.uniform(-14, 14) * (along / scene.radius) ** 2 + random.uniform(1, 4) * np.sin(
        along / random.uniform(6, 12) + random.uniform(0, 2 * np.pi)
    )
    mask = _line(scene, middle + along * forward + bend * sideways, random.uniform(1.0, 1.8) * np.ones(39))
    dyes = np.array([[0.07, 0.13, 0.4], [0.4, 0.07, 0.08], [0.06, 0.26, 0.2], [0.6, 0.52, 0.38], [0.5, 0.5, 0.5]])
    return replace(
        scene,
        albedo=mix(_dimmed_around(scene.albedo, mask), random.choice(dyes) * random.uniform(0.8, 1.3), 0.9 * mask),
        height=scene.height + 1.2 * soften(mask, 0.4),
        cover=np.maximum(scene.cover, 0.9 * mask),
    )


def _rust_stain(scene: Scene, random: Random) -> Scene:
    """A flaking film the colour of iron oxide."""
    blob = _blob(scene, _point(scene, random, 0.0, 0.85), random.uniform(6, 11), random)
    flakes = noise(blob.shape, 2.5, random)
    film = soften(blob, 1.2) * step(flakes + 0.9, 0.3)
    shade = float(scene.albedo.mean()) * random.uniform(0.6, 1.0)
    rust = shade * np.array([1.75, 0.8, 0.36]) * np.exp(0.6 * flakes)[..., None]
    return replace(scene, albedo=mix(scene.albedo, rust, film * random.uniform(0.7, 0.95)))


def _crack(scene: Scene, random: Random) -> Scene:
    """A jagged break that opens at the rim and runs dry inside, sometimes with a branch."""
    start = np.array(_point(scene, random, 0.85, 0.98))
    target = np.array(_point(scene, random, 0.0, 0.4))
    trunk = _jagged(start, target + (target - start) * random.uniform(0.0, 0.6), random)
    mask = _line(scene, trunk, np.linspace(random.uniform(1.6, 2.6), 0.5, len(trunk) - 1))
    if random.uniform() < 0.6:
        fork = trunk[len(trunk) // 2]
        aside = (target - start)[::-1] * np.array([-1, 1]) * random.choice([-0.45, 0.45])
        branch = _jagged(fork, fork + aside + (target - start) * 0.3, random)
        mask = np.maximum(mask, _line(scene, branch, np.linspace(0.9, 0.3, len(branch) - 1)))
    mask = mask * scene.cover * random.uniform(0.65, 1.0)
    return replace(
        scene,
        albedo=mix(scene.albedo, scene.albedo * random.uniform(0.05, 0.25), mask),
        height=scene.height - random.uniform(1.5, 3.0) * soften(mask, 0.5),
        gloss=scene.gloss * (1 - mask),
    )


def _foreign_particle(scene: Scene, random: Random) -> Scene:
    """A smaller particle of another material stuck to the surface or the rim."""
    radius = random.uniform(4.5, 8)
    centre = _point(scene, random, 0.3, 1.0)
    mask = _blob(scene, centre, radius, random)
    distance = np.hypot(scene.x - centre[0], scene.y - centre[1]) / radius
    dome = radius * 0.8 * np.clip(1 - (distance / 1.3) ** 2, 0, None) ** 0.5 + 0.3 * noise(mask.shape, 2, random)
    materials = np.array([[0.3, 0.18, 0.1], [0.1, 0.15, 0.08], [0.03, 0.03, 0.035], [0.45, 0.43, 0.4]])
    texture = np.exp(0.2 * noise(mask.shape, 1.8, random))[..., None]
    return replace(
        scene,
        albedo=mix(_dimmed_around(scene.albedo, mask), random.choice(materials) * texture, mask),
        height=scene.height + mask * (dome + 2 - 0.3 * scene.height),
        cover=np.maximum(scene.cover, mask),
        gloss=scene.gloss + 0.15 * mask,
    )


@dataclass(frozen=True)
class _Kind:
    """How one impurity is added to a scene, and how many of them a grain has."""

    add: Callable[[Scene, Random], Scene]
    fewest: int
    most: int


_KINDS = {
    "bright_inclusion": _Kind(_bright_inclusion, 4, 9),
    "dark_pit": _Kind(_dark_pit, 4, 8),
    "fibre": _Kind(_fibre, 2, 6),
    "rust_stain": _Kind(_rust_stain, 5, 9),
    "crack": _Kind(_crack, 2, 5),
    "foreign_particle": _Kind(_foreign_particle, 4, 9),
}
IMPURITIES: tuple[str, ...] = tuple(_KINDS)


def add_impurities(scene: Scene, impurity: str, random: Random) -> Scene:
    """The scene with as many impurities of one kind as chance gives it; `impurity` is one of IMPURITIES."""
    kind = _KINDS[impurity]
    for _ in range(int(random.integers(kind.fewest, kind.most, endpoint=True))):
        scene = kind.add(scene, random)
    return scene


def _point(scene: Scene, random: Random, inner: float, outer: float) -> tuple[float, float]:
    """A random place (x, y) in image pixels between two levels of rho, above the row where the crop region ends."""
    rows, columns = np.nonzero(
        (scene.rho >= inner) & (scene.rho <= outer) & (scene.y < LAST_ROW_OF_INTEREST - 6) & (scene.y > 10)
    )
    pick = int(random.integers(len(rows)))
    return float(scene.x[rows[pick], columns[pick]]), float(scene.y[rows[pick], columns[pick]])


def _blob(scene: Scene, centre: tuple[float, float], radius: float, random: Random) -> Field:
    """1 inside an irregular spot about `radius` pixels wide around `centre`, 0 outside, soft between."""
    angle, stretch = random.uniform(0, np.pi), random.uniform(0.65, 1.0)
    dx, dy = scene.x - centre[0], scene.y - centre[1]
    distance = np.hypot(dx * np.cos(angle) + dy * np.sin(angle), (dy * np.cos(angle) - dx * np.sin(angle)) / stretch)
    return step(radius * (1 + 0.16 * noise(distance.shape, radius * 0.8, random)) - distance, 0.5)


def _line(scene: Scene, points: NDArray[np.float64], widths: NDArray[np.float64]) -> Field:
    """1 on the polyline through `points` [n, 2] (x, y in image pixels), 0 elsewhere, soft between.

    `widths` [n - 1] is each piece's width in image pixels.
    """
    subpixel_bits = 4
    corners = np.round(points * OVERSAMPLING * 2**subpixel_bits).astype(np.int32)
    canvas = np.zeros(scene.rho.shape, np.uint8)
    for start, end, width in zip(corners[:-1], corners[1:], widths, strict=True):
        thickness = max(1, round(width * OVERSAMPLING))
        cv2.line(canvas, start.tolist(), end.tolist(), 255, thickness, cv2.LINE_AA, subpixel_bits)
    return soften(canvas.astype(np.float32) / 255, 0.25)


def _jagged(start: NDArray[np.float64], end: NDArray[np.float64], random: Random) -> NDArray[np.float64]:
    steps = np.linspace(0, 1, 14)[:, None]
    wander = random.normal(0, 1.0, (14, 2)) * np.minimum(1, 4 * np.minimum(steps, 1 - steps) + 0.2)
    return start + steps * (end - start) + wander


def _dimmed_around(albedo: Field, mask: Field) -> Field:
    """What lies on the grain takes a little light from its surroundings."""
    return albedo * (1 - 0.45 * np.clip(soften(mask, 1.8), 0, 1))[..., None]
