"""The tokens that an answer reports where its scenario does not say: four characters make one."""

from dataclasses import replace

from .asked import Asked
from .scenario import Answer, Tokens
from .steps import Text, ToolUse, joined


def counted(answer: Answer, asked: Asked) -> Tokens:
    """`answer.tokens` with its blanks filled in; `thinking` stays None when there was none."""
    tokens = answer.tokens
    said = sum(len(joined(step.pieces)) for step in answer.steps if isinstance(step, Text | ToolUse))
    thought = len(answer.thinking)
    thinking = _tokens(thought) if thought else None
    return replace(
        tokens,
        input=_tokens(asked.characters) if tokens.input is None else tokens.input,
        output=_tokens(said + thought) if tokens.output is None else tokens.output,
        thinking=thinking if tokens.thinking is None else tokens.thinking,
    )


def _tokens(characters: int) -> int:
    return max(1, (characters + 3) // 4)
