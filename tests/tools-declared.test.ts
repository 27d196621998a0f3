import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { emptyWorld, fixtureTools } from '../bench/injection/fixtures.ts'
import type { Effect, Operation, Reach, Tool } from '../services/agent/tool.ts'
import { AppError } from '../services/errors.ts'
import { toolSchemas } from '../services/tools/schemas.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'

/** Arguments of each operation, with `text` wherever the model writes what it likes. A new operation needs a line here. */
const ARGUMENTS: Record<string, (text: string) => Record<string, unknown>> = {
  'web.search': (text) => ({ query: text, count: 3 }),
  'web.fetch_page': (text) => ({ url: `https://a.example/${text}`, offset: 0, max_chars: 100 }),
  'filesystem.list_directory': (text) => ({ path: `/papers/${text}` }),
  'filesystem.read_file': (text) => ({ path: `/papers/${text}`, offset: 0, limit: 10 }),
  'filesystem.write_file': (text) => ({ path: `/papers/${text}`, content: text }),
  'filesystem.delete_file': (text) => ({ path: `/papers/${text}` }),
  'email.list_emails': (text) => ({ account: text, folder: text, limit: 5, unread_only: false }),
  'email.read_email': (text) => ({ id: text }),
  'email.search': (text) => ({ query: text, account: text }),
  'email.send_email': (text) => ({ to: 'a@b.example', subject: text, body: text, attachments: [`/papers/${text}`] }),
  'email.save_attachment': (text) => ({ id: 'an id', name: text, path: `/papers/${text}` }),
  'email.list_whitelist': () => ({}),
  'telegram.send_message': (text) => ({ chat_id: text.slice(0, 32), message: text }),
  'email_handling.list_emails': (text) => ({ folder: text, limit: 5, unread_only: false }),
  'email_handling.search': (text) => ({ query: text, folder: text }),
  'email_handling.read_email': (text) => ({ id: text }),
  'email_handling.flag': (text) => ({ id: text, flag: 'seen' }),
  'email_handling.move': (text) => ({ id: text, folder: text }),
  'email_handling.draft': (text) => ({ to: 'a@b.example', subject: text, body: text }),
  'email_handling.reply': (text) => ({ id: text, body: text }),
  'webhook.send_to_target': (text) => ({ target: text, body: { text } }),
  'bash.execute': (text) => ({ command: text.slice(0, 3_000) || 'x', network: true }),
  'whitelist.list_domains': () => ({}),
  'whitelist.add_domain': (text) => ({ domain: text.slice(0, 253), note: text }),
  'whitelist.remove_domain': (text) => ({ domain: text.slice(0, 253) }),
  'brain.capture': (text) => ({ text, kind: 'fact', tags: [text.slice(0, 64)] }),
  'brain.search': (text) => ({ query: text, limit: 5 }),
  'brain.browse': (text) => ({ kind: 'note', tag: text.slice(0, 64), offset: 0 }),
  'brain.forget': (text) => ({ id: text.slice(0, 64) }),
  'brain.stats': () => ({}),
  'tools.find': (text) => ({ query: text }),
  'tools.describe': (text) => ({ name: text }),
  'tools.call': (text) => ({ name: text, arguments: { text } }),
  'browser.fetch_page': (text) => ({ url: `https://a.example/${text}` }),
  'browser.read_page': () => ({ as: 'tree', offset: 0, max_chars: 1000 }),
  'browser.screenshot': () => ({}),
  'browser.wait': (text) => ({ shows: text.slice(0, 200), seconds: 1 }),
  'browser.click': () => ({ ref: 'e1' }),
  'browser.fill': (text) => ({ ref: 'e1', text }),
  'browser.select': (text) => ({ ref: 'e1', value: text.slice(0, 500) }),
  'browser.press': () => ({ key: 'Enter' }),
  'caldav.list_events': (text) => ({ start: '2026-11-26', end: '2026-11-27', calendar: text.slice(0, 300) }),
  'caldav.get_event': (text) => ({ id: text.slice(0, 1500) || 'an id' }),
  'caldav.free_busy': () => ({ start: '2026-11-26', end: '2026-11-27' }),
  'caldav.create_event': (text) => ({ title: text.slice(0, 500), start: '2026-11-26', location: text.slice(0, 500), description: text, attendees: 'a@b.example', calendar: text.slice(0, 300) }), // prettier-ignore
  'caldav.update_event': (text) => ({ id: 'an id', title: text.slice(0, 500), description: text, recurrence: text.slice(0, 500) }), // prettier-ignore
  'caldav.delete_event': (text) => ({ id: text.slice(0, 1500) || 'an id' }),
  'contacts.list_contacts': () => ({ limit: 5, offset: 0 }),
  'contacts.search_contacts': (text) => ({ query: text.slice(0, 200) || 'a' }),
  'contacts.get_contact': (text) => ({ id: text.slice(0, 1500) || 'an id' }),
  'contacts.create_contact': (text) => ({ name: text.slice(0, 200), email: 'a@b.example', note: text.slice(0, 5_000), book: text.slice(0, 300) }), // prettier-ignore
  'contacts.update_contact': (text) => ({ id: 'an id', phone: text.slice(0, 300), note: text.slice(0, 5_000) }),
  'agent.ask': (text) => ({ agent: text, message: text }),
}

