import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const EVERY_BYTES = 16 * 1024 * 1024

type Collect = (options: { type: 'minor' }) => void
let collect: Collect | undefined

/**
 * Counts bytes that went through short-lived buffers, and has them collected now and then. Left to itself, the engine lets
 * some 64 MiB of them pile up, since it looks at what they take on its own heap, which is next to nothing.
 */
export function createYoungGarbage(): { add: (bytes: number) => void } {
  let bytes = 0
  return {
    add(more) {
      bytes += more
      if (bytes < EVERY_BYTES) return
      bytes = 0
      collect ??= exposed()
      collect({ type: 'minor' })
    },
  }
}

function exposed(): Collect {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return gc
}
