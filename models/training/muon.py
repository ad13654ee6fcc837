"""Muon: kernels move along orthogonalised momentum (Jordan et al., 2024, kellerjordan.github.io/posts/muon).

A layer that normalises its output does not feel how long its kernel is, only where it points. So each kernel keeps
one length here, and the learning rate alone says how far it turns in a step.
"""

from typing import Any

import keras

ops = keras.ops

_QUINTIC = 3.4445, -4.7750, 2.0315
"""Coefficients of the Newton-Schulz iteration, chosen by its authors to lift small singular values fast."""

_ITERATIONS = 5


class Muon(keras.optimizers.SGD):
    """Muon for kernels, Nesterov momentum for every other variable.

    A kernel is a variable of two axes or more, read as a matrix of inputs by outputs; one with a constraint counts
    as another variable, since its constraint already says how long it is. `learning_rate` is the share of a kernel's
    own length by which it moves; `non_kernel_lr` multiplies it for all other variables.
    """

    def __init__(self, learning_rate: Any, momentum: float = 0.9, non_kernel_lr: float = 1.0) -> None:
        super().__init__(learning_rate, momentum=momentum, nesterov=True, name="muon")
        self._non_kernel_lr = non_kernel_lr
        self._is_kernel: list[bool] = []

    def build(self, variables: Any) -> None:
        """Tell kernels from other variables, and make room for their momenta."""
        super().build(variables)
        self._is_kernel = [len(variable.shape) > 1 and variable.constraint is None for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable by one step."""
        index = self._get_variable_index(variable)
        if not self._is_kernel[index]:
            super().update_step(gradient, variable, learning_rate * self._non_kernel_lr)
            return
        momentum = self.momentums[index]
        gradient = ops.cast(gradient, momentum.dtype)
        average = self.momentum * momentum + gradient
        self.assign(momentum, average)
        shape = tuple(variable.shape)
        direction = orthogonalised(ops.reshape(gradient + self.momentum * average, (-1, shape[-1])))
        kernel = ops.reshape(ops.convert_to_tensor(variable), (-1, shape[-1]))
        length = min(kernel.shape) ** 0.5
        kernel = kernel * (length / (ops.norm(kernel) + keras.config.epsilon()))
        moved = kernel - ops.cast(learning_rate, kernel.dtype) * direction
        self.assign(variable, ops.reshape(moved, shape))


def orthogonalised(matrix: Any) -> Any:
    """Return about the nearest matrix with orthonormal rows or columns: singular values between 0.7 and 1.2.

    Newton-Schulz iteration from the matrix divided by its Frobenius norm.
    """
    a, b, c = _QUINTIC
    rows, columns = matrix.shape
    x = ops.transpose(matrix) if rows > columns else matrix
    x = x / (ops.norm(x) + keras.config.epsilon())
    for _ in range(_ITERATIONS):
        square = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * square + c * ops.matmul(square, square), x)
    return ops.transpose(x) if rows > columns else x
