import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { say, startModelApi, textIn, type ModelApi, type Request } from './peers/model-api.ts'
import { refused } from './peers/refused.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'
import type { Client } from './steward.ts'

let telegram: TelegramPeer
let api: ModelApi
let steward: InsideSteward
let owner: Client
/** Each test has chats of its own. */
let chat = 1000

before(async () => {
  telegram = await startTelegram()
  api = await startModelApi()
  steward = await startInside({ ...telegram.env, ...api.env })
  owner = steward.owner
  await owner.post('/api/telegram/config', { bot_token: TOKEN })
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
  await telegram[Symbol.asyncDispose]()
})
beforeEach(async () => {
  chat++
  api.answer(say('All is well.'))
  await telegram.until(telegram.polling)
})

const list = (chat_id: number, more: object = {}) => owner.post('/api/telegram/whitelist', { chat_id, ...more })
const last = (id = chat) => telegram.said(id).at(-1)
const answered = (text: string | RegExp, id = chat) =>
  telegram.until(() =>
    telegram.said(id).find((one) => (typeof text === 'string' ? one.text === text : text.test(one.text))),
  )
const runs = async () => (await owner.get('/api/runs?origin=telegram&limit=200')).body
const userWords = (request: Request | undefined) => textIn(request)
const later = (ms: number) => (steward.later(ms), telegram.later(ms))
/** Everything that is pending has been taken. */
const quiet = () => telegram.until(() => telegram.pending() === 0)

describe('a chat that is not on the list', () => {
  it('is refused once a day, and starts nothing', async () => {
    telegram.write('Hello?', { chat })
    telegram.write('Anybody?', { chat })
    await answered(/private assistant/)
    telegram.write('Please!', { chat })
    await quiet()
    assert.equal(telegram.said(chat).length, 1)
    later(25 * 3600_000)
    telegram.write('A day later', { chat })
    await telegram.until(() => telegram.said(chat).length === 2)
    assert.equal(api.requests.length, 0)
  })

  it('is bound by a code that the owner enters on the page', async () => {
    telegram.write('/link', { chat, name: 'Phone\u202e' })
    const { text } = await answered(/Enter this code/)
    const code = /minutes: ([A-Z0-9]{6})\n/.exec(text)![1]!
    refused(await owner.post('/api/telegram/link', { code: 'AAAAAA' }), 400, 'invalid')
    const linked = await owner.post('/api/telegram/link', { code: ` ${code.toLowerCase()} ` })
    assert.deepEqual(linked.body, {
      ok: true,
      chat_id: String(chat),
      label: 'Phone (@phone\u202e)'.replace('\u202e', ''),
    })
    await answered(/bound to Steward now/)
    const listed = (await owner.get('/api/telegram/whitelist')).body.find(
      ({ chat_id }: any) => chat_id === String(chat),
    )
    assert.equal(listed.owner, true)
    refused(await owner.post('/api/telegram/link', { code }), 400, 'invalid')
    telegram.write('Are you there?', { chat })
    await answered('All is well.')
  })

  it('has a code that is good for five minutes and five tries', async () => {
    const codeOf = async () => {
      const before = telegram.said(chat).length
      telegram.write('/link', { chat })
      await telegram.until(() => telegram.said(chat).length > before)
      return /minutes: (\w+)\n/.exec(last()!.text)![1]!
    }
    const first = await codeOf()
    for (let n = 0; n < 5; n++) await owner.post('/api/telegram/link', { code: 'BBBBBB' })
    refused(await owner.post('/api/telegram/link', { code: first }), 410, 'expired')
    const second = await codeOf()
    later(5 * 60_000 + 1)
    refused(await owner.post('/api/telegram/link', { code: second }), 410, 'expired')
  })

  it('gets no code in a group, and is answered there only when it speaks to the bot', async () => {
    telegram.write('Hello all', { chat: -chat, group: true })
    telegram.write('/link@steward_test_bot', { chat: -chat, group: true })
    await answered(/this group is not on its list/, -chat)
    await quiet()
    assert.equal(telegram.said(-chat).length, 1)
  })
})

