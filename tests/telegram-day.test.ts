import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DOVECOT_MISSING, startDovecot } from './peers/dovecot.ts'
import { EXIM_MISSING, startExim } from './peers/exim.ts'
import { say, startModelApi, textIn, use, type Reply, type Request } from './peers/model-api.ts'
import { startTelegram, TOKEN, type Standing } from './peers/telegram.ts'
import { startSteward } from './steward.ts'

const PHONE = 4711
const ALICE = 'alice@example.test'
const STORY = ['Once upon a time ', 'there was a steward ', 'who kept a house ', 'by the sea ', 'and slept well.']

/** What it does is told by what was said last and done since, so it may be asked again after a death. */
function steadily(request: Request): Reply {
  const asked = [
    ...textIn(request).matchAll(/(tell me a story|write to alice|think for ever|count to ten|still there)/gi),
  ]
    .at(-1)?.[1]
    ?.toLowerCase()
  const results = request.messages.at(-1)!.content.filter(({ type }) => type === 'tool_result')
  if (asked === 'tell me a story') return { text: STORY, pauseMs: 900 }
  if (asked === 'think for ever') return { text: ['Let me think'], hang: true }
  if (asked === 'count to ten') return { text: ['One, two, three, ', 'four, five, six, ', 'seven, eight, nine, ', 'ten.'], pauseMs: 900 } // prettier-ignore
  if (asked === 'still there') return say('At your service.')
  if (results.length === 0)
    return use('email', { operation: 'send_email', to: ALICE, subject: 'Dinner', body: 'At seven, at mine?' })
  return say('Alice has it.')
}

describe('a day with the phone', { skip: DOVECOT_MISSING || EXIM_MISSING }, () => {
  it('link, ask and watch, a mail approved by a tap, /stop, /pause and /resume, and a power cut in the middle of an answer', async () => {
    await using telegram = await startTelegram()
    await using api = await startModelApi()
    await using dovecot = await startDovecot()
    await using exim = await startExim()
    api.answer(steadily)
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const env = { ...telegram.env, ...api.env }
    let steward = await startSteward({ dataDir, env })
    await using _all = {
      async [Symbol.asyncDispose]() {
        await steward.stop()
        rmSync(dataDir, { recursive: true, force: true })
      },
    }
    const write = (text: string) => telegram.write(text, { chat: PHONE })
    const said = () => telegram.said(PHONE)
    const hears = (words: RegExp): Promise<Standing> =>
      telegram.until(() => said().findLast(({ text }) => words.test(text)), 60_000)
    const buttons = (message: Standing): string[] =>
      (message.reply_markup?.inline_keyboard ?? []).flat().map(({ text }: any) => text)
    const paused = async () => (await steward.owner.get('/api/queue')).body.is_paused

    // The owner gives it a bot and a mailbox that can send.
    await steward.owner.post('/api/telegram/config', { bot_token: TOKEN })
    await steward.owner.post('/api/email-whitelist', { email: ALICE, daily_limit: 3 })
    const made = await steward.owner.post('/api/email-accounts', {
      label: 'Post',
      account_type: 'trigger',
      address: 'me@example.test',
      imap_host: dovecot.host,
      imap_port: dovecot.tlsPort,
      imap_secure: 'tls',
      imap_username: dovecot.username,
      imap_password: dovecot.password,
      tls_ca: `${dovecot.ca}\n${exim.ca}`,
      smtp_host: exim.host,
      smtp_port: exim.port,
      smtp_secure: 'starttls',
      smtp_username: exim.username,
      smtp_password: exim.password,
    })
    assert.equal(made.status, 201)

    // A phone that nobody knows gets a code, and the owner enters it.
    write('Hello?')
    await hears(/private assistant/)
    write('/link')
    const [, code] = /minutes: (\w{6})\n/.exec((await hears(/Enter this code/)).text)!
    assert.equal((await steward.owner.post('/api/telegram/link', { code })).body.chat_id, String(PHONE))
    await hears(/bound to Steward now/)
    assert.equal(api.requests.length, 0)

    // They ask, and watch the answer grow in one message.
    write('Tell me a story')
    const story = await hears(/slept well\.$/)
    assert.deepEqual([story.before[0], story.text], ['…', STORY.join('')])
    assert.ok(story.before.length >= 3, `seen on the way: ${JSON.stringify(story.before)}`)
    assert.equal(said().filter(({ text }) => text.startsWith('Once')).length, 1)

    // A mail waits for a tap; a stranger's tap does nothing, theirs sends it, and a second one says that it is decided.
    write('Write to Alice')
    const question = await telegram.until(() => said().findLast((one) => buttons(one).includes('Approve')))
    assert.match(question.text, /alice@example\.test/)
    const asAsked = { ...question }
    telegram.press(asAsked, 'Approve', { from: 666 })
    await telegram.until(() => telegram.answers.some(({ text }) => /^Only my owner decides/.test(text)))
    assert.deepEqual(exim.mails(), [])
    telegram.press(asAsked, 'Approve')
    await hears(/^Alice has it\.$/)
    const [mail, ...more] = await exim.arrived(1)
    assert.deepEqual(more, [])
    assert.match(mail!, /At seven, at mine\?/)
    await telegram.until(() => /✅ Approved \(telegram\)\.$/.test(question.text) && buttons(question).length === 0)
    telegram.press(asAsked, 'Deny')
    await telegram.until(() => telegram.answers.some(({ text }) => /^Already decided: ✅ Approved/.test(text)))

    // What takes too long is stopped.
    write('Think for ever')
    await hears(/^Let me think/)
    write('/stop')
    await hears(/^Let me think\n\n⏹ Stopped\.$/)

    // The house is paused; what is asked meanwhile waits, also over a power cut, and goes on with /resume.
    write('/pause')
    await hears(/^Everything is paused\. /)
    assert.equal(await paused(), true)
    const before = api.requests.length
    write('Still there?')
    await telegram.until(() => telegram.polling() && telegram.pending() === 0)
    await steward.kill()
    steward = await startSteward({ dataDir, env })
    assert.equal(await paused(), true)
    assert.equal(api.requests.length, before)
    write('/resume')
    await hears(/^At your service\.$/)

    // The power fails in the middle of an answer, and the same message is finished.
    write('Count to ten')
    const counting = await hears(/^One, two/)
    await steward.kill()
    const half = counting.text
    assert.doesNotMatch(half, /ten\.$/)
    steward = await startSteward({ dataDir, env })
    await telegram.until(() => /ten\.$/.test(counting.text), 60_000)
    await sleep(500)
    assert.equal(said().filter(({ text }) => text.startsWith('One, two')).length, 1)

    // Nothing was said twice, nothing was left half said, and Alice has one mail.
    assert.deepEqual(
      said().filter(({ text }, at, all) => text === '…' || all.findIndex((one) => one.text === text) !== at),
      [],
    )
    assert.equal(exim.mails().length, 1)
    const runs = (await steward.owner.get('/api/runs?origin=telegram')).body.items
    assert.deepEqual(
      runs.map(({ status }: any) => status),
      ['succeeded', 'succeeded', 'stopped', 'succeeded', 'succeeded'],
    )
  })
})
