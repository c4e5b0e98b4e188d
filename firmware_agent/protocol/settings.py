"""The upgrade client's timers and limits, each with its default and where that comes from.

Times in milliseconds unless the name says otherwise. "Spec" is ZCL r8, chapter 11; "Silabs", "Exegin" and
"Espressif" are those vendors' clients; "hubs" is what zigpy and zigbee-herdsman were measured to need.
A comment is its setting's row in docs/protocol.md: `make docs` writes the table from here.
"""


class Settings:
    """One instance a device; a board changes what it must."""

    # Largest block asked for, bytes, at most 255. Silabs, IKEA, Sonoff ask for 63; a server may send fewer
    # (spec).
    max_data_size = 63
    # The client asks for less when a server sends less again and again, or when nothing of a larger block
    # ever comes; never for less than this. The least that hubs send: zigpy, 40 bytes.
    least_data_size = 40
    # Shorter answers in a row, or unanswered tries, that make it ask for less. Ours.
    size_tries = 3
    # Bytes of an Image Page Request, 0 for block requests only; costs twice as many bytes of RAM. Off: one
    # lost frame in a burst costs a time-out. Devices in the field: 1024, 2048, 4096.
    page_size = 0
    # Between the blocks of a page; not less than the minimum block period. Devices in the field: 50.
    response_spacing = 50
    # Put the device's EUI64 into block and page requests. Spec, optional; off: the network's frame names the
    # sender, and it costs 8 bytes a request.
    request_node_address = False
    # Put the minimum block period into block requests. Spec, optional; off: hubs ignore it.
    request_block_period = False
    # Waits for an answer, try by try; the last one repeats. Silabs: 3 s; hubs: zigpy ends after 30 s without
    # a block, herdsman 10.9 can lose a request that comes too soon.
    response_timeouts = (3000, 4500, 6500, 9000)
    # Unanswered block requests in a row after which the client backs off. Silabs, Exegin: 10.
    block_tries = 10
    # Unanswered queries in a row after which it goes on with what it has. Espressif: 3.
    query_tries = 3
    # Unanswered Upgrade End Requests after which the time-out policy decides. Spec, 11.16: 3.
    end_tries = 3
    # Unanswered requests in a row, of any kind, after which it looks for the server again, and after as many
    # more. Silabs: 10.
    server_errors = 10
    # A server that was found may be any device, not only the coordinator or the one that UpgradeServerID
    # names. Off: a GB Communications Hub is the coordinator. Silabs: on, unless built for trust centres only.
    other_servers = False
    # First query after a start without a download: at a random time up to this. Ours; Silabs: 5 min.
    first_query = 2000
    # Between queries of its own, and up to a tenth more at random. Ours, a day; Silabs: 5 min, which is
    # more than a narrow network of homes should carry.
    query_period = 24 * 3600 * 1000
    # The same while neither slot may run: nothing else is left to do. Ours.
    recovery_query_period = 3600 * 1000
    # Largest device-specific file that the application may ask for, bytes with its header; 0 for none. Ours,
    # off: it costs that much RAM, and neither zigpy nor herdsman serves one.
    specific_file_size = 0
    # From one query for such a file to the next, at least. Ours.
    specific_file_period = 3600 * 1000
    # A sleepy end device asks its parent for frames (link.poll()) this often while an answer is outstanding.
    # Spec, Poll Control cluster: a short poll interval of half a second.
    short_poll = 500
    # The same while nothing is asked for. Spec, Poll Control cluster: a long poll interval of 5 s.
    long_poll = 5000
    # After giving up on a download, or an ABORT. Ours: ten lost blocks, the back-off and three lost queries
    # together stay within the 150 s that herdsman keeps a session.
    back_off = 30 * 1000
    # The back-off doubles up to this. Ours.
    longest_back_off = 3600 * 1000
    # While told to wait: poll no faster than this. Spec: 60 min.
    hold_poll = 3600 * 1000
    # Seconds: an activation that is further away is remembered as "wait" over a power cut, since the hub, cut
    # too, may be slow to say the time again. Ours.
    short_countdown = 60
    # WAIT_FOR_DATA: the shortest wait. Exegin: 50.
    shortest_wait = 50
    # WAIT_FOR_DATA: the longest wait that is believed. Silabs: 60 min.
    longest_wait = 3600 * 1000
    # WAIT_FOR_DATA: the wait if its time has passed. Silabs: 5 min.
    senseless_wait = 300 * 1000
    # Attribute 0x0009 while no server has set another value; back to it when a download ends. Spec, 11.10.10;
    # at most 0xFFFE.
    minimum_block_period = 0
    # Attribute 0x000B: 0 the server says when a verified image runs, 1 only an event outside the cluster does
    # (GB: a CS06 command; the application calls device.activate()). Spec: 0.
    upgrade_activation_policy = 0
    # Attribute 0x000C: 0 apply after unanswered tries, 1 do not. Spec: 0.
    upgrade_timeout_policy = 0


def client_settings(board):
    """The Settings of a board: what its ``client_settings``, a dict, do not name is as it is here."""
    settings = Settings()
    changed = getattr(board, "client_settings", {})
    for name in changed:
        if hasattr(settings, name):
            setattr(settings, name, changed[name])
    return settings
