// Gives a component the live view, and draws it again whenever that changes.
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { LiveSocket, LiveView } from './socket';

export const LiveContext = createContext<LiveSocket | null>(null);

export function useLive(): { live: LiveSocket; view: LiveView } {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive outside of LiveContext');
  const [view, setView] = useState(live.view);
  useEffect(() => {
    setView(live.view);
    return live.subscribe(() => setView(live.view));
  }, [live]);
  return { live, view };
}
