"""What zigpy and zigbee-herdsman do, and what a device must therefore do, by the course of an update."""

from tools.conformance.rule import Rule

HUBS = {
    "Starting": [
        Rule(
            "hub-second-notify",
            "Both hubs answer the first query with NO_IMAGE_AVAILABLE, and begin with a second Notify.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-first-block",
            "From Notify to the first block zigpy waits 30 s, herdsman 60 s for the query.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-notify-lost",
            "A lost Notify is never repeated; the device's own query is what is left.",
            "zigpy, herdsman",
        ),
        Rule("hub-notify-no-response", "A Default Response to a Notify ends herdsman's update.", "herdsman"),
        Rule(
            "hub-query-once",
            "herdsman answers one query a session: the device goes on with block requests.",
            "herdsman",
        ),
        Rule(
            "hub-after-reboot",
            "After a reset both hubs serve blocks from the stored offset without a query.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-spontaneous-query",
            "A query nobody called for may get no answer for a day.",
            "zigpy; zigbee2mqtt, source",
        ),
        Rule(
            "hub-scheduled",
            "herdsman serves a scheduled image at the device's own next query.",
            "herdsman",
        ),
        Rule(
            "hub-plain-file",
            "herdsman offers a plain file whatever device it is for: the check is the device's own.",
            "herdsman",
        ),
    ],
    "Serving": [
        Rule(
            "hub-block-size",
            "A block has at most 50 bytes, for some manufacturers 40, for Legrand what was asked for.",
            "zigpy, herdsman",
        ),
        Rule("hub-pacing", "A server may take 250 ms over each block.", "zigbee2mqtt, source"),
        Rule("hub-stall", "zigpy ends 30 s after the last block request: retries come sooner.", "zigpy"),
        Rule("hub-new-tsn", "zigpy drops a repeated frame with the same number for 10 s.", "zigpy"),
        Rule("hub-duplicates", "herdsman answers a doubled request twice.", "herdsman"),
        Rule(
            "hub-past-the-end",
            "Behind the end of the file zigpy answers MALFORMED_COMMAND, herdsman not at all: never ask "
            "there.",
            "zigpy, herdsman",
        ),
        Rule("hub-zero-length", "herdsman sends blocks of no bytes for ever.", "herdsman"),
        Rule(
            "hub-pages",
            "A page's blocks have numbers of their own (zigpy) or all the request's (herdsman): the "
            "offset counts.",
            "zigpy, herdsman",
        ),
        Rule("hub-page-clamped", "A page that goes on behind the file never ends with herdsman.", "herdsman"),
        Rule(
            "hub-no-options",
            "No hub needs the optional fields of a block request: they are off.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-version-echoed",
            "herdsman serves any version that is asked for and echoes it; zigpy answers with its own.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-only-ota",
            "herdsman tells global frames on the cluster from OTA requests by number alone: none is sent "
            "unasked.",
            "herdsman",
        ),
        Rule(
            "hub-quick-request",
            "herdsman 10.9.2 can lose a request that comes too soon: it is repeated after 1 to 5 s.",
            "herdsman, source",
        ),
    ],
    "Ending": [
        Rule(
            "hub-end-in-time",
            "zigpy waits 60 s for Upgrade End after the last block, herdsman 150 s: verifying takes less.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-end-payload",
            "Upgrade End has nine bytes whatever its status: a status alone is unreadable.",
            "zigpy, herdsman",
        ),
        Rule("hub-end-failure", "zigpy answers a failure with Apply now: nothing is applied.", "zigpy"),
        Rule(
            "hub-end-failure-told",
            "herdsman answers a failure with a Default Response SUCCESS.",
            "herdsman",
        ),
        Rule(
            "hub-end-once",
            "A lost Upgrade End Response is never repeated: three tries, then the policy.",
            "zigpy, herdsman",
        ),
        Rule(
            "hub-version-read",
            "zigpy reads CurrentFileVersion server to client; the answer turns the direction.",
            "zigpy",
        ),
        Rule("hub-announce", "herdsman waits for Device_annce after the update.", "herdsman"),
        Rule(
            "hub-interview",
            "Both hubs interview the device again, and the device answers by itself.",
            "zigpy, herdsman",
        ),
        Rule("hub-identical-requests", "Identical requests within milliseconds are each answered.", "zigpy"),
        Rule(
            "hub-reply-endpoint",
            "Answers go to the endpoint and with the profile that asked.",
            "zigpy, herdsman",
        ),
        Rule("hub-abort", "A hub that gives up says ABORT to the next block request.", "zigpy, herdsman"),
        Rule("hub-again", "After an abort a new Notify goes on where it stopped.", "zigpy, herdsman"),
        Rule(
            "hub-file-check",
            "zigpy takes only a file whose elements add up to the size in its header.",
            "zigpy",
        ),
        Rule(
            "hub-clipped-file",
            "herdsman clips a last element that overruns the file, and serves it: the device refuses it.",
            "herdsman",
        ),
        Rule(
            "hub-force",
            "zigpy's force rewrites the header's version: a signed image does not pass.",
            "zigpy, source",
        ),
    ],
}
