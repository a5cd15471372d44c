// The bench: boards in one process, one worker thread each. Told by lines of JSON on stdin, tells by lines on stdout
// (README.md lists both). It owns what a board does not: power, the watchdog's clock, and what the pins do when the
// program on the board is gone.
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';

import { FED, SLOTS, WAKE, WATCHDOG_MS } from './shared.mjs';

const WATCHDOG_RESET = 3; // machine.WDT_RESET
const LOOK_MS = 5; // how often the watchdog's counter is looked at: a reset is at most this much late
const HEAP_BYTES = 192 * 1024;

class Board {
  constructor(name, options) {
    this.name = name;
    this.options = options;
    this.high = new Map();
    this.world = { pins: {}, analog: {}, follows: {}, ...options.world }; // what lasts over a reset of the board
    this.start(options.cause);
  }

  start(cause) {
    this.shared = new Int32Array(new SharedArrayBuffer(4 * SLOTS));
    this.fed = { count: 0, at: performance.now() };
    const workerData = { ...this.options, cause, world: this.world, heapsize: HEAP_BYTES, shared: this.shared };
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
    worker.on('message', (message) => this.hear(message));
    worker.on('error', (error) => this.tell({ died: String(error) }));
    this.exited = new Promise((resolve) => worker.once('exit', resolve));
    this.worker = worker;
    this.look = this.options.virtual ? null : setInterval(() => this.watch(), LOOK_MS);
  }

  hear(message) {
    if (message.reset !== undefined) {
      this.reset(message.reset, message.at);
      return;
    }
    if (message.pin !== undefined) this.high.set(message.pin, message.value);
    this.tell(message);
  }

  watch() {
    const limit_ms = Atomics.load(this.shared, WATCHDOG_MS);
    const count = Atomics.load(this.shared, FED);
    if (limit_ms === 0 || count !== this.fed.count) this.fed = { count, at: performance.now() };
    else if (performance.now() - this.fed.at > limit_ms) this.reset(WATCHDOG_RESET);
  }

  // Ends the program wherever it is; its outputs fall; it starts again.
  async reset(cause, at) {
    await this.cut(at);
    this.tell({ reset: cause, at });
    this.start(cause);
  }

  async cut(at) {
    clearInterval(this.look);
    this.worker.terminate();
    await this.exited; // nothing of the old program is heard after this
    for (const [pin, value] of this.high) if (value) this.tell({ pin, value: 0, at });
    this.high.clear();
  }

  send(message) {
    for (const part of ['pins', 'analog', 'follows']) Object.assign(this.world[part], message[part]);
    this.worker.postMessage(message);
    Atomics.add(this.shared, WAKE, 1);
    Atomics.notify(this.shared, WAKE);
  }

  tell(message) {
    process.stdout.write(`${JSON.stringify({ board: this.name, ...message })}\n`);
  }
}

const boards = new Map();

async function obey({ board: name, boot, off, ...message }) {
  if (boot) boards.set(name, new Board(name, boot));
  else if (off) {
    const board = boards.get(name);
    boards.delete(name);
    await board.cut();
    board.tell({ off: true });
  } else boards.get(name)?.send(message);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => obey(JSON.parse(line)));
lines.on('close', () => process.exit(0));
