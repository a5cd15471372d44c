// One board: the MicroPython VM, and behind `_bench` everything that is not the VM: clock, pins, buses, watchdog.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript/micropython.mjs';

import { bench } from './bench.mjs';

const require = createRequire(import.meta.url);
const PACKAGE = '@micropython/micropython-webassembly-pyscript';
const FAKE = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'fake');

function say(message) {
  parentPort.postMessage(message);
}

// Files keep the address they have outside, so that a traceback and a line count name the source.
function load(mp, name) {
  let folder = '';
  for (const part of path.dirname(name).split('/').slice(1)) {
    folder += `/${part}`;
    if (!mp.FS.analyzePath(folder).exists) mp.FS.mkdir(folder);
  }
  mp.FS.writeFile(name, fs.readFileSync(name));
}

const { files, folders, program, heapsize, trace } = workerData;
const mp = await loadMicroPython({
  heapsize,
  linebuffer: true,
  stdout: (line) => say({ print: line }),
  stderr: (line) => say({ print: line }),
  url: require.resolve(`${PACKAGE}/micropython${trace ? '-settrace' : ''}.wasm`),
});
mp.registerJsModule('_bench', bench(mp, workerData, say));
const own = fs.readdirSync(FAKE).map((name) => path.join(FAKE, name));
for (const name of [...own, ...files]) load(mp, name);
mp.runPython(`import sys\nsys.path[:0] = ${JSON.stringify([FAKE, ...folders])}\nimport missing`);
try {
  await mp.runPythonAsync(program);
  say({ ended: true });
} catch (error) {
  say({ died: String(error.message ?? error) });
}
