import { isRecord } from '../shapes/record.ts'
import {
  base64Cores,
  base64Decoded,
  entitiesDecoded,
  hexOf,
  joinedUp,
  percentDecoded,
  squeezed,
  unescaped,
  writtenForms,
  type Secret,
} from './encodings.ts'
import { createFinder, SHORTEST_NEEDLE, type Needle } from './needles.ts'
import { secretShapes } from './secret-shapes.ts'

/**
 * A secret that was found: whose, where in the value (`body.lines[2]`; empty for the value itself), and how it is written
 * there: `plain`, `json`, `url`, `html`, `base64`, `hex`, `reversed`, `split`, or `shape` for one that only looks like a
 * secret. Never the secret.
 */
export type Leak = { name: string; path: string; form: string }

export type Leaks = ReturnType<typeof createLeaks>

/** How often a text is decoded again (a percent sign may itself be encoded). */
const MOST_ROUNDS = 4

/** `isName`: the name of a field, which whoever wrote the value chose too. */
type Text = { path: string; text: string; isName?: boolean }

/**
 * Finds secrets in any JSON value: the known ones of 8 characters and more however they are written, and unknown ones by
 * their shape. Pure; the time it takes is in proportion to the value. `secrets` may give the same array as long as nothing
 * has changed, which spares preparing them again.
 */
export function createLeaks({ secrets }: { secrets: () => Iterable<Secret> }) {
  let prepared: { from: Iterable<Secret>; look: ReturnType<typeof prepare> } | undefined

  function lookNow(): ReturnType<typeof prepare> {
    const from = secrets()
    if (prepared?.from !== from || !Array.isArray(from)) prepared = { from, look: prepare([...from]) }
    return prepared.look
  }

  return {
    find(value: unknown): Leak[] {
      const look = lookNow()
      const texts = textsOf(value, '')
      const found = texts.flatMap((text) => look(text))
      if (texts.length < 2) return found
      const names = new Set(found.map(({ name }) => name))
      return [...found, ...look(joined(texts), { shapes: false }).filter(({ name }) => !names.has(name))]
    },
  }
}

function prepare(secrets: readonly Secret[]) {
  const written = createFinder(secrets.flatMap((secret) => [...writtenForms(secret), reversed(secret)]))
  const split = createFinder(secrets.flatMap(splitForms))
  const loose = createFinder(secrets.flatMap(looseForms))
  const hex = createFinder(secrets.map(([name, value]) => ({ text: hexOf(value), name, form: 'hex' })))

  function known(text: string, form: string): Needle[] {
    const dense = squeezed(text)
    return [
      ...written.scan(text).map(({ needle }) => (needle.form === 'plain' ? { ...needle, form } : needle)),
      ...loose.scan(joinedUp(text)).map(({ needle }) => needle),
      ...split.scan(dense).map(({ needle }) => needle),
      ...hex.scan(squeezed(text.replace(/0x/gi, '')).toLowerCase()).map(({ needle }) => needle),
    ]
  }

  /** A path is made of names, and a name may be the secret. */
  function shownPath(path: string): string {
    const tells = viewsOf(path).some((view) => known(view.text, '').length > 0 || secretShapes(view.text).length > 0)
    return tells ? '' : path
  }

  return function look({ path, text }: Text, { shapes = true } = {}): Leak[] {
    const leaks = new Map<string, Leak>()
    const add = (name: string, form: string) => {
      if (!leaks.has(name)) leaks.set(name, { name, path: shownPath(path), form })
    }
    for (const view of viewsOf(text)) {
      for (const { name, form } of known(view.text, view.form)) add(name, form)
      for (const shape of shapes ? secretShapes(view.text) : [])
        if (known(shape.text, '').length === 0) add(shape.name, 'shape')
    }
    return [...leaks.values()]
  }
}

const reversed = ([name, value]: Secret): Needle => ({ text: [...value].reverse().join(''), name, form: 'reversed' })

function looseForms([name, value]: Secret): Needle[] {
  return [
    { text: joinedUp(value), name, form: 'split' },
    { text: joinedUp([...value].reverse().join('')), name, form: 'reversed' },
  ]
}

function splitForms([name, value]: Secret): Needle[] {
  return [
    { text: squeezed(value), name, form: 'split' },
    { text: squeezed([...value].reverse().join('')), name, form: 'reversed' },
    ...base64Cores(value).map((core) => ({ text: squeezed(core), name, form: 'base64' })),
  ]
}

/** A text as it is, and as it reads once what is encoded in it is decoded. */
function viewsOf(text: string): { text: string; form: string }[] {
  const views = [{ text, form: 'plain' }, ...decoded(text)]
  const inside = base64Decoded(text)
  if (inside.length >= SHORTEST_NEEDLE) views.push({ text: inside, form: 'base64' }, ...decoded(inside))
  const twice = base64Decoded(inside)
  if (twice.length >= SHORTEST_NEEDLE) views.push({ text: twice, form: 'base64' })
  return views
}

const DECODERS: [form: string, decode: (text: string) => string][] = [
  ['url', percentDecoded],
  ['json', unescaped],
  ['html', entitiesDecoded],
]

function decoded(text: string): { text: string; form: string }[] {
  const views: { text: string; form: string }[] = []
  let present = text
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const before = present
    for (const [form, decode] of DECODERS) {
      const next = decode(present)
      if (next === present) continue
      present = next
      views.push({ text: present, form })
    }
    if (present === before) break
  }
  return views
}

/** Every text in a value with its path, the names of fields too. */
function textsOf(value: unknown, path: string): Text[] {
  if (typeof value === 'string') return [{ path, text: value }]
  if (typeof value === 'number' || typeof value === 'bigint') return [{ path, text: String(value) }]
  if (Array.isArray(value)) return value.flatMap((inner, index) => textsOf(inner, `${path}[${index}]`))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const at = path === '' ? name : `${path}.${name}`
    return [{ path: at, text: name, isName: true }, ...textsOf(inner, at)]
  })
}

/** A secret may be cut over several fields. */
function joined(texts: readonly Text[]): Text {
  const values = texts.filter(({ isName }) => isName !== true)
  return { path: '', text: values.map(({ text }) => text).join('\n') }
}
