import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { ended, newAgent, reached } from './peers/agents.ts'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { freePort } from './peers/daemons.ts'
import { anotherUser } from './peers/database.ts'
import { EXIM_MISSING, startExim, type Exim } from './peers/exim.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { lettersFrom, type Letter } from './peers/letters.ts'
import { say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { refused } from './peers/refused.ts'
import { newId } from '../services/ids.ts'
import { Client, makeKey, OWNER, startSteward, type Steward } from './steward.ts'

/** Notifications by mail, and questions answered by the link in one. */

const NOTICES = '/api/settings/notices'
const LINKS = '/api/approvals/links'
const MINE = 'anna@phone.example'
const PAGE = 'https://steward.example'

const sending = ({ host, port, ca, username, password }: Exim) => ({
  label: 'Out',
  address: 'steward@example.test',
  smtp_host: host,
  smtp_port: port,
  smtp_secure: 'starttls',
  smtp_username: username,
  smtp_password: password,
  tls_ca: ca,
})

/** Makes the owner's address known, and an account to send by. */
async function prepare(owner: Client, exim: Exim, kinds?: string[]): Promise<void> {
  await owner.post('/api/email-whitelist', { email: MINE, owner: true })
  assert.equal((await owner.post('/api/email-accounts', sending(exim))).status, 201)
  const { status, text } = await owner.put(NOTICES, { address: MINE, ...(kinds ? { kinds } : {}) })
  assert.equal(status, 200, text)
}

const linkIn = ({ text }: Letter) => /\n(\S+\/approvals\/link\/([\w-]{43}))\n/.exec(text)

describe('which notifications go by mail', () => {
  let steward: InsideSteward
  let owner: Client
  before(async () => {
    steward = await startInside({ PUBLIC_URL: PAGE })
    owner = steward.owner
  })
  after(() => steward[Symbol.asyncDispose]())

  it('is nobody’s choice but the user’s, to an address that is marked as their own', async () => {
    const nothing = {
      address: null,
      kinds: ['approval', 'result', 'trouble'],
      sent_from: null,
      links: true,
      problem: null,
    }
    assert.deepEqual((await owner.get(NOTICES)).body, nothing)
    for (const email of ['other@example.org', MINE]) {
      const stranger = await owner.put(NOTICES, { address: email })
      refused(stranger, 400, 'invalid')
      assert.equal(stranger.body.detail[0].path, 'address')
      assert.match(stranger.body.error, /Settings → Whitelists/)
      await owner.post('/api/email-whitelist', { email, owner: email === MINE })
    }
    refused(await owner.put(NOTICES, { address: 'other@example.org' }), 400, 'invalid')
    assert.deepEqual(
      (await owner.put(NOTICES, { address: 'Anna@Phone.example', kinds: ['budget', 'approval'] })).body,
      {
        ok: true,
      },
    )
    const { address, kinds, sent_from, problem } = (await owner.get(NOTICES)).body
    assert.deepEqual([address, kinds, sent_from], ['Anna@phone.example', ['budget', 'approval'], null])
    assert.match(problem, /no mail account that can send/)
    const ben = await anotherUser(steward)
    assert.deepEqual((await ben.get(NOTICES)).body, nothing)
    assert.deepEqual((await owner.delete(NOTICES)).body, { ok: true })
    assert.deepEqual((await owner.get(NOTICES)).body, nothing)
    const entries = (await owner.get('/api/audit?kind=setting')).body.entries
    assert.deepEqual(
      entries.slice(0, 2).map(({ action, subject }: any) => [action, subject]),
      [
        ['notices by mail stopped', 'Anna@phone.example'],
        ['notices by mail changed', 'Anna@phone.example: budget, approval'],
      ],
    )
  })

  for (const [body, field] of [
    [{ address: 'Anna <anna@phone.example>' }, 'address'],
    [{ address: '*@phone.example' }, 'address'],
    [{ address: MINE, kinds: [] }, 'kinds'],
    [{ address: MINE, kinds: ['everything'] }, 'kinds.0'],
    [{ address: MINE, to: 'x' }, 'to'],
    [{}, 'address'],
  ] as const)
    it(`refuses ${JSON.stringify(body)} and names the field`, async () => {
      const answer = await owner.put(NOTICES, body)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, field)
    })

  it('says so when the address is no longer marked, and prefers an account that does not read it', async () => {
    const server = { smtp_host: 'mail.example.com', smtp_username: 'x', smtp_password: 'some password' }
    const reading = { imap_host: 'mail.example.com', imap_username: MINE, imap_password: 'some password' }
    await owner.post('/api/email-accounts', { label: 'Mine', address: MINE, ...server, ...reading })
    await owner.put(NOTICES, { address: MINE })
    assert.equal((await owner.get(NOTICES)).body.sent_from, MINE)
    await owner.post('/api/email-accounts', { label: 'Out', address: 'out@example.com', ...server })
    assert.equal((await owner.get(NOTICES)).body.sent_from, 'out@example.com')
    await owner.put(`/api/email-whitelist/${MINE}`, { owner: false })
    assert.match((await owner.get(NOTICES)).body.problem, /no longer marked/)
  })
})

