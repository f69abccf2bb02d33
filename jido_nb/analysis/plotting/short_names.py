"""Labels for names that are too long for an axis, and still tell them apart."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import takewhile


def short_names(names: Iterable[str], limit: int = 32) -> Mapping[str, str]:
    """Each name as a label of hardly more than `limit` characters.

    Rule 1: of a path, the last part is enough where no other name ends in it.
    Rule 2: of what is still too long, that which all of those begin with is left out, and then the middle.
    Rule 3: what looks alike even so is numbered.
    """
    unique = list(dict.fromkeys(names))
    ends = Counter(_end(name) for name in unique)
    labels = {name: " ".join((_end(name) if ends[_end(name)] == 1 else name).split()) for name in unique}
    long = [label for label in labels.values() if len(label) > limit]
    cut = len(_begin(long)) if len(long) > 1 else 0
    labels = {name: label if len(label) <= limit else _cut(label, cut, limit) for name, label in labels.items()}
    shown = Counter(labels.values())
    numbers: Counter[str] = Counter()
    for name, label in labels.items():
        if shown[label] > 1:
            numbers[label] += 1
            labels[name] = f"{label} ({numbers[label]})"
    return labels


def _end(name: str) -> str:
    return name.rpartition("/")[2] or name


def _begin(labels: list[str]) -> str:
    """What all begin with, as far as whole words go."""
    columns = zip(*labels, strict=False)
    begin = "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, columns))
    while begin and begin[-1].isalnum():
        begin = begin[:-1]
    return begin


def _cut(label: str, begin: int, limit: int) -> str:
    label = f"…{label[begin:]}" if begin else label
    head = limit // 2
    return label if len(label) <= limit else f"{label[:head]}…{label[head + 1 - limit :]}"
