// The notices of the views: waiting for the API, and something that went wrong.
import type { ComponentChildren } from 'preact';
import type { Wait } from '../api/patience';
import { Countdown } from './countdown';
import './notice.css';

interface Props {
  tone: 'wait' | 'wrong';
  title: string;
  children?: ComponentChildren;
  action?: { label: string; onClick: () => void };
}

export function Notice({ tone, title, children, action }: Props) {
  return (
    <div class={`notice notice-${tone}`} role={tone === 'wrong' ? 'alert' : 'status'} data-testid={`notice-${tone}`}>
      <div>
        <p class="notice-title">{title}</p>
        {children && <p class="notice-text">{children}</p>}
      </div>
      {action && (
        <button type="button" class="button" onClick={action.onClick}>
          {action.label}
        </button>
      )}
    </div>
  );
}

export function WaitNotice({ wait }: { wait: Wait }) {
  const title = wait.reason === 'starting' ? 'The API is starting' : 'The API cannot be reached';
  return (
    <Notice tone="wait" title={title} action={{ label: 'Try now', onClick: wait.hurry }}>
      Nothing is lost. Retrying
      <Countdown until={wait.until} />.
    </Notice>
  );
}
