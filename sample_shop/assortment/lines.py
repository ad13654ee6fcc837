"""What the sample shop sells.

To add a product, add a line to one of the ranges; to add a kind of garment, write a design with `draw` and add lines
that use it.
"""

from sample_shop.assortment.line import Line
from sample_shop.assortment.range_of_accessories import ANKLE_BOOTS, BAGS, SANDALS, SNEAKERS
from sample_shop.assortment.range_of_outfits import COATS, DRESSES, TROUSERS
from sample_shop.assortment.range_of_tops import PULLOVERS, SHIRTS, T_SHIRTS

LINES: dict[str, tuple[Line, ...]] = {
    "T-shirt/top": T_SHIRTS,
    "Trouser": TROUSERS,
    "Pullover": PULLOVERS,
    "Dress": DRESSES,
    "Coat": COATS,
    "Sandal": SANDALS,
    "Shirt": SHIRTS,
    "Sneaker": SNEAKERS,
    "Bag": BAGS,
    "Ankle boot": ANKLE_BOOTS,
}
"""What is sold of each class of Fashion-MNIST."""
