// The HAN serial link, version 1: HDLC-like frames (RFC 1662) that each hold one APS data frame.
//
// Written from the link's description alone and sharing no code with hal/link.py, so that the device's
// framing meets a second opinion.

const FLAG = 0x7e;
const ESCAPE = 0x7d;
const MASK = 0x20;
const VERSION = 1;
const HEADER = 12;
const SHORTEST = 4; // bytes of contents
const LONGEST = 512;

export const UNICAST = 0;
export const BROADCAST = 1;

/** FCS-16 of RFC 1662, alias CRC-16/X-25. */
export function fcs16(bytes) {
    let fcs = 0xffff;
    for (const byte of bytes) {
        fcs ^= byte;
        for (let bit = 0; bit < 8; bit++) fcs = fcs & 1 ? (fcs >>> 1) ^ 0x8408 : fcs >>> 1;
    }
    return fcs ^ 0xffff;
}

/** One APS data frame as bytes for the stream. */
export function encode(frame) {
    const contents = Buffer.alloc(HEADER + frame.data.length + 2);
    contents.writeUInt8(VERSION, 0);
    contents.writeUInt8(frame.kind, 1);
    contents.writeUInt16LE(frame.source, 2);
    contents.writeUInt16LE(frame.destination, 4);
    contents.writeUInt8(frame.sourceEndpoint, 6);
    contents.writeUInt8(frame.destinationEndpoint, 7);
    contents.writeUInt16LE(frame.cluster, 8);
    contents.writeUInt16LE(frame.profile, 10);
    frame.data.copy(contents, HEADER);
    contents.writeUInt16LE(fcs16(contents.subarray(0, -2)), contents.length - 2);
    const out = [FLAG];
    for (const byte of contents) {
        if (byte === FLAG || byte === ESCAPE) out.push(ESCAPE, byte ^ MASK);
        else out.push(byte);
    }
    out.push(FLAG);
    return Buffer.from(out);
}

/** Contents as an APS data frame; undefined if they are none that we know. */
function decode(contents) {
    if (contents.length < HEADER || contents[0] !== VERSION) return undefined;
    return {
        kind: contents.readUInt8(1),
        source: contents.readUInt16LE(2),
        destination: contents.readUInt16LE(4),
        sourceEndpoint: contents.readUInt8(6),
        destinationEndpoint: contents.readUInt8(7),
        cluster: contents.readUInt16LE(8),
        profile: contents.readUInt16LE(10),
        data: contents.subarray(HEADER),
    };
}

/** Takes the stream in pieces of any size; `onFrame` gets each good frame. `dropped` counts the others. */
export class FrameReceiver {
    dropped = 0;
    #bytes = [];
    #escaped = false;

    constructor(onFrame) {
        this.onFrame = onFrame;
    }

    feed(chunk) {
        for (const byte of chunk) {
            if (byte === FLAG) {
                this.#end();
            } else if (byte === ESCAPE && !this.#escaped) {
                this.#escaped = true;
            } else if (this.#bytes.length <= LONGEST + 2) {
                this.#bytes.push(this.#escaped ? byte ^ MASK : byte);
                this.#escaped = false;
            }
        }
    }

    #end() {
        const bytes = Buffer.from(this.#bytes);
        const aborted = this.#escaped;
        this.#bytes = [];
        this.#escaped = false;
        if (bytes.length === 0 && !aborted) return;
        const contents = bytes.subarray(0, -2);
        const sound =
            !aborted &&
            contents.length >= SHORTEST &&
            contents.length <= LONGEST &&
            bytes.readUInt16LE(contents.length) === fcs16(contents);
        const frame = sound ? decode(contents) : undefined;
        if (frame === undefined) this.dropped++;
        else this.onFrame(frame);
    }
}
