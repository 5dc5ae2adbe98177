// The notes, kept by the API: listed, added, ticked off and thrown away.
import { useEffect, useRef, useState } from 'preact/hooks';
import { addNote, deleteNote, listNotes, saveNote, TEXT_CHARACTERS_MAX, type Note } from '../api/notes';
import { Failure } from '../api/client';
import { usePatience } from '../api/patience';
import { Notice, WaitNotice } from '../ui/notice';
import './notes.css';

export function Notes() {
  const { wait, notes, wrong, list, add, toggle, drop } = useNotes();
  return (
    <div class="narrow">
      <h1 tabIndex={-1} data-testid="route-title">Notes</h1>
      <p class="lead">{notes ? summary(notes) : 'Left at the door, kept by the API.'}</p>
      {wait && <WaitNotice wait={wait} />}
      {wrong && <Notice tone="wrong" title={wrong} action={{ label: 'Read the list again', onClick: list }} />}
      <AddForm add={add} />
      {notes ? (
        <ul class="notes" data-testid="notes-list">
          {notes.map((note) => (
            <NoteRow key={note.id} note={note} toggle={toggle} drop={drop} />
          ))}
        </ul>
      ) : (
        !wait && !wrong && <p class="quiet">Reading the notes…</p>
      )}
      {notes?.length === 0 && <p class="quiet">There are no notes. Write the first one above.</p>}
    </div>
  );
}

/** The list and what can be done with it. A change is shown once the API has made it. */
function useNotes() {
  const { wait, run } = usePatience();
  const [notes, setNotes] = useState<Note[] | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const attempt = async (work: () => Promise<void>): Promise<boolean> => {
    setWrong(null);
    try {
      await work();
      return true;
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
      return false;
    }
  };
  const list = () => attempt(async () => setNotes(await run(listNotes)));
  useEffect(() => void list(), []);
  const without = (id: number) => (all: Note[] | null) => all && all.filter((note) => note.id !== id);
  return {
    wait, notes, wrong, list,
    add: (text: string) => attempt(async () => {
      const added = await run((signal) => addNote(text, signal));
      setNotes((all) => [...(all ?? []).filter((note) => note.id !== added.id), added]);
    }),
    toggle: (note: Note) => attempt(async () => {
      const next = { ...note, done: !note.done };
      await run((signal) => saveNote(next, signal));
      setNotes((all) => all && all.map((other) => (other.id === next.id ? next : other)));
    }),
    drop: ({ id }: Note) => attempt(async () => {
      // Somebody else may have thrown it away already, which is what was wanted.
      await run((signal) => deleteNote(id, signal)).catch(unlessGone);
      setNotes(without(id));
    }),
  };
}

function unlessGone(error: unknown): void {
  if (!(error instanceof Failure && error.status === 404)) throw error;
}

function AddForm({ add }: { add: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || !text.trim()) return;
    setBusy(true);
    // The text stays in the field until it is kept elsewhere.
    if (await add(text.trim())) setText('');
    setBusy(false);
    input.current?.focus();
  };
  return (
    <form class="entry notes-entry" onSubmit={submit}>
      <label class="unseen" for="note-text">New note</label>
      <input id="note-text" class="input" ref={input} data-testid="note-input" placeholder="Write a note" autocomplete="off"
        maxLength={TEXT_CHARACTERS_MAX} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <button class="button button-main" data-testid="note-add" aria-disabled={busy}>Add note</button>
    </form>
  );
}

interface RowProps {
  note: Note;
  toggle: (note: Note) => Promise<boolean>;
  drop: (note: Note) => Promise<boolean>;
}

function NoteRow({ note, toggle, drop }: RowProps) {
  const change = (event: Event) => {
    // The box follows the API, not the click.
    (event.currentTarget as HTMLInputElement).checked = note.done;
    void toggle(note);
  };
  return (
    <li class="note" data-done={note.done} data-testid="note">
      <label class="note-label">
        <input type="checkbox" class="note-box" checked={note.done} data-testid="note-toggle" onChange={change} />
        <span class="note-text">{note.text}</span>
      </label>
      <button type="button" class="note-drop" data-testid="note-delete" aria-label={`Delete: ${note.text}`}
        onClick={() => void drop(note)}>
        Delete
      </button>
    </li>
  );
}

function summary(notes: readonly Note[]): string {
  const done = notes.filter((note) => note.done).length;
  const open = notes.length - done;
  return `${open} open, ${done} done.`;
}
