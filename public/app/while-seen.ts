/** Does something now, every so often, and when the reader comes back; not while nobody looks. The returned function ends it. */
export function whileSeen(act: () => void, everyMs: number): () => void {
  const look = () => void (document.visibilityState === 'visible' && act())
  look()
  const timer = setInterval(look, everyMs)
  document.addEventListener('visibilitychange', look)
  addEventListener('focus', look)
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', look)
    removeEventListener('focus', look)
  }
}
