"""The device's one application endpoint: sorts incoming APS frames, builds the answers.

handle_frame() dispatches to the upgrade client, the attributes and the ZDO; at most one answer waits
after it, in ``reply[:reply_length]``, and must be sent before the next frame. Frames that are not for
us are counted in ``ignored``. Answers go to the sender's address and endpoint, with the profile that
was asked with and the request's sequence number.
"""

from firmware_agent.protocol import aps_frame as aps
from firmware_agent.protocol import attributes, general_commands, zcl, zdo
from firmware_agent.protocol import ota_commands as ota
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
_UNKNOWN_EUI64 = b"\xff" * 8
# Modules of this package that stay loaded. All others are imported when they are wanted, and go with tidy().
_RESIDENT = (
    "aps_frame attributes download endpoint general_commands ota_commands session settings states"
    " upgrade_client upgrade_end upgrade_file zdo"
)


class Endpoint:
    """address, endpoint: ours; profile: for frames of our own until a server was heard.

    ``server_address``, ``server_endpoint`` and ``profile`` are where requests go. A Notify that leads to
    a query names another server; the server's own frames teach only its profile. From anybody else a
    response means nothing. ``heard`` is True once any valid frame from the server came since the reset.
    ``capability``: of the MAC, as descriptor and announcement tell it; zdo.SLEEPY for a sleepy end device.
    ``leave``: what the coordinator wants after the answer is out, zdo.STAY if it wants nothing; the caller
    resets it.
    """

    def __init__(self, identity, client, address, endpoint, profile):
        self.identity = identity
        self.client = client
        self.address = address
        self.endpoint = endpoint
        self.profile = profile
        self.server_address = aps.COORDINATOR
        self.server_endpoint = 1
        self._server_eui64 = bytearray(_UNKNOWN_EUI64)
        self._eui64_of = -1  # whose it is, and who was asked last, by short address
        self._asked = -1
        self.heard = False
        self.ignored = 0
        self.reply = bytearray(_REPLY_SIZE)
        self.reply_length = 0
        self.leave = zdo.STAY
        self.capability = zdo.CAPABILITY
        self.asked_by_coordinator = False
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
        if modules.count() != self._modules:
            modules.forget("firmware_agent.protocol", _RESIDENT)
            self._modules = modules.count()

    def keep(self):
        """Who the server is, and what it was asked: take_up()'s argument."""
        server = (self.server_address, self.server_endpoint, self.profile, bytes(self._server_eui64))
        return server, self._eui64_of, self._asked, self.heard, self.ignored, self.zdo_tsn

    def take_up(self, kept):
        """Go on as the one that kept this."""
        server, self._eui64_of, self._asked, self.heard, self.ignored, self.zdo_tsn = kept
        self.server_address, self.server_endpoint, self.profile, self._server_eui64[:] = server

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
        if target == 0 and aps.u16(buf, aps.PROFILE_AT) == zdo.PROFILE:
            self._handle_zdo(buf, length, broadcast)
            self.heard = self.heard or self._from_server(buf)
            return True
        if target != self.endpoint and target != aps.BROADCAST_ENDPOINT:
            self.ignored += 1
            return False
        if not self._handle_zcl(buf, length, broadcast):
            self.ignored += 1
            return False
        if self._from_server(buf):
            self.heard = True
            self.profile = aps.u16(buf, aps.PROFILE_AT)
        return True

    def server_eui64(self):
        """The server's EUI64, attribute 0x0000; all ones while it is not known."""
        return self._server_eui64 if self._eui64_of == self.server_address else _UNKNOWN_EUI64

    def put_question(self, out):
        """The question for the server's EUI64 as a whole frame in ``out``; returns its length or 0.

        It is due once the server was heard. Another one may take its place under the same address, as the
        next Communications Hub in a home does: so it is due again with each query for an image, after a
        silence, and when the link is back. While the server is silent it is that of the search for it.
        """
        if self.client.unanswered >= self.client.settings.server_errors:
            if self.search is None:
                from firmware_agent.protocol.server_search import ServerSearch

                self.search = ServerSearch(self)
            return self.search.put_question(out)
        if self.search is not None:
            self.search = None
            self._asked = -1
        address = self.server_address
        if not self.heard or self._asked == address:
            return 0
        self._asked = address
        return self.put_eui64_question(out, address)

    def put_eui64_question(self, out, address):
        """The question for the EUI64 of ``address`` as a whole frame in ``out``; returns its length."""
        at = self.put_zdo(out, aps.UNICAST, address, zdo.IEEE_ADDRESS_REQUEST)
        return at + zdo.ieee_address_request(address, self.zdo_tsn, out, at)

    def put_zdo(self, out, kind, address, cluster):
        """The head of a ZDO frame with a new sequence number, ``zdo_tsn``, to ``out``; returns its length."""
        self.zdo_tsn = (self.zdo_tsn + 1) & 0xFF
        return aps.put_header(out, kind, self.address, address, 0, 0, cluster, zdo.PROFILE)

    def is_server(self, eui64):
        """True if it is the EUI64 that the server had when it last told."""
        return self._eui64_of >= 0 and bytes(eui64) == bytes(self._server_eui64)

    def move_server(self, address, endpoint, eui64):
        """The search found the server there; eui64: None if it did not say."""
        if address == self.server_address and endpoint == self.server_endpoint:
            return  # it is there, and has its reasons not to answer
        self.server_address = address
        self.server_endpoint = endpoint
        self._asked = self._eui64_of = -1
        if eui64 is not None:
            self._server_eui64[:] = eui64
            self._eui64_of = address
        self.client.server_found()

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
            self._asked = -1
        if client.outstanding == BLOCK and length == _REQUEST_LENGTH:
            byte_loops.copy(self._request, out, 0, 0, length)
        return length

    def rejoined(self):
        """The link is back; who is there may be another one."""
        self._asked = -1
        self.client.rejoined()

    def put_announce(self, out):
        """Device_annce, broadcast; returns its length."""
        at = self.put_zdo(out, aps.BROADCAST, aps.BROADCAST_RX_ON, zdo.DEVICE_ANNOUNCE)
        return at + zdo.device_announce(self, self.zdo_tsn, out, at)

    def _from_server(self, buf):
        return aps.u16(buf, aps.SOURCE_AT) == self.server_address

    def _put_reply_header(self, buf, cluster):
        aps.put_header(
            self.reply,
            aps.UNICAST,
            self.address,
            aps.u16(buf, aps.SOURCE_AT),
            buf[aps.DESTINATION_ENDPOINT_AT],
            buf[aps.SOURCE_ENDPOINT_AT],
            cluster,
            aps.u16(buf, aps.PROFILE_AT),
        )
        if buf[aps.DESTINATION_ENDPOINT_AT] == aps.BROADCAST_ENDPOINT:
            self.reply[aps.SOURCE_ENDPOINT_AT] = self.endpoint

    def _handle_zdo(self, buf, length, broadcast):
        cluster = aps.u16(buf, aps.CLUSTER_AT)
        at = aps.HEADER_SIZE
        if self.search is not None:
            self.search.handle(cluster, buf, at, length)
        if cluster == zdo.IEEE_ADDRESS_REQUEST | zdo.RESPONSE and self._from_server(buf):
            if zdo.names(buf, at, length, self.server_address):
                self._server_eui64[:] = buf[at + 2 : at + 10]
                self._eui64_of = self.server_address
        self.asked_by_coordinator = aps.u16(buf, aps.SOURCE_AT) == aps.COORDINATOR and not broadcast
        size = zdo.answer(self, cluster, buf, at, length, broadcast, self.reply, at)
        if size:
            self._put_reply_header(buf, cluster | zdo.RESPONSE)
            self.reply_length = aps.HEADER_SIZE + size

    def _handle_zcl(self, buf, length, broadcast):
        control = buf[aps.HEADER_SIZE]
        at = aps.HEADER_SIZE + 1
        manufacturer_specific = control & zcl.MANUFACTURER_SPECIFIC
        if manufacturer_specific:
            at += 2
        if length < at + 2 or control & zcl.TYPE_MASK > zcl.TYPE_CLUSTER:
            return False
        command = buf[at + 1]
        payload = at + 2
        cluster = aps.u16(buf, aps.CLUSTER_AT)
        general = control & zcl.TYPE_MASK == zcl.TYPE_GENERAL
        if manufacturer_specific:
            status = zcl.UNSUP_MANUF_GENERAL_COMMAND if general else zcl.UNSUP_MANUF_CLUSTER_COMMAND
        elif cluster not in attributes.READERS:
            status = zcl.UNSUPPORTED_CLUSTER
        elif general:
            status = self._handle_general(buf, payload, length, command, control, cluster)
        elif cluster == ota.CLUSTER and control & zcl.FROM_SERVER:
            if command != ota.IMAGE_NOTIFY and not self._from_server(buf):
                return False
            notified = self.client.notified
            asked = self.client.outstanding == BLOCK
            status = self.client.handle_command(buf, payload, length, command, broadcast)
            if asked and command == ota.IMAGE_BLOCK_RESPONSE:
                self._expect_more_like(buf, length)
            if self.client.notified != notified:
                self.server_address = aps.u16(buf, aps.SOURCE_AT)
                self.server_endpoint = buf[aps.SOURCE_ENDPOINT_AT]
        else:
            status = zcl.UNSUP_CLUSTER_COMMAND
        # A Default Response goes to a unicast, never to a Default Response (ZCL r8, 2.5.12.2). Our own
        # success needs no word, even where the sender allows one: every command that succeeds here
        # is a response, or a Notify, whose Default Response makes herdsman give up.
        refusal = general and command == zcl.DEFAULT_RESPONSE
        if status != zcl.SUCCESS and not broadcast and not refusal:
            out = self._put_head(buf, control, at)
            self.reply[out] = zcl.DEFAULT_RESPONSE
            self.reply[out + 1] = command
            self.reply[out + 2] = status
            self.reply_length = out + 3
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

    def _put_head(self, buf, control, tsn_at):
        """Head of a general answer up to its command: direction flipped, no Default Response wanted, the
        manufacturer named if the sender named one. Returns its end."""
        self._put_reply_header(buf, aps.u16(buf, aps.CLUSTER_AT))
        reply = self.reply
        at = aps.HEADER_SIZE
        reply[at] = (
            zcl.TYPE_GENERAL
            | zcl.NO_DEFAULT_RESPONSE
            | (control & zcl.MANUFACTURER_SPECIFIC)
            | ((control & zcl.FROM_SERVER) ^ zcl.FROM_SERVER)
        )
        for i in range(at + 1, tsn_at + 1):
            reply[i] = buf[i]
        return tsn_at + 1

    def _handle_general(self, buf, at, end, command, control, cluster):
        """Returns the status for a Default Response: SUCCESS where none is needed."""
        if command == zcl.DEFAULT_RESPONSE:
            # Nobody is refused by broadcast.
            unicast = buf[aps.KIND_AT] == aps.UNICAST
            if cluster == ota.CLUSTER and control & zcl.FROM_SERVER and unicast and self._from_server(buf):
                if end - at >= 2:
                    self.client.handle_default_response(buf[at], buf[at + 1])
            return zcl.SUCCESS
        out = self._put_head(buf, control, at - 2)
        size = general_commands.respond(self, cluster, command, buf, at, end, self.reply, out)
        if size < 0:
            return -size
        if size:
            self.reply_length = out + size
        return zcl.SUCCESS
