/**
 * Gathers the pieces of answers and hands them on once a frame: hundreds of deltas a second become sixty redraws. When a
 * redraw was slow, the next waits in proportion. Hidden windows draw nothing and are told by a timer.
 */
export function createTextBuffer(hand: (runId: string, text: string) => void) {
  const waiting = new Map<string, string>()
  let cancel: (() => void) | undefined
  let cost = 0

  function add(runId: string, piece: string): void {
    waiting.set(runId, (waiting.get(runId) ?? '') + piece)
    cancel ??= soon(timed, cost * 2)
  }

  function timed(): void {
    const started = performance.now()
    flush()
    requestAnimationFrame(() => (cost = Math.min(250, Math.max(0, performance.now() - started - 16))))
  }

  function flush(): void {
    cancel?.()
    cancel = undefined
    const texts = [...waiting]
    waiting.clear()
    for (const [runId, text] of texts) hand(runId, text)
  }

  function drop(): void {
    cancel?.()
    cancel = undefined
    waiting.clear()
  }

  return { add, flush, drop }
}

function soon(act: () => void, wait: number): () => void {
  if (document.visibilityState === 'hidden' || wait > 16) {
    const timer = setTimeout(act, Math.max(wait, 100))
    return () => clearTimeout(timer)
  }
  const frame = requestAnimationFrame(act)
  return () => cancelAnimationFrame(frame)
}
