"""What the cluster asks of a client at any time: figures, polling, finding the server, general commands."""

from tools.conformance.rule import Rule

STANDING = {
    "Sleepy end devices": [
        Rule(
            "sleepy-polls",
            "A device whose parent keeps its frames asks for them often while an answer is outstanding, else "
            "seldom: by the defaults of the Poll Control cluster, half a second and 5 s.",
            "ZCL, Poll Control cluster",
        ),
        Rule(
            "sleepy-told",
            "Its node descriptor and its announcement say that the receiver is off when idle.",
            "ZigBee PRO, node descriptor",
        ),
    ],
    "Finding the server": [
        Rule(
            "server-search",
            "After ten unanswered requests in a row the client looks for the server again: Match_Desc_req by "
            "broadcast, for the OTA Upgrade server.",
            "ZCL chapter 11; Silabs",
        ),
        Rule(
            "server-search-paced",
            "It asks again after as many more, spread by the client's back-off, and goes on asking its own "
            "server.",
            "ours",
        ),
        Rule(
            "server-coordinator",
            "The coordinator is taken wherever the server was before: a GB Communications Hub is one.",
            "GB; Silabs, for trust centres only",
        ),
        Rule(
            "server-same-eui64",
            "Anybody else is asked for its EUI64: who has that of UpgradeServerID is the server, under "
            "another address. The download goes on there.",
            "ZCL chapter 11",
        ),
        Rule(
            "server-replaced",
            "UpgradeServerID does not outlive a server whose place another one has taken, the next "
            "Communications Hub say: the EUI64 is asked for again with each query, after a silence, and when "
            "the link is back.",
            "ours; GB",
        ),
        Rule(
            "server-others",
            "Any other device is taken only if a setting allows it.",
            "ours; Silabs takes the first",
        ),
        Rule(
            "server-hostile-answers",
            "Answers that nobody asked for, about others, or without an endpoint mean nothing; a flood of "
            "them is met by four questions.",
            "ours",
        ),
    ],
    "Figures": [
        Rule("figure-data-size", "At most 63 bytes a block are asked for.", "Silabs, IKEA, Sonoff"),
        Rule(
            "figure-query-period",
            "Queries of the client's own have a period, with a random part.",
            "Silabs 5 min",
        ),
        Rule(
            "figure-first-query",
            "The first query comes at a random time after the start.",
            "Silabs up to 5 min",
        ),
    ],
    "General commands": [
        Rule(
            "read-attributes",
            "Every client attribute 0x0000 to 0x000C and 0xFFFD is there to be read.",
            "ZCL 11.10",
        ),
        Rule(
            "write-read-only",
            "Writes are refused record by record, with READ_ONLY for what exists.",
            "ZCL 2.5.3",
        ),
        Rule("report-unreportable", "No attribute can be reported: UNREPORTABLE_ATTRIBUTE.", "ZCL 2.5.7"),
        Rule(
            "discovery",
            "Attributes and commands can be discovered, all of them and no others.",
            "ZCL 2.5.13",
        ),
        Rule(
            "refusals",
            "What is unknown is refused by the status of its sort: general, cluster, a manufacturer's, a "
            "cluster.",
            "ZCL 2.5.12",
        ),
        Rule("no-answer-to-refusals", "A Default Response is never answered.", "ZCL 2.5.12"),
    ],
}
