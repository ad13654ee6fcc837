"""The Engine over HTTP: requests, answers, problems, and the document that describes them."""
