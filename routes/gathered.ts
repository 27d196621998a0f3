import type { Duplex } from 'node:stream'

/**
 * Frames of one moment leave in one write: an answer brings many pieces at once, and every write is a call to the system.
 * Call what is returned before each frame; what was sent goes out before anything else happens.
 */
export function gathered(stream: Duplex): () => void {
  let gathering = false

  function letGo(): void {
    gathering = false
    stream.uncork()
  }

  return () => {
    if (gathering) return
    gathering = true
    stream.cork()
    process.nextTick(letGo)
  }
}
