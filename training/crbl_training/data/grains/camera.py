"""Light and camera: from a scene to the pixels of an image. All arithmetic up to the gamma is in linear light."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_training.data.grains.maps import OVERSAMPLING, Field, Random, mix, noise, soften
from crbl_training.data.grains.scene import Scene


def illuminate(scene: Scene, random: Random) -> Field:
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
    return mix(tray, objects, scene.cover)


def _tray(scene: Scene, lamp: Field, random: Random) -> Field:
    paper = 0.86 + 0.006 * noise(scene.rho.shape, 2.5, random) + 0.008 * noise(scene.rho.shape, 30, random)
    offset = -lamp[:2] * random.uniform(4, 5) * OVERSAMPLING
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    size = (scene.cover.shape[1], scene.cover.shape[0])
    moved = cast(Field, cv2.warpAffine(scene.cover, move, size))
    shadow = random.uniform(0.28, 0.32) * soften(moved, 3.0) + random.uniform(0.15, 0.19) * soften(scene.cover, 1.2)
    light: Field = (paper * (1 - shadow))[..., None] * np.ones(3, np.float32)
    return light


def photograph(light: Field, random: Random) -> NDArray[np.uint8]:
    """Lens, exposure, white balance, gamma and noise: uint8 [H, W, 3] RGB."""
    height, width = light.shape[0] // OVERSAMPLING, light.shape[1] // OVERSAMPLING
    lens = cv2.resize(soften(light, random.uniform(0.4, 0.5)), (width, height), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    tilt = random.uniform(-0.01, 0.01, size=2)
    falloff = 1 - random.uniform(0.03, 0.05) * (x**2 + y**2) / 2 + tilt[0] * x + tilt[1] * y
    white_balance = 1 + random.uniform(-0.025, 0.025, 3)
    exposed = lens * falloff[..., None] * white_balance * random.uniform(0.9, 1.06)
    shot_noise = random.normal(0, 1, exposed.shape) * np.sqrt(np.clip(exposed, 0, None)) * random.uniform(0.006, 0.009)
    developed = 255 * np.clip(exposed + soften(shot_noise, 0.2), 0, None) ** (1 / 2.2)
    noisy = np.round(developed + random.normal(0, 0.8, exposed.shape))
    pixels: NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels
