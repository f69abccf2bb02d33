"""A kernel that has shown many turns, and loaded the extension many times, holds what it held after the first few."""

import json

from .comm_front_end import CommFrontEnd

PROBE = """
import collections, comm, gc, json
from ipywidgets.widgets.widget import _instances

def held():
    gc.collect()
    names = ("Hub", "TurnWidget", "_Live", "LabTurn", "Turn", "Conversation", "Lab", "Door", "Runtime", "JidoMagics")
    kinds = (type(each) for each in gc.get_objects())
    counts = collections.Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith("jido_nb."))
    of_widgets = {"widgets": len(_instances), "comms": len(comm.get_comm_manager().comms)}
    print(json.dumps({**{name: counts[name] for name in names}, **of_widgets}))

def show(count):
    for number in range(count):
        turn = jido.conversation(model="simulated:echo").send("hello")
        turn._ipython_display_()
        assert turn.wait(30).status == "completed"
"""


def held(kernel: CommFrontEnd) -> dict[str, int]:
    """What a cell counts, when no output and no name of the notebook holds a turn any more."""
    for _ in range(3):
        kernel.run("0")  # IPython keeps the last three values, too
    kernel.run("%reset -f out")
    cell = kernel.run("held()")
    assert cell.error is None, cell.error
    counts: dict[str, int] = json.loads(cell.stdout)
    return counts


def test_turns_that_were_shown_and_labs_that_were_closed_are_let_go(fresh_kernel: CommFrontEnd) -> None:
    fresh_kernel.run("%load_ext jido_nb")
    fresh_kernel.run(PROBE)
    assert fresh_kernel.run("show(3)").error is None
    few = held(fresh_kernel)
    assert fresh_kernel.run("show(15)").error is None
    assert held(fresh_kernel) == few
    assert (few["Hub"], few["Lab"], few["Runtime"], few["TurnWidget"], few["_Live"]) == (1, 1, 1, 0, 0)
    # The hub and its layout, whose comms stay open.
    assert (few["widgets"], few["comms"]) == (2, 2)
    assert len(fresh_kernel.views) == 18
    for _ in range(4):
        fresh_kernel.run("%reload_ext jido_nb")
        assert fresh_kernel.run("%%jido -m simulated:echo\nhello").error is None
    # The magics remember the last turn: that of the Lab that is open.
    assert held(fresh_kernel) == {**few, "LabTurn": 1, "Turn": 1, "Conversation": 1}
