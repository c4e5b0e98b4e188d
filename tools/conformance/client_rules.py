"""What the cluster asks of a client in an update, by subject; how other clients read it."""

from tools.conformance.rule import Rule

CLIENT = {
    "Image Notify": [
        Rule(
            "notify-unicast",
            "A unicast Notify leads to a query whatever it holds: so a server has an image installed again.",
            "ZCL 11.13.3",
        ),
        Rule(
            "notify-unicast-lenient",
            "Atmel's client refuses a unicast Notify with a payload type or a jitter of its own by a "
            "Default Response, other stacks take it. We take it, and refuse only a length that no payload "
            "type has: a Default Response ends herdsman's update.",
            "Atmel; herdsman",
        ),
        Rule(
            "notify-broadcast-invalid",
            "A broadcast Notify with a jitter outside 1 to 100, a reserved payload type or another length "
            "than its type's is dropped in silence.",
            "ZCL 11.13.3",
        ),
        Rule(
            "notify-manufacturer",
            "From payload type 1 on the manufacturer must be ours or the wildcard.",
            "ZCL 11.13.3",
        ),
        Rule(
            "notify-image-type",
            "From payload type 2 on the image type must be ours or the wildcard.",
            "ZCL 11.13.3",
        ),
        Rule(
            "notify-version",
            "Payload type 3 with the version that runs, or that is there already, is dropped.",
            "ZCL 11.13.3",
        ),
        Rule(
            "notify-jitter",
            "A broadcast leads to a query only if a number drawn from 1 to 100 is not above the jitter.",
            "ZCL 11.13.3",
        ),
        Rule(
            "notify-no-starvation",
            "However often a Notify comes while the server makes the client wait, the download ends: no wait "
            "begins anew, and a block comes for each time that the image has to show itself.",
            "ours",
        ),
        Rule("broadcast-no-response", "No Default Response ever answers a broadcast.", "ZCL 2.5.12"),
    ],
    "Query Next Image": [
        Rule(
            "query-hardware",
            "The query carries the hardware version, so that the server can choose.",
            "ZCL 11.13.4",
        ),
        Rule(
            "no-image",
            "After NO_IMAGE_AVAILABLE the client goes on asking, at its own period.",
            "ZCL 11.13.5",
        ),
        Rule(
            "not-authorized",
            "NOT_AUTHORIZED ends the query; the device stays idle and may turn to another server.",
            "ZCL 11.13.5",
        ),
        Rule(
            "offer-identity",
            "An offer must name our manufacturer and image type and a size above 0; else INVALID_FIELD.",
            "ZCL 11.13.5",
        ),
        Rule("offer-size", "What does not fit is refused with INSUFFICIENT_SPACE.", "ZCL 11.13.5"),
        Rule(
            "offer-known-version",
            "The version that runs, or that is downloaded, is not fetched again.",
            "ZCL 11.13.5.4",
        ),
        Rule(
            "offer-lower-version",
            "A lower version is the server's policy. What forbids going back is the signed security "
            "counter, and the refusal is an Upgrade End with INVALID_IMAGE.",
            "ZCL 11.13.5; Silabs",
        ),
        Rule(
            "header-checked",
            "As soon as the file's header is there the device itself checks hardware range, manufacturer, "
            "image type, version and total size against offer and manifest.",
            "Silabs, Exegin",
        ),
    ],
    "Image Block": [
        Rule(
            "block-answers",
            "A block must carry the identity and the offset asked for, and more than 0 and at most the "
            "bytes asked for; anything else is ignored, and ends nothing.",
            "Silabs, Exegin",
        ),
        Rule(
            "block-retry",
            "After a time-out the same offset is asked for again.",
            "ZCL 11.13.6; Silabs 3 s",
        ),
        Rule(
            "block-captured",
            "A block as a hub in the field sent it, without the bit that forbids a Default Response, is one.",
            "com.zsmartsystems.zigbee, test log",
        ),
        Rule("block-shorter", "A server may send fewer bytes than were asked for.", "ZCL 11.13.8"),
        Rule(
            "block-refused",
            "A Default Response to a block request ends the download for now; what is on flash stays.",
            "Silabs, Exegin",
        ),
        Rule("block-errors", "Ten unanswered requests in a row lead to a back-off.", "Silabs, Exegin"),
        Rule(
            "block-period",
            "Between two block requests at least MinimumBlockPeriod passes.",
            "ZCL 11.10.10",
        ),
        Rule(
            "block-period-default",
            "MinimumBlockPeriod is the default again when a download ends.",
            "ZCL 11.10.10",
        ),
        Rule(
            "abort",
            "ABORT stops the download, the status is Normal, a later query tries again. Ours keeps what "
            "is on flash.",
            "ZCL 11.13.8",
        ),
        Rule(
            "resume",
            "After a reset the download goes on at the offset that is safely on flash.",
            "Silabs, Atmel",
        ),
        Rule(
            "resume-identity",
            "Only the same manufacturer, image type, version and size are gone on with; another image "
            "starts at 0.",
            "Silabs; Espressif's known bugs",
        ),
        Rule(
            "resume-content",
            "A version that comes back with other bytes is not spliced: before a download goes on, a few "
            "bytes of the signed head are fetched again and compared.",
            "ours; a file replaced on the server",
        ),
        Rule(
            "block-path-allocates-nothing",
            "From the wire to the flash a block allocates no memory, 20,000 of them in a row, those with the "
            "file's header included; an image does once, when its envelope is read and judged.",
            "ours",
        ),
        Rule(
            "duty-cycle",
            "A server whose radio has used up its duty cycle answers every request with WAIT_FOR_DATA: "
            "however often, that is no error.",
            "Silabs, quoting SE 1.4",
        ),
    ],
    "Image Page": [
        Rule(
            "page-request",
            "Page size and response spacing are the client's choice: 1024 to 4096 bytes, 50 ms.",
            "field",
        ),
        Rule(
            "page-holes",
            "The server streams a page without further requests; the holes are filled by block requests.",
            "ZCL 11.13.7",
        ),
    ],
    "WAIT_FOR_DATA": [
        Rule("wait-difference", "The wait is request time minus current time, in seconds.", "ZCL 11.13.8"),
        Rule("wait-relative", "A current time of 0 makes the request time a wait from now.", "ZCL 11.13.8"),
        Rule("wait-zero", "Equal times leave only the minimum block period.", "ZCL 11.13.8"),
        Rule("wait-shortest", "No wait is shorter than 50 ms.", "Exegin"),
        Rule("wait-passed", "A request time that has passed makes no sense: five minutes.", "Silabs"),
        Rule("wait-cap", "Nobody is believed for more than 60 minutes.", "Silabs"),
        Rule(
            "wait-period",
            "The minimum block period in it is taken over; without one it is 0.",
            "ZCL 11.13.8.2.9",
        ),
        Rule("wait-same-offset", "Afterwards the same offset is asked for.", "ZCL 11.13.8"),
        Rule("wait-progress", "To be told to wait is progress: it begins the count of tries anew.", "Silabs"),
    ],
    "Upgrade End": [
        Rule(
            "end-success",
            "With the whole file there and proven the status is Download complete, and Upgrade End says "
            "SUCCESS.",
            "ZCL 11.13.9",
        ),
        Rule(
            "end-invalid",
            "What does not verify is reported as INVALID_IMAGE; the status is Normal again and the image "
            "is gone.",
            "ZCL 11.13.9",
        ),
        Rule("end-ids", "An Upgrade End Response must name the image; wildcards fit.", "ZCL 11.13.9"),
        Rule(
            "end-hold",
            "Upgrade time 0xFFFFFFFF: status Waiting to upgrade, until another response comes.",
            "ZCL 11.13.9",
        ),
        Rule("end-poll", "While held the client asks no more than once in 60 minutes.", "ZCL 11.16"),
        Rule(
            "end-unanswered",
            "Three polls without an answer leave it to UpgradeTimeoutPolicy: 0 apply, 1 do not.",
            "ZCL 11.16, 11.11.4",
        ),
        Rule(
            "end-difference",
            "The countdown is upgrade time minus current time, in UTC seconds.",
            "ZCL 11.13.9",
        ),
        Rule("end-offset", "A current time of 0 makes the upgrade time a countdown.", "ZCL 11.13.9"),
        Rule("end-now", "0 is now.", "ZCL 11.13.9"),
        Rule("end-countdown", "While the time is known the status is Count down.", "ZCL 11.13.9"),
        Rule("end-passed", "A time that has passed is an error: ask again in an hour.", "Silabs"),
        Rule("end-broadcast", "A response by broadcast, with wildcards, counts as well.", "ZCL 11.13.9"),
        Rule("end-between", "It counts while a query is on its way, too: servers send it unasked.", "ours"),
        Rule("end-hold-kept", "That the server said to wait is known after a reset.", "ours"),
        Rule("end-retimed", "A new response sets another time.", "ZCL 11.13.9"),
        Rule(
            "end-unsolicited",
            "A response without a verified image is refused with INVALID_IMAGE.",
            "ZCL 11.13.9",
        ),
        Rule(
            "end-more",
            "A file that is one of several ends with REQUIRE_MORE_IMAGE and status Wait for more; nothing is "
            "applied before the others are there.",
            "ZCL 11.13.9",
        ),
        Rule(
            "end-outside",
            "With UpgradeActivationPolicy 1 the image waits for an event outside the cluster, in status "
            "Waiting to upgrade via external event.",
            "ZCL 11.10.12",
        ),
        Rule(
            "end-outside-refused",
            "With that policy an upgrade time other than 0xFFFFFFFF is refused with NOT_AUTHORIZED.",
            "ZCL 11.10.12",
        ),
        Rule(
            "end-outside-silence",
            "With that policy no silence of the server's activates anything, by either UpgradeTimeoutPolicy.",
            "ZCL 11.10.12",
        ),
        Rule(
            "end-gb-wildcards",
            "A GB Communications Hub holds a device by a response of wildcards only, current time "
            "0xFFFFFFFF too.",
            "GB, as implemented",
        ),
    ],
    "Query Device Specific File": [
        Rule(
            "specific-off",
            "When a client asks is its manufacturer's choice: ours asks when its application does, and only "
            "on a board that wants such files.",
            "ZCL 11.13; ours",
        ),
        Rule(
            "specific-request",
            "The request names the device's EUI64, manufacturer, an image type from 0xFFC0 to 0xFFFE, the "
            "firmware's version and the stack version.",
            "ZCL 11.13",
        ),
        Rule(
            "specific-fetched",
            "After a response SUCCESS the file is fetched by Image Block Requests, as any other.",
            "ZCL 11.13",
        ),
        Rule(
            "specific-refused",
            "A hub that has none, or does not know the command, ends the matter.",
            "ZCL 11.13",
        ),
        Rule(
            "specific-offer-checked",
            "Manufacturer and type must be those asked for, the size above 0: else INVALID_FIELD; what does "
            "not fit is INSUFFICIENT_SPACE.",
            "ZCL 11.13; ours",
        ),
        Rule(
            "specific-header",
            "The file's header must say the same and name this device as destination; else Upgrade End says "
            "INVALID_IMAGE, and nobody gets the file.",
            "ZCL 11.4; ours",
        ),
        Rule(
            "specific-never-applied",
            "Its end is told by Upgrade End; the answer, whatever it says, activates nothing.",
            "ours",
        ),
        Rule(
            "specific-firmware-first",
            "Firmware goes first: there is no such request during an upgrade, and a Notify ends it.",
            "ours",
        ),
        Rule(
            "specific-query-period",
            "The client's own queries for firmware are not put off by it.",
            "ours",
        ),
        Rule(
            "specific-application",
            "The application gets what is behind the header, and may ask once an hour.",
            "ours",
        ),
    ],
}
