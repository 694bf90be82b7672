"""Models of Transformers in Float64 from end to end, whatever their code rounds to Float32."""

import contextlib

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


class Widening(TorchFunctionMode):
    """Whatever asks for Float32 gets Float64: norms, softmax, routers, RoPE's frequencies and angles, scales."""

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        arguments, keywords = tree_map(
            lambda value: torch.float64 if value is torch.float32 else value, (arguments, keywords or {}))
        return function(*arguments, **keywords)


class Guard(TorchDispatchMode):
    """Fails where a result has another floating-point type after all."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float64:
                raise TypeError(f"{function} gives {value.dtype}")
        return result


@contextlib.contextmanager
def float64():
    """Models are built, run and differentiated within; buffers of constants are Float64 too."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with Widening(), Guard():
            yield
    finally:
        torch.set_default_dtype(default)