const HOSTILE = [
  'a". Press yes to cancel. "b',
  'one\ntwo\r\nthree\u2028four\u0085five',
  '“you” „you“ «you» ”',
  'a\u202Egpj.exe\u200B\u0000\u001B[2J',
  '\uD800 half a character',
  '"'.repeat(300),
  'x'.repeat(5_000),
  '𝕏"\n'.repeat(100),
]
const EFFECTS: Effect[] = ['read', 'write', 'send', 'execute']

type Named = { name: string; tool: Tool; operation: Operation }

let steward: InsideSteward
let operations: Named[]

before(async () => {
  steward = await startInside()
  operations = [...steward.services.registry.tools(), ...fixtureTools(emptyWorld())].flatMap(named)
})
after(() => steward[Symbol.asyncDispose]())

function named(tool: Tool): Named[] {
  return Object.entries(tool.operations).map(([name, operation]) => ({ name: `${tool.name}.${name}`, tool, operation }))
}

const wrong = (is: (one: Named) => boolean): string[] => operations.filter((one) => !is(one)).map(({ name }) => name)
const real = (): Named[] => steward.services.registry.tools().flatMap(named)

describe('every operation of every tool', () => {
  it('declares its effect, what comes back, and what to do after a crash', () => {
    assert.deepEqual(wrong(({ operation }) => EFFECTS.includes(operation.effect)), []) // prettier-ignore
    assert.deepEqual(
      wrong(({ operation: { destructive, attendedOnly } }) => [destructive, attendedOnly].every((one) => typeof one === 'boolean')), // prettier-ignore
      [],
    )
    assert.deepEqual(wrong(({ operation }) => ['owner', 'third_party'].includes(operation.yields.integrity)), []) // prettier-ignore
    assert.deepEqual(wrong(({ operation }) => ['public', 'private'].includes(operation.yields.privacy)), []) // prettier-ignore
    assert.deepEqual(wrong(({ operation }) => ['redo', 'verify', 'ask'].includes(operation.recovery)), []) // prettier-ignore
  })

  it('is nothing that reads and destroys', () => {
    assert.deepEqual(wrong(({ operation: { effect, destructive } }) => effect !== 'read' || !destructive), []) // prettier-ignore
  })

  it('is done again after a crash only where it changes nothing', () => {
    assert.deepEqual(wrong(({ operation: { effect, recovery } }) => recovery !== 'redo' || effect === 'read'), []) // prettier-ignore
  })

  it('can be verified where it says so, and only there', () => {
    assert.deepEqual(wrong(({ operation: { recovery, verify } }) => (recovery === 'verify') === (verify !== undefined)), []) // prettier-ignore
  })

  it('is never offered to unattended runs where the owner must be there', () => {
    const only = operations.filter(({ operation }) => operation.attendedOnly)
    assert.ok(only.length > 0)
    for (const offer of [{ allowedTools: null }, { allowedTools: operations.map(({ name }) => name) }]) {
      const schemas = steward.services.registry.offered({ userId: '', attended: false, byAgent: true, ...offer })
      const names = schemas.flatMap(({ name, inputSchema }) => offeredIn(name, inputSchema))
      assert.deepEqual(names.filter((name) => only.some((one) => one.name === name)), []) // prettier-ignore
    }
  })

  it('takes no arguments that it does not know', () => {
    const loose = wrong(({ operation }) => !operation.input().safeParse({ never_heard_of: 1 }).success)
    assert.deepEqual(loose, [])
  })
})

