// "in 3 s", counting down. Hidden from screen readers, which would read out every second of it.
import { useEffect, useState } from 'preact/hooks';

export function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [until]);
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return <span aria-hidden="true">{seconds > 0 ? ` in ${seconds} s` : ' now'}</span>;
}
