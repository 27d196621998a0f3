import { writtenForms, type Secret } from './encodings.ts'
import { createFinder, type Finder } from './needles.ts'
import { isRecord } from '../shapes/record.ts'

/** Text that comes in pieces: `push` gives what may be shown so far, `end` the rest. */
export type MaskedText = { push: (piece: string) => string; end: () => string }

export type Masking = ReturnType<typeof createMasking>

/** Steward's own API keys are kept only as hashes; they are known by their form. */
const OWN_KEY = /stw_[A-Za-z0-9_-]{8}_[A-Za-z0-9_-]{43}/g
const OWN_KEY_LENGTH = 56

/** So much of a secret's beginning may be said before anybody knows that it is one: nearly every word ends like that. */
const UNHELD = 3

type Span = { start: number; end: number; name: string }

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

  /** Where secrets stand, from the left. */
  function secretsIn(text: string): Span[] {
    const spans = now()
      .finder.scan(text)
      .map(({ start, end, needle }) => ({ start, end, name: needle.name }))
    return text.includes('stw_') ? withOwnKeys(text, spans) : spans
  }

  const mask = (text: string): string => replaced(text, secretsIn(text), 0, text.length)

  function maskValue(value: unknown): unknown {
    if (typeof value === 'string') return mask(value)
    if (typeof value === 'number') return mask(String(value)) === String(value) ? value : mask(String(value))
    if (Array.isArray(value)) return value.map(maskValue)
    if (!isRecord(value)) return value ?? null
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [mask(name), maskValue(inner)]))
  }

  /**
   * A value as JSON, masked. Where nothing in the text is escaped, whatever stands in a value stands in the text too, so one
   * look at the whole says that there is nothing to mask.
   */
  function maskedJson(value: unknown): string {
    const text = JSON.stringify(value ?? null)
    if (!text.includes('\\') && secretsIn(text).length === 0) return text
    return JSON.stringify(maskValue(JSON.parse(text)))
  }

  /**
   * What could be the beginning of a secret is held back until it is clear that it is none. Of a beginning that is no
   * more than three characters long nothing is held back; it is remembered, and if it was one, the rest is masked.
   */
  function maskedText(): MaskedText {
    let said = ''
    let held = ''

    function pass(text: string, upTo: number, spans: readonly Span[]): string {
      const from = said.length
      const shown = replaced(text, spans, from, upTo)
      const past = spans.findLast(({ end }) => end <= upTo)?.end ?? 0
      held = text.slice(upTo)
      said = text.slice(Math.max(past, upTo - UNHELD), upTo)
      return shown
    }

    return {
      push(piece) {
        const text = said + held + piece
        const spans = secretsIn(text)
        return pass(text, Math.max(said.length, safeEnd(text, spans)), spans)
      },
      end() {
        const text = said + held
        return pass(text, text.length, secretsIn(text))
      },
    }
  }

  function safeEnd(text: string, spans: readonly Span[]): number {
    const open = Math.min(now().finder.heldFrom(text, UNHELD + 1), ownKeyFrom(text))
    return spans.find(({ start, end }) => start < open && end > open)?.start ?? open
  }

  return {
    mask,
    maskValue,
    maskedJson,
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

/** The text from one place to another, with names in place of secrets; of one that began before, only the name. */
function replaced(text: string, spans: readonly Span[], from: number, to: number): string {
  const pieces: string[] = []
  let at = from
  for (const { start, end, name } of spans) {
    if (end <= from || end > to) continue
    pieces.push(text.slice(at, Math.max(at, start)), `[${name}]`)
    at = end
  }
  return pieces.length === 0 ? text.slice(from, to) : pieces.join('') + text.slice(at, Math.max(at, to))
}

function withOwnKeys(text: string, spans: readonly Span[]): Span[] {
  const own = [...text.matchAll(OWN_KEY)].map(({ index, 0: key }) => ({
    start: index,
    end: index + key.length,
    name: 'api key',
  }))
  const apart = own.filter((key) => !spans.some(({ start, end }) => start < key.end && key.start < end))
  return [...spans, ...apart].sort((a, b) => a.start - b.start)
}

/** Where a key of our own may be unfinished. */
function ownKeyFrom(text: string): number {
  const from = Math.max(0, text.length - OWN_KEY_LENGTH + 1)
  const at = text.slice(from).search(/stw_[A-Za-z0-9_-]*$/)
  return at < 0 ? text.length : from + at
}
