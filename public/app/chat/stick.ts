import { useEffect, useRef, useState } from 'preact/hooks'

const NEAR = 48

/** Keeps a scrolled box at its end while it grows, until the reader moves up; `toEnd` brings them back. */
export function useStickToEnd() {
  const frame = useRef<HTMLDivElement>(null)
  const inner = useRef<HTMLDivElement>(null)
  const stuck = useRef(true)
  const top = useRef(0)
  const [away, setAway] = useState(false)
  const toEnd = () => {
    stuck.current = true
    setAway(false)
    frame.current?.scrollTo({ top: frame.current.scrollHeight })
  }
  useEffect(() => {
    const box = frame.current
    const content = inner.current
    if (!box || !content) return
    const follow = () => void (stuck.current && box.scrollTo({ top: box.scrollHeight }))
    // @NOTE text may have grown since the scroll that this tells of: only a move upwards is the reader's.
    const look = () => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR
      const upwards = box.scrollTop < top.current - 1
      stuck.current = near || (stuck.current && !upwards)
      top.current = box.scrollTop
      setAway(!stuck.current)
    }
    const watcher = new ResizeObserver(follow)
    watcher.observe(content)
    watcher.observe(box)
    box.addEventListener('scroll', look, { passive: true })
    return () => {
      watcher.disconnect()
      box.removeEventListener('scroll', look)
    }
  }, [])
  return { frame, inner, away, toEnd }
}
