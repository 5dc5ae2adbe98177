// The headers of the page itself, asked for in the way a navigation does.
import type { Header } from './echo';

export async function pageHeaders(signal: AbortSignal): Promise<Header[]> {
  const response = await fetch(location.pathname, {
    method: 'HEAD', headers: { accept: 'text/html' }, cache: 'no-store', signal,
  });
  return response.ok ? [...response.headers] : [];
}
