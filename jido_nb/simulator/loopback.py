"""The only addresses that the simulator listens on and answers to."""

import errno
import ipaddress

import anyio
from anyio.abc import Listener, SocketStream

from ..errors import ConfigError


async def listen(host: str, port: int) -> Listener[SocketStream]:
    """Open a loopback port; 0 picks a free one.

    Raises:
        ConfigError: the host is not the loopback, or the port cannot be had.
    """
    if not _is_loopback(host):
        raise ConfigError(
            f"the simulator listens on the loopback only, so {host!r} will not do; use '127.0.0.1'",
            field="host",
            value=host,
        )
    address = "127.0.0.1" if host == "localhost" else host
    if not 0 <= port <= 65535:
        raise ConfigError(f"port {port} does not exist; use 0 to 65535 (0: a free one)", field="port", value=port)
    try:
        multi = await anyio.create_tcp_listener(local_host=address, local_port=port)
    except OSError as error:
        # asyncio and trio word this differently, so the number decides.
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror or error})"
        raise ConfigError(
            f"port {port} on {address} {why}; use another, or 0 for a free one", field="port", value=port
        ) from error
    return multi.listeners[0]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_name(header: str) -> bool:
    """Whether a Host header names the loopback."""
    name = header[1:].partition("]")[0] if header.startswith("[") else header.partition(":")[0]
    return _is_loopback(name.lower())
