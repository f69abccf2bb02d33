"""`jido-nb simulate`: the simulator by hand, for curl, for the SDKs and for benchmarks in other processes."""

import argparse
import signal
import sys
from collections.abc import Sequence

import anyio

from ..errors import ConfigError
from .catalogue import CATALOGUE
from .exchange import Exchange
from .server import serve

HOW = """\
curl -N {url}/v1/messages -H 'content-type: application/json' \\
  -d '{{"model": "story", "max_tokens": 1000, "stream": true, "messages": [{{"role": "user", "content": "Hi"}}]}}'

client = anthropic.Anthropic(base_url="{url}", api_key="not-needed", max_retries=0)
client = openai.OpenAI(base_url="{url}/v1", api_key="not-needed", max_retries=0)
ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=not-needed claude --model story -p Hi

Statistics: {url}/simulator/statistics   Requests: {url}/simulator/requests   Ctrl-C ends it.
"""


def simulate(argv: Sequence[str], make_parser: type[argparse.ArgumentParser] = argparse.ArgumentParser) -> int:
    """Run the simulator until Ctrl-C or SIGTERM. The first line of the output is `Simulator at <url>`.

    Returns:
        The exit status: 0, or 2 when the port cannot be had.
    """
    parser = make_parser(prog="jido-nb simulate", description="Serve simulated models on this machine.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--list", action="store_true", help="list the models and leave")
    parser.add_argument("--quiet", action="store_true", help="print the address only")
    options = parser.parse_args(argv)
    if options.list:
        _say(models())
        return 0
    try:
        anyio.run(_run, options.port, options.quiet)
    except ConfigError as error:
        sys.stderr.write(f"jido-nb simulate: {error}\n")
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def models() -> str:
    """The catalogue, one line a model."""
    width = max(map(len, CATALOGUE))
    return "".join(f"{name:<{width}}  {scenario.description}\n" for name, scenario in CATALOGUE.items())


async def _run(port: int, quiet: bool) -> None:
    # Caught before the address is told, so that whoever reads it may end us at once.
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve(port=port, on_end=None if quiet else _report) as server:
            _say(f"Simulator at {server.url}\n")
            if not quiet:
                _say(f"\n{models()}\n{HOW.format(url=server.url)}\n")
            async for _ in signals:
                return


def _report(exchange: Exchange) -> None:
    model = exchange.model or f"{exchange.method} {exchange.path}"
    attempt = f"attempt {exchange.attempt}" if exchange.attempt else ""
    took = (exchange.ended_s or exchange.arrived_s) - exchange.arrived_s
    _say(f"{model:<20} {attempt:<11} {exchange.status or '':<4} {exchange.outcome:<14} {took * 1000:8.0f} ms\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
