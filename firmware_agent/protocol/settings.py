"""The upgrade client's timers and limits, each with its default and where that comes from.

Times in milliseconds unless the name says seconds. "spec" is ZCL r8, chapter 11.13; "Silabs" and
"Espressif" are those vendors' clients; "hubs" is what zigpy and zigbee-herdsman were measured to need.
"""


class Settings:
    """One instance a device; a board changes what it must."""

    # Largest Image Block asked for, bytes. 63: Silabs, IKEA, Sonoff; a server may send fewer (spec).
    max_data_size = 63
    # Waits for an answer, try by try; the last one repeats. Hubs: zigpy gives up after 30 s without a
    # block, herdsman 10.9 can lose a request that comes too soon: 1 to 5 s is right. Silabs: 3 s.
    response_timeouts = (3000, 4500, 6500, 9000)
    # Unanswered tries in a row after which the client backs off. Silabs, Exegin: 10 blocks.
    block_tries = 10
    query_tries = 3
    # Unanswered Upgrade End Requests after which the time-out policy decides (spec 11.16: 3).
    end_tries = 3
    # First query after a start without a download: at a random time up to this. Ours; Silabs: 5 min.
    first_query = 2000
    # Between queries of its own. Ours: once a day, plus up to a tenth at random; Silabs: 5 min, which
    # is more than a narrow network of homes should carry.
    query_period = 24 * 3600 * 1000
    # The same while neither slot may run: nothing else is left to do. Ours.
    recovery_query_period = 3600 * 1000
    # After giving up on a download: first back-off, doubled up to the longest. Ours: ten lost blocks, the
    # back-off and three lost queries together stay within the 150 s that herdsman keeps a session.
    back_off = 30 * 1000
    longest_back_off = 3600 * 1000
    # While told to wait: poll no faster than this (spec: 60 min).
    hold_poll = 3600 * 1000
    # An activation that is further away than this many seconds is remembered as "wait" over a power cut:
    # the hub, cut too, may be slow to say the time again. Ours.
    short_countdown = 60
    # WAIT_FOR_DATA: shortest wait (Exegin: 50 ms), longest that is believed (Silabs: 60 min), wait if
    # the times make no sense (Silabs: 5 min).
    shortest_wait = 50
    longest_wait = 3600 * 1000
    senseless_wait = 300 * 1000
    # Attribute 0x0009 while no server has set another value; the largest value is 0xFFFE (spec).
    minimum_block_period = 0
    # UpgradeTimeoutPolicy, attribute 0x000C: 0 apply after unanswered tries, 1 do not (spec default 0).
    upgrade_timeout_policy = 0
