import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

const STEP = 60

/**
 * Long conversations are drawn from their end: the last messages at once, earlier ones as the reader comes near them. What
 * they look at stays where it is.
 */
export function useEarlier(frame: RefObject<HTMLDivElement | null>, total: number) {
  const [count, setCount] = useState(STEP)
  const button = useRef<HTMLButtonElement>(null)
  const below = useRef<number | null>(null)
  const from = Math.max(0, total - count)
  const more = () => {
    const box = frame.current
    if (box) below.current = box.scrollHeight - box.scrollTop
    setCount((before) => before + STEP)
  }
  useLayoutEffect(() => {
    if (frame.current && below.current !== null) frame.current.scrollTop = frame.current.scrollHeight - below.current
    below.current = null
  }, [count])
  useEffect(() => {
    if (!button.current) return
    const seen = ([entry]: IntersectionObserverEntry[]) => void (entry?.isIntersecting && more())
    const watcher = new IntersectionObserver(seen, { root: frame.current, rootMargin: '400px 0px 0px' })
    watcher.observe(button.current)
    return () => watcher.disconnect()
  }, [from > 0, count])
  return { from, more, button }
}
