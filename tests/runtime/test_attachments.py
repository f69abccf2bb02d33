"""Images and documents go with a message: into the journal, and from there to the model, now and in later turns."""

import base64
from pathlib import Path

import pytest

import jido_nb
from jido_nb.runtime.attachments import blocks_of

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
BLOCK = {"type": "image", "source": {"type": "url", "url": "data:,"}}


@pytest.mark.parametrize(
    ("name", "content", "kind", "media_type"),
    [
        ("dot.png", PIXEL, "image", "image/png"),
        ("paper.pdf", b"%PDF-1.4", "document", "application/pdf"),
        ("notes.txt", b"two words", "document", "text/plain"),
    ],
)
def test_a_path_becomes_the_block_of_its_kind(
    tmp_path: Path, name: str, content: bytes, kind: str, media_type: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (block,) = blocks_of([tmp_path / name])
    source = block["source"]
    told = source["data"].encode() if source["type"] == "text" else base64.b64decode(source["data"])
    assert (block["type"], source["media_type"], told) == (kind, media_type, content)


@pytest.mark.parametrize("name", ["missing.png", "tune.mp3", "no-ending", "no\0name.png"])
def test_what_cannot_be_attached_is_refused_by_its_path(tmp_path: Path, name: str) -> None:
    if name in ("tune.mp3", "no-ending"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(jido_nb.ConfigError, match=name) as caught:
        blocks_of([str(tmp_path / name)])
    assert caught.value.field == "attachments"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_model_is_told_of_attachments_also_in_later_turns(tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PIXEL)
    async with jido_nb.open_runtime() as runtime:
        chat = runtime.conversation("c1", model="simulated:echo")
        first = await chat.send("what is this?", attachments=[tmp_path / "dot.png", BLOCK])
        await first.result()
        second = await chat.send("and now?")
        told = (await second.result()).text
        messages = [message.to_payload() for message in await chat.context()]
    image, block, text = messages[0]["content"]
    assert (image["source"]["media_type"], dict(block), text) == (
        "image/png",
        BLOCK,
        {"type": "text", "text": "what is this?"},
    )
    assert "1. user: [image][image]what is this?" in told


@pytest.mark.anyio
@pytest.mark.parametrize("attachments", ["dot.png", [1], [{"source": {}}], {"type": "image"}])
async def test_a_message_with_attachments_of_another_shape_is_refused(attachments: object) -> None:
    async with jido_nb.open_runtime() as runtime:
        with pytest.raises(jido_nb.ContractError) as caught:
            await runtime.ingest_message("c1", "m1", "test", {"content": "hi", "attachments": attachments})
        assert (caught.value.field, await runtime.events()) == ("attachments", [])
