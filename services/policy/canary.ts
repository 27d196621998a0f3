import { createHmac } from 'node:crypto'
import { isRecord } from '../shapes/record.ts'
/** Where the word's key comes from. */
type Keys = { derive: (purpose: string) => Buffer }

/** 32 characters, none of which looks like another. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'
const LENGTH = 20

export type Canary = ReturnType<typeof createCanary>

/**
 * A word for each conversation that stands in its system prompt and nowhere else: whoever writes it gives away the prompt.
 * It is derived from the master key, so it is the same after a restart and nowhere stored.
 */
export function createCanary({ vault }: { vault: Keys }) {
  const key = vault.derive('canary')

  function wordOf(conversationId: string): string {
    const bytes = createHmac('sha256', key).update(conversationId).digest().subarray(0, LENGTH)
    return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]!).join('')
  }

  return {
    wordOf,
    /** Whether a text or the arguments of a call hold the word: as it is, spaced, backwards, in hex, percent or base64. */
    isIn(value: unknown, conversationId: string): boolean {
      const { names, values } = textsIn(value)
      return [names, values].some((texts) => holds(texts.join(''), wordOf(conversationId)))
    },
  }
}

/** Whether a text holds a word of letters and digits, as it is or written in another of the usual ways. */
export function holds(text: string, word: string): boolean {
  const letters = text.replace(/[^A-Za-z0-9]/g, '')
  const small = letters.toLowerCase()
  const reversed = [...word].reverse().join('')
  return [word, reversed].some(
    (form) =>
      small.includes(form) ||
      small.includes(Buffer.from(form).toString('hex')) ||
      [form, form.toUpperCase()].some((one) => base64Of(one).some((core) => letters.includes(core))),
  )
}

/** What the base64 of a longer text holds where this stands in it, for each of the three places it can begin at. */
function base64Of(form: string): string[] {
  return [0, 1, 2].map((shift) => {
    const length = Math.floor((shift + form.length) / 3) * 4
    const whole = Buffer.from('\0'.repeat(shift) + form)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, length)
    return whole.replace(/[^A-Za-z0-9]/g, '')
  })
}

/** All texts in a value; put together in their order, so that a word cut in pieces is found. */
function textsIn(value: unknown, found = { names: [] as string[], values: [] as string[] }) {
  if (typeof value === 'string' || typeof value === 'number') found.values.push(String(value))
  if (Array.isArray(value)) for (const inner of value) textsIn(inner, found)
  if (!isRecord(value)) return found
  for (const [name, inner] of Object.entries(value)) {
    found.names.push(name)
    textsIn(inner, found)
  }
  return found
}
