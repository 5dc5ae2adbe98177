// The mark: a doorway with its transom, the beam above the door, and a fanlight above that.

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 28 40" width="27" height="39" aria-hidden="true">
      <path class="logo-frame" d="M5 12.5a9 9 0 0 1 18 0M14 12V3.5M14 12 7.6 6.2M14 12l6.4-5.8M5 18v20M23 18v20" />
      <path class="logo-leaf" d="M8.5 19h11v20h-11z" />
      <path class="logo-beam" d="M3 15h22" />
      <circle class="logo-knob" cx="16.8" cy="29" r="1.3" />
    </svg>
  );
}