describe('a notification by mail', { skip: EXIM_MISSING }, () => {
  let exim: Exim
  let api: ModelApi
  let steward: InsideSteward
  let owner: Client
  let agentId: string
  let question: Letter
  let letters: ReturnType<typeof lettersFrom>
  before(async () => {
    exim = await startExim()
    letters = lettersFrom(exim)
    api = await startModelApi()
    steward = await startInside({ ...api.env, PUBLIC_URL: PAGE })
    owner = steward.owner
    await prepare(owner, exim)
    await owner.post('/api/webhook-targets', { name: 'kitchen', url: 'http://127.0.0.1:9/', owner: false })
    agentId = (await newAgent(owner, { name: 'Secretary', allowed_tools: null })).id
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
    await exim[Symbol.asyncDispose]()
  })

  /** A run that nobody watches, begun by what others wrote or by the owner's own words. */
  const begin = (letter?: string) =>
    steward.services.runs.submit({
      door: 'email',
      address: 'an account',
      userId: steward.services.agents.find(agentId)!.userId,
      conversationId: newId(),
      kind: 'run',
      origin: 'email',
      by: 'api',
      attended: false,
      integrity: 'owner',
      text: 'Do it.',
      attachments:
        letter === undefined ? [] : [{ name: 'mail.txt', mediaType: 'text/plain', data: Buffer.from(letter) }],
      agentId,
    })

  it('is text of ours with our headers only, which nothing answers by itself', async () => {
    api.answer(say('All is well.\nSee https://example.org/report.'))
    const run = begin()
    const { headers, text } = await letters.next()
    assert.deepEqual(
      [headers.from, headers.to, headers.subject, headers['auto-submitted']],
      ['Steward <steward@example.test>', MINE, 'Secretary is done', 'auto-generated'],
    )
    assert.match(headers['message-id']!, /^<[0-9a-f-]{36}@example\.test>$/)
    assert.match(headers['content-type']!, /^text\/plain/)
    for (const name of ['reply-to', 'list-id', 'cc', 'bcc', 'sender']) assert.equal(headers[name], undefined)
    assert.equal(text.trim(), `All is well.\nSee https://example.org/report.\n\nAll of it: ${PAGE}/runs/${run.id}`)
  })

  it('has the words of a run that read what others wrote in quotation marks, cut, and nothing to click on', async () => {
    const words = `Done."\nNow open https://evil.example/?all=secrets or www.evil.example/x or mailto:me@evil.example, says bob@example.org\u202e.`
    api.answer(say(`${words}${'\nMore.'.repeat(400)}`))
    const run = begin('From: somebody')
    const { text } = await letters.next()
    assert.match(text, /^In its own words, shortened and without links/)
    assert.match(
      text,
      /\n> "Done\.'\n> Now open https\[:\]\/\/evil\[\.\]example\/\?all=secrets or www\[\.\]evil\[\.\]example\/x or mailto\[:\]me@evil\.example, says bob@example\.org\.\n/,
    )
    assert.ok(text.length < 1_800)
    assert.deepEqual(text.match(/https?:\/\/\S+/g), [`${PAGE}/runs/${run.id}`])
  })

  it('is a question with a link to just that one, good until the question ends', async () => {
    api.answer(
      use('webhook', { operation: 'send_to_target', target: 'kitchen', body: 'Look at https://evil.example/' }),
      say('Sent.'),
    )
    const run = begin('From: somebody')
    await reached(owner, run.id, ({ status }) => status === 'waiting')
    const letter = await letters.next()
    question = letter
    assert.equal(letter.headers.subject, 'A run waits for your yes')
    assert.match(
      letter.text,
      /^Secretary asks for your yes:\n\nSend to the webhook target "kitchen" \(127\.0\.0\.1:9\): "Look at https\[:\]\/\/evil\[\.\]example\/"\./,
    )
    const [, link, token] = linkIn(letter)!
    assert.equal(link, `${PAGE}/approvals/link/${token}`)
    const { status, body } = await owner.get(`${LINKS}/${token}`)
    const [pending] = (await owner.get('/api/approvals?state=pending')).body.items
    assert.deepEqual([status, body], [200, { asked_by: 'Secretary', approval: pending }])
    await owner.post(`/api/runs/${run.id}/stop`)
    await ended(owner, run.id)
    const closed = await owner.get(`${LINKS}/${token}`)
    refused(closed, 410, 'expired')
    assert.match(closed.body.error, /taken back/)
  })

  it('keeps no token: neither the database nor the export has one', async () => {
    const rows = steward.services.db.prepare('SELECT * FROM approval_links').all()
    const sent = steward.services.db.prepare(`SELECT body FROM outbox WHERE door = 'email'`).all()
    const [, , token] = linkIn(question)!
    assert.ok(rows.length > 0 && sent.length > 0)
    assert.doesNotMatch(JSON.stringify([rows, sent]), new RegExp(token!))
  })

  it('comes of the kinds that were chosen, as long as the address is marked', async () => {
    const count = letters.count()
    await owner.put(NOTICES, { address: MINE, kinds: ['budget'] })
    api.answer(say('Nobody is mailed this.'))
    await ended(owner, begin().id)
    await owner.put(NOTICES, { address: MINE })
    await owner.put(`/api/email-whitelist/${MINE}`, { owner: false })
    await ended(owner, begin().id)
    await owner.put(`/api/email-whitelist/${MINE}`, { owner: true })
    api.answer(say('This one.'))
    await ended(owner, begin().id)
    assert.match((await letters.next()).text, /^This one\./)
    assert.equal(letters.count(), count + 1)
    const waiting = steward.services.db.prepare(`SELECT count(*) FROM outbox WHERE state <> 'delivered'`).pluck().get()
    assert.equal(waiting, 0)
  })

  it('that cannot be sent is told on the page, and not by another mail', async () => {
    const count = letters.count()
    await owner.post('/api/email-whitelist', { email: 'nobody-here@phone.example', owner: true })
    await owner.put(NOTICES, { address: 'nobody-here@phone.example', kinds: ['result', 'delivery'] })
    await ended(owner, begin().id)
    for (let tries = 0; ; tries++) {
      const [note] = (await owner.get('/api/notifications?kind=delivery')).body.items
      if (note) {
        assert.equal(note.title, 'Could not deliver to nobody-here@phone.example')
        break
      }
      assert.ok(tries < 500)
      await sleep(20)
    }
    const rows = steward.services.db.prepare(`SELECT state FROM outbox WHERE state <> 'delivered'`).pluck().all()
    assert.deepEqual([rows, letters.count()], [['failed'], count])
  })
})

