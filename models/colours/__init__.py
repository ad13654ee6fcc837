"""The colours of a garment: which they are, what people call them, and how far apart two of them look."""
