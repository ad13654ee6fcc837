"""A catalogue that ships: product pictures drawn by the project's own code, with titles and prices to match."""

from indexer.sample.catalogue import SampleCatalogue
from indexer.sample.products import Product, products

__all__ = ["Product", "SampleCatalogue", "products"]
