import type { MessageEntity } from './api.ts'

/** Text with what Telegram marks in it; offsets count UTF-16 units, as strings here do. */
export type Rich = { text: string; entities: MessageEntity[] }

/** Telegram takes 4,096 characters and 100 entities a message. */
const MOST_CHARS = 4_000
const MOST_ENTITIES = 95
/** Places to cut at, the best first; none is looked for in the first third. */
const SEAMS = [/\n\n/g, /\n/g, /[.!?…] /g, / /g]

/** The same text as messages that Telegram takes, cut at paragraphs, lines, sentences or words; markings go on in the next. */
export function split(rich: Rich): Rich[] {
  const parts: Rich[] = []
  let rest = trimmed(rich)
  while (rest.text !== '') {
    const at = cutOf(rest)
    const part = trimmed(slice(rest, 0, at))
    if (part.text !== '') parts.push(part)
    rest = trimmed(slice(rest, at, rest.text.length))
  }
  return parts
}

/** Where a message ends: the text's end where all of it fits. */
function cutOf({ text, entities }: Rich): number {
  const crowded = entities.toSorted((a, b) => a.offset - b.offset)[MOST_ENTITIES]?.offset ?? Infinity
  const most = Math.min(MOST_CHARS, Math.max(crowded, 1))
  if (text.length <= most) return text.length
  const head = text.slice(0, most)
  for (const seam of SEAMS) {
    const last = [...head.matchAll(seam)].at(-1)
    if (last && last.index > most / 3) return last.index + last[0].length
  }
  return /[\uD800-\uDBFF]$/.test(head) && most > 1 ? most - 1 : most
}

function slice({ text, entities }: Rich, from: number, to: number): Rich {
  const within = entities.flatMap((entity) => {
    const start = Math.max(entity.offset, from)
    const end = Math.min(entity.offset + entity.length, to)
    return end > start ? [{ ...entity, offset: start - from, length: end - start }] : []
  })
  return { text: text.slice(from, to), entities: within }
}

/** Telegram takes white space away at both ends, and would move the markings. */
function trimmed(rich: Rich): Rich {
  const lead = rich.text.length - rich.text.trimStart().length
  return slice(rich, lead, lead + rich.text.trim().length)
}
