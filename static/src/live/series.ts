// The last minute of numbers, as the charts draw it. Holds at most SAMPLES_MAX samples.
import type { Tick } from './frame';

/** `at` is milliseconds of `performance.now()`, so that a wrong clock on either side does not bend the chart. */
export interface Sample {
  at: number;
  load: number;
  /** Null at the first tick of a connection, which has nothing to be compared with. */
  requestsPerSecond: number | null;
}

export const WINDOW_MS = 60_000;
/** A longer silence is drawn as a gap: nothing was heard, so nothing is claimed. */
export const GAP_MS = 2_000;
const SAMPLES_MAX = 200;
/** The rate is the mean over this many ticks; over a single one it would only flicker. */
const RATE_TICKS = 4;

export class Series {
  readonly samples: Sample[] = [];
  #recent: Tick[] = [];

  push(tick: Tick, at: number): void {
    this.#recent.push(tick);
    if (this.#recent.length > RATE_TICKS + 1) this.#recent.shift();
    this.samples.push({ at, load: clamp01(tick.load), requestsPerSecond: this.#rate(tick) });
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
  }

  /** A new connection may be a new server whose counters start again. */
  restart(): void {
    this.#recent = [];
  }

  #rate(last: Tick): number | null {
    const first = this.#recent[0] ?? last;
    const elapsedSeconds = (last.t - first.t) / 1000;
    return elapsedSeconds > 0 ? Math.max(0, (last.requests - first.requests) / elapsedSeconds) : null;
  }
}

function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value));
}