describe('the owner’s chat', () => {
  it('is a conversation that goes on', async () => {
    await list(chat, { label: 'My phone' })
    telegram.write('Good morning', { chat })
    await answered('All is well.')
    api.answer(say('You said good morning.'))
    telegram.write('What did I say?', { chat })
    await answered('You said good morning.')
    const words = userWords(api.requests[0])
    assert.match(words, /Good morning/)
    assert.match(words, /All is well/)
    const [newest] = await runs().then(({ items, runs: all }: any) => items ?? all)
    assert.deepEqual([newest.origin, newest.status], ['telegram', 'succeeded'])
    const run = (await owner.get(`/api/runs/${newest.id}`)).body
    const frames = (await owner.get(`/api/runs/${newest.id}/events?after=0`)).body.events
    assert.equal(frames.find(({ type }: any) => type === 'user_message').data.by, 'telegram')
    assert.equal(run.labels?.integrity ?? run.integrity, 'owner')
  })

  it('begins anew with /new', async () => {
    await list(chat)
    telegram.write('The word is plum', { chat })
    await answered('All is well.')
    telegram.write('/new', { chat })
    await answered(/new conversation begins/)
    api.answer(say('A clean page.'))
    telegram.write('Which word?', { chat })
    await answered('A clean page.')
    assert.doesNotMatch(userWords(api.requests[0]), /plum/)
  })

  it('shows an answer as it grows, in one message', async () => {
    await list(chat)
    const words = Array.from({ length: 12 }, (_, n) => `word${n} `)
    api.answer({ text: words, pauseMs: 400 })
    telegram.write('Tell me', { chat })
    await answered(words.join('').trim())
    assert.equal(telegram.said(chat).length, 1)
    const [only] = telegram.said(chat)
    assert.equal(only!.before[0], '…', 'a placeholder first')
    assert.ok(only!.before.length >= 2, `shown on the way: ${JSON.stringify(only!.before)}`)
    assert.equal(only!.link_preview_options.is_disabled, true)
    assert.ok(
      telegram.calls.some(({ method, payload }) => method === 'sendChatAction' && payload.chat_id === String(chat)),
    )
  })

  it('gets long answers in several messages, and long code as a file', async () => {
    await list(chat)
    const code = Array.from({ length: 200 }, (_, n) => `print("line ${n}")`).join('\n')
    const long = Array.from({ length: 300 }, (_, n) => `Sentence number **${n}** of this long answer.`).join('\n\n')
    api.answer(say(`# Report\n\n${long}\n\n\`\`\`python\n${code}\n\`\`\``))
    telegram.write('Write it all', { chat })
    const file = await telegram.until(() => telegram.said(chat).find(({ document }) => document))
    assert.deepEqual(file.document, { name: 'code-1.py', content: code })
    const parts = telegram.said(chat).filter(({ document }) => !document)
    assert.ok(parts.length >= 3 && parts.every(({ text }) => text.length <= 4096))
    const whole = parts.map(({ text }) => text).join('\n\n')
    assert.match(whole, /^Report\n\nSentence number 0 of/)
    assert.match(whole, /Sentence number 299 of this long answer\.\n\n📄 code-1\.py \(200 lines, as a file\)$/)
    assert.deepEqual(parts[0]!.entities[0], { type: 'bold', offset: 0, length: 6 })
  })

  it('says what went wrong', async () => {
    await list(chat)
    api.answer({ status: 400, error: 'that is not possible' })
    telegram.write('Try it', { chat })
    await answered(/⚠ .*that is not possible/)
  })

  it('takes photos, PDFs and texts along, and says what it cannot take', async () => {
    await list(chat)
    telegram.addFile('doc-1', Buffer.from('The secret of the plum.'))
    telegram.write('', { chat, more: { caption: 'What is this?', document: { file_id: 'doc-1', file_name: 'a.md', mime_type: 'text/markdown' } } }) // prettier-ignore
    await answered('All is well.')
    assert.match(userWords(api.requests[0]), /What is this\?/)
    assert.match(userWords(api.requests[0]), /<data-[\s\S]*The secret of the plum[\s\S]*<\/data-/)
    const png = Buffer.from('89504e470d0a1a0a', 'hex')
    telegram.addFile('photo-1', png)
    api.answer(say('A picture.'))
    telegram.write('', { chat, more: { photo: [{ file_id: 'small' }, { file_id: 'photo-1', file_size: 8 }] } })
    await answered('A picture.')
    const blocks = api.requests[0]!.messages.at(-1)!.content
    assert.equal(blocks.find(({ type }) => type === 'image').source.data, png.toString('base64'))
    telegram.write('', { chat, more: { voice: { file_id: 'v' } } })
    await answered(/cannot listen to voice messages/)
    telegram.write('', { chat, more: { document: { file_id: 'z', mime_type: 'application/zip' } } })
    await answered(/cannot look into that kind of file/)
    telegram.write('', { chat, more: { sticker: { file_id: 's' } } })
    await answered(/this is something else/)
    telegram.write('', { chat, more: { photo: [{ file_id: 'gone' }] } })
    await answered(/Please send it again/)
    telegram.write('', { chat, more: { photo: [{ file_id: 'photo-1', file_size: 30 * 1024 * 1024 }] } })
    await answered(/larger than 20 MiB/)
  })
})