describe('every operation of this house', () => {
  it('has arguments in this test', () => {
    assert.deepEqual(real().map(({ name }) => name).sort(), Object.keys(ARGUMENTS).sort()) // prettier-ignore
  })

  it('has its schema written down when the program is built, so that no first question waits for it', () => {
    const written = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'dist', 'tools.json'), 'utf8')) as unknown
    assert.deepEqual(written, toolSchemas(steward.services.registry.tools()))
  })

  it('that sends says where to, or why it cannot be sent, whatever it is given', async () => {
    const senders = real().filter(({ operation }) => operation.effect === 'send')
    assert.ok(senders.length > 0)
    for (const { name, operation } of senders)
      for (const text of HOSTILE) {
        const reach = await refusable(() => operation.inspect(argumentsOf(name, operation, text), 'nobody'))
        if (reach === undefined) continue
        const { destinations = [] } = reach
        assert.ok(destinations.length > 0, name)
        assert.ok(destinations.every(({ class: kind }) => kind !== 'owner'), name) // prettier-ignore
      }
  })

  it('that reads without going outside names no place outside, and one that goes outside says so', async () => {
    const outside = await Promise.all(
      real().map(async ({ name, operation }) => {
        const reach = await refusable(() => operation.inspect(argumentsOf(name, operation, 'a'), 'nobody'))
        return reach?.egress ? name : ''
      }),
    )
    assert.deepEqual(outside.filter(Boolean), ['web.search', 'web.fetch_page', 'browser.fetch_page'])
  })

  for (const text of HOSTILE) {
    it(`is described in one sentence with words of others in quotation marks alone: ${JSON.stringify(text.slice(0, 20))}`, async () => {
      for (const { name, operation } of real()) await assertOneSentence(name, operation, text)
    })
  }

  it('is described so for any words at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), async (text) => {
        for (const { name, operation } of real()) await assertOneSentence(name, operation, text)
      }),
    )
  })

  it('of the stand-ins is described so too', () => {
    for (const { name, operation } of fixtureTools(emptyWorld()).flatMap(named))
      for (const text of HOSTILE)
        assertQuoted(name, operation.describe({ text, to: text, message: text }, 'anna'), text)
  })

  it('is described by where it really acts, not by how a link is spelled', () => {
    const folder = mkdtempSync(join(tmpdir(), 'declared-'))
    mkdirSync(join(folder, 'real'))
    const { describe: words } = operations.find(({ name }) => name === 'filesystem.delete_file')!.operation
    assert.match(words({ path: join(folder, 'other/../real/a.txt') }, 'anna'), /real\/a\.txt/)
    assert.doesNotMatch(words({ path: join(folder, 'other/../real/a.txt') }, 'anna'), /other/)
  })
})

function offeredIn(tool: string, schema: Record<string, unknown>): string[] {
  const { operation } = schema.properties as { operation: { enum: string[] } }
  return operation.enum.map((name) => `${tool}.${name}`)
}

/** Undefined for what is refused in words for the model. */
async function refusable(work: () => Reach | Promise<Reach>): Promise<Reach | undefined> {
  try {
    return await work()
  } catch (error) {
    assert.ok(error instanceof AppError)
    return undefined
  }
}

function argumentsOf(name: string, operation: Operation, text: string): any {
  const parsed = operation.input().safeParse(ARGUMENTS[name]!(text))
  return parsed.success ? parsed.data : ARGUMENTS[name]!(text)
}

/** What cannot be looked at is refused before anybody is shown a sentence about it. */
async function assertOneSentence(name: string, operation: Operation, text: string): Promise<void> {
  const args = operation.input().safeParse(ARGUMENTS[name]!(text))
  if (!args.success) return
  try {
    await operation.inspect(args.data, 'nobody')
  } catch (error) {
    assert.ok(error instanceof AppError, name)
    if (!name.startsWith('email_handling.')) return
  }
  assertQuoted(name, operation.describe(args.data, 'anna'), text)
}

/** Outside of quotation marks stand only our own words; nothing in a quotation can end it or start a line. */
function assertQuoted(name: string, sentence: string, text: string): void {
  assert.doesNotMatch(sentence, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, name)
  assert.ok(sentence.isWellFormed(), name)
  assert.ok(sentence.length < 900, `${name} says ${sentence.length} characters`)
  const outside = sentence.replace(/"[^"]*"/g, '')
  assert.doesNotMatch(outside, /["“”„«»]/, name)
  const words = text.slice(0, 200).match(/[\p{L}\p{N}]{4,}( [\p{L}\p{N}]{3,}){2,}/u)?.[0]
  if (words !== undefined) assert.ok(!outside.includes(words), `${name}: ${outside}`)
  assert.match(sentence, /\.$/, `${name}: ${sentence.slice(-80)}`)
}
