// The lane's live state: full once, then changes. Connects again by itself; acts are answered by number.

const FIRST_WAIT_MS = 300;
const MOST_WAIT_MS = 4000;
const ACT_TIMEOUT_MS = 21000;

export class Live {
  constructor(lane, side, onState) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/lanes/${encodeURIComponent(lane)}/live?side=${side}`;
    this.onState = onState;
    this.state = null;
    this.connected = false;
    this.number = 0;
    this.waiting = new Map();
    this.waitMs = FIRST_WAIT_MS;
    this.connect();
  }

  connect() {
    this.socket = new WebSocket(this.url);
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = () => this.lost();
  }

  take(message) {
    if ("answer" in message) {
      const done = this.waiting.get(message.answer);
      this.waiting.delete(message.answer);
      if (done) done(message);
      return;
    }
    this.waitMs = FIRST_WAIT_MS;
    const before = this.state;
    this.connected = true;
    this.state = "full" in message ? message.full : { ...this.state, ...message.change };
    this.onState(this.state, before);
  }

  lost() {
    const was = this.connected;
    this.connected = false;
    for (const done of this.waiting.values()) done({ ok: false, lost: true });
    this.waiting.clear();
    if (was) this.onState(this.state, this.state);
    setTimeout(() => this.connect(), this.waitMs * (0.5 + Math.random() / 2));
    this.waitMs = Math.min(MOST_WAIT_MS, this.waitMs * 2);
  }

  act(name, fields = {}) {
    if (!this.connected) return Promise.resolve({ ok: false, lost: true });
    const id = ++this.number;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        resolve({ ok: false, late: true });
      }, ACT_TIMEOUT_MS);
      this.waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.socket.send(JSON.stringify({ id, act: name, ...fields }));
    });
  }
}

// The name of an attempt, made before its first try so that a second tap is harmless.
export function newAttempt() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function laneOfPage() {
  return decodeURIComponent(location.pathname.split("/")[2] ?? "");
}
