"""The leading singular triplets of one matrix by one library, judged in Float64."""

import argparse

import common

parser = argparse.ArgumentParser()
parser.add_argument("--method", required=True)
parser.add_argument("--iterations", type=int, default=0, help="power iterations of the randomised ones")
parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
parser.add_argument("--matrix", required=True)
parser.add_argument("--rows", type=int, required=True)
parser.add_argument("--columns", type=int, required=True)
parser.add_argument("--rank", type=int, required=True)
parser.add_argument("--gap", type=float, required=True)
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
common.set_threads(arguments.threads)

import numpy as np  # noqa: E402

weight = np.fromfile(arguments.matrix, np.float32).reshape(arguments.rows, arguments.columns)
rank, iterations = arguments.rank, arguments.iterations


def sklearn_truncated(w, rank):
    """What the LoRA-XS reference calls: u is recovered from the returned u * sigma."""
    from sklearn.decomposition import TruncatedSVD

    solver = TruncatedSVD(n_components=rank, n_iter=iterations, random_state=0)
    scaled = solver.fit_transform(w)
    return scaled / solver.singular_values_, solver.singular_values_, solver.components_.T


def sklearn_randomized(w, rank):
    from sklearn.utils.extmath import randomized_svd

    u, s, vt = randomized_svd(
        w, rank, n_oversamples=max(10, rank // 4), n_iter=iterations, power_iteration_normalizer="QR", random_state=0
    )
    return u, s, vt.T


def torch_lowrank(w, rank):
    torch.manual_seed(0)
    u, s, v = torch.svd_lowrank(w, q=min(rank + max(6, rank // 4), *w.shape), niter=iterations)
    return u[:, :rank], s[:rank], v[:, :rank]


def scipy_svds(solver):
    def run(w, rank):
        from scipy.sparse.linalg import svds

        u, s, vt = svds(w, k=rank, solver=solver, rng=0)
        order = np.argsort(-s)
        return u[:, order], s[order], vt[order].T

    return run


def full(driver):
    def run(w, rank):
        if driver == "torch":
            u, s, vt = torch.linalg.svd(w, full_matrices=False)
        elif driver == "scipy":
            import scipy.linalg

            u, s, vt = scipy.linalg.svd(w, full_matrices=False, lapack_driver="gesdd", check_finite=False)
        else:
            u, s, vt = np.linalg.svd(w, full_matrices=False)
        return u[:, :rank], s[:rank], vt[:rank].T

    return run


METHODS = {
    "sklearn-truncated": sklearn_truncated,
    "sklearn-randomized": sklearn_randomized,
    "torch-lowrank": torch_lowrank,
    "scipy-propack": scipy_svds("propack"),
    "scipy-arpack": scipy_svds("arpack"),
    "numpy-gesdd": full("numpy"),
    "scipy-gesdd": full("scipy"),
    "torch-svd": full("torch"),
}
method = METHODS[arguments.method]
w = weight.astype(arguments.dtype)
if arguments.method.startswith("torch"):
    import torch

    torch.set_num_threads(arguments.threads)
    w = torch.from_numpy(w)
corner = min(*weight.shape, 128)
small = w[:corner, :corner]
method(small.copy() if isinstance(small, np.ndarray) else small.contiguous(), min(rank, corner // 2))
result = None


def body():
    global result
    result = method(w, rank)


timing = common.measure(body)
u, s, v = (np.asarray(part) for part in result)
common.emit(
    "bases",
    timing,
    bytes=weight.nbytes,
    rows=arguments.rows,
    columns=arguments.columns,
    rank=rank,
    iterations=iterations,
    dtype=arguments.dtype,
    **common.judge(weight, u, s, v, arguments.gap),
)
