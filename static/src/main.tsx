// Wires the page: the live line, the router, the views, and the hook for tests and the console.
import { render } from 'preact';
import { App } from './app';
import { LiveSocket } from './live/socket';
import { LiveContext } from './live/use-live';
import { RouterProvider } from './router';

declare global {
  interface Window {
    /** For tests and for trying things out in the console. */
    transom: { echo: (text: string) => Promise<string> };
  }
}

const live = new LiveSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
window.transom = { echo: (text) => live.echo(text) };
live.connect();
// A page that comes back to a network, or to the front, does not sit out its wait.
addEventListener('online', () => live.connect());
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && live.connect());

render(
  <LiveContext.Provider value={live}>
    <RouterProvider>
      <App />
    </RouterProvider>
  </LiveContext.Provider>,
  document.getElementById('app') as HTMLElement,
);
