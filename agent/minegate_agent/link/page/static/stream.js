// The line to the gateway. It is lost when nothing came for SILENT_MS, whatever the browser thinks of the connection.

const SILENT_MS = 3000; // the gateway speaks at least each second
const AGAIN_MS = 2000;

export class Stream {
  // `tell(kind, document)` gets every word of the gateway; kind is "full" or "change".
  constructor(tell) {
    this.heardAt = null;
    this.failed = false;
    this.tell = tell;
    this.open();
  }

  open() {
    const source = new EventSource("/api/stream");
    this.source = source;
    for (const kind of ["full", "change"]) source.addEventListener(kind, (message) => this.heard(kind, message));
    source.onerror = () => this.again();
  }

  heard(kind, message) {
    this.heardAt = performance.now();
    this.failed = false;
    this.tell(kind, JSON.parse(message.data));
  }

  // The browser gives up for good after an answer that is no stream (503 when too many watch), so we ask again.
  again() {
    this.failed = true;
    this.source.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), AGAIN_MS);
  }

  // "live", "connecting" before the first word, or "lost". A line that stays silent is opened anew.
  state(now) {
    if (this.heardAt === null) return this.failed ? "lost" : "connecting";
    if (!this.failed && now - this.heardAt > SILENT_MS) this.again();
    return this.failed ? "lost" : "live";
  }
}
