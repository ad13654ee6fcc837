"""The pages: each asks the Engine one question and hands its records to a template."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from models.embedder import View
from models.pictures.decoding import MAX_BYTES, readable_formats
from search_api.errors import PageOutOfRange
from search_api.http import requests
from search_api.http.answers import png_data_uri
from search_api.http.app import current_engine, picture_urls, reading
from search_api.http.parameters import read, read_query
from search_api.http.problems import Problem
from search_api.parameters import LIMIT, Parameter
from search_api.query import Query
from webui import formatting, upload_cookie
from webui.assets import asset_url, static_file
from webui.mask_codec import haze_over
from webui.view_codec import embedded_from_address, embedded_to_address, fits_in_address, from_address, to_address

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from indexer.records import Item
    from search_api.engine_state import EngineState
    from search_api.results import Garment

FORMATS = readable_formats()
ACCEPT = "image/*,.heic,.heif" if "HEIC" in FORMATS else "image/*"
"""What a browser offers to choose; HEIC by its suffix, since few systems know its type."""

DEFAULT_COUNT = 24
PAGE_NUMBER = Parameter("page", "integer", "Which page of a listing.", default=1, minimum=1)
PER_PAGE = cast("int", LIMIT.default)
COUNTS = (12, 24, 48, 96)
EXAMPLE_HITS = 8
_STOP_NAMES = {0.0: "Same kind", 1.0: "Same look"}
EXAMPLES_LOOKED_AT = 24
"""How many items of a class are looked at for the clearest examples of it."""

pages = Blueprint("pages", __name__, template_folder="templates")
pages.add_url_rule("/static/<name>", view_func=static_file)
pages.add_app_template_filter(formatting.percent)
pages.add_app_template_filter(formatting.heading)
for function in (formatting.name_of, formatting.is_small, formatting.box_text):
    pages.add_app_template_global(function)
pages.add_app_template_global(asset_url, "asset")


@dataclass(frozen=True, slots=True)
class Option:
    """One of several links of which one is current."""

    text: str
    url: str
    current: bool
    count: int = 0


@dataclass(frozen=True, slots=True)
class Shelf:
    """A class as the start page shows it: with an example, and how many items it has."""

    label: str
    count: int
    item: "Item"


@dataclass(frozen=True, slots=True)
class Stop:
    """One place on the way from the same kind to the same look: a link, and the share of the look there."""

    share: float
    name: str
    url: str
    current: bool


@pages.app_context_processor
def _names() -> dict[str, Any]:
    url = picture_urls()
    return {
        "accept": ACCEPT,
        "model": current_engine().card,
        "formats": FORMATS,
        "max_megabytes": MAX_BYTES // 2**20,
        "picture_url": lambda item: url(item.id),
    }


@pages.after_request
def _always_asked_anew(response: Response) -> Response:
    """Unlike the API's `no-store`, `no-cache` lets the browser go back to a page without asking again."""
    if response.mimetype == "text/html" and response.status_code == 200:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


@pages.get("/")
def home() -> str:
    """The start page: give a picture, or start from the catalogue."""
    return _home()


@pages.post("/search")
def upload() -> "BaseResponse":
    """Make a view of the picture in a form and lead to the address of its results. The picture is not kept."""
    question = requests.read_search(request)
    if question.item_id is not None:
        return redirect(url_for("pages.item", item_id=question.item_id), 303)
    assert question.image is not None
    engine = current_engine()
    garments: tuple[Garment, ...] = ()
    if fits_in_address(engine.card):
        view = engine.view(question.image, question.box)
        address = to_address(view.pixels)
    else:
        picture = engine.embed_picture(question.image, question.box)
        view, garments = picture.view, picture.garments
        address = embedded_to_address(picture, engine.card)
    response = redirect(url_for("pages.results", view=address), 303)
    upload_cookie.keep(response, address, view, garments)
    return response


@pages.get("/search")
def results() -> "str | BaseResponse":
    """What looks like the picture whose view is in the address."""
    address = request.args.get("view")
    if not address:
        return redirect(url_for("pages.home"), 303)
    engine, label, query = current_engine(), _label(), _query()
    if fits_in_address(engine.card):
        picture = engine.embed(View(from_address(address, engine.card.input_shape)))
    else:
        picture = embedded_from_address(address, engine.card)
    with reading() as state:
        result = state.search(picture, query)
    steps = upload_cookie.of(request, address)
    return render_template(
        "results.html",
        result=result,
        total=state.reading.items,
        notes=steps.notes,
        garments=steps.garments,
        haze=None if steps.outline is None else png_data_uri(haze_over(steps.outline)),
        view_picture=formatting.view_picture(picture.view),
        view_height=engine.card.input_shape[0],
        view_width=engine.card.input_shape[1],
        filters=_filters(result.predictions[0].label, label),
        counts=_counts(query.k),
        stops=_stops(query.look),
    )


