"""Images of grains made by formula: what a camera over a white tray sees, with and without an impurity.

A grain is an outline, a height map and a reflectance; an impurity changes those three before the light falls on them,
so that it is shaded, blurred and made noisy like the rest. All arithmetic up to the camera is in linear light.

The demo trains without pretrained weights, and what random convolutions see first is edges. So clean grains are calm,
much alike in size and place, and stand before the tray with a soft rim; impurities come in numbers and are sharp.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_runtime.atomic_file import write_bytes
from crbl_runtime.csv_file import write_csv
from crbl_runtime.errors import UsageError

Field = NDArray[np.float32]
Random = np.random.Generator

# Drawn twice as fine as the image and then averaged, which gives edges a camera's softness.
OVERSAMPLING = 2
# The original line cuts the object at row 89, and what a person should see must lie above.
LAST_ROW_OF_INTEREST = 86.0


@dataclass(frozen=True)
class Grain:
    """One image: `pixels` uint8 [H, W, 3] RGB, and which of IMPURITIES it has (None for a clean grain)."""

    pixels: NDArray[np.uint8]
    impurity: str | None


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


def make_grain(seed: int, impurity: str | None) -> Grain:
    """Make one image of about 100 x 100 pixels.

    The same seed gives the same grain, light and camera whatever the impurity is.

    Args:
        seed: any non-negative integer.
        impurity: one of IMPURITIES, or None for a clean grain.

    Raises:
        UsageError: `impurity` is none of IMPURITIES.
    """
    if impurity is not None and impurity not in IMPURITIES:
        raise UsageError(f"There is no impurity {impurity!r}. Choose one of {', '.join(IMPURITIES)}, or None.")
    shape_random, impurity_random, light_random, camera_random = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)
    )
    scene = _clean_scene(shape_random)
    if impurity is not None:
        kind = _KINDS[impurity]
        for _ in range(int(impurity_random.integers(kind.fewest, kind.most, endpoint=True))):
            scene = kind.add(scene, impurity_random)
    return Grain(_photograph(_illuminate(scene, light_random), camera_random), impurity)


def write_dataset(folder: Path, *, seed: int, train: int, validation: int, test: int) -> None:
    """Write a data set in the form the original recipe reads: half clean, half with an impurity, kinds in turn.

    `folder` gets train/class_0 (clean), train/class_1 (impurity), images/validation with validation.csv and
    images/test with test.csv; the tables have the columns image_path (relative to `folder`) and impurity (0 or 1).
    A file's name ends in its impurity, for people to read. The same arguments give the same bytes.

    Args:
        folder: a new or empty folder.
        seed: decides every image; no two images share a grain.
        train, validation, test: how many images each part gets.

    Raises:
        UsageError: `folder` has something in it already, or a count is negative.
    """
    if min(train, validation, test) < 0:
        raise UsageError(f"Counts of images must be 0 or more, not {train}, {validation} and {test}.")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty. Name a new folder, so that no older images mix with the new ones.")
    held_out = {part: _images(part, count) for part, count in (("validation", validation), ("test", test))}
    everything = [*_images("train", train), *held_out["validation"], *held_out["test"]]
    seeds = np.random.SeedSequence(seed).generate_state(len(everything), np.uint64).tolist()
    for (image_path, impurity), image_seed in zip(tqdm(everything, "Images", unit="image"), seeds, strict=True):
        write_bytes(folder / image_path, _png(make_grain(image_seed, impurity)))
    for part, rows in held_out.items():
        labels = [[image_path, int(impurity is not None)] for image_path, impurity in rows]
        write_csv(folder / f"{part}.csv", ["image_path", "impurity"], labels)


def _images(part: str, count: int) -> list[tuple[str, str | None]]:
    """Where each image of a part goes, relative to the data set's folder, and its impurity."""
    impurities = [IMPURITIES[index // 2 % len(IMPURITIES)] if index % 2 else None for index in range(count)]
    return [
        (f"{_folder(part, impurity)}/{index:04d}_{impurity or 'clean'}.png", impurity)
        for index, impurity in enumerate(impurities)
    ]


def _folder(part: str, impurity: str | None) -> str:
    return f"train/class_{int(impurity is not None)}" if part == "train" else f"images/{part}"


def _png(grain: Grain) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(grain.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


# The clean grain


def _clean_scene(random: Random) -> Scene:
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
        height=_soften(height * (rho < 1), 0.6),
        # The rim lies lower than the top, on which the camera is focussed.
        cover=_step((1 - rho) * radius, random.uniform(1.6, 2.0)),
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
    return coarse * _noise(shape, 9, random) + fine * _noise(shape, 1.6, random)


def _grain_albedo(shape: tuple[int, ...], random: Random) -> Field:
    shade = random.uniform(0.13, 0.2)
    tint = 1 + random.uniform(0, 0.16) * np.array([0.9, 0.1, -1.0], np.float32)
    mottle = random.uniform(0.03, 0.07) * _noise(shape, 7, random)
    crystals = random.uniform(0.03, 0.06) * _noise(shape, 1.3, random)
    return (shade * np.exp(mottle + crystals))[..., None] * tint


# The impurities, each a change of the scene


def _bright_inclusion(scene: Scene, random: Random) -> Scene:
    """A glassy speck set in the surface."""
    mask = _blob(scene, _point(scene, random, 0.0, 0.85), random.uniform(3.0, 6.5), random)
    sparkle = np.exp(0.25 * _noise(mask.shape, 2.0, random))[..., None]
    glass = random.uniform(0.4, 0.8) * sparkle * np.array([0.96, 1.0, 1.02])
    return replace(
        scene,
        albedo=_mix(scene.albedo, glass, mask * random.uniform(0.75, 1.0)),
        height=scene.height + random.uniform(0.4, 1.4) * _soften(mask, 1.2),
        gloss=scene.gloss + 1.2 * mask,
    )


def _dark_pit(scene: Scene, random: Random) -> Scene:
    """A hole with a steep wall."""
    radius = random.uniform(3.0, 6.5)
    mask = _blob(scene, _point(scene, random, 0.0, 0.75), radius, random)
    return replace(
        scene,
        albedo=_mix(scene.albedo, scene.albedo * random.uniform(0.08, 0.3), _soften(mask, 0.7)),
        height=scene.height - radius * random.uniform(0.5, 0.9) * _soften(mask, 1.0),
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
        albedo=_mix(_dimmed_around(scene.albedo, mask), random.choice(dyes) * random.uniform(0.8, 1.3), 0.9 * mask),
        height=scene.height + 1.2 * _soften(mask, 0.4),
        cover=np.maximum(scene.cover, 0.9 * mask),
    )


def _rust_stain(scene: Scene, random: Random) -> Scene:
    """A flaking film the colour of iron oxide."""
    blob = _blob(scene, _point(scene, random, 0.0, 0.85), random.uniform(6, 11), random)
    flakes = _noise(blob.shape, 2.5, random)
    film = _soften(blob, 1.2) * _step(flakes + 0.9, 0.3)
    shade = float(scene.albedo.mean()) * random.uniform(0.6, 1.0)
    rust = shade * np.array([1.75, 0.8, 0.36]) * np.exp(0.6 * flakes)[..., None]
    return replace(scene, albedo=_mix(scene.albedo, rust, film * random.uniform(0.7, 0.95)))


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
        albedo=_mix(scene.albedo, scene.albedo * random.uniform(0.05, 0.25), mask),
        height=scene.height - random.uniform(1.5, 3.0) * _soften(mask, 0.5),
        gloss=scene.gloss * (1 - mask),
    )


def _foreign_particle(scene: Scene, random: Random) -> Scene:
    """A smaller particle of another material stuck to the surface or the rim."""
    radius = random.uniform(4.5, 8)
    centre = _point(scene, random, 0.3, 1.0)
    mask = _blob(scene, centre, radius, random)
    distance = np.hypot(scene.x - centre[0], scene.y - centre[1]) / radius
    dome = radius * 0.8 * np.clip(1 - (distance / 1.3) ** 2, 0, None) ** 0.5 + 0.3 * _noise(mask.shape, 2, random)
    materials = np.array([[0.3, 0.18, 0.1], [0.1, 0.15, 0.08], [0.03, 0.03, 0.035], [0.45, 0.43, 0.4]])
    texture = np.exp(0.2 * _noise(mask.shape, 1.8, random))[..., None]
    return replace(
        scene,
        albedo=_mix(_dimmed_around(scene.albedo, mask), random.choice(materials) * texture, mask),
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
    "bright_inclusion": _Kind(_bright_inclusion, 6, 16),
    "dark_pit": _Kind(_dark_pit, 5, 11),
    "fibre": _Kind(_fibre, 3, 9),
    "rust_stain": _Kind(_rust_stain, 5, 11),
    "crack": _Kind(_crack, 3, 6),
    "foreign_particle": _Kind(_foreign_particle, 6, 14),
}
IMPURITIES: tuple[str, ...] = tuple(_KINDS)


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
    return _step(radius * (1 + 0.16 * _noise(distance.shape, radius * 0.8, random)) - distance, 0.5)


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
    return _soften(canvas.astype(np.float32) / 255, 0.25)


def _jagged(start: NDArray[np.float64], end: NDArray[np.float64], random: Random) -> NDArray[np.float64]:
    steps = np.linspace(0, 1, 14)[:, None]
    wander = random.normal(0, 1.0, (14, 2)) * np.minimum(1, 4 * np.minimum(steps, 1 - steps) + 0.2)
    return start + steps * (end - start) + wander


def _dimmed_around(albedo: Field, mask: Field) -> Field:
    """What lies on the grain keeps a little light from its surroundings."""
    return albedo * (1 - 0.45 * np.clip(_soften(mask, 1.8), 0, 1))[..., None]


# Light and camera


def _illuminate(scene: Scene, random: Random) -> Field:
    """Linear light [h, w, 3] that leaves the scene: a soft lamp from one side, a bright tray all around."""
    slope_y, slope_x = np.gradient(scene.height, 1 / OVERSAMPLING)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], axis=-1)
    normal /= np.sqrt(1 + slope_x**2 + slope_y**2)[..., None]
    azimuth, elevation = random.uniform(-2.8, -1.9), random.uniform(0.8, 0.95)
    flat = np.cos(elevation)
    lamp = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], np.float32)
    halfway = lamp + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)

    ambient = random.uniform(0.35, 0.4)
    diffuse = ambient * (0.45 + 0.55 * normal[..., 2]) + (1 - ambient) * np.clip(normal @ lamp, 0, None) / lamp[2]
    highlight = scene.gloss * 0.35 * np.clip(normal @ halfway, 0, 1) ** random.uniform(25, 35)
    objects = scene.albedo * diffuse[..., None] + highlight[..., None]

    tray = _tray(scene, lamp, random)
    return _mix(tray, objects, scene.cover)


