"""What part of the library the time goes to: the profiler's own times, put together by package."""

from __future__ import annotations

import cProfile
import io
import pstats
from typing import Any, Final

__all__ = ["LAYERS", "Shares"]

LAYERS: Final = ("codec", "crypto", "store", "exchanges", "group", "peers", "rest")

PLACES: Final = {
    "gsakmp/crypto/": "crypto",
    "/cryptography/": "crypto",
    "gsakmp/wire/": "codec",
    "gsakmp/message/": "codec",
    "gsakmp/payloads/": "codec",
    "gsakmp/doi/": "codec",
    "gsakmp/registries/": "codec",
    "<gsakmp ": "codec",  # what the codec generates
    "gsakmp/store/": "store",
    "/sqlalchemy/": "store",
    "gsakmp/exchanges/": "exchanges",
    "gsakmp/identities": "exchanges",
    "gsakmp/group/": "group",
    "gsakmp/peers/": "peers",
}
BUILT_IN: Final = {
    **dict.fromkeys(("cryptography.hazmat", "_hashlib", "urandom"), "crypto"),
    "sqlite3": "store",
}
HEAVY: Final = {"{method 'exchange'", "{built-in method ec.", "{method 'sign'", "{method 'verify'"}
DEPTH: Final = 6
FUNCTIONS_SHOWN: Final = 14
WIDTH: Final = 110

Function = tuple[str, int, str]


def layer_of(function: Function) -> str | None:
    """None for what belongs to whoever calls it: built-in functions, the standard library."""
    file, _, name = function
    if file != "~":
        return next((layer for part, layer in PLACES.items() if part in file), None)
    if name.startswith(tuple(HEAVY)):
        return "crypto"
    return next((layer for part, layer in BUILT_IN.items() if part in name), None)


class Shares:
    """Profiles what stands between `start` and `stop`, as often as that is."""

    def __init__(self) -> None:
        self._profiler = cProfile.Profile()

    def start(self) -> None:
        self._profiler.enable()

    def stop(self) -> None:
        self._profiler.disable()

    def stats(self) -> dict[Function, Any]:
        found: Any = pstats.Stats(self._profiler, stream=io.StringIO())
        return dict(found.stats)

    def by_layer(self) -> dict[str, float]:
        """Parts of the whole, by layer."""
        stats, found = self.stats(), dict.fromkeys(LAYERS, 0.0)
        for function, (_, _, own, _, _) in stats.items():
            self._give(stats, function, own, found, DEPTH)
        total = sum(found.values()) or 1.0
        return {layer: found[layer] / total for layer in LAYERS}

    def _give(
        self, stats: dict[Function, Any], function: Function, own: float, found: dict[str, float], depth: int
    ) -> None:
        """To its layer, or to those of its callers, by what each of them caused."""
        layer = layer_of(function)
        callers = stats[function][4] if function in stats else {}
        if layer is not None or not callers or not depth:
            found[layer or "rest"] += own
            return
        caused = {caller: times[2] for caller, times in callers.items()}
        total = sum(caused.values())
        for caller, part in caused.items():
            share = part / total if total else 1 / len(caused)
            self._give(stats, caller, own * share, found, depth - 1)

    def table(self, title: str, calls: int) -> str:
        """Functions by their own time."""
        stats = self.stats()
        total = sum(own for _, _, own, _, _ in stats.values()) or 1.0
        count = sum(called for _, called, _, _, _ in stats.values()) / calls
        lines = [f"{title}: {count:.0f} calls; where the time goes (own time; calls for one)"]
        rows = sorted(stats.items(), key=lambda item: -item[1][2])[:FUNCTIONS_SHOWN]
        for (file, line, name), (_, called, own, _, _) in rows:
            place = f"{'/'.join(file.split('/')[-2:])}:{line}" if file != "~" else ""
            text = f"  {100 * own / total:5.1f} % {called / calls:7.1f}  {name.strip('<>')}  {place}"
            lines.append(text[:WIDTH])
        return "\n".join(lines)
