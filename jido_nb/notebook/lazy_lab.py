"""The Lab that `%load_ext` puts into the namespace: it costs nothing until somebody uses it."""

from typing import TYPE_CHECKING, Any

from .journal_place import journal_place

if TYPE_CHECKING:
    from .lab import Lab


class LazyLab:
    """A promise of a Lab. On first use it becomes one, in place, so that every name for it follows."""

    def __init__(self, journal: str | None = None) -> None:
        self.promised_journal = journal

    def __getattr__(self, name: str) -> Any:
        # Front ends ask every object for `_repr_*_` and the like; looking is not using.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(become_lab(self), name)

    def __enter__(self) -> "Lab":
        return become_lab(self).__enter__()

    def __exit__(self, *exc_info: object) -> None:
        become_lab(self).close()

    def __dir__(self) -> list[str]:
        from .lab import Lab

        return sorted(name for name in dir(Lab) if not name.startswith("_"))

    def __repr__(self) -> str:
        return f"<Lab {self.promised_journal or journal_place() or 'memory'} not opened yet>"


def become_lab(lab: Any) -> "Lab":
    """`lab` as a Lab: itself, made one if it was a promise."""
    from ..settings import load_settings
    from .lab import Lab

    if isinstance(lab, LazyLab):
        journal = lab.__dict__.pop("promised_journal") or load_settings().journal or journal_place()
        lab.__class__ = Lab  # type: ignore[assignment]
        Lab.__init__(lab, journal, lazy=True)  # type: ignore[arg-type]
    real: Lab = lab
    return real
