// How long to wait before the next attempt. Pure: the random source comes in. Used by the live line
// (live/socket.ts) and by the API (api/patience.ts).

const FIRST_MS = 500;
const CEILING_MS = 15_000;

/**
 * Exponential backoff with jitter: attempt 0 waits about half a second, each further one up to twice as
 * long, 15 s at most. Half is fixed and half random, so that many pages do not come back at one moment.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const whole = Math.min(CEILING_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(whole / 2 + (whole / 2) * random());
}
