"""Looks for the upgrade server when it does not answer any more (ZCL r8, chapter 11).

A Match_Desc_req by broadcast asks who has the OTA Upgrade server. The coordinator is taken at its word: in GB
it is the Communications Hub. Anybody else has to say its EUI64, and is taken only if that is UpgradeServerID,
the server under another address, or if the setting ``other_servers`` allows it. Whoever it is can at worst
serve nothing: what runs is signed.

There is one only while the server is silent. It has no timer: it asks again after so many more unanswered
requests, and those are spread by the client's own back-off.
"""

from firmware_agent.protocol import aps_frame as aps
from firmware_agent.protocol import zdo
from firmware_agent.protocol.zdo_requests import first_match, names, put_eui64_question, put_match_question

_MOST = 4  # candidates a search: a flood of answers is no reason for a flood of questions


class ServerSearch:
    """``endpoint``: the Endpoint, whose server it is."""

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self._next = 0  # unanswered requests at which it asks again
        self._tsn = -1
        self._candidates = []  # [address, endpoint, was asked for its EUI64]

    def put_question(self, out):
        """The next question as a whole frame in ``out``; returns its length or 0."""
        endpoint = self._endpoint
        client = endpoint.client
        if client.unanswered >= self._next:
            self._candidates = []
            self._next = client.unanswered + client.settings.server_errors
            length = put_match_question(endpoint, out)
            self._tsn = endpoint.zdo_tsn
            return length
        for candidate in self._candidates:
            if not candidate[2]:
                candidate[2] = True
                return put_eui64_question(endpoint, out, candidate[0])
        return 0

    def handle(self, cluster, buf, at, end):
        """An answer to either question, in buf[at:end], from whoever sent it. It comes too late if the server
        has spoken since."""
        client = self._endpoint.client
        if client.unanswered < client.settings.server_errors:
            return
        source = aps.u16(buf, aps.SOURCE_AT)
        if cluster == zdo.MATCH_DESCRIPTORS_REQUEST | zdo.RESPONSE:
            found = first_match(buf, at, end, source)
            if found and buf[at] == self._tsn:
                self._matched(source, found)
        elif cluster == zdo.IEEE_ADDRESS_REQUEST | zdo.RESPONSE and names(buf, at, end, source):
            self._identified(source, buf[at + 2 : at + 10])

    def _matched(self, address, found):
        if address == aps.COORDINATOR:
            self._move(address, found, None)
            return
        known = [candidate[0] for candidate in self._candidates]
        if address not in known and len(known) < _MOST:
            self._candidates.append([address, found, False])

    def _identified(self, address, eui64):
        endpoint = self._endpoint
        for candidate in self._candidates:
            if candidate[0] == address:
                # It has had its say, asked or not.
                candidate[0] = -1
                candidate[2] = True
                if self._is_server(eui64) or endpoint.client.settings.other_servers:
                    self._move(address, candidate[1], eui64)

    def _is_server(self, eui64):
        """True if it is the EUI64 that the server had when it last told."""
        endpoint = self._endpoint
        return endpoint.eui64_of >= 0 and bytes(eui64) == bytes(endpoint.server_eui64)

    def _move(self, address, server_endpoint, eui64):
        """The server is there; eui64: None if it did not say."""
        endpoint = self._endpoint
        if address == endpoint.server_address and server_endpoint == endpoint.server_endpoint:
            return  # it is there, and has its reasons not to answer
        endpoint.server_address = address
        endpoint.server_endpoint = server_endpoint
        endpoint.asked_address = endpoint.eui64_of = -1
        if eui64 is not None:
            endpoint.server_eui64[:] = eui64
            endpoint.eui64_of = address
        endpoint.client.server_found()