describe('whose words they are', () => {
  const integrityOf = async () => {
    const { body } = await owner.get('/api/runs?origin=telegram&limit=1')
    const [{ id }] = body.items ?? body.runs ?? body
    const run = (await owner.get(`/api/runs/${id}`)).body
    return run.integrity ?? run.labels.integrity
  }
  for (const [what, more, expected] of [
    ['their own words are', {}, 'owner'],
    ['a forwarded message is not', { forward_origin: { type: 'user', date: 1 } }, 'third_party'],
    ['a message by way of another bot is not', { via_bot: { id: 9, is_bot: true, first_name: 'x' } }, 'third_party'],
    [
      'an answer to what they forwarded is not, with what it answers to',
      {
        reply_to_message: {
          message_id: 1,
          from: { id: 1 },
          forward_origin: { type: 'user', date: 1 },
          text: 'Buy plums.',
        },
      },
      'third_party',
    ],
    [
      'an answer to the bot is',
      { reply_to_message: { message_id: 1, from: { id: 123456 }, text: 'Buy plums.' } },
      'owner',
    ],
  ] as const)
    it(`${what} the owner’s`, async () => {
      await list(chat)
      telegram.write('Please read', { chat, more })
      await answered('All is well.')
      assert.equal(await integrityOf(), expected)
      const quoted = /<data-[\s\S]*Buy plums[\s\S]*<\/data-/.test(userWords(api.requests[0]))
      assert.equal(quoted, what.startsWith('an answer to what'))
    })

  it('links to what the owner never named cannot be followed by a tap', async () => {
    await list(chat)
    api.answer(say('See [here](https://evil.example/?q=secret), evil.example/x and https://nice.example/a.'))
    telegram.write('Look at nice.example', { chat, more: { forward_origin: { type: 'user', date: 1 } } })
    const { entities, text } = await answered(/^See here/)
    assert.deepEqual(
      entities.map(({ type, offset, length }) => [type, text.slice(offset, offset + length)]),
      [
        ['code', 'https://evil.example/?q=secret'],
        ['code', 'evil.example/x'],
        ['code', 'https://nice.example/a'],
      ],
      'the forwarded words named it, not the owner',
    )
  })
})

