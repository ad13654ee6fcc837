"""What is sold of T-shirts, pullovers and shirts."""

from dataclasses import replace

from sample_shop.assortment.line import BRIGHT, DENIM, MUTED, SOFT, WARM, Line
from sample_shop.garments.shirts import LONG, SHIRT_BODY, SHORT, Shirt
from sample_shop.garments.tops import Pullover, Tee
from sample_shop.garments.torso import Body, Sleeve

_DEEP_V = Body(v_neck=True, neck_depth=66)
_TANK = Body(neck=50, neck_depth=92, shoulder=72, slope=4, chest=96, armhole=128, waist=90, hem=96)
_CREWNECK = Pullover()
_LOOSE = replace(_CREWNECK.body, chest=118, waist=120, hem=112, hem_y=424)

T_SHIRTS = (
    Line("T-shirt", Tee(), ("plain", "breton", "melange"), BRIGHT, (15, 30), "cotton"),
    Line("pocket T-shirt", Tee(pocket=True), ("plain", "melange"), MUTED, (20, 35), "cotton"),
    Line("tank top", Tee(_TANK, None, 6), ("plain", "breton", "melange", "leaves"), SOFT + MUTED, (12, 25), "cotton"),
    Line("V-neck T-shirt", Tee(_DEEP_V), ("plain", "melange"), MUTED + BRIGHT, (18, 30), "linen"),
    Line("sunset T-shirt", Tee(print="sun"), ("plain",), MUTED + BRIGHT, (20, 35), "cotton"),
    Line("ringer T-shirt", Tee(ringer=True, print="block"), ("plain",), BRIGHT, (18, 32), "cotton"),
    Line(
        "scoop-neck top",
        Tee(Body(neck=60, neck_depth=64, shoulder=98, waist=92), Sleeve(48, 60, 40), 6),
        ("plain", "floral", "dots"),
        SOFT + BRIGHT,
        (18, 35),
        "viscose",
    ),
    Line("graphic T-shirt", Tee(print="hills"), ("plain",), BRIGHT + MUTED, (20, 35), "cotton"),
    Line(
        "boxy T-shirt",
        Tee(Body(chest=118, waist=116, hem=116, hem_y=420), Sleeve(70, 78, 30)),
        ("plain", "wide stripes", "melange"),
        MUTED + BRIGHT,
        (22, 38),
        "cotton",
    ),
)

PULLOVERS = (
    Line("crew-neck jumper", _CREWNECK, ("knit", "wide stripes", "melange"), WARM + MUTED, (50, 110), "lambswool"),
    Line("fisherman jumper", _CREWNECK, ("cable",), WARM, (80, 150), "wool"),
    Line("roll-neck jumper", Pullover(collar="roll"), ("knit", "rib"), MUTED + WARM, (70, 140), "merino"),
    Line("hoodie", Pullover(collar="hood"), ("plain", "melange"), MUTED + BRIGHT, (45, 80), "cotton"),
    Line("jumper", _CREWNECK, ("fair isle",), ("petrol", "burgundy", "navy", "forest", "charcoal"), (75, 130), "wool"),
    Line("wave sweatshirt", Pullover(print="lines"), ("plain",), BRIGHT + MUTED, (40, 70), "cotton"),
    Line(
        "boxy jumper",
        Pullover(_LOOSE, Sleeve(256, 50, 9, 8)),
        ("knit", "multi stripes", "breton"),
        WARM + MUTED,
        (60, 110),
        "alpaca",
    ),
    Line(
        "V-neck jumper",
        Pullover(replace(_CREWNECK.body, v_neck=True, neck_depth=72)),
        ("knit", "melange"),
        MUTED + WARM,
        (60, 120),
        "cashmere",
    ),
    Line(
        "boat-neck jumper",
        Pullover(replace(_CREWNECK.body, neck=64, neck_depth=24), collar="none"),
        ("breton", "knit"),
        ("navy", "brick", "charcoal", "petrol", "black"),
        (50, 95),
        "cotton",
    ),
)

_BLOUSE = replace(SHIRT_BODY, waist=94, hem=102, neck=42)

SHIRTS = (
    Line(
        "shirt",
        Shirt(),
        ("plain", "gingham", "bengal"),
        ("sky", "indigo", "blush", "terracotta", "sage"),
        (40, 80),
        "cotton",
    ),
    Line(
        "Oxford shirt",
        Shirt(pockets=1),
        ("plain", "pinstripes"),
        ("sky", "navy", "grey", "lilac", "ivory"),
        (45, 85),
        "cotton",
    ),
    Line(
        "camp-collar shirt",
        Shirt(sleeve=SHORT, collar="camp"),
        ("floral", "leaves", "plain"),
        ("petrol", "forest", "terracotta", "mustard", "navy"),
        (35, 70),
        "viscose",
    ),
    Line(
        "grandad shirt",
        Shirt(collar="band", half_placket=True, pockets=0),
        ("plain", "bengal"),
        ("ivory", "sky", "sage", "stone"),
        (45, 80),
        "linen",
    ),
    Line("Western shirt", Shirt(pockets=2, flaps=True), ("denim",), DENIM, (50, 90)),
    Line("pussy-bow blouse", Shirt(_BLOUSE, LONG, "bow", 0), ("dots", "plain", "leaves"), SOFT, (50, 95), "silk"),
    Line(
        "flannel shirt",
        Shirt(pockets=2),
        ("tartan", "windowpane"),
        ("brick", "forest", "navy", "mustard", "charcoal"),
        (45, 80),
    ),
    Line(
        "short-sleeved shirt",
        Shirt(sleeve=SHORT),
        ("gingham", "plain", "dots"),
        ("sky", "sage", "navy", "rose", "mustard"),
        (35, 65),
        "cotton",
    ),
    Line(
        "blouse",
        Shirt(_BLOUSE, Sleeve(250, 56, 11, 10), "band", 0),
        ("floral", "plain", "dots"),
        SOFT + BRIGHT,
        (45, 85),
        "viscose",
    ),
)
