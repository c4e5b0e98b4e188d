"""The device's one application endpoint: sorts incoming APS frames, and sends the client's requests.

handle_frame() hands blocks to the upgrade client; the rest is other_frames.py's. At most one answer waits
after it, in ``reply[:reply_length]``, and must be sent before the next frame. Frames that are not for us
are counted in ``ignored``.

Here is what a download's blocks need; all other code is loaded when it is wanted, and unloaded by tidy().
"""

import gc

from firmware_agent.protocol import aps_frame as aps
from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import zcl, zdo
from firmware_agent.protocol.session import BLOCK, FOREVER, NONE, QUERY, WRITE
from hal import byte_loops, modules

_REPLY_SIZE = 128
# In a whole frame. An Image Block Request without options is laid out as a response is up to its data.
_TSN_AT = aps.HEADER_SIZE + 1
_COMMAND_AT = aps.HEADER_SIZE + 2
_PAYLOAD_AT = aps.HEADER_SIZE + 3
_OFFSET_AT = aps.HEADER_SIZE + 3 + ota.BLOCK_OFFSET_AT
_DATA_AT = aps.HEADER_SIZE + 3 + ota.BLOCK_DATA_AT
_REQUEST_LENGTH = aps.HEADER_SIZE + 3 + ota.BLOCK_REQUEST_LENGTH
# Of a block's ZCL header: a command of the cluster, from the server.
_CONTROL_MASK = zcl.TYPE_MASK | zcl.MANUFACTURER_SPECIFIC | zcl.FROM_SERVER
_CONTROL = zcl.TYPE_CLUSTER | zcl.FROM_SERVER
# Modules of this package that stay loaded. All others are imported when they are wanted, and go with tidy().
RESIDENT = "aps_frame download endpoint session settings states upgrade_client"


