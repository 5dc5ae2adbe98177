// One request to the API, and the three ways it can end: an answer, "not now" (Unavailable), or a Failure.
// It does not retry; patience.ts does.

const REQUEST_MAX_MS = 60_000;

/** The API is not there yet, or for the moment. The same request may be sent again. */
export class Unavailable extends Error {
  constructor(
    readonly reason: 'starting' | 'unreachable',
    /** From `Retry-After`, when it was a number of seconds. */
    readonly retryAfterMs: number | null,
  ) {
    super(reason === 'starting' ? 'The API is starting' : 'The API cannot be reached');
  }
}

/** The API has answered, and the answer is no. */
export class Failure extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export interface Asked {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  json?: unknown;
  signal?: AbortSignal;
}

export interface Answer<T> {
  response: Response;
  /** The parsed body; undefined for 204. */
  value: T;
}

export async function ask<T>(path: string, asked: Asked = {}): Promise<Answer<T>> {
  const { method = 'GET', json, signal } = asked;
  const headers: Record<string, string> = { accept: 'application/json' };
  if (json !== undefined) headers['content-type'] = 'application/json';
  const response = await send(path, {
    method, headers, cache: 'no-store',
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    signal: deadline(signal),
  });
  refuse(response, method);
  if (response.status === 204) return { response, value: undefined as T };
  if (!response.headers.get('content-type')?.includes('json')) {
    throw new Failure(response.status, `${method} ${path} did not answer with JSON`);
  }
  return { response, value: (await response.json()) as T };
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    // A change that got no answer may have been made, so only a read counts as repeatable.
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    if (!late && !(error instanceof TypeError)) throw error;
    if (init.method === 'GET') throw new Unavailable('unreachable', null);
    throw new Failure(0, late ? 'No answer came in time' : 'The connection broke before an answer came');
  }
}

function refuse(response: Response, method: string): void {
  if (response.ok) return;
  if (response.status === 503) throw new Unavailable('starting', retryAfterMs(response));
  if (method === 'GET' && (response.status === 502 || response.status === 504)) {
    throw new Unavailable('unreachable', retryAfterMs(response));
  }
  throw new Failure(response.status, `The API answered ${response.status} ${response.statusText}`.trim());
}

function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

function deadline(signal: AbortSignal | undefined): AbortSignal {
  const late = AbortSignal.timeout(REQUEST_MAX_MS);
  return signal ? AbortSignal.any([signal, late]) : late;
}
