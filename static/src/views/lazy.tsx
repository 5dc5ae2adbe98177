// Shows a view that comes as a chunk of its own. The heading is here, so that the focus on it outlives the loading. A chunk that cannot be loaded most likely belongs to a build
// that has been replaced since this page was opened, so the way out is to load the page again.
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Notice } from '../ui/notice';

interface Props {
  load: () => Promise<ComponentType>;
  title: string;
}

export function Lazy({ load, title }: Props) {
  const [View, setView] = useState<ComponentType | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let here = true;
    load().then(
      (loaded) => here && setView(() => loaded),
      () => here && setFailed(true),
    );
    return () => {
      here = false;
    };
  }, [load]);
  return (
    <>
      <h1 tabIndex={-1} data-testid="route-title">{title}</h1>
      {View ? (
        <View />
      ) : failed ? (
        <Notice tone="wrong" title="This part could not be loaded"
          action={{ label: 'Load the page again', onClick: () => location.reload() }}>
          A newer build may have been published since the page was opened.
        </Notice>
      ) : (
        <p class="lead" role="status">Loading…</p>
      )}
    </>
  );
}