describe('agents in chats', () => {
  it('answer where a trigger word or the default says so, for that message only', async () => {
    await list(chat)
    const weather = await newAgent(owner, { name: 'Weather', prompt: 'You are the weather agent.' })
    const butler = await newAgent(owner, { name: 'Butler', prompt: 'You are the butler.' })
    const trigger = await owner.post('/api/telegram/triggers', {
      trigger_word: 'weather tomorrow',
      agent_id: weather.id,
    })
    const systemOf = () => api.requests[0]!.system.map(({ text }) => text).join('\n')
    for (const [text, expected] of [
      ['Tomorrow, what WEATHER?', /weather agent/],
      ['And otherwise?', /^(?!.*(weather agent|butler))/s],
    ] as const) {
      api.answer(say(`To ${text}`))
      telegram.write(text, { chat })
      await answered(`To ${text}`)
      assert.match(systemOf(), expected)
    }
    await owner.post('/api/telegram/config', { default_agent_id: butler.id })
    api.answer(say('Sir.'))
    telegram.write('Good evening', { chat })
    await answered('Sir.')
    assert.match(systemOf(), /You are the butler/)
    await owner.post('/api/telegram/config', { default_agent_id: null })
    await owner.delete(`/api/telegram/triggers/${trigger.body.id}`)
  })

  it('answer others only where the owner allowed it, and as others', async () => {
    await list(chat, { label: 'Grandma', owner: false })
    const clerk = await newAgent(owner, { name: 'Clerk', prompt: 'You are the clerk.' })
    telegram.write('Hello dear', { chat })
    await quiet()
    const { items } = (await owner.get('/api/notifications')).body
    assert.ok(items.some(({ title }: any) => title === 'Nobody answers in “Grandma”'))
    await owner.post('/api/telegram/config', { default_agent_id: clerk.id })
    telegram.write('Hello again', { chat })
    await quiet()
    assert.deepEqual([telegram.said(chat).length, api.requests.length], [0, 0])
    const grant = { agent_id: clerk.id, operation: 'reply.telegram', destinations: [`telegram:${chat}`] }
    refused(await owner.post('/api/grants', { ...grant, destinations: ['grandma'] }), 400, 'invalid')
    assert.equal((await owner.post('/api/grants', { ...grant, after_third_party: true })).status, 201)
    telegram.write('Hello at last', { chat })
    await answered('All is well.')
    assert.equal(telegram.said(chat).length, 1)
    assert.match(userWords(api.requests[0]), /<data-[\s\S]*Hello at last[\s\S]*<\/data-/, 'their words are data')
    telegram.write('/pause', { chat })
    await answered(/Only my owner/)
    await owner.post('/api/telegram/config', { default_agent_id: null })
  })

  it('hear a listed group only when they are spoken to', async () => {
    const group = -chat
    await list(group, { label: 'Family' })
    const clerk = await newAgent(owner, { name: 'Family clerk' })
    await owner.post('/api/telegram/config', { default_agent_id: clerk.id })
    const grant = { agent_id: clerk.id, operation: 'reply.telegram', destinations: [`telegram:${group}`] }
    await owner.post('/api/grants', { ...grant, after_third_party: true })
    telegram.write('Dinner?', { chat: group, group: true })
    telegram.write('/help@another_bot', { chat: group, group: true })
    await quiet()
    assert.equal(api.requests.length, 0)
    telegram.write('@Steward_Test_Bot when is dinner?', { chat: group, group: true })
    await answered('All is well.', group)
    assert.match(userWords(api.requests[0]), /\nwhen is dinner\?/)
    api.answer(say('At seven.'))
    telegram.write('Sure?', {
      chat: group,
      group: true,
      more: { reply_to_message: { message_id: 1, from: { id: 123456 } } },
    })
    await answered('At seven.', group)
    await owner.post('/api/telegram/config', { default_agent_id: null })
  })
})

describe('updates', () => {
  it('are taken once, however often they come', async () => {
    await list(chat)
    telegram.write('Once', { chat, update: 5_000_000 + chat })
    await answered('All is well.')
    telegram.write('Once', { chat, update: 5_000_000 + chat })
    telegram.write('/new', { chat })
    await answered(/new conversation/)
    assert.equal(telegram.said(chat).length, 2)
    assert.equal(api.requests.length, 1)
  })

  it('that are too old are reported and not acted on', async () => {
    await list(chat)
    const date = Math.floor(steward.services.now().getTime() / 1000) - 3600
    await owner.post('/api/telegram/stop')
    telegram.write('Old one', { chat, date })
    telegram.write('/pause', { chat, date })
    telegram.write('Fresh one', { chat })
    await owner.post('/api/telegram/start')
    await answered('All is well.')
    await answered(/2 messages came in while I was away, more than 10 minutes ago/)
    assert.equal(api.requests.length, 1)
    assert.equal((await owner.get('/api/queue')).body.is_paused, false)
  })

  it('that change a message: taken up anew while it was not answered, said so after that', async () => {
    await list(chat)
    api.answer({ text: ['Working '], hang: true })
    const { message_id } = telegram.write('Frist', { chat })
    await telegram.until(() => api.requests.length === 1)
    api.answer(say('To the second.'))
    telegram.write('First', { chat, id: message_id, edited: true })
    await answered('To the second.')
    telegram.write('First', { chat, id: message_id, edited: true })
    telegram.write('Third', { chat, id: message_id, edited: true })
    await answered(/changed a message that I have answered already/)
    assert.equal(api.requests.length, 1)
  })

  it('that cannot be taken are asked for again, and nothing after them is lost', async () => {
    await list(chat)
    steward.services.db.sqlite.exec(
      `CREATE TEMP TRIGGER full BEFORE INSERT ON telegram_answers BEGIN SELECT RAISE(ABORT, 'no room'); END`,
    )
    telegram.write('One', { chat })
    telegram.write('Two', { chat })
    const status = async () => (await owner.get('/api/telegram/config')).body
    for (let now = await status(); now.status !== 'error'; now = await status())
      await new Promise((r) => setTimeout(r, 20))
    assert.match((await status()).last_error, /no room/)
    assert.equal(api.requests.length, 0)
    steward.services.db.sqlite.exec('DROP TRIGGER full')
    await telegram.until(
      () => telegram.said(chat).length === 2 && telegram.said(chat).every(({ text }) => text === 'All is well.'),
    )
    assert.deepEqual(
      api.requests.map((request) => [...userWords(request).matchAll(/(One|Two)$/gm)].at(-1)?.[1]),
      ['One', 'Two'],
    )
  })
})

