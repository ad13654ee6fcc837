"""The pages: each asks the Engine one question and hands its records to a template."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from indexer.fields import PREDICTED_CLASS
from indexer.predictions import shop_words
from models.embedder import View
from models.pictures.decoding import MAX_BYTES, readable_formats
from search_api.access.guard import REFUSED
from search_api.errors import PageOutOfRange
from search_api.http.answers import png_data_uri, sized_path
from search_api.http.engine_access import current_engine, picture_paths, reading
from search_api.http.problems import Problem
from search_api.http.reading import requests
from search_api.http.reading.parameters import read
from search_api.parameters import LIMIT, Parameter
from search_api.picture_sizes import sizes_of
from search_api.query import Query
from webui import choices, formatting, upload_cookie
from webui.assets import asset_url, static_file
from webui.mask_codec import haze_over
from webui.view_codec import embedded_from_address, embedded_to_address, fits_in_address, from_address, to_address

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from indexer.records import Item
    from search_api.results import Garment

FORMATS = readable_formats()
ACCEPT = "image/*,.heic,.heif" if "HEIC" in FORMATS else "image/*"
"""What a browser offers to choose; HEIC by its suffix, since few systems know its type."""

PAGE_NUMBER = Parameter("page", "integer", "Which page of a listing.", default=1, minimum=1)
PER_PAGE = cast("int", LIMIT.default)
EXAMPLE_HITS = 8
EXAMPLES_LOOKED_AT = 24
"""How many items of a class are looked at for the clearest examples of it."""

pages = Blueprint("pages", __name__, template_folder="templates")
pages.add_url_rule("/static/<name>", view_func=static_file)
pages.add_app_template_filter(formatting.percent)
pages.add_app_template_filter(formatting.heading)
for function in (formatting.name_of, formatting.is_small, formatting.box_text, shop_words):
    pages.add_app_template_global(function)
pages.add_app_template_global(asset_url, "asset")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A class as the start page shows it: with an example, and how many items it has."""

    name: str
    count: int
    item: "Item"


@pages.app_context_processor
def _names() -> dict[str, Any]:
    url = picture_paths()
    return {
        "accept": ACCEPT,
        "model": current_engine().card,
        "formats": FORMATS,
        "max_megabytes": MAX_BYTES // 2**20,
        "sizes_of_picture": lambda item: {
            called: (url(sized_path(item.id, size)), size) for called, size in sizes_of(item.picture).items()
        },
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
    if slid := choices.slid():
        return redirect(slid, 303)
    engine, query = current_engine(), choices.query()
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
        filters=choices.classes(result.best_class.value),
        colours=choices.colours(result.colours),
        **_weighing(query),
    )


@pages.get("/items/<item_id:item_id>")
def item(item_id: str) -> "str | BaseResponse":
    """One item and what looks like it."""
    if slid := choices.slid():
        return redirect(slid, 303)
    query = choices.query()
    with reading() as state:
        shown = state.item(item_id)
        hits = state.similar(item_id, query)
    return render_template(
        "item.html",
        item=shown,
        hits=hits,
        filters=choices.classes(shown.best_class.value),
        colours=choices.colours(shown.colours or ()),
        **_weighing(query),
    )


@pages.get("/browse")
def browse() -> str:
    """The items of one class, or all, a page at a time."""
    page, shown_class = read(request.args, PAGE_NUMBER), choices.only_class()
    with reading() as state:
        shown = state.browse(choices.where(), (page - 1) * PER_PAGE, PER_PAGE)
        shelves = list(choices.shelves(state, shown_class))
    last = max(1, -(-shown.total // PER_PAGE))
    if page > last:
        raise PageOutOfRange(f"There are {last} pages here, and this would be page {page}.")
    return render_template(
        "browse.html",
        shown_class=shown_class,
        items=shown.items,
        page=page,
        pages=last,
        previous=choices.here(page=page - 1 if page > 2 else None) if page > 1 else None,
        next=choices.here(page=page + 1) if page < last else None,
        shelves=shelves,
        palette=choices.palette() if choices.colour() or any(one.colours for one in shown.items) else [],
    )


def _weighing(query: Query) -> dict[str, Any]:
    """Return how many items a page may show, and how their likeness may be weighed."""
    return {
        "counts": choices.counts(query.k),
        "stops": choices.stops(query),
        "weighed": choices.weighed(query),
        "sliders": choices.sliders(query),
        "kept_fields": choices.kept_fields(),
    }


def problem_page(problem: Problem) -> Response:
    """Answer an error as a page: beside the form when a picture was given, on a page of its own otherwise."""
    if request.endpoint == "pages.upload" and problem.status < 500 and REFUSED not in request.environ:
        return make_response(_home(alert=problem), problem.status)
    template = "closed.html" if problem.status == HTTPStatus.UNAUTHORIZED else "error.html"
    return make_response(render_template(template, problem=problem), problem.status)


def _home(alert: Problem | None = None) -> str:
    shelves, to_try = [], []
    with reading() as state:
        for name, count in state.counts().items():
            items = state.browse({PREDICTED_CLASS: name}, limit=EXAMPLES_LOOKED_AT).items
            clearest_first = sorted(items, key=lambda item: -item.best_class.probability)
            shelves += [Shelf(name, count, item) for item in clearest_first[:1]]
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
