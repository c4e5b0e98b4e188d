"""The upgrade client's timers and limits, each with its default and where that comes from.

Times in milliseconds unless the name says seconds. "spec" is ZCL r8, chapter 11.13; "Silabs" and
"Espressif" are those vendors' clients; "hubs" is what zigpy and zigbee-herdsman were measured to need.
"""


class Settings:
    """One instance a device; a board changes what it must."""

    def __init__(self):
        # Largest Image Block asked for, bytes. 63: Silabs, IKEA, Sonoff; a server may send fewer (spec).
        self.max_data_size = 63
        # Waits for an answer, try by try; the last one repeats. Hubs: zigpy gives up after 30 s without a
        # block, herdsman 10.9 can lose a request that comes too soon: 1 to 5 s is right. Silabs: 3 s.
        self.response_timeouts = (3000, 4500, 6500, 9000)
        # Unanswered tries in a row after which the client backs off. Silabs, Exegin: 10 blocks.
        self.block_tries = 10
        self.query_tries = 3
        # Unanswered Upgrade End Requests after which the time-out policy decides (spec 11.16: 3).
        self.end_tries = 3
        # First query after a start without a download: at a random time up to this. Ours; Silabs: 5 min.
        self.first_query = 2000
        # Between queries of its own. Ours: once a day, plus up to a tenth at random; Silabs: 5 min, which
        # is more than a narrow network of homes should carry.
        self.query_period = 24 * 3600 * 1000
        # After giving up on a download: first back-off, doubled up to the longest. Ours.
        self.back_off = 60 * 1000
        self.longest_back_off = 3600 * 1000
        # While told to wait: poll no faster than this (spec: 60 min).
        self.hold_poll = 3600 * 1000
        # WAIT_FOR_DATA: longest wait that is believed (Silabs: 60 min), wait if the times make no sense
        # (Silabs: 5 min).
        self.longest_wait = 3600 * 1000
        self.senseless_wait = 300 * 1000
        # Attribute 0x0009 while no server has set another value; the largest value is 0xFFFE (spec).
        self.minimum_block_period = 0
        # UpgradeTimeoutPolicy, attribute 0x000C: 0 apply after unanswered tries, 1 do not (spec default 0).
        self.upgrade_timeout_policy = 0
