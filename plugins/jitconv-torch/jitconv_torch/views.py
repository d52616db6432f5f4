"""NumPy arrays as tensors over the same memory, and back; axes are PyTorch's, (N, C, H, W), throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jitconv import ConvSpec, PoolSpec

from jitconv_torch.library import load

if TYPE_CHECKING:
    import torch

Array = np.ndarray[Any, Any]

REORDER_FROM = 2**21
"""Elements of NHWC weights from which a copy by a two-dimensional transpose beats PyTorch's own copy of
a permuted view: 10.4 and 7.5 ms for 3×3 filters, 512 to 512; below the view is as fast or faster. That is
without and with the copy here, in conv_forward of n1h14w14c512 k3x3f512 on 2-core Zen 4."""


TRANSPOSE_FROM = 2**15
"""Elements of an NHWC dw from which PyTorch's two-dimensional transpose beats NumPy's copy of a permuted
view: 1.6 and 12 ms for 3×3 filters, 512 to 512; 24 and 22 µs for 64 to 64; 4.3 and 1.0 µs for 5×5, 3 to
16."""


def tensor(array: Array, layout: str) -> torch.Tensor:
    """View C-contiguous pictures in a layout as (N, C, H, W); NHWC ones are channels-last."""
    torch = load()
    if layout == "NCHW":
        return torch.from_numpy(array)
    n, h, w, c = array.shape
    # written out, because NumPy's strides say nothing where an extent is 1, and PyTorch reads them
    return torch.from_numpy(array).as_strided((n, c, h, w), (h * w * c, 1, w * c, c))


def array(pictures: torch.Tensor, layout: str) -> Array:
    """View (N, C, H, W) as an array in a layout."""
    return pictures.numpy() if layout == "NCHW" else pictures.permute(0, 2, 3, 1).numpy()


def weights(w: Array, spec: ConvSpec) -> torch.Tensor:
    """Return weights as (F, C/groups, KH, KW), a view where PyTorch is fastest with one."""
    torch = load()
    taps = torch.from_numpy(w)
    if spec.layout == "NHWC":
        if spec.f == 1:  # written out: PyTorch's float64 backward stumbles over the strides of a view
            taps = taps.view(1, spec.kh, spec.kw, -1).permute(0, 3, 1, 2)
        elif w.size < REORDER_FROM:
            taps = taps.permute(3, 2, 0, 1)
        else:
            filters = taps.view(-1, spec.f).t().contiguous()
            taps = filters.view(spec.f, spec.kh, spec.kw, -1).permute(0, 3, 1, 2)
    return taps.flip((2, 3)) if spec.flip_kernel else taps


def from_weights(dw: torch.Tensor, spec: ConvSpec) -> Array:
    """Return (F, C/groups, KH, KW) as an array in the spec's layout."""
    taps = dw.flip((2, 3)) if spec.flip_kernel else dw
    if spec.layout == "NCHW":
        return taps.numpy()
    if taps.numel() < TRANSPOSE_FROM:
        return taps.permute(2, 3, 1, 0).numpy()  # jitconv makes it contiguous
    filters = taps.permute(0, 2, 3, 1).reshape(spec.f, -1).t().contiguous()
    return filters.view(spec.w_shape).numpy()


def spare(spec: ConvSpec | PoolSpec) -> tuple[int, int, int, int]:
    """Return (left, right, top, bottom) of the padding that the windows meet, and no more of it."""
    top, left = spec.pad[0], spec.pad[2]
    down = (spec.oh - 1) * spec.stride[0] + spec.extent[0]
    across = (spec.ow - 1) * spec.stride[1] + spec.extent[1]
    return left, max(across - left - spec.w, 0), top, max(down - top - spec.h, 0)


def inside(pictures: torch.Tensor, spec: ConvSpec | PoolSpec) -> torch.Tensor:
    """View what `spare` put its padding around."""
    top, left = spec.pad[0], spec.pad[2]
    return pictures[:, :, top : top + spec.h, left : left + spec.w]