describe('a link to a question', { skip: EXIM_MISSING }, () => {
  let exim: Exim
  let steward: InsideSteward
  let owner: Client
  let letters: ReturnType<typeof lettersFrom>
  before(async () => {
    exim = await startExim()
    letters = lettersFrom(exim)
    steward = await startInside({ PUBLIC_URL: PAGE, TRUST_PROXY: 'loopback' })
    owner = steward.owner
    await prepare(owner, exim, ['approval'])
    await owner.post('/api/webhook-targets', { name: 'kitchen', url: 'http://127.0.0.1:9/', owner: false })
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await exim[Symbol.asyncDispose]()
  })

  /** A run that asks, and the token of the mail about it. */
  async function asked(): Promise<{ runId: string; path: string }> {
    const message = '/webhook.send_to_target target="kitchen" body="Hello"'
    const { id } = await newAgent(owner)
    const { body } = await owner.post(`/api/agents/${id}/run`, { message })
    await reached(owner, body.run_id, ({ status }) => status === 'waiting')
    return { runId: body.run_id, path: `${LINKS}/${linkIn(await letters.next())![2]}` }
  }
  const statusOf = async (runId: string) => (await owner.get(`/api/runs/${runId}`)).body.status
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })

  it('decides once, for whoever is signed in as the one it was sent to, and is in the audit log', async () => {
    const { runId, path } = await asked()
    const { status, body } = await owner.post(path, { approved: true, note: 'Go on.' })
    assert.deepEqual(
      [status, body.approval.state, body.approval.decided_by, body.approval.note],
      [200, 'approved', 'link:anna', 'Go on.'],
    )
    assert.equal((await ended(owner, runId)).status, 'succeeded')
    const [entry] = (await owner.get('/api/audit?kind=approval')).body.entries
    assert.deepEqual([entry.action, entry.actor, entry.run_id], ['approved', 'link:anna', runId])
    for (const answer of [await owner.get(path), await owner.post(path, { approved: false })]) {
      refused(answer, 410, 'expired')
      assert.match(answer.body.error, /used already/)
    }
  })

  it('takes a no as well', async () => {
    const { runId, path } = await asked()
    assert.equal((await owner.post(path, { approved: false })).body.approval.state, 'denied')
    assert.equal((await ended(owner, runId)).status, 'succeeded')
  })

  it('decides nothing by being looked at, nor for whoever is not signed in, by key or from another site', async () => {
    const { runId, path } = await asked()
    const scanner = new Client(steward.url)
    refused(await scanner.get(path), 401, 'unauthorized')
    refused(await scanner.post(path, { approved: true }), 401, 'unauthorized')
    const page = await scanner.get(path.replace('/api/approvals/links', '/approvals/link'), {
      headers: { accept: 'text/html' },
    })
    assert.equal(page.status, 200)
    const key = new Client(steward.url, await makeKey(owner, ['read', 'run', 'admin', 'approve']))
    refused(await key.get(path), 403, 'forbidden')
    refused(await key.post(path, { approved: true }), 403, 'forbidden')
    const elsewhere = { headers: { origin: 'https://evil.example' } }
    refused(await owner.post(path, { approved: true }, elsewhere), 403, 'cross_origin')
    for (let n = 0; n < 3; n++) assert.equal((await owner.get(path)).status, 200)
    const ben = await anotherUser(steward)
    refused(await ben.get(path), 404, 'not_found')
    refused(await ben.post(path, { approved: true }), 404, 'not_found')
    assert.equal(await statusOf(runId), 'waiting')
    assert.equal((await owner.post(path, { approved: false })).status, 200)
  })

  it('changes no arguments and makes no standing yes', async () => {
    const { path } = await asked()
    for (const more of [{ arguments: {} }, { remember: 'agent' }])
      refused(await owner.post(path, { approved: true, ...more }), 400, 'invalid')
    assert.equal((await owner.post(path, { approved: false })).status, 200)
  })

  it('is over when the question was answered elsewhere, or ran out', async () => {
    const first = await asked()
    const [pending] = (await owner.get('/api/approvals?state=pending')).body.items
    await owner.post(`/api/approvals/${pending.id}`, { approved: false })
    const answered = await owner.get(first.path)
    refused(answered, 410, 'expired')
    assert.match(answered.body.error, /answered already: with a no/)
    const second = await asked()
    steward.later(25 * 3600_000)
    const late = await owner.post(second.path, { approved: true })
    refused(late, 410, 'expired')
    assert.match(late.body.error, /ran out of time/)
    await owner.post(`/api/runs/${second.runId}/stop`)
  })

  it('cannot be guessed at will', async () => {
    const answers = []
    for (let n = 0; n < 6; n++)
      answers.push((await owner.get(`${LINKS}/${'x'.repeat(43)}`, from('203.0.113.7'))).status)
    assert.deepEqual(answers, [404, 404, 404, 404, 404, 429])
  })
})

