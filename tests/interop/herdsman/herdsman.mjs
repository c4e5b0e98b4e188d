// zigbee-herdsman as `make setup` installed it: in .venv, because nothing is installed beside the sources.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const place = fileURLToPath(new URL("../../../.venv/herdsman/package.json", import.meta.url));
const require = createRequire(place);

function load(name) {
    try {
        return require(name);
    } catch (error) {
        if (error.code !== "MODULE_NOT_FOUND") throw error;
        process.stderr.write(`hub.mjs: no ${name} in .venv/herdsman: run \`make setup\`\n`);
        process.exit(1);
    }
}

export const herdsman = load("zigbee-herdsman");
export const { version } = load("zigbee-herdsman/package.json");

/** A module that the package does not export, by its path under dist. */
export const internal = (path) => load(`zigbee-herdsman/dist/${path}.js`);
