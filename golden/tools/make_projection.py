"""Projected, calibrated and K-FAC latents in Float64 NumPy, with ΔW formed in full (METHOD §2, §3).

ΔW = s·B·A; ridge adds λ·mean(diag)·I to C and to G in every place they occur.
"""

import numpy as np

import cases
from seeded import SeededGenerator

SEED = 31
RIDGE = 1e-3


def covariance(generator: SeededGenerator, size: int, samples: int) -> np.ndarray:
    """Anisotropic, as real activations are: a few directions carry most of the energy."""
    scales = np.exp(-3 * np.arange(size) / size)
    mixed = generator.matrix(samples, size) * scales @ np.linalg.qr(generator.matrix(size, size))[0]
    return (mixed.T @ mixed / samples).astype(np.float32)


def ridged(covariance: np.ndarray) -> np.ndarray:
    values = covariance.astype(np.float64)
    return values + RIDGE * np.mean(np.diag(values)) * np.eye(len(values))


def one(name, rows, columns, output_rank, input_rank, adapter_rank, scaling, seed) -> None:
    generator = SeededGenerator(SEED, seed)
    tensors = {
        "lora_A": generator.matrix(adapter_rank, columns),
        "lora_B": generator.matrix(rows, adapter_rank),
        "output_basis": np.linalg.qr(generator.matrix(rows, output_rank))[0],
        "input_basis": np.linalg.qr(generator.matrix(columns, input_rank))[0],
    }
    tensors = {key: value.astype(np.float32) for key, value in tensors.items()}
    tensors["input_covariance"] = covariance(generator, columns, 3 * columns)
    tensors["output_covariance"] = covariance(generator, rows, 3 * rows)
    A, B, U, V = (
        tensors[key].astype(np.float64)
        for key in ("lora_A", "lora_B", "output_basis", "input_basis")
    )
    C, G = ridged(tensors["input_covariance"]), ridged(tensors["output_covariance"])
    delta = scaling * B @ A
    right = np.linalg.inv(V.T @ C @ V)
    answers = {
        "projected": U.T @ delta @ V,
        "calibrated": U.T @ delta @ C @ V @ right,
        "kfac": np.linalg.solve(U.T @ G @ U, U.T @ G @ delta @ C @ V @ right),
    }
    energy = np.sum(delta**2)
    raw_c, raw_g = (tensors[k].astype(np.float64) for k in ("input_covariance", "output_covariance"))
    weighted = lambda E: float(np.trace(E.T @ raw_g @ E @ raw_c))
    summary = {
        "squaredNorm": float(energy),
        "capturedEnergy": float(np.sum(answers["projected"] ** 2) / energy),
        # 1 - ‖ΔW - U M Vᵀ‖² / ‖ΔW‖², plainly and in the norm tr(Eᵀ G E C), for each method.
        "explained": {
            key: float(1 - np.sum((delta - U @ M @ V.T) ** 2) / energy) for key, M in answers.items()
        },
        "weightedExplained": {
            key: float(1 - weighted(delta - U @ M @ V.T) / weighted(delta))
            for key, M in answers.items()
        },
    }
    for key, value in answers.items():
        tensors[f"expected.{key}"] = value
    cases.write_case(
        "projection",
        name,
        kind="projection",
        title=f"Latents for a [{rows}, {columns}] module, {output_rank} × {input_rank} directions",
        generator="make_projection.py",
        uses=("numpy", "safetensors"),
        inputs={},
        seed=SEED,
        parameters={"scaling": scaling, "ridge": RIDGE, "methods": ["projected", "calibrated", "kfac"]},
        tolerances={"latent": 1e-6, "energy": 1e-6},
        expected=summary,
        tensors=tensors,
        precision="float64 from float32 inputs",
    )


def main() -> None:
    one("square-ranks", 24, 20, 4, 4, 3, 2.0, 1)
    one("unequal-ranks", 18, 40, 5, 3, 8, 0.5, 2)


if __name__ == "__main__":
    main()
