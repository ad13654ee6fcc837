"""The arrays that pass between modules, by the name of what is in them."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.uint8]
"""(n, height, width) grey or (n, height, width, 3) colour images, one after another."""

Vectors: TypeAlias = NDArray[np.float32]
"""(n, dim), every row of L2 norm 1, so that an inner product is a cosine."""

Probabilities: TypeAlias = NDArray[np.float32]
"""(n, classes), rows sum to 1, columns in the card's order of classes."""
