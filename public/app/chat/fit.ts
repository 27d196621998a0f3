import type { Part } from './types.ts'

const isSpace = (character: string | undefined): boolean => character !== undefined && /\s/.test(character)

/**
 * Lays `text`, an answer in one piece, over the parts that are shown: what it lacks is cut off, what it has beyond them is
 * the rest. Spaces between the pieces do not count. Null when the two tell different things.
 */
export function fit(parts: Part[], text: string): { parts: Part[]; rest: string } | null {
  const kept: Part[] = []
  let at = 0
  for (const part of parts) {
    if (part.type !== 'text') {
      kept.push(part)
      continue
    }
    const { shown, next } = along(part.text, text, at)
    if (shown < part.text.length && next < text.length) return null
    if (shown > 0) kept.push({ type: 'text', text: part.text.slice(0, shown) })
    at = next
  }
  return { parts: kept, rest: text.slice(at) }
}

/** How far `shown` and `text` (from `from` on) go together. */
function along(shown: string, text: string, from: number): { shown: number; next: number } {
  let here = 0
  let there = from
  for (;;) {
    if (shown[here] !== undefined && shown[here] === text[there]) {
      here += 1
      there += 1
    } else if (isSpace(shown[here])) here += 1
    else if (isSpace(text[there]) && here < shown.length) there += 1
    else return { shown: here, next: there }
  }
}