class Endpoint:
    """address, endpoint: ours; profile: for frames of our own until a server was heard.

    ``server_address``, ``server_endpoint`` and ``profile`` are where requests go. A Notify that leads to
    a query names another server; the server's own frames teach only its profile. From anybody else a
    response means nothing. ``heard`` is True once any valid frame from the server came since the reset.
    ``capability``: of the MAC, as descriptor and announcement tell it; zdo.SLEEPY for a sleepy end device.
    ``leave``: what the coordinator wants after the answer is out, zdo.STAY if it wants nothing; the caller
    resets it. ``dropped``: frames that were lost because the heap had no room for the code that reads them.
    ``server_eui64`` is of the address ``eui64_of``, -1 if of none; ``asked_address`` was last asked for it.
    """

    def __init__(self, identity, client, address, endpoint, profile):
        self.identity = identity
        self.client = client
        self.address = address
        self.endpoint = endpoint
        self.profile = profile
        self.server_address = aps.COORDINATOR
        self.server_endpoint = 1
        self.server_eui64 = bytearray(8)
        self.eui64_of = -1
        self.asked_address = -1
        self.heard = False
        self.ignored = 0
        self.dropped = 0
        self.reply = bytearray(_REPLY_SIZE)
        self.reply_length = 0
        self.leave = zdo.STAY
        self.capability = zdo.CAPABILITY
        self.zdo_tsn = 0
        self.search = None  # a ServerSearch while the server is silent
        # Of a steady download: the last request, the head of the answer to it, and that one's whole length; 0
        # if anything else came after it. No reply waits then.
        self._request = bytearray(_REQUEST_LENGTH)
        self._answer = bytearray(_TSN_AT)
        self._answer_length = 0
        self._modules = 0  # were loaded when it was tidy

    def tidy(self):
        """Unload the code of what happens now and then. Nothing of this package may be running."""
        self.client.tidy()
        if modules.count() != self._modules:
            modules.forget("firmware_agent.protocol", RESIDENT)
            self._modules = modules.count()

    def keep(self):
        """Who the server is, and what it was asked: take_up()'s argument."""
        server = (self.server_address, self.server_endpoint, self.profile, bytes(self.server_eui64))
        return server, self.eui64_of, self.asked_address, self.heard, self.ignored, self.zdo_tsn

    def take_up(self, kept):
        """Go on as the one that kept this."""
        server, self.eui64_of, self.asked_address, self.heard, self.ignored, self.zdo_tsn = kept
        self.server_address, self.server_endpoint, self.profile, self.server_eui64[:] = server

    def handle_frame(self, buf, length):
        """One frame's contents, ``buf[:length]``. True if it was for us and made sense."""
        if length == self._answer_length and buf[_COMMAND_AT] == ota.IMAGE_BLOCK_RESPONSE:
            # Status, identity, offset and size (SUCCESS to as many as asked for) are the request's bytes.
            client = self.client
            if (
                client.outstanding == BLOCK
                and client.download.steady
                and byte_loops.same(buf, self._request, _PAYLOAD_AT, _PAYLOAD_AT, ota.BLOCK_DATA_AT)
                and byte_loops.same(buf, self._answer, 0, 0, _TSN_AT)
            ):
                client.outstanding = NONE
                client.due = FOREVER
                client.download.data = buf
                client.actions |= WRITE
                return True
        self._answer_length = 0
        self.reply_length = 0
        if length <= aps.HEADER_SIZE or buf[0] != aps.LINK_VERSION or buf[aps.KIND_AT] > aps.BROADCAST:
            self.ignored += 1
            return False
        broadcast = buf[aps.KIND_AT] == aps.BROADCAST
        if not broadcast and aps.u16(buf, aps.DESTINATION_AT) != self.address:
            self.ignored += 1
            return False
        target = buf[aps.DESTINATION_ENDPOINT_AT]
        ours = target == self.endpoint or target == aps.BROADCAST_ENDPOINT
        if not ours and (target or aps.u16(buf, aps.PROFILE_AT) != zdo.PROFILE):
            self.ignored += 1
            return False
        for _ in range(2):
            try:
                if target == self.endpoint and self._is_block(buf, length):
                    return self._handle_block(buf, length)
                from firmware_agent.protocol.other_frames import handle

                return handle(self, buf, length)
            except MemoryError:
                gc.collect()
        self.dropped += 1
        return False

    def put_question(self, out):
        """The question for the server's EUI64 as a whole frame in ``out``; returns its length or 0.

        It is due once the server was heard. Another one may take its place under the same address, as the
        next Communications Hub in a home does: so it is due again with each query for an image, after a
        silence, and when the link is back. While the server is silent it is that of the search for it.
        """
        address = self.server_address
        silent = self.client.unanswered >= self.client.settings.server_errors
        if self.search is not None and not silent:
            self.search = None
            self.asked_address = -1
        if not silent and (not self.heard or self.asked_address == address):
            return 0
        try:
            if silent:
                if self.search is None:
                    from firmware_agent.protocol.server_search import ServerSearch

                    self.search = ServerSearch(self)
                return self.search.put_question(out)
            from firmware_agent.protocol.zdo_requests import put_eui64_question
        except MemoryError:
            gc.collect()
            return 0  # there will be room some time
        self.asked_address = address
        return put_eui64_question(self, out, address)

    def put_request(self, out):
        """The client's next request as a whole APS frame in ``out``; returns its length or 0."""
        client = self.client
        if self._answer_length and client.waiting == BLOCK and client.download.steady:
            # As the one before, but for number and offset.
            client.waiting = NONE
            client.outstanding = BLOCK
            client.due = client.settings.response_timeouts[0]
            client.download.since_block = 0
            request = self._request
            client.tsn = request[_TSN_AT] = (client.tsn + 1) & 0xFF
            byte_loops.copy(request, client.offset, _OFFSET_AT, 0, 4)
            byte_loops.copy(out, request, 0, 0, _REQUEST_LENGTH)
            return _REQUEST_LENGTH
        length = client.poll_transmit(out, aps.HEADER_SIZE)
        if length == 0:
            return 0
        aps.put_header(
            out,
            aps.UNICAST,
            self.address,
            self.server_address,
            self.endpoint,
            self.server_endpoint,
            ota.CLUSTER,
            self.profile,
        )
        length += aps.HEADER_SIZE
        if client.outstanding == QUERY and client.tries == 0:
            self.asked_address = -1
        if client.outstanding == BLOCK and length == _REQUEST_LENGTH:
            byte_loops.copy(self._request, out, 0, 0, length)
        return length

    def rejoined(self):
        """The link is back; who is there may be another one."""
        self.asked_address = -1
        self.client.rejoined()

    def put_announce(self, out):
        """Device_annce, broadcast; returns its length, 0 if the heap has no room for that now."""
        try:
            from firmware_agent.protocol.zdo_requests import put_announce
        except MemoryError:
            gc.collect()
            return 0
        return put_announce(self, out)

    def _is_block(self, buf, length):
        """True if it is an Image Block Response from the server, as servers send it."""
        return (
            length > _COMMAND_AT
            and buf[_COMMAND_AT] == ota.IMAGE_BLOCK_RESPONSE
            and buf[aps.HEADER_SIZE] & _CONTROL_MASK == _CONTROL
            and aps.u16(buf, aps.CLUSTER_AT) == ota.CLUSTER
            and aps.u16(buf, aps.SOURCE_AT) == self.server_address
            and buf[aps.KIND_AT] == aps.UNICAST
        )

    def _handle_block(self, buf, length):
        asked = self.client.outstanding == BLOCK
        status = self.client.handle_command(buf, _PAYLOAD_AT, length, ota.IMAGE_BLOCK_RESPONSE, False)
        if asked:
            self._expect_more_like(buf, length)
        self.heard = True
        self.profile = aps.u16(buf, aps.PROFILE_AT)
        if status != zcl.SUCCESS:
            from firmware_agent.protocol.other_frames import refuse

            refuse(self, buf, status)
        return True

    def _expect_more_like(self, buf, length):
        """An answer to the last request: the next one will look like it if the download is steady."""
        client = self.client
        if (
            client.actions & WRITE
            and client.download.steady
            and length == _DATA_AT + client.data_size
            and byte_loops.same(buf, self._request, _PAYLOAD_AT, _PAYLOAD_AT, ota.BLOCK_DATA_AT)
            and aps.u16(buf, aps.PROFILE_AT) == self.profile
        ):
            byte_loops.copy(self._answer, buf, 0, 0, _TSN_AT)
            self._answer_length = length
