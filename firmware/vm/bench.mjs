// What the fake `machine` and `time` of a board stand on. Every function is called by the firmware and returns at once,
// except `sleep`. In virtual time the clock moves only while the program sleeps or looks at it, and only as far as the
// harness has granted; in real time it is the computer's.
import { getRandomValues } from 'node:crypto';
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';

import { FED, WAKE, WATCHDOG_MS } from './shared.mjs';

const TICKS = 0x3fffffff; // the tick period of a 32-bit MicroPython is 2**30 ms
const WATCHDOG_RESET = 3;
const UART_BYTES_MAX = 4096; // what a driver holds; more is lost, as on a board
const CAN_FRAMES_MAX = 64;

export function bench(mp, options, say) {
  const { shared, virtual, cause, pace_ms } = options;
  const pins = new Map(); // name -> slot
  const driven = []; // slot -> what the program drives, or undefined: an input
  const outside = []; // slot -> what the world applies to the pin
  const changed = []; // slot -> when `driven` changed last
  const follows = new Map(); // slot of an input -> { slot, ms }: a contactor's auxiliary contact
  const pulled = []; // slot -> the level of a pin that nothing drives
  const analog = new Map(); // name -> code of 16 bits
  const received = Array.from({ length: 8 }, () => []); // by UART
  const can = { received: [], state: 1 };
  const due = []; // virtual time: bytes that arrive later, in order
  let heard = 0;
  let now = 0; // virtual: ms since this boot
  let granted = 0;
  let fed = 0;
  let hangs = false; // the next conversion never ends
  let noise = 0;
  let looks = 0; // virtual: at the clock, since the program slept
  let looked = -1; // real: when, last
  const started = performance.now();

  const at = () => (virtual ? now : performance.now() - started);

  function slot(name) {
    if (!pins.has(name)) pins.set(name, pins.size);
    return pins.get(name);
  }

  function apply(message) {
    for (const [name, value] of Object.entries(message.pins ?? {})) outside[slot(name)] = value;
    for (const [name, value] of Object.entries(message.analog ?? {})) analog.set(name, value);
    for (const [name, contact] of Object.entries(message.follows ?? {})) {
      if (contact === null) follows.delete(slot(name));
      else follows.set(slot(name), { ...contact, slot: slot(contact.pin) });
    }
    if (message.hang) hangs = true;
    if (message.can) can.received.push(...message.can.slice(0, CAN_FRAMES_MAX - can.received.length));
    if (message.can_state !== undefined) can.state = message.can_state;
    if (message.uart !== undefined) arrive(message.uart, Buffer.from(message.hex, 'hex'));
    if (message.later) due.push(...message.later);
    if (message.run_ms) granted += message.run_ms;
  }

  function arrive(uart, bytes) {
    received[uart].push(...bytes.subarray(0, UART_BYTES_MAX - received[uart].length));
  }

  function listen() {
    const count = Atomics.load(shared, WAKE);
    if (count === heard) return;
    heard = count;
    for (let got = receiveMessageOnPort(parentPort); got; got = receiveMessageOnPort(parentPort)) apply(got.message);
  }

  // Virtual time: wait until the harness grants more, then move on; the watchdog's clock is this one.
  function advance(ms) {
    now += ms;
    while (now >= granted) {
      if (granted > 0) say({ ran: true, at: now }); // before the first grant nothing has been run
      const before = granted;
      while (granted === before) {
        Atomics.wait(shared, WAKE, heard);
        listen();
      }
    }
    for (; due.length > 0 && due[0].at <= now; due.shift()) apply(due[0]);
    const limit_ms = Atomics.load(shared, WATCHDOG_MS);
    if (limit_ms > 0 && now - fed > limit_ms) stop(WATCHDOG_RESET);
  }

  function stop(reset) {
    say({ reset, at: at() });
    for (;;) Atomics.wait(shared, WAKE, Atomics.load(shared, WAKE)); // until the bench ends this thread
  }

  function sleep(ms) {
    looks = 0;
    if (virtual) {
      advance(Math.max(ms, pace_ms));
      return;
    }
    const until = performance.now() + ms;
    for (let left = ms; left > 0; left = until - performance.now()) {
      listen();
      Atomics.wait(shared, WAKE, heard, left);
    }
  }

  // A program that only looks at the clock gets time too: `pace_ms` per look in virtual time; in real time a loop that
  // looks twice within a millisecond gives the computer to the others for the rest of it.
  function ticks() {
    listen();
    if (virtual) {
      if (looks++ > 0) advance(pace_ms);
    } else {
      if (at() - looked < 1) Atomics.wait(shared, WAKE, heard, 1);
      looked = at();
    }
    return (Math.floor(at()) + options.ticks) & TICKS;
  }

  function level(of) {
    const contact = follows.get(of);
    if (!contact) return driven[of] ?? outside[of] ?? pulled[of] ?? 0;
    const coil = driven[contact.slot] ?? 0;
    const arrived = at() - (changed[contact.slot] ?? -Infinity) >= contact.ms;
    return (arrived ? coil : 1 - coil) ^ (contact.inverted ?? 0);
  }

  if (options.world) apply(options.world);
  return {
    cause: () => cause,
    chance: (address, length) => {
      getRandomValues(mp._module.HEAPU8.subarray(address, address + length));
    },
    ticks,
    sleep,
    reset: stop,
    pin: slot,
    drive: (of, value) => {
      if (driven[of] === value) return;
      if (driven[of] !== undefined || value) changed[of] = at();
      driven[of] = value;
      say({ pin: [...pins.keys()][of], value, at: at() });
    },
    level: (of) => (listen(), level(of)),
    pull: (of, value) => {
      pulled[of] = value;
    },
    // The lowest bits of a converter are never still. -1: it does not get ready any more.
    analog: (name) => {
      listen();
      if (hangs) return -1;
      noise = (noise + 1) & 7;
      return analog.has(name) ? Math.min(analog.get(name) + noise, 65535) : 0;
    },
    watch: (ms) => {
      fed = at();
      Atomics.store(shared, WATCHDOG_MS, ms);
    },
    feed: () => {
      fed = at();
      Atomics.add(shared, FED, 1);
    },
    waiting: (uart) => (listen(), received[uart].length),
    read: (uart, address, length) => {
      listen();
      const bytes = received[uart].splice(0, length);
      mp._module.HEAPU8.set(bytes, address);
      return bytes.length;
    },
    write: (uart, address, length) => {
      const hex = Buffer.from(mp._module.HEAPU8.subarray(address, address + length)).toString('hex');
      say({ uart, hex, at: at() });
    },
    can_state: () => (listen(), can.state),
    can_restart: () => {
      can.state = 1;
    },
    can_waiting: () => (listen(), can.received.length),
    can_read: (address) => {
      // identifier in four bytes, low first; length; eight bytes
      const [id, hex] = can.received.shift();
      const bytes = Buffer.from(hex, 'hex');
      mp._module.HEAPU8.set([id & 255, (id >> 8) & 255, (id >> 16) & 255, id >>> 24, bytes.length, ...bytes], address);
    },
    can_write: (id, address, length) => {
      const hex = Buffer.from(mp._module.HEAPU8.subarray(address, address + length)).toString('hex');
      say({ can: id, hex, at: at() });
    },
  };
}
