"""The table of firmware_agent.protocol.states, an entry at a time."""

from firmware_agent.protocol import states


def rows() -> list[dict[int, int]]:
    """By state: which event leads to which state."""
    return [
        {event: states.follows(state, event) for event in range(states.EVENTS) if states.allows(state, event)}
        for state in range(states.STATES)
    ]


def entries() -> set[tuple[int, int]]:
    """(state, event) of every entry."""
    return {(state, event) for state, row in enumerate(rows()) for event in row}
