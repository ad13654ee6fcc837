"""How much of a figure is chance: one recipe trained from several seeds.

`python -m benchmarks.seeds BUNDLE BUNDLE BUNDLE [--into BUNDLE]` prints mean and spread, and records them in a card.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.measuring import BenchmarkFailed
from models.card import ModelCard, read_card, write_card
from models.errors import LookalikeError

FEWEST = 3
"""Seeds that a spread is told from."""


def spread_of(cards: Sequence[ModelCard]) -> dict[str, Any]:
    """Return recipe, precisions and seeds of at least three cards, and mean and standard deviation of each figure.

    Raises BenchmarkFailed when they are fewer, of different recipes, or of seeds that repeat.
    """
    recipes = [dict(card.training.get("recipe", {})) for card in cards]
    seeds = [recipe.pop("seed", None) for recipe in recipes]
    if len(cards) < FEWEST or len(set(seeds)) < len(cards):
        raise BenchmarkFailed(f"A spread is told from {FEWEST} bundles or more, each of a seed of its own.")
    if any(recipe != recipes[0] for recipe in recipes):
        raise BenchmarkFailed(
            "These bundles are of different recipes. Give bundles that differ in nothing but the seed."
        )
    figures = {name: [card.metrics[name] for card in cards] for name in cards[0].metrics}
    return {
        "recipe": recipes[0].get("name"),
        "trained_by": recipes[0],
        "precisions": [card.training.get("precision", recipes[0].get("precision")) for card in cards],
        "seeds": seeds,
        "seconds": [card.training.get("seconds") for card in cards],
        "figures": {
            name: {"mean": round(float(np.mean(values)), 4), "deviation": round(float(np.std(values, ddof=1)), 4)}
            for name, values in figures.items()
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the spread of some bundles, and write it into the card of another; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE")
    parser.add_argument("--into", type=Path, metavar="BUNDLE", help="also record it in this bundle's card")
    options = parser.parse_args(arguments)
    try:
        spread = spread_of([read_card(bundle) for bundle in options.bundles])
        if options.into:
            card = read_card(options.into)
            noted = {**card.training.get("spread", {}), spread["recipe"]: spread}
            write_card(replace(card, training={**card.training, "spread": noted}), options.into)
    except (BenchmarkFailed, LookalikeError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    _print(spread)
    return 0


def _print(spread: Mapping[str, Any]) -> None:
    print(f"{spread['recipe']}, seeds {', '.join(map(str, spread['seeds']))}")
    for name, found in spread["figures"].items():
        print(f"  {found['mean']:.4f} +- {found['deviation']:.4f}  {name}")


if __name__ == "__main__":
    sys.exit(main())