def _tray(scene: Scene, lamp: Field, random: Random) -> Field:
    paper = 0.86 + 0.006 * _noise(scene.rho.shape, 2.5, random) + 0.008 * _noise(scene.rho.shape, 30, random)
    offset = -lamp[:2] * random.uniform(4, 5) * OVERSAMPLING
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    cast = cv2.warpAffine(scene.cover, move, scene.cover.shape[::-1])
    shadow = random.uniform(0.28, 0.32) * _soften(cast, 3.0) + random.uniform(0.15, 0.19) * _soften(scene.cover, 1.2)
    return (paper * (1 - shadow))[..., None] * np.ones(3, np.float32)


def _photograph(light: Field, random: Random) -> NDArray[np.uint8]:
    """Lens, exposure, white balance, gamma and noise: uint8 [H, W, 3] RGB."""
    height, width = light.shape[0] // OVERSAMPLING, light.shape[1] // OVERSAMPLING
    lens = cv2.resize(_soften(light, random.uniform(0.4, 0.5)), (width, height), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    tilt = random.uniform(-0.01, 0.01, size=2)
    falloff = 1 - random.uniform(0.03, 0.05) * (x**2 + y**2) / 2 + tilt[0] * x + tilt[1] * y
    white_balance = 1 + random.uniform(-0.025, 0.025, 3)
    exposed = lens * falloff[..., None] * white_balance * random.uniform(0.9, 1.06)
    shot_noise = random.normal(0, 1, exposed.shape) * np.sqrt(np.clip(exposed, 0, None)) * random.uniform(0.006, 0.009)
    developed = 255 * np.clip(exposed + _soften(shot_noise, 0.2), 0, None) ** (1 / 2.2)
    return np.clip(np.round(developed + random.normal(0, 0.8, exposed.shape)), 0, 255).astype(np.uint8)


# Arithmetic of maps


def _noise(shape: tuple[int, ...], grain_size: float, random: Random) -> Field:
    """Smooth noise of mean 0 and standard deviation 1 whose spots are about `grain_size` image pixels wide."""
    cell = grain_size * OVERSAMPLING
    rows, columns = (max(4, int(np.ceil(side / cell)) + 1) for side in shape[:2])
    lattice = random.standard_normal((rows, columns), np.float32)
    field = cv2.resize(lattice, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / field.std()


def _soften(field: Field, sigma: float) -> Field:
    """Gaussian blur; `sigma` in image pixels."""
    return cv2.GaussianBlur(field, (0, 0), sigma * OVERSAMPLING)


def _step(distance: Field, softness: float) -> Field:
    """0 to 1 as `distance` (image pixels, positive inside) passes from -softness to +softness."""
    return np.clip(distance / (2 * softness) + 0.5, 0, 1).astype(np.float32)


def _mix(under: Field, over: Field, mask: Field) -> Field:
    return under + (np.asarray(over, np.float32) - under) * np.asarray(mask, np.float32)[..., None]
