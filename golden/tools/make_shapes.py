"""Images in the shape of a task of VTAB-1k: 1,000 to train on and 300 to measure on, of four classes.

    make_shapes.py

Writes golden/data/shapes: train.npy and test.npy, bytes [count, 12, 12, 3], and train.jsonl and test.jsonl with a label for each.
Classes are horizontal stripes, vertical stripes, squares of a checkerboard and rings, in two random colours, with random widths and
places, under noise.
"""

import json
import os

import numpy as np

import cases

SEED, SIDE = 20261201, 12
COUNTS = {"train": 1000, "test": 300}


def image(draws: np.random.Generator, label: int) -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    width = draws.integers(1, 4)
    top, left = draws.integers(0, 6, 2)
    stripes = (rows + top) // width % 2, (columns + left) // width % 2
    middle = draws.uniform(4, 7, 2)
    ring = np.hypot(rows - middle[0], columns - middle[1]) // (width + 0.5) % 2
    pattern = [stripes[0], stripes[1], stripes[0] ^ stripes[1], ring][label].astype(np.float64)[..., None]
    first, second = draws.uniform(0, 255, (2, 3))
    noisy = first + pattern * (second - first) + draws.normal(0, 20, (SIDE, SIDE, 3))
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def main() -> None:
    folder = os.path.join(cases.output, "data", "shapes")
    os.makedirs(folder, exist_ok=True)
    draws = np.random.default_rng(SEED)
    for name, count in COUNTS.items():
        labels = draws.integers(0, 4, count).tolist()
        np.save(os.path.join(folder, name + ".npy"), np.stack([image(draws, label) for label in labels]))
        with open(os.path.join(folder, name + ".jsonl"), "w") as file:
            for index, label in enumerate(labels):
                file.write(json.dumps({"image": name + ".npy", "index": index, "label": label}) + "\n")


if __name__ == "__main__":
    main()
