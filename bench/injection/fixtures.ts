import { z, type ZodRawShape } from 'zod'
import { operation, type Destination, type Operation, type Reach, type Tool } from '../../services/agent/tool.ts'
import { normaliseUrl } from '../../services/outgoing/addresses.ts'
import type { Labels } from '../../services/shapes/labels.ts'
import { quoted } from '../../services/tools/wording.ts'

/**
 * The tools that later work builds, with the declarations that they are to have (SECURITY.md, "Rules today"). They stand in
 * the same registry and pass the same `decide`; what they would do is noted in `world.effects`. `agenda`, `address_book` and
 * `pages` stand in for caldav, contacts and browser, which are held against real peers in tests of their own.
 */

export type Mail = { id: string; from: string; subject: string; body: string; replyTo?: string }

export type World = {
  /** What left the house and what was changed, in words; those to the owner begin with `owner:`. */
  effects: string[]
  mails: Mail[]
  events: string[]
  notes: string[]
}

export const emptyWorld = (): World => ({
  effects: [],
  mails: [],
  events: [],
  notes: [],
})

export const OWN_ADDRESSES = ['owner@home.example', 'phone']
export const LISTED_ADDRESSES = ['partner@friends.example', 'team@friends.example']

const PRIVATE: Labels = { integrity: 'third_party', privacy: 'private' }
const PUBLIC: Labels = { integrity: 'third_party', privacy: 'public' }
const OWN: Labels = { integrity: 'owner', privacy: 'private' }

type Sketch = {
  effect: Operation['effect']
  input?: ZodRawShape
  destructive?: boolean
  attendedOnly?: boolean
  yields?: Labels
  reach?: (args: any) => Reach
  says?: (args: any) => string
}

const text = () => z.string().max(20_000)
const some = () => z.union([text(), z.array(text())])
const maybe = <T extends z.ZodType>(type: T) => type.optional()

export function fixtureTools(world: World): Tool[] {
  const classOf = (address: string): Destination['class'] => {
    if (OWN_ADDRESSES.includes(address)) return 'owner'
    return LISTED_ADDRESSES.includes(address) ? 'listed' : 'other'
  }
  const to = (...addresses: (string | string[] | undefined)[]): Reach => ({
    destinations: addresses.flatMap((one) => one ?? []).map((address) => ({ address, class: classOf(address) })),
  })

  function sketched(tool: string, name: string, sketch: Sketch): Operation {
    const { effect, yields = effect === 'read' ? PRIVATE : OWN, reach = () => ({}) } = sketch
    const shape = z.strictObject(sketch.input ?? {})
    return operation<any>({
      description: `${name.replaceAll('_', ' ')} (not built yet)`,
      input: () => shape,
      effect,
      destructive: sketch.destructive ?? false,
      attendedOnly: sketch.attendedOnly ?? false,
      yields,
      recovery: effect === 'read' ? 'redo' : 'ask',
      inspect: (args) => reach(args),
      describe: (args) => `${tool}.${name} with ${quoted(JSON.stringify(args))}.`,
      run: async (args, _context, { destinations = [], egress }) => {
        const ours = destinations.length > 0 && destinations.every(({ class: kind }) => kind === 'owner')
        const words = `${tool}.${name} ${JSON.stringify(args)}`
        if (effect !== 'read' || egress) world.effects.push(ours ? `owner: ${words}` : words)
        return { content: sketch.says?.(args) ?? 'Done.' }
      },
    })
  }

  const tool = (name: string, operations: Record<string, Sketch>): Tool => ({
    name,
    description: `A stand-in for ${name}.`,
    operations: Object.fromEntries(
      Object.entries(operations).map(([operationName, sketch]) => [
        operationName,
        sketched(name, operationName, sketch),
      ]),
    ),
  })

  const page = ({ url }: any): Reach => ({
    egress: { kind: 'url', url: normaliseUrl(url) ?? 'http://nowhere.invalid/' },
  })
  const form = ({ url }: any): Reach => ({
    ...page({ url }),
    destinations: [{ address: new URL(normaliseUrl(url) ?? 'http://nowhere.invalid/').host, class: 'unlisted' }],
  })

  return [
    tool('agenda', {
      list_events: {
        effect: 'read',
        input: { start: maybe(text()), end: maybe(text()) },
        says: () => world.events.join('\n'),
      },
      create_event: { effect: 'write', input: { title: text(), start: text() } },
      invite: {
        effect: 'send',
        input: { title: text(), start: text(), attendees: some() },
        reach: ({ attendees }) => to(attendees),
      },
      delete_event: { effect: 'write', destructive: true, input: { id: text() } },
    }),
    tool('address_book', {
      search_contacts: { effect: 'read', input: { query: text() }, says: () => 'Partner <partner@friends.example>' },
      update_contact: { effect: 'write', destructive: true, input: { id: text(), email: text() } },
    }),
    tool('pushover', {
      send_notification: { effect: 'send', input: { title: maybe(text()), message: text() }, reach: () => to('phone') },
    }),
    tool('ntfy', {
      send_notification: { effect: 'send', input: { title: maybe(text()), message: text() }, reach: () => to('phone') },
    }),
    tool('pages', {
      fetch_page: { effect: 'read', yields: PUBLIC, input: { url: text() }, reach: page, says: () => 'A page.' },
      fill: { effect: 'send', yields: PUBLIC, input: { url: text(), field: text(), value: text() }, reach: form },
      click: { effect: 'send', yields: PUBLIC, input: { url: text(), field: text() }, reach: form },
    }),
    tool('image_gen', {
      generate: {
        effect: 'send',
        yields: PUBLIC,
        input: { prompt: text() },
        reach: () => ({ destinations: [{ address: 'image provider', class: 'unlisted' }] }),
      },
    }),
    tool('mcp__notes', {
      search: {
        effect: 'read',
        input: { query: text() },
        reach: () => ({ egress: { kind: 'server', name: 'notes', inHouse: false } }),
        says: () => world.notes.join('\n'),
      },
      run: {
        effect: 'execute',
        yields: PRIVATE,
        input: { query: text() },
        reach: () => ({ egress: { kind: 'server', name: 'notes', inHouse: false } }),
      },
    }),
  ]
}
