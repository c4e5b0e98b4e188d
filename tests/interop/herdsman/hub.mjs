// A hub of zigbee-herdsman that updates one device over the HAN serial link.
//
//   node hub.mjs --connect HOST:PORT --image FILE [--address 0xNNNN] [--base-size N] [--delay MS]
//                [--patience S] [--abort-at OFFSET] [--scheduled] [--timeout S]
//   node hub.mjs --connect HOST:PORT --interview [--address 0xNNNN] [--timeout S]
//
// The device joins by its Device_annce, or by --address if it is on already; herdsman then interviews it, as
// it does whatever joins. Then, as in zigbee2mqtt: checkOta with an index, updateOta with the plain file (so
// herdsman offers it whatever device it is for), a read of Basic. Each step is a line of JSON.
// --base-size, --delay: herdsman's settings for bytes a block and milliseconds between blocks.
// --patience: seconds for which herdsman waits for a block request (its own default: 150).
// --scheduled: no check and no Notify; once the link was lost the image is scheduled, and served at the
// device's next own query.
// --abort-at: abortOta() once a block at OFFSET or beyond was asked for.
// Exits 0 if all succeeded, 1 if not, 2 if the arguments are unusable.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { HanAdapter } from "./han_adapter.mjs";
import { herdsman, internal, version } from "./herdsman.mjs";

const started = performance.now();
const place = mkdtempSync(join(tmpdir(), "hanota-herdsman-"));

function emit(event, fields = {}) {
    process.stdout.write(`${JSON.stringify({ event, t_ms: Math.round(performance.now() - started), ...fields })}\n`);
}

function end(code) {
    rmSync(place, { recursive: true, force: true });
    process.exit(code);
}

function fail(error) {
    emit("result", { ok: false, error, ...counts });
    end(1);
}

function unusable(text) {
    process.stderr.write(`hub.mjs: ${text}\n`);
    end(2);
}

function readArguments() {
    const string = { type: "string" };
    const options = {
        connect: string,
        image: string,
        address: string,
        interview: { type: "boolean" },
        "base-size": { type: "string", default: "50" },
        delay: { type: "string", default: "0" },
        patience: { type: "string", default: "150" },
        "abort-at": string,
        scheduled: { type: "boolean" },
        timeout: { type: "string", default: "60" },
    };
    let values;
    try {
        values = parseArgs({ options }).values;
    } catch (error) {
        unusable(error.message);
    }
    for (const name of ["address", "base-size", "delay", "patience", "abort-at", "timeout"]) {
        if (values[name] === undefined) continue;
        const number = Number(values[name]);
        if (values[name] === "" || !(number >= 0)) unusable(`--${name} ${values[name]} is not a number`);
        values[name] = number;
    }
    values.connect = /^(.+):(\d+)$/.exec(values.connect ?? "");
    if (!values.connect) unusable("--connect HOST:PORT is missing");
    if (!values.image && !values.interview) unusable("say what to do: --image FILE or --interview");
    return values;
}

// What the device asked for, as herdsman understood it; a step is from one block request's offset to the next.
const counts = { queries: 0, blocks: 0, pages: 0, proofs: 0, largest_asked: 0, largest_step: 0, largest_step_back: 0 };
let lastOffset;

function count(type, data) {
    if (type === "commandQueryNextImageRequest") counts.queries++;
    if (type !== "commandImageBlockRequest" && type !== "commandImagePageRequest") return;
    const { fileOffset, maximumDataSize } = data;
    if (maximumDataSize <= 32 && fileOffset < 128 && !(lastOffset <= 128)) {
        // What names the image is asked for again before a download goes on.
        counts.proofs++;
        return;
    }
    if (type === "commandImagePageRequest") counts.pages++;
    else counts.blocks++;
    counts.first_offset ??= fileOffset;
    counts.largest_asked = Math.max(counts.largest_asked, maximumDataSize);
    const step = fileOffset - (lastOffset ?? fileOffset);
    counts.largest_step = Math.max(counts.largest_step, step);
    counts.largest_step_back = Math.max(counts.largest_step_back, -step);
    lastOffset = fileOffset;
}

let controller;
let onLinkLost;
const linkLost = new Promise((lost) => {
    onLinkLost = lost;
});

