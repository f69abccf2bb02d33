"""What the simulated models say."""

STORY = """\
## The lighthouse that counted

On the last rock before the open sea stood a **lighthouse** whose keeper wrote everything down: every ship, \
every storm, every moth that circled the lamp. "Why keep it all?" asked the boy who brought the oil. \
"So that nothing has to happen twice," said the keeper.

One winter night the lamp went out. It was lit again on the third try, and the log said so:

1. *no spark*
2. *a spark, and wind*
3. *light*

In spring a captain came to thank whoever had saved her ship. "It was dark," she said, "and then it was not." \
The keeper opened the book, turned it towards her, and read the night aloud, exactly as it had been.

She listened to the end. `12:41 light`, said the last line.
"""

THOUGHTS = """\
The question is how many primes lie below ten. A prime has exactly two divisors, one and itself. \
One has only one divisor, so it is out. Two is prime, the only even one. Three, five and seven have \
no smaller divisors. Nine is three times three. That leaves four."""

INTERNATIONAL = (
    "Guten Tag, größer als ß. Привет. 你好\uff0c世界。 こんにちは。 안녕하세요. مرحبا بالعالم. שלום. हिन्दी. Ελληνικά. "
    "e\u0301 is not é. Family: 👨\u200d👩\u200d👧\u200d👦, flag: 🇵🇹, skin: 👍🏽. "
    "Between\u00a0these\u2003are\u2028rare\u0085spaces\u200b.\ttab\r\nend  "
)

HOSTILE = (
    "<script>document.title = 'pwned'</script> <img src=x onerror=\"document.title='pwned'\"> "
    "[a link](javascript:document.title='pwned') ![beacon](http://beacon.invalid/pixel.png) "
    "<iframe srcdoc=\"<script>parent.document.title='pwned'</script>\"></iframe> <style>body{display:none}</style> "
    "\x1b]0;pwned\x07\x1b[2J\x1b[31mred\x1b[0m </div></body> <!-- $\\href{javascript:alert(1)}{x}$ "
    '`</code><script>1</script>` event: message_stop\ndata: {"type":"message_stop"}\n\n{{ secrets }} & done'
)
