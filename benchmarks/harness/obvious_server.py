"""The obvious way: Keras's `predict` and a NumPy scan over all vectors, behind Flask's development server.

python -m benchmarks.harness.obvious_server classifier.keras gallery.npz
"""

import sys
from typing import Any

import keras
import numpy as np
from flask import Flask, Response, jsonify, request
from numpy.typing import NDArray
from PIL import Image

from models.datasets.fashion_mnist import CLASSES


def create_app(model: keras.Model, ids: NDArray[np.str_], vectors: NDArray[np.float32]) -> Flask:
    """Return an application that answers `POST /search` with the class of a picture and the k nearest items."""
    app = Flask("obvious")

    @app.post("/search")
    def search() -> Response:
        k = int(request.form.get("k", 12))
        image = Image.open(request.files["image"]).convert("L").resize((28, 28))
        batch = np.asarray(image, np.float32)[np.newaxis, :, :, np.newaxis]
        output: dict[str, Any] = model.predict(batch, verbose=0)
        vector, probabilities = output["vector"][0], output["probabilities"][0]
        scores = vectors @ vector
        best = np.argsort(-scores)[:k]
        return jsonify(
            label=CLASSES[probabilities.argmax()],
            predictions=dict(zip(CLASSES, probabilities.tolist(), strict=True)),
            hits=[{"id": str(ids[row]), "score": float(scores[row])} for row in best],
        )

    return app


if __name__ == "__main__":
    gallery = np.load(sys.argv[2])
    app = create_app(keras.models.load_model(sys.argv[1]), gallery["ids"], gallery["vectors"])
    app.run(host="127.0.0.1", port=0)
