"""A twin's events as messages say what the table says, and nothing that it does not."""

import json

from crossfade.schema import columns as c
from crossfade.twin.messages import messages
from crossfade.twin.twin import Twin


def test_messages_are_the_events_in_order(twin: Twin) -> None:
    events = twin.events.slice(0, 500)
    found = list(messages(events))
    said = [json.loads(value) for _, value in found]
    assert [each[c.EVENT_ID] for each in said] == events.column(c.EVENT_ID).to_pylist()
    assert [key.decode() for key, _ in found] == events.column(c.USER_ID).to_pylist()
    assert all(value is not None for each in said for value in each.values())
    first = events.slice(0, 1).to_pylist()[0]
    assert said[0][c.TIMESTAMP] == first[c.TIMESTAMP].isoformat()
    assert {name for name, value in first.items() if value is not None} == set(said[0])
