import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { say, startModelApi, textIn, type ModelApi, type Request } from './peers/model-api.ts'
import { startSteward, type Chat, type Steward } from './steward.ts'

/** A model with a small window. */
const MODEL = 'anthropic:claude-haiku-4-5'
const WINDOW_CHARS = 200_000 * 3
const LONG = 'All work and no play makes a long message. '.repeat(4_400)

let api: ModelApi
let steward: Steward

before(async () => {
  api = await startModelApi()
  steward = await startSteward({ env: api.env })
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

const sumsUp = (request: Request): boolean => request.system[0]!.text.startsWith('You write the notes')

async function chat(id: string = randomUUID()): Promise<Chat & { id: string }> {
  const opened = await steward.owner.chat(id)
  await opened.next('models')
  return Object.assign(opened, { id })
}

const ask = (opened: Chat, content: string) => opened.ask(content, { model: MODEL })

function assertFits(): void {
  for (const body of api.bodies) assert.ok(body.length < WINDOW_CHARS, `${body.length} characters were sent`)
}

describe('a conversation longer than the window', () => {
  it('is summed up in a note, goes on with it, and is told the same after a restart', async () => {
    api.answer((request) => (sumsUp(request) ? say('NOTE: the owner likes tea.') : say('Noted.')))
    const opened = await chat()
    const done = []
    for (const number of [1, 2, 3, 4]) done.push(await ask(opened, `Message ${number}. ${LONG}`))
    assert.deepEqual(
      done.map(({ text }) => text),
      ['Noted.', 'Noted.', 'Noted.', 'Noted.'],
    )
    const notes = api.requests.filter(sumsUp)
    assert.ok(notes.length >= 1)
    assert.match(textIn(notes[0]), /Message 1\./)
    assertFits()
    const last = api.requests.at(-1)!
    assert.match(textIn(last), /summed up:\n<(data-[0-9a-f]{12})>\n[^]*NOTE: the owner likes tea\.[^]*<\/\1>/)
    assert.match(textIn(last), /Message 4\./)
    assert.doesNotMatch(textIn(last), /Message 1\./)
    const { messages } = (await steward.owner.get(`/api/conversations/${opened.id}`)).body
    const parts = messages.flatMap((message: any) => message.parts ?? [])
    assert.match(parts.find(({ type }: any) => type === 'summary').text, /likes tea/)
    assert.match(messages[0].content, /Message 1\./)
    await opened.close()

    const { dataDir } = steward
    await steward.kill()
    steward = await startSteward({ env: api.env, dataDir })
    api.answer(say('Tea.'))
    const again = await chat(opened.id)
    await ask(again, 'What do I like?')
    const [told] = api.requests
    assert.match(textIn(told), /NOTE: the owner likes tea\.[^]*What do I like\?/)
    assert.doesNotMatch(textIn(told), /Message 1\./)
    await again.close()
  })

  it('counts what the note cost', async () => {
    api.answer((request) => ({ ...say(sumsUp(request) ? 'NOTE' : 'Yes.'), usage: { input: 1_000, output: 10 } }))
    const opened = await chat()
    for (const number of [1, 2, 3, 4]) await ask(opened, `Message ${number}. ${LONG}`)
    const { messages } = (await steward.owner.get(`/api/conversations/${opened.id}`)).body
    const input = messages.reduce((sum: number, message: any) => sum + (message.usage?.input_tokens ?? 0), 0)
    assert.equal(input, api.requests.length * 1_000)
    assert.ok(api.requests.length > 4)
    await opened.close()
  })

  it('lets go long results of tools before anything is summed up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    writeFileSync(join(folder, 'long.txt'), 'A line of a long file.\n'.repeat(20_000))
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    await steward.owner.post('/api/settings/limits', { max_tool_calls: 100 })
    const calls = 20
    api.answer((request, index) =>
      index < calls && !sumsUp(request)
        ? {
            calls: [
              { name: 'filesystem', args: { operation: 'read_file', path: join(folder, 'long.txt'), limit: 40_000 } },
            ],
          }
        : say(sumsUp(request) ? 'NOTE' : 'Read.'),
    )
    const opened = await chat()
    const done = await ask(opened, 'Read it again and again')
    assert.equal(done.error ?? done.text, 'Read.')
    assert.equal(done.tool_calls_made, calls)
    assert.equal(api.requests.filter(sumsUp).length, 0)
    assertFits()
    const last = textIn(api.requests.at(-1))
    assert.match(last, /the rest was let go/)
    assert.match(last, /Read it again and again/)
    await opened.close()
  })

  it('that nothing can make fit ends with a sentence, and the next one is answered', async () => {
    api.answer(say('Yes.'))
    const opened = await chat()
    const attachments = Array.from({ length: 8 }, (_, at) => ({
      name: `${at}.txt`,
      media_type: 'text/plain',
      data: Buffer.alloc(200_000, 'a').toString('base64'),
    }))
    const { error, code } = await opened.ask('Look', { model: MODEL, attachments })
    assert.equal(code, 'too_large')
    assert.match(error, /Start a new conversation/)
    opened.send({ type: 'clear' })
    assert.equal((await ask(opened, 'Hello')).text, 'Yes.')
    await opened.close()
  })
})
