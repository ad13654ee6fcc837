"""What is sold of trousers, dresses and coats."""

from dataclasses import replace

from sample_shop.assortment.line import BRIGHT, DENIM, MUTED, SOFT, Line
from sample_shop.garments.coats import JACKET_SLEEVE, LONG_BODY, LONG_SLEEVE, Coat
from sample_shop.garments.dresses import FLARED, SHEATH, SHIFT, Dress
from sample_shop.garments.torso import Sleeve
from sample_shop.garments.trousers import Trousers

TROUSERS = (
    Line("straight jeans", Trousers(style="jeans"), ("denim",), DENIM, (60, 110)),
    Line("chinos", Trousers(), ("plain",), ("sand", "navy", "olive", "camel", "charcoal", "stone"), (45, 85), "cotton"),
    Line(
        "suit trousers",
        Trousers(style="pressed", knee=64, ankle=62),
        ("pinstripes", "wool", "windowpane"),
        ("charcoal", "navy", "grey", "espresso", "black"),
        (80, 150),
        "wool",
    ),
    Line(
        "joggers",
        Trousers(style="joggers", ankle=40),
        ("melange", "plain"),
        ("grey", "navy", "sage", "black", "burgundy"),
        (35, 60),
        "cotton",
    ),
    Line(
        "cargo trousers",
        Trousers(style="cargo", knee=60, ankle=54),
        ("canvas",),
        ("olive", "sand", "black", "forest"),
        (55, 95),
        "cotton",
    ),
    Line("flared jeans", Trousers(style="jeans", knee=48, ankle=66), ("denim",), DENIM, (65, 115)),
    Line(
        "turn-up trousers",
        Trousers(turn_ups=True, length=452, knee=60, ankle=54),
        ("corduroy",),
        ("cognac", "forest", "mustard", "navy", "espresso"),
        (60, 100),
    ),
    Line(
        "wide-leg trousers",
        Trousers(style="pressed", hip=84, knee=74, ankle=80, waist=58),
        ("plain", "herringbone"),
        ("terracotta", "ivory", "petrol", "oatmeal", "black"),
        (60, 110),
        "linen",
    ),
    Line(
        "skinny jeans",
        Trousers(style="jeans", hip=72, knee=44, ankle=34, waist=58),
        ("denim",),
        ("black", *DENIM),
        (50, 95),
    ),
    Line(
        "cigarette trousers",
        Trousers(hip=72, knee=48, ankle=40, waist=56, length=456),
        ("tartan", "gingham", "plain"),
        ("black", "brick", "forest", "navy"),
        (50, 95),
    ),
)

_V_SHIFT = replace(SHIFT, v_neck=True, neck_depth=70, waist=54, hem=82)

DRESSES = (
    Line(
        "shift dress",
        Dress(replace(SHIFT, hem_y=432)),
        ("plain", "wide stripes", "herringbone"),
        BRIGHT + MUTED,
        (60, 120),
        "crepe",
    ),
    Line(
        "tea dress",
        Dress(FLARED, waist="belt"),
        ("floral",),
        ("navy", "forest", "burgundy", "black", "petrol"),
        (70, 130),
        "viscose",
    ),
    Line("sheath dress", Dress(SHEATH, Sleeve(60, 46, 16)), ("plain", "windowpane", "rib"), MUTED, (80, 150), "jersey"),
    Line(
        "tiered sun dress",
        Dress(replace(FLARED, hem_y=432), straps=True, skirt="tiered"),
        ("dots", "plain", "gingham"),
        BRIGHT + SOFT,
        (50, 95),
        "cotton",
    ),
    Line(
        "pleated dress",
        Dress(FLARED, Sleeve(150, 36, 9), skirt="pleated"),
        ("plain",),
        ("forest", "burgundy", "petrol", "navy", "terracotta"),
        (90, 160),
        "satin",
    ),
    Line(
        "wrap dress",
        Dress(_V_SHIFT, Sleeve(90, 44, 14), skirt="wrap", waist="tie"),
        ("leaves", "dots", "plain"),
        ("burgundy", "petrol", "olive", "navy", "mustard"),
        (70, 130),
        "viscose",
    ),
    Line(
        "shirt dress",
        Dress(replace(SHIFT, waist=60, hem=84), Sleeve(52, 46, 20), waist="tie", buttoned=True),
        ("gingham", "bengal", "denim"),
        ("sage", "indigo", "sky", "terracotta"),
        (60, 120),
        "cotton",
    ),
    Line(
        "slip dress",
        Dress(replace(SHEATH, hem=66, waist=54), straps=True, waist="none"),
        ("plain",),
        ("blush", "black", "sage", "camel", "petrol"),
        (70, 140),
        "satin",
    ),
    Line(
        "jumper dress",
        Dress(replace(SHEATH, hem=60, neck_depth=20), Sleeve(232, 34, 7), waist="none"),
        ("cable", "rib", "knit"),
        ("oatmeal", "charcoal", "rose", "navy"),
        (90, 160),
        "wool",
    ),
)

_HOODED = replace(LONG_BODY, top=66, hem_y=474)
_SHORT_COAT = replace(LONG_BODY, hem_y=446, chest=100, waist=98, hem=106, shoulder=100)

COATS = (
    Line(
        "overcoat",
        Coat(LONG_BODY, LONG_SLEEVE, "lapels", "buttons", "flap"),
        ("wool", "herringbone"),
        ("camel", "charcoal", "navy", "grey", "forest"),
        (180, 320),
        "wool",
    ),
    Line(
        "trench coat",
        Coat(LONG_BODY, LONG_SLEEVE, "lapels", "double", belt=True),
        ("plain",),
        ("sand", "navy", "olive", "black"),
        (160, 280),
        "cotton",
    ),
    Line(
        "parka",
        Coat(collar="hood", fur=True, pockets="patch"),
        ("plain",),
        ("forest", "olive", "navy", "black"),
        (150, 260),
    ),
    Line(
        "duffle coat",
        Coat(_HOODED, LONG_SLEEVE, "hood", "toggles", "patch"),
        ("wool",),
        ("navy", "camel", "charcoal", "burgundy"),
        (170, 280),
        "wool",
    ),
    Line("puffer jacket", Coat(), ("quilted",), ("mustard", "black", "petrol", "brick", "olive"), (110, 200)),
    Line(
        "trucker jacket",
        Coat(collar="shirt", closing="buttons", pockets="none", chest_pockets=True, stitched=True),
        ("denim",),
        DENIM,
        (80, 140),
    ),
    Line(
        "bomber jacket",
        Coat(sleeve=JACKET_SLEEVE, collar="rib", ribbed=True),
        ("plain", "suede"),
        ("olive", "black", "navy", "chestnut"),
        (90, 180),
    ),
    Line(
        "pea coat",
        Coat(_SHORT_COAT, LONG_SLEEVE, "lapels", "double"),
        ("wool",),
        ("navy", "charcoal", "black", "espresso"),
        (150, 260),
        "wool",
    ),
    Line(
        "biker jacket",
        Coat(collar="lapels", closing="zip", chest_pockets=False),
        ("leather",),
        ("black", "espresso", "burgundy"),
        (200, 380),
        "leather",
    ),
    Line(
        "barn jacket",
        Coat(collar="shirt", closing="buttons", pockets="flap"),
        ("diamond quilted", "corduroy"),
        ("olive", "navy", "camel", "forest"),
        (110, 190),
    ),
)
