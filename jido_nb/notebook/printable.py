"""Text of a model or a server, made fit for a terminal."""

_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}
_PICTURES |= dict.fromkeys(range(128, 160), 0xFFFD)


def printable(text: str) -> str:
    """`text` with control characters as pictures of themselves: a terminal would obey them."""
    return text.translate(_PICTURES)
