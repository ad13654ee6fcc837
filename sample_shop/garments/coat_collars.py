"""Collars of coats, each as the outline of its right half."""

from sample_shop.drawing.curves import CENTRE, Point, Points, curve, outline
from sample_shop.garments.torso import Body

LAPEL_DEPTH = 118
"""How far below the neckline lapels meet (pixels)."""


def standing(body: Body) -> Points:
    """Return a collar that stands up around the neck."""
    top, neck = body.top, body.neck
    front, back = (CENTRE, top + body.neck_depth - 16), (CENTRE + neck - 6, top - 18)
    return outline(
        curve(front, (CENTRE + neck * 0.6, top + 4), back),
        curve(back, (CENTRE + neck + 6, top - 4), (CENTRE + neck + 9, top + 8)),
        curve((CENTRE + neck + 9, top + 8), (CENTRE + neck * 0.6, top + 28), (CENTRE, top + body.neck_depth + 12)),
    )


def turned_down(body: Body) -> Points:
    """Return a collar that is turned down, its ends meeting in the middle."""
    top, neck = body.top, body.neck
    inner = curve(_back(body), (CENTRE + neck * 0.6, top + 10), (CENTRE + 2, top + body.neck_depth - 4))
    return outline(inner, (CENTRE + 34, top + 66), _outer_edge(body))


def above_lapels(body: Body) -> Points:
    """Return a collar that is turned down as far as the lapels."""
    top, neck = body.top, body.neck
    inner = curve(_back(body), (CENTRE + neck * 0.72, top + 12), (CENTRE + neck * 0.45, top + 34))
    return outline(inner, _notch(body), _outer_edge(body))


def lapel(body: Body) -> Points:
    """Return a lapel, from the collar down to where the coat closes."""
    top, neck = body.top, body.neck
    end = top + body.neck_depth + LAPEL_DEPTH
    fold = outline((CENTRE + neck * 0.62, top + 16), (CENTRE + neck * 0.72, top + 40))
    edge = curve((CENTRE + neck + 26, top + 62), (CENTRE + neck * 0.86, end - 50), (CENTRE - 1, end))
    return outline(fold, _notch(body), edge, (CENTRE - 1, end - 6))


def lining(body: Body) -> Points:
    """Return what is seen of the inside between the lapels."""
    top = body.top + body.neck_depth
    return outline((CENTRE, top - 4), (CENTRE + body.neck * 0.7, body.top + 18), (CENTRE, top + LAPEL_DEPTH))


def _back(body: Body) -> Point:
    return CENTRE + body.neck - 8, body.top - 16


def _notch(body: Body) -> Point:
    return CENTRE + body.neck + 12, body.top + 50


def _outer_edge(body: Body) -> Points:
    top, neck = body.top, body.neck
    return curve((CENTRE + neck + 22, top + 40), (CENTRE + neck + 14, top + 10), _back(body))
