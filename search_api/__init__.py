"""Engine, the product in process, and its translation into HTTP."""
