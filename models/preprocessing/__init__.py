"""From a picture to a model's input, by the name that the model's card gives."""
