import type { Who } from './who.ts'

/** What ended: one browser session, one API key, or everything of a user. */
export type Ending = { sessionId: string } | { keyId: string } | { userId: string }

export type Endings = ReturnType<typeof createEndings>

/** Tells whoever holds a connection open that the right to it has ended. */
export function createEndings() {
  const listeners = new Set<(ending: Ending) => void>()
  return {
    listen(listener: (ending: Ending) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tell(ending: Ending): void {
      for (const listener of listeners) listener(ending)
    },
  }
}

/** Whether it was by this session, key or user that somebody asked. */
export function concerns(ending: Ending, who: Who): boolean {
  if ('userId' in ending) return ending.userId === who.user.id
  if ('sessionId' in ending) return who.via === 'session' && ending.sessionId === who.sessionId
  return who.via === 'key' && ending.keyId === who.keyId
}
