/** Something to look for: `name` says whose it is, `form` how it is written there. At least 8 characters long. */
export type Needle = { text: string; name: string; form: string }

/** Where needles stand; what overlaps is one hit, named by what began first (of those, the longest). */
export type Hit = { start: number; end: number; needle: Needle }

export const SHORTEST_NEEDLE = 8

export type Finder = ReturnType<typeof createFinder>

/** The hash of a window: each step moves what came before by 4 bits, so that 8 steps later nothing is left of it. */
const step = (hash: number, code: number): number => (hash << 4) ^ code
const slot = (hash: number): number => Math.imul(hash, 0x9e3779b1) >>> 16

/**
 * Looks for many texts at once in one pass: a rolling hash over the last 8 characters says where one may begin, and only
 * there it is compared. Shorter needles are left out.
 */
export function createFinder(needles: Iterable<Needle>) {
  const maybe = new Uint8Array(0x10000)
  const byStart = new Map<number, Needle[]>()
  const beginnings = new Set<string>()
  const sorted = [...needles].filter(({ text }) => text.length >= SHORTEST_NEEDLE)
  for (const needle of sorted.sort((a, b) => b.text.length - a.text.length)) add(needle)

  function add(needle: Needle): void {
    const hash = hashOf(needle.text, 0)
    maybe[slot(hash)] = 1
    byStart.set(hash, [...(byStart.get(hash) ?? []), needle])
    for (let length = 1; length < SHORTEST_NEEDLE; length++) beginnings.add(needle.text.slice(0, length))
  }

  const at = (text: string, start: number, hash: number): Needle | undefined =>
    byStart.get(hash)?.find((needle) => text.startsWith(needle.text, start))

  /** All hits, from the left. */
  function scan(text: string): Hit[] {
    const hits: Hit[] = []
    if (byStart.size === 0) return hits
    let hash = 0
    for (let index = 0; index < text.length; index++) {
      hash = step(hash, text.charCodeAt(index))
      if (maybe[slot(hash)] === 0 || index < SHORTEST_NEEDLE - 1) continue
      const start = index - SHORTEST_NEEDLE + 1
      const needle = at(text, start, hash)
      if (needle) note(hits, { start, end: start + needle.text.length, needle })
    }
    return hits
  }

  /** From where on the text could be the beginning of a needle, `least` characters of it; its length where it cannot. */
  function heldFrom(text: string, least: number): number {
    const longest = sorted[0]?.text.length ?? 0
    for (let start = Math.max(0, text.length - longest + 1); start <= text.length - least; start++) {
      const rest = text.slice(start)
      if (rest.length < SHORTEST_NEEDLE ? beginnings.has(rest) : mayGoOn(rest)) return start
    }
    return text.length
  }

  const mayGoOn = (rest: string): boolean =>
    byStart.get(hashOf(rest, 0))?.some((needle) => needle.text.startsWith(rest)) ?? false

  return { scan, heldFrom }
}

function hashOf(text: string, start: number): number {
  let hash = 0
  for (let index = start; index < start + SHORTEST_NEEDLE; index++) hash = step(hash, text.charCodeAt(index))
  return hash
}

function note(hits: Hit[], hit: Hit): void {
  const last = hits.at(-1)
  if (last && hit.start < last.end) last.end = Math.max(last.end, hit.end)
  else hits.push(hit)
}
