"""How much of an update r directions a side can hold: METHOD §2's search, and the true optimum.

A search is free to find better directions than the method describes, not worse ones. Sizes are small
enough to try every choice, so that the distance to the optimum is known too.
"""

import itertools

import numpy as np

import cases
from make_projection import RIDGE, covariance, ridged
from seeded import SeededGenerator

SEED = 47


def explained(delta, G, C, U, V) -> float:
    """1 - tr(EᵀGEC)/tr(ΔWᵀGΔWC) with E = ΔW - U m Vᵀ and the best m (METHOD §3, K-FAC)."""
    cross = U.T @ G @ delta @ C @ V
    latent = np.linalg.solve(U.T @ G @ U, cross @ np.linalg.inv(V.T @ C @ V))
    return float(np.trace(latent.T @ cross) / np.trace(delta.T @ G @ delta @ C))


def prototype(M, g, c, rank) -> tuple[list[int], list[int]]:
    """Alternate the best rows given the columns and the best columns given the rows, eight times."""
    g, c = g / g.mean() + 1e-3, c / c.mean() + 1e-4
    energy = g[:, None] * c[None, :] * M**2
    columns = np.argsort(-energy.sum(axis=0), kind="stable")[:rank]
    for _ in range(8):
        rows = np.argsort(-energy[:, columns].sum(axis=1), kind="stable")[:rank]
        columns = np.argsort(-energy[rows].sum(axis=0), kind="stable")[:rank]
    return sorted(map(int, rows)), sorted(map(int, columns))


def optimum(delta, G, C, U, V, rank) -> float:
    choices = lambda vectors: itertools.combinations(range(vectors.shape[1]), rank)
    return max(
        explained(delta, G, C, U[:, list(rows)], V[:, list(columns)])
        for rows in choices(U)
        for columns in choices(V)
    )


def one(name, height, width, rank, adapter_rank, stream) -> None:
    generator = SeededGenerator(SEED, stream)
    # Falling singular values and an update that mostly avoids the leading directions.
    U = np.linalg.qr(generator.matrix(height, height))[0]
    V = np.linalg.qr(generator.matrix(width, width))[0]
    size = min(height, width)
    values = 3 * np.exp(-2 * np.arange(size) / size)
    tensors = {
        "weight": (U[:, :size] * values) @ V[:, :size].T,
        "lora_A": generator.matrix(adapter_rank, width),
        "lora_B": generator.matrix(height, adapter_rank),
    }
    tensors = {key: value.astype(np.float32) for key, value in tensors.items()}
    tensors["input_covariance"] = covariance(generator, width, 3 * width)
    tensors["output_covariance"] = covariance(generator, height, 3 * height)
    U, _, V = np.linalg.svd(tensors["weight"].astype(np.float64), full_matrices=False)
    V = V.T
    delta = tensors["lora_B"].astype(np.float64) @ tensors["lora_A"].astype(np.float64)
    expected = {}
    for label, C, G in (
        ("plain", np.eye(width), np.eye(height)),
        ("kfac", ridged(tensors["input_covariance"]), ridged(tensors["output_covariance"])),
    ):
        g, c = np.einsum("ai,ab,bi->i", U, G, U), np.einsum("ai,ab,bi->i", V, C, V)
        rows, columns = prototype(U.T @ delta @ V, g, c, rank)
        expected[label] = {
            "method": explained(delta, G, C, U[:, rows], V[:, columns]),
            "rows": rows,
            "columns": columns,
            "bestOfAll": optimum(delta, G, C, U, V, rank),
        }
    cases.write_case(
        "selection",
        name,
        kind="selection",
        title=f"{rank} directions a side of a [{height}, {width}] weight",
        generator="make_selection.py",
        uses=("numpy", "safetensors"),
        inputs={},
        seed=SEED,
        parameters={"rank": rank, "ridge": RIDGE},
        tolerances={"plain": 1e-6, "kfac": 1e-5},
        expected=expected,
        tensors=tensors,
        precision="float64 from float32 inputs",
    )


def main() -> None:
    one("square", 12, 12, 3, 2, 1)
    one("tall", 14, 9, 3, 4, 2)


if __name__ == "__main__":
    main()