describe('what Telegram does meanwhile', () => {
  for (const [what, method, trouble] of [
    [
      'asks to go slower',
      'editMessageText',
      { status: 429, description: 'Too Many Requests: retry after 1', retryAfter: 1 },
    ],
    ['breaks the connection after taking the placeholder', 'sendMessage', { cut: true }],
    ['breaks the connection before', 'sendMessage', { drop: true }],
    ['breaks the connection after the words', 'editMessageText', { cut: true }],
    ['has trouble', 'editMessageText', { status: 502, description: 'Bad Gateway' }],
  ] as const)
    it(`the answer comes once, where it ${what}`, async () => {
      await list(chat)
      telegram.trouble(method, trouble)
      telegram.write('Go', { chat })
      await answered('All is well.')
      const whole = telegram.said(chat).filter(({ text }) => text === 'All is well.')
      assert.equal(whole.length, 1)
      assert.ok(telegram.said(chat).every(({ text }) => text === 'All is well.' || text === '…'))
    })

  it('what the house says by itself is said again where it may not have arrived, and says so', async () => {
    telegram.trouble('sendMessage', { cut: true })
    telegram.write('Hello', { chat })
    await answered(/\(may be a repeat\)$/)
  })
})

describe('commands', () => {
  it('are told to Telegram', () => {
    const { payload } = telegram.calls.find(({ method }) => method === 'setMyCommands')!
    const names = payload.commands.map(({ command }: any) => command)
    assert.deepEqual(names, ['new', 'stop', 'status', 'agents', 'run', 'approvals', 'pause', 'resume', 'link', 'help'])
  })

  it('pause the house and let it go on, while answers wait', async () => {
    await list(chat)
    telegram.write('/pause', { chat })
    await answered(/Everything is paused/)
    assert.equal((await owner.get('/api/queue')).body.is_paused, true)
    telegram.write('Hello?', { chat })
    telegram.write('/status', { chat })
    await answered(/Everything is paused; \/resume[\s\S]*In this chat: (queued|paused)\./)
    assert.equal(api.requests.length, 0)
    telegram.write('/resume', { chat })
    await answered('It goes on.')
    await answered('All is well.')
  })

  it('stop what is going on', async () => {
    await list(chat)
    telegram.write('/stop', { chat })
    await answered('Nothing is going on here.')
    api.answer({ text: ['I begin'], hang: true })
    telegram.write('Work', { chat })
    await telegram.until(() => api.requests.length === 1)
    telegram.write('/stop', { chat })
    await answered('Stopping.')
    await answered(/⏹ Stopped\.$/)
  })

  it('name agents and put them to work', async () => {
    await list(chat)
    await newAgent(owner, { name: 'Night Watch', prompt: 'You watch at night.' })
    telegram.write('/agents', { chat })
    await answered(/• Night Watch/)
    telegram.write('/run nobody at all', { chat })
    await answered(/Name one of your agents/)
    telegram.write('/run night watch Look outside', { chat })
    await answered('All is well.')
    assert.match(api.requests[0]!.system.map(({ text }) => text).join(), /You watch at night/)
    assert.match(userWords(api.requests[0]), /Look outside/)
    telegram.write('/help', { chat })
    await answered(/\/approvals – What waits/)
    telegram.write('/nonsense', { chat })
    await answered(/I do not know \/nonsense/)
    telegram.write('/link', { chat })
    await answered(/bound already/)
  })

  it('that were forwarded do nothing', async () => {
    await list(chat)
    telegram.write('/pause', { chat, more: { forward_origin: { type: 'user', date: 1 } } })
    await answered(/Only my owner/)
    assert.equal((await owner.get('/api/queue')).body.is_paused, false)
  })
})
