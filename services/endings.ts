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
