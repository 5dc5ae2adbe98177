// Asks again while the API is unavailable, tells the view that it waits, and lets the user cut the wait short.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { backoffMs } from '../backoff';
import { Unavailable } from './client';

const WAIT_MAX_MS = 30_000;

export interface Wait {
  reason: Unavailable['reason'];
  /** In `Date.now()` milliseconds. */
  until: number;
  hurry: () => void;
}

type Work<T> = (signal: AbortSignal) => Promise<T>;

/** Runs `work` until it ends in something else than `Unavailable`, or until the signal is aborted. */
async function withPatience<T>(work: Work<T>, signal: AbortSignal, onWait: (wait: Wait | null) => void): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const value = await work(signal);
      onWait(null);
      return value;
    } catch (error) {
      if (!(error instanceof Unavailable) || signal.aborted) {
        onWait(null);
        throw error;
      }
      const waitMs = Math.min(WAIT_MAX_MS, Math.max(error.retryAfterMs ?? 0, backoffMs(attempt + 1, Math.random)));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        signal.addEventListener('abort', () => resolve(), { once: true });
        onWait({
          reason: error.reason,
          until: Date.now() + waitMs,
          hurry: () => {
            clearTimeout(timer);
            resolve();
          },
        });
      });
      signal.throwIfAborted();
    }
  }
}

/** The wait that the view shows, and a runner that ends with the view. Its promise never settles after that. */
export function usePatience(): { wait: Wait | null; run: <T>(work: Work<T>) => Promise<T> } {
  const [wait, setWait] = useState<Wait | null>(null);
  const life = useRef<AbortController | null>(null);
  life.current ??= new AbortController();
  useEffect(() => () => life.current?.abort(), []);
  const run = useCallback(<T,>(work: Work<T>): Promise<T> => {
    const { signal } = life.current as AbortController;
    return new Promise((resolve, reject) => {
      withPatience(work, signal, (next) => signal.aborted || setWait(next)).then(
        (value) => signal.aborted || resolve(value),
        (error) => signal.aborted || reject(error),
      );
    });
  }, []);
  return { wait, run };
}