describe('a notice on its way', { skip: EXIM_MISSING }, () => {
  /** Takes connections and says no word. */
  async function mute(): Promise<{ server: Server; port: number; met: Promise<unknown>; end: () => void }> {
    const sockets = new Set<Socket>()
    let meet = (_: unknown) => {}
    const met = new Promise((resolve) => (meet = resolve))
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}))
      meet(undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const end = () => (sockets.forEach((socket) => socket.destroy()), void server.close())
    return { server, port: (server.address() as AddressInfo).port, met, end }
  }

  it('arrives once, though the server is killed between the notification and the sending', async () => {
    await using exim = await startExim()
    const silent = await mute()
    const first = await startSteward()
    await prepare(first.owner, exim)
    const [account] = (await first.owner.get('/api/email-accounts')).body
    const leadTo = ({ owner }: Steward, port: number) =>
      owner.put(`/api/email-accounts/${account.id}`, { smtp_port: port, smtp_secure: 'starttls' })
    await leadTo(first, silent.port)
    await first.owner.post('/api/webhook-targets', { name: 'kitchen', url: 'http://127.0.0.1:9/', owner: false })
    const { id } = await newAgent(first.owner)
    const message = '/webhook.send_to_target target="kitchen" body="Hello"'
    await first.owner.post(`/api/agents/${id}/run`, { message })
    await silent.met
    await first.kill()
    silent.end()
    for (let n = 0; n < 2; n++) {
      await using again = await startSteward({ dataDir: first.dataDir })
      await leadTo(again, exim.port)
      await exim.arrived(1)
      assert.equal((await again.owner.get('/api/notifications?kind=approval')).body.total, 1)
      await again.kill()
    }
    assert.equal(exim.mails().length, 1)
  })
})

