"""Curves and outlines in paper units: x to the right, y down, one unit a pixel of the finished picture."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Point: TypeAlias = tuple[float, float]
Points: TypeAlias = NDArray[np.float64]
"""(n, 2), x and y."""

CENTRE = 200.0
"""The x about which garments seen from the front are mirrored."""

_STEPS = 10
"""Straight pieces between two knots of a curve."""


def curve(*knots: Point) -> Points:
    """Return a smooth line through all knots, its corners rounded as little as a spring would."""
    through = np.asarray(knots, np.float64)
    if len(through) < 3:
        return through
    chords = np.sqrt(np.linalg.norm(np.diff(through, axis=0), axis=1)) + 1e-9
    times = np.concatenate([[0.0], np.cumsum(chords)])
    tangents = np.gradient(through, times, axis=0, edge_order=1)
    t = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
    start, end = 2 * t**3 - 3 * t**2 + 1, -2 * t**3 + 3 * t**2
    leave, arrive = t**3 - 2 * t**2 + t, t**3 - t**2
    pieces = [
        start * through[i] + end * through[i + 1] + chord * (leave * tangents[i] + arrive * tangents[i + 1])
        for i, chord in enumerate(chords)
    ]
    return np.concatenate([*pieces, through[-1:]])


def outline(*pieces: Points | Point) -> Points:
    """Return one line made of curves and single points; where two meet there is a corner."""
    return np.concatenate([np.atleast_2d(np.asarray(piece, np.float64)) for piece in pieces])


def mirrored(line: Points) -> Points:
    """Return a line on the other side of the centre."""
    return line * (-1, 1) + (2 * CENTRE, 0)


def both_sides(right: Points) -> Points:
    """Return the closed outline of which this is the right half, from the top of the centre to its bottom."""
    return np.concatenate([right, mirrored(right)[::-1]])


def moved(line: Points, dx: float = 0, dy: float = 0) -> Points:
    """Return a line that lies elsewhere."""
    elsewhere: Points = line + np.array((dx, dy))
    return elsewhere


def band(axis: Points, *widths: float) -> Points:
    """Return the outline of a strip along an axis, with widths that change evenly from its start to its end."""
    steps = np.diff(axis, axis=0)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
    directions = np.gradient(axis, axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True) + 1e-9
    half = np.interp(along, np.linspace(0, along[-1], len(widths)), widths)[:, None] / 2
    normals = np.column_stack([-directions[:, 1], directions[:, 0]])
    return np.concatenate([axis + half * normals, (axis - half * normals)[::-1]])


def ellipse(centre: Point, width: float, height: float) -> Points:
    """Return the outline of an upright ellipse."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.column_stack([np.cos(angles) * width / 2, np.sin(angles) * height / 2]) + centre


def rounded(left: float, top: float, right: float, bottom: float, radius: float = 6) -> Points:
    """Return a rectangle's outline with round corners."""
    quarter = np.linspace(0, np.pi / 2, 8)
    corner = np.column_stack([np.cos(quarter), np.sin(quarter)]) * radius
    turn = np.array([[0, 1], [-1, 0]])
    places = [(right - radius, bottom - radius), (left + radius, bottom - radius)]
    places += [(left + radius, top + radius), (right - radius, top + radius)]
    pieces = []
    for place in places:
        pieces.append(corner + place)
        corner = corner @ turn
    return np.concatenate(pieces)


def piece_of(line: Points, start: float, end: float) -> Points:
    """Return the part of a line between two shares of its length."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    wanted = np.linspace(start, end, max(2, len(line))) * along[-1]
    return np.column_stack([np.interp(wanted, along, line[:, 0]), np.interp(wanted, along, line[:, 1])])
