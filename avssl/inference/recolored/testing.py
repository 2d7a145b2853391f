"""The real-or-recoloured test: can a person tell a method's colours from the true ones in a second?

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1, "Perceptual realism".
https://arxiv.org/abs/1603.08511
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from avssl.config import ConfigError, Count, Positive, Trust
from avssl.evaluation.recoloring.recolor import Recolors
from avssl.features.cache import digest
from avssl.features.device import find_device
from avssl.features.runs import find_run
from avssl.inference.recolored.choices import shares, summarize
from avssl.inference.recolored.pairs import Pairs, pictures_of_files, pictures_of_run
from avssl.inference.recolored.serving import Server
from avssl.inference.recolored.session import Sessions
from avssl.inference.recolored.trials import trials
from avssl.training.checkpoint import LAST, peek
from avssl.training.export import load_method

FILE = "choices.jsonl"
ROUNDS = 4  # pictures of a run's data to draw from, in sessions


def colorization_test(
    *,
    pictures: Sequence[Path] = (),
    run: Path | None = None,
    runs: Path = Path("runs"),
    out: Path | None = None,
    size: Count = 256,
    seconds: Positive = 1.0,
    practice: Annotated[int, Field(ge=0)] = 10,
    pairs: Count = 40,
    seed: int = 0,
    port: Annotated[int, Field(ge=0, le=65535)] = 0,
    people: Count | None = None,
    serve: bool = True,
    device: str = "auto",
    trust: Trust = (),
) -> dict[str, float]:
    """Serve a page that shows pairs, true beside recoloured, and print how often the fake was taken for the truth.

    The protocol is the paper's: pictures of 256 pixels, a second a pair, 10 pairs to practise with the answer told, 40
    test pairs without, and in a tenth of these the fake has another picture's colours, to see that the person looks.
    Departures: people sit at this machine, not at a market place; the other picture's colours come from the same
    pictures, not from the training set; the interval is Wilson's, where the paper has standard errors by bootstrap.

    A choice is on the disk before the next pair is shown. Stop the tool with Ctrl-C, start it again, and whoever gives
    the same name goes on at the same pair.

    Args:
        pictures: files or folders to draw pairs from; none for the data that the run held out.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        out: folder for ``choices.jsonl``; None for the run's ``colorization_test``.
        size: of the pictures on the page, in pixels.
        seconds: how long a pair is shown.
        practice: pairs to practise on, which are not counted.
        pairs: test pairs a person.
        seed: of pictures, order and sides, together with the person's name.
        port: of the page on this machine; 0 for a free one.
        people: stop when so many have finished; None for Ctrl-C.
        serve: False prints what has been found so far, and shows no page.
        device: where the method runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        See `avssl.inference.recolored.choices.shares`.

    Raises:
        ConfigError: if the run's method gives no colours, or there are too few pictures.
    """
    folder = find_run(run, runs)
    device = find_device(device)
    method = load_method(folder, trust=trust).to(device)
    if not isinstance(method, Recolors):
        raise ConfigError(f"run: {type(method).__name__} of {folder} gives no colours; name one that does, run=FOLDER")
    settings = peek(folder / LAST)["settings"]
    if pictures:
        shown, names = pictures_of_files(pictures, size)
        about = "pictures that were named"
    else:
        shown, names, about = pictures_of_run(settings, size, ROUNDS * (practice + pairs), trust)
    trials("", len(shown), practice, pairs, seed)  # are they enough? better now than on the page
    test = {"weights": digest(method), "pictures": digest(shown), "seconds": seconds, "seed": seed}
    test |= {"practice": practice, "pairs": pairs}
    mark = hashlib.sha256(json.dumps(test, sort_keys=True).encode()).hexdigest()[:16]
    dealt = Pairs(pictures=shown, names=names, method=method, within=taught_size(settings), device=device)
    path = (out or folder / "colorization_test") / FILE
    sessions = Sessions(dealt, path, mark, practice, pairs, seed)
    if serve:
        print(f"{len(shown)} pictures: {about}")
        attend(Server(sessions, port, seconds, people))
    print(*summarize(sessions.choices, sessions.others), sep="\n")
    print(f"Choices: {path}")
    return shares(sessions.choices)


def attend(server: Server) -> None:
    """Serve until enough people have finished or somebody stops it."""
    print(f"Open {server.address} in a browser on this machine; Ctrl-C ends the test", flush=True)
    try:
        with server:
            server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        print()  # the usual end of the test: what was chosen is on the disk


def taught_size(settings: dict[str, Any]) -> int | None:
    """Return the short side of the pictures that a run was taught with; None if they came as they are."""
    size = settings["data"].get("size")
    return min(size) if isinstance(size, list | tuple) else size