@pages.get("/items/<item_id:item_id>")
def item(item_id: str) -> str:
    """One item and what looks like it."""
    label, query = _label(), _query()
    with reading() as state:
        shown = state.item(item_id)
        hits = state.similar(item_id, query)
    return render_template(
        "item.html",
        item=shown,
        hits=hits,
        filters=_filters(shown.label, label),
        counts=_counts(query.k),
        stops=_stops(query.look),
    )


@pages.get("/browse")
def browse() -> str:
    """The items of one class, or all, a page at a time."""
    page, label = read(request.args, PAGE_NUMBER), _label()
    with reading() as state:
        shown = state.browse(_where(label), (page - 1) * PER_PAGE, PER_PAGE)
        shelves = list(_shelves(state, label))
    last = max(1, -(-shown.total // PER_PAGE))
    if page > last:
        raise PageOutOfRange(f"There are {last} pages here, and this would be page {page}.")
    return render_template(
        "browse.html",
        label=label,
        items=shown.items,
        page=page,
        pages=last,
        previous=_here(page=page - 1 if page > 2 else None) if page > 1 else None,
        next=_here(page=page + 1) if page < last else None,
        shelves=shelves,
    )


def problem_page(problem: Problem) -> Response:
    """Answer an error as a page: beside the form when a picture was given, on a page of its own otherwise."""
    if request.endpoint == "pages.upload" and problem.status < 500:
        return make_response(_home(alert=problem), problem.status)
    return make_response(render_template("error.html", problem=problem), problem.status)


def _home(alert: Problem | None = None) -> str:
    shelves, to_try = [], []
    with reading() as state:
        for label, count in state.counts().items():
            items = state.browse({"label": label}, limit=EXAMPLES_LOOKED_AT).items
            clearest_first = sorted(items, key=lambda item: -item.probability)
            shelves += [Shelf(label, count, item) for item in clearest_first[:1]]
            to_try += clearest_first[1:2]
        example = to_try[len(to_try) // 3] if to_try else None
        example_hits = state.similar(example.id, Query(EXAMPLE_HITS)) if example else []
        is_sample = state.is_sample()
    return render_template(
        "home.html",
        alert=alert,
        total=state.reading.items,
        is_sample=is_sample,
        shelves=shelves,
        to_try=to_try,
        example=example,
        example_hits=example_hits,
    )


def _shelves(state: "EngineState", current: str | None) -> Iterator[Option]:
    yield Option("Everything", url_for("pages.browse"), current is None, state.reading.items)
    for label, count in state.counts().items():
        if count:
            yield Option(label, url_for("pages.browse", label=label), label == current, count)


def _filters(likely: str, current: str | None) -> list[Option]:
    labels = [None, likely] if current in (None, likely) else [None, likely, current]
    return [
        Option(f"Only {label}" if label else "All classes", _here(label=label), label == current) for label in labels
    ]


def _counts(current: int) -> list[Option]:
    return [Option(str(count), _here(k=count), count == current) for count in COUNTS]


def _stops(look: float | None) -> list[Stop]:
    """Return the model's own share of the look, the ends, two between, and the present one where it is none of them."""
    standard = current_engine().look_share
    if standard is None:
        return []
    current = standard if look is None else look
    between = {round(standard + part * (1 - standard), 2) for part in (1 / 3, 2 / 3)}
    stops = []
    for share in sorted({0.0, standard, *between, 1.0, current}):
        name = _STOP_NAMES.get(share, "Balanced" if share == standard else f"{formatting.percent(share)} look")
        url = _here(look=None if share == standard else f"{share:g}", _anchor="found")
        stops.append(Stop(share, name, url, share == current))
    return stops


def _here(**changes: str | int | None) -> str:
    """Return the address of this page with some of its parameters changed, or left out where None."""
    known = {name: value for name in ("view", "label", "k", "look", "page") if (value := request.args.get(name))}
    values: dict[str, Any] = {**(request.view_args or {}), **known, **changes}
    return url_for(cast("str", request.endpoint), **values)


def _label() -> str | None:
    return request.args.get("label") or None


def _query() -> Query:
    given = {name: value for name in ("k", "look") if (value := request.args.get(name))}
    return read_query(given, k=DEFAULT_COUNT, where=_where(_label()))


def _where(label: str | None) -> dict[str, str] | None:
    return {"label": label} if label else None
