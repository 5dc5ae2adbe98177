// The shell: everything above the beam (mark, ways, state of the line), the view under it, and the footer.
import { useEffect, useRef } from 'preact/hooks';
import { useLive } from './live/use-live';
import { Link, usePlace, type Route } from './router';
import { Logo } from './ui/logo';
import { Lazy } from './views/lazy';
import { Missing } from './views/missing';
import { Notes } from './views/notes';
import { Overview } from './views/overview';
import './base.css';
import './app.css';

const TITLES: Record<Route, string> = {
  overview: 'Overview', notes: 'Notes', inspect: 'Inspect', missing: 'Not found',
};

const loadInspect = () => import('./views/inspect').then((chunk) => chunk.Inspect);

export function App() {
  const { route, path, moved } = usePlace();
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    document.title = `${TITLES[route]} · Transom`;
    // After a change of view the reader starts at its heading, as after a page load.
    if (moved) main.current?.querySelector('h1')?.focus({ preventScroll: true });
  }, [route, path, moved]);
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <Header />
      <main id="main" class="page" ref={main} tabIndex={-1}>
        {route === 'overview' && <Overview />}
        {route === 'notes' && <Notes />}
        {route === 'inspect' && <Lazy load={loadInspect} title={TITLES.inspect} />}
        {route === 'missing' && <Missing path={path} />}
      </main>
      <footer class="footer">
        <p>A transom is the beam above a door. Everything that comes in passes under it.</p>
      </footer>
    </>
  );
}

function Header() {
  const { view } = useLive();
  return (
    <header class="header" data-state={view.state}>
      <div class="header-inside">
        <Link href="/" class="brand">
          <Logo />
          <span class="brand-name">Transom</span>
        </Link>
        <nav class="nav" aria-label="Main">
          <Link href="/" testId="nav-overview">Overview</Link>
          <Link href="/notes" testId="nav-notes">Notes</Link>
          <Link href="/inspect" testId="nav-inspect">Inspect</Link>
        </nav>
        <p class="line-state" role="status" data-state={view.state}>
          <span class="line-lamp" aria-hidden="true" />
          <span class="line-name">Live line</span>
          <span data-testid="ws-state">{view.state}</span>
        </p>
      </div>
      <div class="beam" aria-hidden="true" />
    </header>
  );
}
