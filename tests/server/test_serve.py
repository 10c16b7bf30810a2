"""The server begins when all is well, and ends when everybody has been answered."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from roadbed.core.errors import Conflict, Invalid
from roadbed.server.chores import Chore, Chores
from roadbed.server.lifecycle import Closer, Lifecycle
from roadbed.server.serve import listen
from roadbed.server.switch import Switch
from tests.server.house import Alarm, Echo, serving, serving_house
from tests.server.test_reload import ask, eventually


def test_calls_under_way_are_answered_before_the_server_ends():
    with serving_house() as house:
        endless, told = house.runners["endless"], []
        caller = threading.Thread(
            target=lambda: told.append(ask(house, "endless", stream=True))
        )
        caller.start()
        assert endless.begun.wait(5)
        house.server.should_exit = True
        time.sleep(0.5)
        with pytest.raises(ConnectionError):
            ask(house)
        endless.enough.set()
        caller.join()

    assert told[0][0] == 200
    assert told[0][1].endswith("data: [DONE]\n\n")


def test_a_call_that_outlasts_the_drain_is_cut_and_on_record():
    with serving_house(drain_seconds=1) as house:
        endless = house.runners["endless"]

        def call():
            with pytest.raises(Exception, match="IncompleteRead"):
                ask(house, "endless", stream=True)

        caller = threading.Thread(target=call)
        caller.start()
        assert endless.begun.wait(5)
        house.server.should_exit = True
        caller.join()

    assert house.last().status == "cancelled"


def test_a_port_that_somebody_has_is_a_conflict():
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]

    with pytest.raises(Conflict, match=str(port)) as raised:
        listen("127.0.0.1", port)
    taken.close()
    assert "ROADBED_PORT" in raised.value.hint


def test_an_address_of_somebody_else_is_refused():
    with pytest.raises((Invalid, Conflict)):
        listen("not.a.host.invalid", 0)


def lifecycle(events, reloader, **more):
    def note(name):
        return lambda: events.append(name)

    async def begin():
        events.append("reload")

    parts = {
        "switch": Switch(lambda unused: None),
        "closer": Closer(),
        "reloader": reloader or SimpleNamespace(start=begin, stop=note("no reload")),
        "denials": SimpleNamespace(start=note("denials"), stop=note("no denials")),
        "chores": SimpleNamespace(start=note("chores"), stop=note("no chores")),
        "begin": [note("log")],
        "end": [note("seal"), note("sign")],
    }
    return Lifecycle(**(parts | more))


def test_parts_end_the_other_way_round_and_sealing_comes_last():
    events = []
    life = lifecycle(events, None)

    async def live():
        await life.start()
        await life.stop()

    asyncio.run(live())

    assert events == [
        *("log", "denials", "reload", "chores"),
        *("no chores", "no reload", "no denials", "seal", "sign"),
    ]


def test_a_part_that_cannot_begin_ends_those_that_did():
    async def fail():
        raise Invalid("no snapshot")

    events = []
    life = lifecycle(events, SimpleNamespace(start=fail, stop=lambda: None))

    with pytest.raises(Invalid, match="no snapshot"):
        asyncio.run(life.start())
    assert events == ["log", "denials", "no denials", "seal", "sign"]


def test_what_is_served_is_closed_at_the_end():
    runner, closer = Echo(), Closer()
    switch = Switch(closer.discard)
    life = lifecycle([], None, switch=switch, closer=closer)

    async def live():
        await life.start()
        switch.swap(serving({"echo": runner}))
        await life.stop()

    asyncio.run(live())

    assert runner.closed == 1


def test_a_chore_that_fails_stops_no_other_and_is_said():
    alarm, done = Alarm(), []
    broken = {"now": True}

    def work():
        if broken["now"]:
            raise OSError("no disk")

    chores = Chores(
        [
            Chore(name="bad", every_s=0.02, work=work),
            Chore(name="good", every_s=0.02, work=lambda: done.append(1)),
        ],
        alarm,
    )
    chores.start()
    assert eventually(lambda: len(done) > 3)
    broken["now"] = False
    assert eventually(lambda: alarm.cleared)
    chores.stop()

    assert {a.code for a in alarm.raised} == {"chore.bad"}
    assert alarm.cleared == ["chore.bad"]
