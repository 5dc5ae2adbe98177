// The text frames that the server sends on `/ws`, as types. Anything else parses to `null` and is only counted.

export type Frame =
  | { type: 'hello'; id: number }
  | { type: 'tick'; t: number; requests: number; sockets: number; load: number }
  | { type: 'pong'; t: number }
  | { type: 'echo'; text: string }
  | { type: 'say'; from: number; text: string };

export type Tick = Extract<Frame, { type: 'tick' }>;

export function parseFrame(data: unknown): Frame | null {
  if (typeof data !== 'string') return null;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { type, id, t, text, from, requests, sockets, load } = value;
  if (type === 'hello' && isNumber(id)) return { type, id };
  if (type === 'pong' && isNumber(t)) return { type, t };
  if (type === 'echo' && typeof text === 'string') return { type, text };
  if (type === 'say' && isNumber(from) && typeof text === 'string') return { type, from, text };
  if (type === 'tick' && isNumber(t) && isNumber(requests) && isNumber(sockets) && isNumber(load)) {
    return { type, t, requests, sockets, load };
  }
  return null;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
