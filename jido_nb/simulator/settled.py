"""What an attempt comes to for one request: some depend on the conversation that came with it. Pure."""

from .asked import Asked
from .echo import echo_answer
from .scenario import Attempt, Echo, Rounds, Settled, Shell
from .shell import shell_answer


def settled(attempt: Attempt, asked: Asked) -> Settled:
    """The attempt as something that can be played as it stands."""
    match attempt:
        case Rounds():
            return settled(attempt.at(len(asked.rounds)), asked)
        case Echo():
            return echo_answer(attempt, asked)
        case Shell():
            return shell_answer(asked)
        case _:
            return attempt
