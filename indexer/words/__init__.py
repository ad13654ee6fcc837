"""Words of a question looked up in what items say: titles and other attributes, classes, and the colours seen."""
