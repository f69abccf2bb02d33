"""Images, documents and other content that goes with a message, as blocks in Anthropic's form.

The other protocols translate them (`llm.request.Message`). A block is part of the message in the journal, so a file is
read once, when the message is sent, and the log stays whole without it.
"""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, ContractError

Attachment = Mapping[str, Any] | str | Path
"""A content block, or the path of an image, a PDF or a text."""


def blocks_of(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """Read what is given as a path; what is a block already stays as it is.

    Raises:
        ContractError: it is no list of them.
        ConfigError: a file that cannot be read, or of a kind that no model is known to take.
    """
    listed = isinstance(attachments, Sequence) and not isinstance(attachments, str)
    if not listed or not all(isinstance(each, Mapping | str | Path) for each in attachments):
        message = f"attachments must be a list of content blocks and paths, not {attachments!r}"
        raise ContractError(message, field="attachments", reason="invalid", value=attachments)
    return [dict(each) if isinstance(each, Mapping) else _read(Path(each)) for each in attachments]


def check_attachments(attachments: Any) -> None:
    """Raise ContractError unless this is a list of blocks, each a mapping with a `type`."""
    if attachments is None:
        return
    blocks = attachments if isinstance(attachments, Sequence) and not isinstance(attachments, str) else [None]
    if not all(isinstance(block, Mapping) and isinstance(block.get("type"), str) for block in blocks):
        message = "attachments must be a list of content blocks, each with a type such as 'image' or 'document'"
        raise ContractError(message, field="attachments", reason="invalid", value=attachments)


def _read(path: Path) -> dict[str, Any]:
    media_type = mimetypes.guess_type(path.name)[0] or ""
    kind = "image" if media_type.startswith("image/") else "document"
    try:
        if media_type.startswith("text/"):
            source = {"type": "text", "media_type": "text/plain", "data": path.read_text(encoding="utf-8")}
        elif kind == "image" or media_type == "application/pdf":
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            source = {"type": "base64", "media_type": media_type, "data": data}
        else:
            message = f"cannot attach {path}: a model takes images, PDF and text, not {media_type or 'an unknown kind'}"
            raise ConfigError(message, field="attachments", value=str(path))
    except (OSError, ValueError) as error:  # no text, or no name of a file
        raise ConfigError(f"cannot attach {path}: {error}", field="attachments", value=str(path)) from None
    return {"type": kind, "source": source}
