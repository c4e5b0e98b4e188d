// A coordinator for zigbee-herdsman whose radio is the HAN serial link over TCP.
//
// Only what an adapter must do is here: send, match answers, report what came. It adds no retries and no
// queue, so that what the device sees is herdsman's own behaviour. A lost connection is the device
// falling off the HAN: herdsman is told nothing and the link comes back by itself.

import { createConnection } from "node:net";
import { BROADCAST, FrameReceiver, UNICAST, encode } from "./han_link.mjs";
import { herdsman, internal } from "./herdsman.mjs";

const { Zcl, Zdo } = herdsman;
const { Adapter } = internal("adapter/adapter");
const { Waitress } = internal("utils/waitress");

const COORDINATOR = 0x0000;
const ENDPOINT = 1;
const HOME_AUTOMATION = 0x0104;
const ZDO_TIMEOUT = 10_000;
const RECONNECT = 100;
const IEEE = "0x02000000000000c0";
const NETWORK = { panID: 0x1a62, extendedPanID: "0xdddddddddddddddd", channel: 11, nwkUpdateID: 0 };

const zdoValidator = (payload, matcher) =>
    payload.address === matcher.address &&
    payload.clusterId === matcher.clusterId &&
    payload.transactionSequenceNumber === matcher.transactionSequenceNumber;

export class HanAdapter extends Adapter {
    #zcl = new Waitress(Adapter.zclWaitressValidator, Adapter.clusterWaitressTimeoutFormatter);
    #zdo = new Waitress(zdoValidator, Adapter.clusterWaitressTimeoutFormatter);
    #zdoSequence = 0;
    #socket;

    /** `onLink`: told true or false when the link comes or goes. */
    constructor(host, port, onLink, ...herdsmans) {
        super(...herdsmans);
        this.host = host;
        this.port = port;
        this.onLink = onLink;
    }

    // Link

    #connect(connected = () => {}) {
        const receiver = new FrameReceiver((frame) => this.#onFrame(frame));
        const socket = createConnection({ host: this.host, port: this.port, noDelay: true });
        socket.on("connect", () => {
            this.#socket = socket;
            this.onLink(true);
            connected();
        });
        socket.on("data", (chunk) => receiver.feed(chunk));
        socket.on("error", () => {}); // "close" follows
        socket.on("close", () => {
            if (this.#socket === socket) {
                this.#socket = undefined;
                this.onLink(false);
            }
            setTimeout(() => this.#connect(connected), RECONNECT);
        });
    }

    #send(frame) {
        // Without a link it is lost, as on the air.
        this.#socket?.write(encode({ kind: UNICAST, source: COORDINATOR, ...frame }));
    }

