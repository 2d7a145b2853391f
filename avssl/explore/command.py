"""A run's features as a map in the browser: what ``avssl explore`` runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from avssl.cache import cache_folder
from avssl.config import ConfigError, Count, Trust
from avssl.data import Dataset
from avssl.explore.answering import MediaByRow
from avssl.explore.guarding import HOST
from avssl.explore.media import Draw, media_of
from avssl.explore.page import app_of, bound, props_of, require_packages, serve
from avssl.explore.projection import clusters_of, neighbours_of, project
from avssl.explore.sources import Source, drawing, is_features, made, open_sources, same_rows, thinned
from avssl.explore.tables import NONE, OTHER, columns_of, further, placed
from avssl.features.cache import FeatureCache

CLUSTERS = 10  # where no classes say how many


def explore(
    *,
    what: Path,
    other: Path | None = None,
    layer: str | None = None,
    other_layer: str | None = None,
    data: Dataset | None = None,
    unit: Literal["item", "clip", "frame"] = "item",
    clusters: Annotated[int, Field(ge=0)] | None = None,
    neighbours: Count = 15,
    max_points: Count = 50000,
    port: Annotated[int, Field(ge=0, le=65535)] = 0,
    device: str = "auto",
    batch: Count = 256,
    workers: Annotated[int, Field(ge=0)] = 0,
    trust: Trust = (),
) -> None:
    """Serve a page to this machine: a map of features whose points are played, heard or seen, until Ctrl-C.

    Of a run, features of the data that it held out are extracted into ``explore`` in its folder, where those that are
    there already are read back. The map (UMAP of cosines), exact neighbours and clusters are kept in the cache.

    Args:
        what: folder of a run, or of features that ``extract`` or ``embed`` wrote.
        other: another run or features of the same rows, for a second map beside.
        layer: whose features; None for the output, or the only layer of a folder.
        other_layer: of the second map; without ``other`` another layer of the same run or folder.
        data: what the encoder of a run looks at; None for what the run held out, or else learned from.
        unit: of a run's features: a point for each item, clip or frame.
        clusters: of k-means, to colour by; None for as many as there are classes, 0 for none.
        neighbours: listed of each point.
        max_points: of more rows so many are drawn by chance.
        port: of the page on this machine; 0 for a free one.
        device: where an encoder runs: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        batch: frames a pass.
        workers: processes that read ahead.
        trust: packages whose classes a run or the data of features may name and so run, see `avssl.load_encoder`.

    Raises:
        ConfigError: if there is no such run, folder or layer, rows differ, or the extra ``explore`` is not installed.
    """
    require_packages()
    listening = bound(port)  # a taken port is told before anything is computed
    how = {"unit": unit, "device": device, "batch": batch, "workers": workers}
    two_layers = other is None and other_layer is not None
    sources = open_sources(what, (layer, other_layer) if two_layers else (layer,), data, trust, **how)
    if other is not None:
        if data is None and sources[0].data is not None:
            data = made(sources[0].data, trust, "the data of the first features")
        sources += open_sources(other, (other_layer or layer,), None if is_features(other) else data, trust, **how)
        same_rows(*sources)
    sources = [thinned(source, max_points) for source in sources]
    titles = [source.name for source in sources]
    print(f"{len(sources[0].rows)} points: {'; '.join(titles)}", flush=True)
    draw = drawn(sources[0], trust)
    media = media_of(sources[0].rows, draw is not None)
    columns = table_of(sources, media, clusters, neighbours, FeatureCache(cache_folder("explore")))
    labelled = any(label != NONE for label in columns["label"])
    category = "label" if labelled or "cluster" not in columns else "cluster"
    port = listening.getsockname()[1]
    app = app_of(columns, props_of(titles, category), MediaByRow(media, draw), port)
    print(f"Open http://{HOST}:{port}/ in a browser on this machine; Ctrl-C ends it", flush=True)
    serve(app, listening)


def drawn(source: Source, trust: Trust) -> Draw | None:
    """Return what draws rows that are in no file of their own; without the data set, say so and go on."""
    try:
        return drawing(source, trust)
    except ConfigError as error:
        print(f"no pictures of what lies in no file of its own: {error}", flush=True)
        return None


def table_of(
    sources: Sequence[Source], media: Sequence[Any], clusters: int | None, neighbours: int, cache: FeatureCache
) -> dict[str, Any]:
    """Return all columns of the page: what rows are, and the map of each source."""
    first = sources[0]
    count = clusters if clusters is not None else len(first.rows.classes) or CLUSTERS
    columns = columns_of(first.rows, media, clusters_of(first.features, count, cache) if count else None)
    columns |= further(first.index, columns)
    for source, suffix in zip(sources, ("", OTHER), strict=False):
        near = neighbours_of(source.features, neighbours, cache)
        columns |= placed(project(source.features, cache), near, suffix)
    return columns
