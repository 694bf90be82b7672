"""The project's specified random stream (Sources/Tensors/SeededGenerator.swift), vectorised.

SplitMix64; uniforms take the top 53 bits; normals are Box-Muller, cosine branch then sine branch.
"""

import numpy as np

GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def _mix(state: np.ndarray) -> np.ndarray:
    mixed = state
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


class SeededGenerator:
    def __init__(self, seed: int, stream: int = 0):
        self.state = seed & MASK
        if stream != 0:
            self.state = int(self.bits(1)[0]) ^ ((stream * GAMMA) & MASK)

    def bits(self, count: int) -> np.ndarray:
        with np.errstate(over="ignore"):
            steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
            states = np.uint64(self.state) + steps
            self.state = (self.state + count * GAMMA) & MASK
            return _mix(states)

    def uniforms(self, count: int) -> np.ndarray:
        return (self.bits(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normals(self, count: int) -> np.ndarray:
        pairs = (count + 1) // 2
        uniforms = self.uniforms(2 * pairs).reshape(pairs, 2)
        radius = np.sqrt(-2 * np.log(1 - uniforms[:, 0]))
        angle = 2 * np.pi * uniforms[:, 1]
        both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return both.reshape(-1)[:count]

    def matrix(self, rows: int, columns: int) -> np.ndarray:
        """Row-major Gaussian [rows, columns]."""
        return self.normals(rows * columns).reshape(rows, columns)
