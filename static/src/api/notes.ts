// The notes of the API: `/api/notes` and `/api/notes/{id}`.
import { ask } from './client';

export interface Note {
  id: number;
  text: string;
  done: boolean;
}

/** What the form allows; the API may allow more. */
export const TEXT_CHARACTERS_MAX = 280;

export async function listNotes(signal: AbortSignal): Promise<Note[]> {
  return (await ask<Note[]>('/api/notes', { signal })).value;
}

export async function addNote(text: string, signal: AbortSignal): Promise<Note> {
  return (await ask<Note>('/api/notes', { method: 'POST', json: { text }, signal })).value;
}

export async function saveNote({ id, text, done }: Note, signal: AbortSignal): Promise<void> {
  await ask(`/api/notes/${id}`, { method: 'PUT', json: { text, done }, signal });
}

export async function deleteNote(id: number, signal: AbortSignal): Promise<void> {
  await ask(`/api/notes/${id}`, { method: 'DELETE', signal });
}
