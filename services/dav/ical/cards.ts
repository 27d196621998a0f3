import ICAL from 'ical.js'
import { parsed, Problem, type Component } from './component.ts'
import type { Card, CardChange, Meta } from './jobs.ts'

const MARK = 'x-steward-call'
const MOST_REST = 4_000
const SHOWN = new Set(['fn', 'n', 'email', 'tel', 'org', 'title', 'adr', 'bday', 'url', 'note', 'version', 'uid', 'rev', 'prodid', 'photo', 'logo', 'sound', 'key', MARK]) // prettier-ignore

type Property = InstanceType<typeof ICAL.Property>

/** What stands on a card (RFC 6350, 2426). */
export function cardOf(data: string): Omit<Card, 'object'> {
  const card = parsed(data)
  const all = (name: string) => card.getAllProperties(name).map(plain).filter(Boolean).slice(0, 20)
  const one = (name: string, max = 500) => (all(name)[0] ?? '').slice(0, max)
  return {
    uid: one('uid'),
    name: one('fn') || one('n'),
    emails: all('email'),
    phones: all('tel').map((phone) => phone.replace(/^tel:/i, '')),
    organization: one('org'),
    title: one('title'),
    address: one('adr'),
    birthday: one('bday', 40),
    url: one('url'),
    note: one('note', 5_000),
    rest: card.getAllProperties().filter(({ name }) => !SHOWN.has(name)).map(plain).join(' ').slice(0, MOST_REST), // prettier-ignore
  }
}

function plain(property: Property): string {
  const parts = (value: unknown): string => (Array.isArray(value) ? value.map(parts).filter(Boolean).join(', ') : String(value ?? '').trim()) // prettier-ignore
  return property.getValues().map(parts).filter(Boolean).join(', ').slice(0, 5_000)
}

/** A new card, or one changed; what is not spoken of stays. */
export function writtenCard(data: string | null, change: CardChange, meta: Meta): string {
  const card = data === null ? blank(meta) : parsed(data)
  if (card.name !== 'vcard') throw new Problem('That is no card of a contact.')
  if (change.name !== undefined) setName(card, change.name)
  setAll(card, 'email', change.emails)
  setAll(card, 'tel', change.phones)
  for (const [name, value] of [['title', change.title], ['url', change.url], ['note', change.note]] as const) setAll(card, name, value === undefined ? undefined : [value]) // prettier-ignore
  if (change.birthday !== undefined) setBirthday(card, change.birthday)
  if (change.organization !== undefined)
    setStructured(card, 'org', change.organization === '' ? undefined : [change.organization])
  if (change.address !== undefined)
    setStructured(card, 'adr', change.address === '' ? undefined : ['', '', change.address, '', '', '', ''])
  card.updatePropertyWithValue('rev', `${meta.now.slice(0, 19)}Z`)
  card.removeAllProperties(MARK)
  card.addProperty(text(MARK, meta.callId))
  return `${card.toString()}\r\n`
}

function blank({ callId }: Meta): Component {
  const card = new ICAL.Component(['vcard', [], []], undefined as never)
  card.addProperty(text('version', '3.0'))
  card.addProperty(text('uid', callId))
  return card
}

/** The last word is the family name, as address books sort by it. */
function setName(card: Component, name: string): void {
  setAll(card, 'fn', [name])
  const words = name.trim().split(/\s+/)
  setStructured(card, 'n', [
    words.length > 1 ? words.at(-1)! : '',
    words.length > 1 ? words.slice(0, -1).join(' ') : name,
    '',
    '',
    '',
  ])
}

function setAll(card: Component, name: string, values: readonly string[] | undefined): void {
  if (values === undefined) return
  const kept = new Map(card.getAllProperties(name).map((property) => [plain(property), property]))
  for (const [value, property] of kept) if (!values.includes(value)) card.removeProperty(property)
  for (const value of values) if (value !== '' && !kept.has(value)) card.addProperty(text(name, value))
}

function setBirthday(card: Component, day: string): void {
  card.removeAllProperties('bday')
  if (day !== '') card.addProperty(new ICAL.Property(['bday', {}, 'date', day], card))
}

function setStructured(card: Component, name: string, parts: string[] | undefined): void {
  card.removeAllProperties(name)
  if (parts) card.addProperty(new ICAL.Property([name, {}, 'text', parts], card))
}

function text(name: string, value: string): Property {
  return new ICAL.Property([name, {}, 'text', value], undefined as never)
}
