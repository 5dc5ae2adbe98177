// For an address that no view belongs to.
import { Link } from '../router';

export function Missing({ path }: { path: string }) {
  return (
    <div class="missing">
      <h1 tabIndex={-1} data-testid="route-title">No door here</h1>
      <p class="lead">
        Nothing lives at <code>{path}</code>.
      </p>
      <p>
        <Link href="/" class="button button-main">Back to the overview</Link>
      </p>
    </div>
  );
}