describe('a question by mail, in the browser', { skip: MISSING || EXIM_MISSING }, () => {
  let exim: Exim
  let steward: Steward
  let walk: Walk
  let page: Page
  let letters: ReturnType<typeof lettersFrom>
  let runId: string
  let link: string

  before(async () => {
    exim = await startExim()
    letters = lettersFrom(exim)
    const port = await freePort()
    steward = await startSteward({ env: { PORT: String(port), PUBLIC_URL: `http://localhost:${port}` } })
    walk = await startWalk()
    page = walk.page
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await exim[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })
  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.emulateMedia({ colorScheme: 'dark' })
    await walk.picture(`${name}-dark`)
    await walk.accessible(`${name}-dark`)
    await page.emulateMedia({ colorScheme: 'light' })
  }

  it('is set up in the settings', async () => {
    const home = `http://localhost:${new URL(steward.url).port}`
    await page.request.post(`${home}/api/auth/login`, { data: OWNER })
    await page.goto(`${home}/settings/notices`)
    await page.getByText('Nothing goes by mail yet.').waitFor()
    await page.getByLabel('Your address').fill(MINE)
    await page.getByRole('button', { name: 'Send them by mail' }).click()
    await page.getByText('is not marked as your own').waitFor()
    await look('notices-refused')
    await steward.owner.post('/api/email-whitelist', { email: MINE, owner: true })
    await page.getByRole('checkbox', { name: 'Results' }).uncheck()
    await page.getByRole('button', { name: 'Send them by mail' }).click()
    await page.getByText('there is no mail account that can send').waitFor()
    await look('notices-no-account')
    await steward.owner.post('/api/email-accounts', sending(exim))
    await page.reload()
    await page.getByText('Sent from steward@example.test.').waitFor()
    await look('notices')
    assert.deepEqual((await steward.owner.get(NOTICES)).body.kinds, ['approval', 'trouble'])
  })

  it('leads through signing in to that question and nothing else', async () => {
    await steward.owner.post('/api/webhook-targets', { name: 'kitchen', url: 'http://127.0.0.1:9/', owner: false })
    const { id } = await newAgent(steward.owner, { name: 'Secretary' })
    const message = '/webhook.send_to_target target="kitchen" body="Dinner is ready"'
    runId = (await steward.owner.post(`/api/agents/${id}/run`, { message })).body.run_id
    link = linkIn(await letters.next())![1]!
    await page.context().clearCookies()
    await page.goto(link)
    await page.waitForURL(/\/login\?next=/)
    await page.getByLabel('Username').fill(OWNER.username)
    await page.getByLabel('Password').fill(OWNER.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Secretary asks.').waitFor()
    assert.equal(page.url(), link)
    await page.getByText('"Dinner is ready"').first().waitFor()
    assert.equal(await page.getByRole('button', { name: 'Edit' }).count(), 0)
    await look('approval-link')
    assert.equal((await steward.owner.get(`/api/runs/${runId}`)).body.status, 'waiting')
  })

  it('is answered there, and the link is good no more', async () => {
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('It goes ahead').waitFor()
    await look('approval-link-done')
    assert.equal((await ended(steward.owner, runId)).status, 'succeeded')
    await page.goto(link)
    await page.getByText('This link is no longer good').waitFor()
    await page.getByText('This link was used already').waitFor()
    await look('approval-link-used')
    await page.getByRole('link', { name: 'See what waits for you' }).click()
    await page.waitForURL(/\/approvals$/)
    await page.goto(link.replace(/[\w-]{43}$/, 'x'.repeat(43)))
    await page.getByText('There is no such link').waitFor()
  })
})
