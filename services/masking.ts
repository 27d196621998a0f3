import { writtenForms, type Secret } from './policy/encodings.ts'
import { createFinder, type Finder } from './policy/needles.ts'
import { isRecord } from './shapes/record.ts'

/** Text that comes in pieces: `push` gives what may be shown so far, `end` the rest. */
export type MaskedText = { push: (piece: string) => string; end: () => string }

export type Masking = ReturnType<typeof createMasking>

/** Steward's own API keys are kept only as hashes; they are known by their form. */
const OWN_KEY = /stw_[A-Za-z0-9_-]{8}_[A-Za-z0-9_-]{43}/g

/**
 * Takes known secrets (8 characters and more) out of whatever is stored or shown, also where they stand in JSON, in an
 * address, in base64 or in hex, and puts their names there. One pass, however many secrets there are.
 */
export function createMasking() {
  const sources = new Set<() => Iterable<Secret>>()
  let known: { secrets: readonly Secret[]; finder: Finder } | undefined

  function now(): { secrets: readonly Secret[]; finder: Finder } {
    if (!known) {
      const secrets = [...sources].flatMap((source) => [...source()])
      known = { secrets, finder: createFinder(secrets.flatMap(writtenForms)) }
    }
    return known
  }

  const changed = (): void => void (known = undefined)

  function mask(text: string): string {
    const hits = now().finder.scan(text)
    const pieces: string[] = []
    let from = 0
    for (const { start, end, needle } of hits) {
      pieces.push(text.slice(from, start), `[${needle.name}]`)
      from = end
    }
    const masked = hits.length === 0 ? text : pieces.join('') + text.slice(from)
    return masked.includes('stw_') ? masked.replace(OWN_KEY, '[api key]') : masked
  }

  function maskValue(value: unknown): unknown {
    if (typeof value === 'string') return mask(value)
    if (typeof value === 'number') return mask(String(value)) === String(value) ? value : mask(String(value))
    if (Array.isArray(value)) return value.map(maskValue)
    if (!isRecord(value)) return value ?? null
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [mask(name), maskValue(inner)]))
  }

  /** What could be the beginning of a secret is held back until it is clear that it is none. */
  function maskedText(): MaskedText {
    let held = ''
    return {
      push(piece) {
        const text = held + piece
        const upTo = safeEnd(text)
        held = text.slice(upTo)
        return mask(text.slice(0, upTo))
      },
      end() {
        const rest = held
        held = ''
        return mask(rest)
      },
    }
  }

  function safeEnd(text: string): number {
    const { finder } = now()
    const open = Math.min(finder.heldFrom(text), ownKeyFrom(text))
    const cut = finder.scan(text).find(({ start, end }) => start < open && end > open)
    return cut ? cut.start : open
  }

  return {
    mask,
    maskValue,
    maskedText,
    /** Everything that is known, with its name; the same array until something changes. */
    secrets: (): readonly Secret[] => now().secrets,
    /** The answer is to be called whenever what the source gives has changed. */
    add(source: () => Iterable<Secret>): () => void {
      sources.add(source)
      changed()
      return changed
    },
  }
}

/** Where a key of our own may be unfinished. */
function ownKeyFrom(text: string): number {
  const at = /(?:stw_[A-Za-z0-9_-]{0,51}|st?|stw)$/.exec(text.slice(-56))
  return at ? Math.max(0, text.length - 56) + at.index : text.length
}
