"""Connected components of a mask: which of its pixels hang together, side by side."""

import numpy as np
from numpy.typing import NDArray


def components(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the number of the component that each pixel of a mask (height, width) belongs to, from 1 on; 0 for none.

    Runs of pixels in a row are joined with those that they touch in the row below, by union and find.
    """
    height, width = mask.shape
    stride = width + 1  # a gap after each row, so that no run goes on into the next
    padded = np.zeros((height, stride), np.int8)
    padded[:, :width] = mask
    steps = np.diff(padded.ravel(), prepend=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    first_below = np.searchsorted(ends, starts + stride, side="right").tolist()
    last_below = np.searchsorted(starts, ends + stride, side="left").tolist()
    parents = list(range(len(starts)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    for run, (first, last) in enumerate(zip(first_below, last_below, strict=True)):
        for other in range(first, last):
            one, two = root(run), root(other)
            parents[max(one, two)] = min(one, two)
    numbers = np.unique([root(run) for run in range(len(parents))], return_inverse=True)[1] + 1
    labels = np.zeros(height * stride, np.int32)
    labels[padded.ravel() == 1] = np.repeat(numbers, ends - starts)
    return labels.reshape(height, stride)[:, :width]
