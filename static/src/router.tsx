// Which view the address asks for, and links that change the address without loading the page again.
// Links are real ones: with a modifier key, or before the script runs, the browser follows them itself.
import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';

export type Route = 'overview' | 'notes' | 'inspect' | 'missing';

const ROUTES: Record<string, Route> = { '/': 'overview', '/notes': 'notes', '/inspect': 'inspect' };

interface Place {
  path: string;
  route: Route;
  /** True once the user has gone somewhere, so that a first load does not move the focus. */
  moved: boolean;
}

const Router = createContext<{ place: Place; go: (path: string) => void } | null>(null);

export function RouterProvider({ children }: { children: ComponentChildren }) {
  const [place, setPlace] = useState<Place>(() => placeAt(location.pathname, false));
  useEffect(() => {
    const back = () => setPlace(placeAt(location.pathname, true));
    addEventListener('popstate', back);
    return () => removeEventListener('popstate', back);
  }, []);
  const go = (path: string) => {
    if (path !== location.pathname) history.pushState(null, '', path);
    setPlace(placeAt(path, true));
    scrollTo(0, 0);
  };
  return <Router.Provider value={{ place, go }}>{children}</Router.Provider>;
}

export function usePlace(): Place {
  return useRouter().place;
}

interface LinkProps {
  href: string;
  class?: string;
  testId?: string;
  children: ComponentChildren;
}

export function Link({ href, class: className, testId, children }: LinkProps) {
  const { place, go } = useRouter();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
  };
  const current = placeAt(href, false).route === place.route && place.route !== 'missing';
  return (
    <a href={href} class={className} data-testid={testId} aria-current={current ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  );
}

function placeAt(path: string, moved: boolean): Place {
  const plain = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  return { path, route: Object.hasOwn(ROUTES, plain) ? (ROUTES[plain] as Route) : 'missing', moved };
}

function useRouter() {
  const router = useContext(Router);
  if (!router) throw new Error('outside of RouterProvider');
  return router;
}