    #onFrame(frame) {
        if (frame.destinationEndpoint === 0 && frame.profile === Zdo.ZDO_PROFILE_ID) this.#onZdo(frame);
        else this.#onZcl(frame);
    }

    #onZdo({ source, cluster, data }) {
        if (cluster === Zdo.ClusterId.IEEE_ADDRESS_REQUEST) this.#tellAddress(source, data);
        if (cluster !== Zdo.ClusterId.END_DEVICE_ANNOUNCE && !(cluster & 0x8000)) return; // a request
        const response = Zdo.Buffalo.readResponse(this.hasZdoMessageOverhead, cluster, data);
        this.#zdo.resolve({ address: source, clusterId: cluster, transactionSequenceNumber: data[0], response });
        if (cluster === Zdo.ClusterId.END_DEVICE_ANNOUNCE) this.#joined(response[1]);
        this.emit("zdoResponse", cluster, response);
    }

    /** What a coordinator's stack answers by itself. */
    #tellAddress(destination, request) {
        const address = Buffer.from(IEEE.slice(2), "hex").reverse();
        const data = Buffer.concat([request.subarray(0, 1), Buffer.of(Zdo.Status.SUCCESS), address, Buffer.of(0, 0)]);
        const cluster = Zdo.ClusterId.IEEE_ADDRESS_REQUEST | 0x8000;
        const ends = { sourceEndpoint: 0, destinationEndpoint: 0, profile: Zdo.ZDO_PROFILE_ID };
        this.#send({ destination, cluster, data, ...ends });
    }

    #onZcl(frame) {
        const payload = {
            clusterID: frame.cluster,
            header: Zcl.Header.fromBuffer(frame.data),
            address: frame.source,
            data: frame.data,
            endpoint: frame.sourceEndpoint,
            linkquality: 255,
            groupID: 0,
            wasBroadcast: frame.kind === BROADCAST,
            destinationEndpoint: frame.destinationEndpoint,
        };
        if (payload.header !== undefined) this.#zcl.resolve(payload);
        this.emit("zclPayload", payload);
    }

    #joined({ nwkAddress, eui64 }) {
        this.emit("deviceJoined", { networkAddress: nwkAddress, ieeeAddr: eui64 });
    }

    /** Join a device that is on already and therefore announces nothing. */
    async inject(address) {
        const cluster = Zdo.ClusterId.IEEE_ADDRESS_REQUEST;
        const request = Zdo.Buffalo.buildRequest(this.hasZdoMessageOverhead, cluster, address, false, 0);
        const [status, answer] = await this.sendZdo(undefined, address, cluster, request, false);
        if (status !== Zdo.Status.SUCCESS) throw new Error(`no device 0x${address.toString(16)}`);
        this.#joined(answer);
    }

    // What herdsman asks of an adapter

    async start() {
        await new Promise((connected) => this.#connect(connected));
        return "resumed";
    }

    async stop() {}

    async getCoordinatorIEEE() {
        return IEEE;
    }

    async getCoordinatorVersion() {
        return { type: "HAN serial link", meta: {} };
    }

    async getNetworkParameters() {
        return NETWORK;
    }

    async supportsBackup() {
        return false;
    }

    async permitJoin() {}

    waitFor(address, endpoint, _type, _direction, transactionSequenceNumber, clusterId, commandId, defaultRspCommandId, timeout) {
        const matcher = { address, endpoint, clusterId, commandId, defaultRspCommandId, transactionSequenceNumber };
        const waiter = this.#zcl.waitFor(matcher, timeout);
        return { promise: waiter.start().promise, cancel: () => this.#zcl.remove(waiter.ID) };
    }

    async sendZdo(_ieee, address, cluster, payload, disableResponse) {
        if (address === COORDINATOR) return coordinatorAnswers(cluster);
        this.#zdoSequence = (this.#zdoSequence + 1) & 0xff;
        payload[0] = this.#zdoSequence;
        const matcher = { address, clusterId: cluster | 0x8000, transactionSequenceNumber: this.#zdoSequence };
        const answer = disableResponse ? undefined : this.#zdo.waitFor(matcher, ZDO_TIMEOUT).start().promise;
        this.#send({
            destination: address,
            sourceEndpoint: 0,
            destinationEndpoint: 0,
            cluster,
            profile: Zdo.ZDO_PROFILE_ID,
            data: payload,
        });
        return (await answer)?.response;
    }

    async sendZclFrameToEndpoint(_ieee, address, endpoint, frame, timeout, disableResponse, _recovery, sourceEndpoint, profile) {
        const { command, header, cluster } = frame;
        let expected;
        if (command.response !== undefined && !disableResponse) expected = command.response;
        else if (!header.frameControl.disableDefaultResponse) expected = Zcl.Foundation.defaultRsp.ID;
        const answer =
            expected === undefined
                ? undefined
                : this.waitFor(address, endpoint, 0, 0, header.transactionSequenceNumber, cluster.ID, expected, undefined, timeout);
        this.#send({
            destination: address,
            sourceEndpoint: sourceEndpoint ?? ENDPOINT,
            destinationEndpoint: endpoint,
            cluster: cluster.ID,
            profile: profile ?? HOME_AUTOMATION,
            data: frame.toBuffer(),
        });
        return await answer?.promise;
    }
}

/** herdsman interviews its own coordinator, too. */
function coordinatorAnswers(cluster) {
    if (cluster === Zdo.ClusterId.ACTIVE_ENDPOINTS_REQUEST) {
        return [Zdo.Status.SUCCESS, { nwkAddress: COORDINATOR, endpointList: [ENDPOINT] }];
    }
    if (cluster === Zdo.ClusterId.SIMPLE_DESCRIPTOR_REQUEST) {
        const clusters = { inClusterList: [Zcl.Clusters.genOta.ID], outClusterList: [] };
        return [Zdo.Status.SUCCESS, { endpoint: ENDPOINT, profileId: HOME_AUTOMATION, deviceId: 5, ...clusters }];
    }
    throw new Error(`the coordinator does not answer ZDO cluster 0x${cluster.toString(16)}`);
}
