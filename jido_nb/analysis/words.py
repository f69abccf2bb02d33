"""Words for people."""


def counted(count: int, noun: str) -> str:
    """`1 chunk`, `2 chunks`, `1,000 chunks`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