async function start(options) {
    const [, host, port] = options.connect;
    const { Adapter } = internal("adapter/adapter");
    const onLink = (up) => {
        emit(up ? "connected" : "disconnected");
        if (!up) onLinkLost();
    };
    // The one thing replaced: which adapter herdsman makes.
    Adapter.create = async (...given) => new HanAdapter(host, Number(port), onLink, ...given);
    controller = new herdsman.Controller({
        network: { panID: 0x1a62, channelList: [11] },
        transport: { path: `tcp://${host}:${port}` },
        databasePath: join(place, "database.db"),
        databaseBackupPath: undefined,
        backupPath: undefined,
        adapter: {},
    });
    const joined = new Promise((found, failed) => {
        controller.on("deviceInterview", ({ status, device }) => {
            if (status === "successful") found(device);
            else if (status === "failed") failed(new Error(`interview of ${device.ieeeAddr} failed`));
        });
    });
    controller.on("deviceAnnounce", ({ device }) => emit("announced", { address: device.networkAddress }));
    controller.on("message", ({ type, data, device }) => {
        count(type, data);
        if (data.fileOffset >= options["abort-at"]) device.abortOta();
    });
    await controller.start();
    if (options.address !== undefined) await controller.adapter.inject(options.address);
    const device = await joined;
    emit("interview", {
        ieee: device.ieeeAddr,
        address: device.networkAddress,
        type: device.type,
        manufacturer_code: device.manufacturerID,
        endpoints: device.endpoints.map((endpoint) => ({
            id: endpoint.ID,
            profile: endpoint.profileID,
            device_id: endpoint.deviceID,
            in: endpoint.inputClusters,
            out: endpoint.outputClusters,
        })),
        basic: device.genBasic,
    });
    return device;
}

/** An index as zigbee2mqtt has it, with our one file. */
function makeIndex(image) {
    const { header } = herdsman.parseOtaImage(readFileSync(image));
    const { imageType, manufacturerCode, fileVersion } = header;
    const path = join(place, "index.json");
    writeFileSync(path, JSON.stringify([{ imageType, manufacturerCode, fileVersion, url: image }]));
    return { path, fileVersion };
}

/** The device's next Query Next Image Request, as zigbee2mqtt takes it up. */
function nextQuery(device) {
    return new Promise((asked) => {
        controller.on("message", ({ type, data, device: sender, meta }) => {
            if (type === "commandQueryNextImageRequest" && sender === device) {
                asked({ data, sequence: meta.zclTransactionSequenceNumber });
            }
        });
    });
}

async function update(device, options) {
    const image = resolve(options.image);
    const { path, fileVersion } = makeIndex(image);
    let query;
    if (options.scheduled) {
        // Queries of the device's that are on the air already are nobody's: the link must have been cut.
        emit("waiting");
        await linkLost;
        device.scheduleOta({ url: image });
        query = await nextQuery(device);
    } else {
        const check = await device.checkOta({ url: path }, undefined, {});
        emit("check", { available: check.available, current: check.current, offered: fileVersion });
    }
    const onProgress = (percent) => emit("progress", { percent });
    const settings = {
        requestTimeout: options.patience * 1000,
        responseDelay: options.delay,
        baseSize: options["base-size"],
    };
    const source = options.scheduled ? undefined : { url: image };
    const [, to] = await device.updateOta(source, query?.data, query?.sequence, {}, onProgress, settings);
    if (to === undefined) throw new Error("herdsman has no image for this device");
    const endpoint = device.endpoints.find((one) => one.supportsInputCluster("genBasic"));
    return { file_version: to.fileVersion, basic: await endpoint.read("genBasic", ["dateCode", "swBuildId"]) };
}

const options = readArguments();
setTimeout(() => fail(`not done in ${options.timeout} s`), options.timeout * 1000);
herdsman.setLogger({
    debug: () => {},
    info: () => {},
    warning: (text) => process.stderr.write(`${text}\n`),
    error: (text) => process.stderr.write(`${text}\n`),
});
emit("start", { herdsman: version, node: process.version });
try {
    const device = await start(options);
    const outcome = options.interview ? {} : await update(device, options);
    emit("result", { ok: true, ...outcome, ...counts });
    end(0);
} catch (error) {
    fail(error.message);
}
