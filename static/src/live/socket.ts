// The one WebSocket of the page: opens it, notices when it is dead, opens it again, and measures it.
// It knows nothing of the views; they subscribe and read `view`. Frames are in frame.ts, numbers in series.ts.
import { backoffMs } from '../backoff';
import { parseFrame, type Frame, type Tick } from './frame';
import { Series } from './series';

export type LinkState = 'connecting' | 'open' | 'closed';

/** What the views show. A new object on every change. */
export interface LiveView {
  state: LinkState;
  /** Name of this connection, given by the server. */
  id: number | null;
  roundTripMs: number | null;
  /** Messages received since the page was loaded, over all connections. */
  messages: number;
  tick: Tick | null;
  /** When the next attempt is made, in `Date.now()` milliseconds; null unless waiting for it. */
  retryAt: number | null;
  /** What was said on the line, newest first. */
  said: readonly Saying[];
}

export interface Saying {
  key: number;
  from: number;
  text: string;
}

interface PendingEcho {
  text: string;
  resolve: (text: string) => void;
  reject: (error: Error) => void;
  timer: number;
}

const PING_EVERY_MS = 2_000;
/** The server ticks twice a second; after this much silence the peer is gone even if TCP has not noticed. */
const SILENCE_MAX_MS = 10_000;
const ECHO_WAIT_MS = 10_000;
const ECHOES_MAX = 64;
const SAID_MAX = 6;

export class LiveSocket {
  readonly series = new Series();
  #view: LiveView = {
    state: 'connecting', id: null, roundTripMs: null, messages: 0, tick: null, retryAt: null, said: [],
  };
  #url: string;
  #socket: WebSocket | null = null;
  #listeners = new Set<() => void>();
  #echoes: PendingEcho[] = [];
  #attempt = 0;
  #retryTimer = 0;
  #pulseTimer = 0;
  #heardAt = 0;
  #ping: { t: number; sentAt: number } | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  get view(): LiveView {
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Connects now, also in the middle of a wait. Does nothing while a connection exists. */
  connect(): void {
    if (this.#socket) return;
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#change({ state: 'connecting', retryAt: null });
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = () => this.#lost(socket);
  }

  /** Sends plain text, which the server passes on to everybody. False when the line is not open. */
  say(text: string): boolean {
    return this.#send(text);
  }

  /** Resolves with the text as it came back from the server; waits for the line to open. */
  echo(text: string): Promise<string> {
    if (this.#echoes.length >= ECHOES_MAX) return Promise.reject(new Error('too many echoes are under way'));
    return new Promise((resolve, reject) => {
      const pending: PendingEcho = { text, resolve, reject, timer: 0 };
      pending.timer = setTimeout(() => {
        this.#echoes = this.#echoes.filter((other) => other !== pending);
        reject(new Error(`no echo within ${ECHO_WAIT_MS} ms`));
      }, ECHO_WAIT_MS);
      this.#echoes.push(pending);
      if (this.#view.state === 'open') this.#send(JSON.stringify({ type: 'echo', text }));
    });
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#heardAt = performance.now();
    this.series.restart();
    this.#change({ state: 'open' });
    for (const { text } of this.#echoes) this.#send(JSON.stringify({ type: 'echo', text }));
    this.#pulse();
    this.#pulseTimer = setInterval(() => this.#pulse(), PING_EVERY_MS);
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#ping = null;
    clearInterval(this.#pulseTimer);
    for (const pending of this.#echoes.splice(0)) {
      clearTimeout(pending.timer);
      pending.reject(new Error('the connection was closed'));
    }
    const waitMs = backoffMs(this.#attempt, Math.random);
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.connect(), waitMs);
    this.#change({ state: 'closed', id: null, roundTripMs: null, retryAt: Date.now() + waitMs });
  }

  /** Measures the round trip, and gives up a connection on which nothing is heard any more. */
  #pulse(): void {
    const socket = this.#socket;
    if (!socket) return;
    const now = performance.now();
    if (now - this.#heardAt > SILENCE_MAX_MS) {
      // A dead peer never answers the closing handshake, so `onclose` would come a minute late.
      socket.close();
      this.#lost(socket);
      return;
    }
    const t = Date.now();
    if (this.#send(JSON.stringify({ type: 'ping', t }))) this.#ping = { t, sentAt: now };
  }

  #received(data: unknown): void {
    const now = performance.now();
    this.#heardAt = now;
    // Only a server that has spoken proves that the way is whole; an upgrade alone does not.
    this.#attempt = 0;
    const frame = parseFrame(data);
    this.#change({ messages: this.#view.messages + 1, ...(frame ? this.#taken(frame, now) : {}) });
  }

  /** What a frame changes in the view. */
  #taken(frame: Frame, now: number): Partial<LiveView> {
    switch (frame.type) {
      case 'hello':
        return { id: frame.id };
      case 'tick':
        this.series.push(frame, now);
        return { tick: frame };
      case 'pong':
        return this.#ping?.t === frame.t ? { roundTripMs: now - this.#ping.sentAt } : {};
      case 'echo':
        this.#echoed(frame.text);
        return {};
      case 'say': {
        const saying = { key: this.#view.messages, from: frame.from, text: frame.text };
        return { said: [saying, ...this.#view.said].slice(0, SAID_MAX) };
      }
    }
  }

  #echoed(text: string): void {
    const index = this.#echoes.findIndex((pending) => pending.text === text);
    const [pending] = index < 0 ? [] : this.#echoes.splice(index, 1);
    if (!pending) return;
    clearTimeout(pending.timer);
    pending.resolve(text);
  }

  #send(text: string): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  #change(change: Partial<LiveView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}
