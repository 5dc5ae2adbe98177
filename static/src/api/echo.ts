// `/api/echo` answers with the request as the API has received it, so that one sees what the edge made of it.
import { ask } from './client';

export type Header = [name: string, value: string];

export interface Echo {
  method: string;
  path: string;
  query: string;
  headers: Header[];
  body: string;
}

export interface Exchange {
  seen: Echo;
  status: number;
  answered: Header[];
  elapsedMs: number;
}

export async function exchangeEcho(method: 'GET' | 'POST', signal: AbortSignal): Promise<Exchange> {
  const startedAt = performance.now();
  const json = method === 'POST' ? { note: 'slipped under the door' } : undefined;
  const { response, value } = await ask<Echo>('/api/echo?from=inspect', { method, json, signal });
  return {
    seen: value,
    status: response.status,
    answered: [...response.headers],
    elapsedMs: performance.now() - startedAt,
  };
}
