import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

const ACCOUNT = {
  label: 'Work',
  account_type: 'trigger',
  enabled: false,
  imap_host: 'mail.example.com',
  imap_username: 'me@example.com',
  imap_password: 'hunter2-hunter2',
}
const MAIL = [
  'From: Ann <ann@example.org>',
  'To: me@example.com',
  'Subject: Invoice for November',
  '',
  'It is due on Friday.',
  '',
].join('\n')

let steward: Steward
let owner: Client
let stranger: Client
let agent: { id: string; name: string }
let rules: string

before(async () => {
  steward = await startSteward()
  owner = steward.owner
  stranger = await anotherUser(steward)
  agent = await newAgent(owner, { name: 'Bookkeeper' })
  await owner.post('/api/email-whitelist', { email: 'ann@example.org' })
})
after(() => steward[Symbol.asyncDispose]())
beforeEach(async () => {
  const account = await owner.post('/api/email-accounts', ACCOUNT)
  rules = `/api/email-accounts/${account.body.id}/triggers`
})

const account = () => rules.replace(/\/triggers$/, '')
const add = async (draft: object) => {
  const { status, body } = await owner.post(rules, draft)
  assert.equal(status, 201, JSON.stringify(body))
  return body
}
const listed = async () => (await owner.get(rules)).body.items
const tried = async (mail = MAIL) => {
  const { status, body } = await owner.post(`${rules}/test`, { mail })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const runs = async () => (await owner.get('/api/runs')).body.total

describe('the rules of a mail account', () => {
  it('are added, listed in their order, changed, switched off and removed', async () => {
    const first = await add({ phrase: ' invoice ', agent_id: agent.id })
    assert.deepEqual(first, {
      id: first.id,
      phrase: 'invoice',
      agent_id: agent.id,
      enabled: true,
      position: 1,
      warning: null,
      created_at: first.created_at,
      updated_at: first.updated_at,
    })
    const second = await add({ phrase: '', agent_id: agent.id, enabled: false })
    assert.deepEqual(await listed(), [first, second])
    assert.deepEqual((await owner.put(`${rules}/${first.id}`, { phrase: 'bill', enabled: false })).body, { ok: true })
    const [changed] = await listed()
    assert.deepEqual([changed.phrase, changed.enabled, changed.agent_id], ['bill', false, agent.id])
    assert.deepEqual((await owner.delete(`${rules}/${first.id}`)).body, { ok: true })
    assert.deepEqual(await listed(), [{ ...second, position: 1 }])
  })

  it('are put into another order, in which they are tried', async () => {
    const other = await newAgent(owner, { name: 'Other' })
    const a = await add({ phrase: 'invoice', agent_id: agent.id })
    const b = await add({ phrase: 'friday', agent_id: other.id })
    const c = await add({ phrase: '', agent_id: agent.id })
    const order = async () => (await listed()).map(({ id, position }: any) => [id, position])
    const numbered = (...rules: { id: string }[]) => rules.map(({ id }, at) => [id, at + 1])
    assert.deepEqual(await order(), numbered(a, b, c))
    assert.deepEqual(
      (await tried()).matches.map((one: any) => one.trigger_id),
      [a.id],
    )
    assert.equal((await owner.put(`${rules}/${b.id}`, { position: 1 })).status, 200)
    assert.deepEqual(await order(), numbered(b, a, c))
    assert.deepEqual((await tried()).starts, [{ trigger_id: b.id, agent_id: other.id, agent_name: 'Other' }])
    await owner.put(`${rules}/${b.id}`, { position: 99 })
    assert.deepEqual(await order(), numbered(a, c, b))
    const d = await add({ phrase: 'x', agent_id: agent.id, position: 2 })
    assert.equal(d.position, 2)
    assert.deepEqual(await order(), numbered(a, d, c, b))
    await owner.put(`${rules}/${c.id}`, { enabled: false })
    await owner.delete(`${rules}/${a.id}`)
    assert.deepEqual(await order(), numbered(d, c, b))
    const { body } = await owner.get(`${rules}?limit=2`)
    const rest = (await owner.get(`${rules}?limit=2&cursor=${body.next_cursor}`)).body
    assert.deepEqual(
      [...body.items, ...rest.items].map(({ id }) => id),
      [d.id, c.id, b.id],
    )
    for (const position of [0, 1.5, '1']) {
      const refused = await owner.put(`${rules}/${c.id}`, { position })
      assert.deepEqual([refused.status, refused.body.detail?.[0].path], [400, 'position'])
    }
  })

  it('name an agent, or their account does', async () => {
    const refused = await owner.post(rules, { phrase: 'invoice' })
    assert.deepEqual([refused.status, refused.body.detail[0].path], [400, 'agent_id'])
    await owner.put(account(), { agent_id: agent.id })
    assert.equal((await add({ phrase: 'invoice' })).agent_id, null)
    const gone = await owner.post(rules, { phrase: 'x', agent_id: 'nobody' })
    assert.deepEqual([gone.status, gone.body.detail[0].path], [400, 'agent_id'])
  })

  for (const [draft, path] of [
    [{ agent_id: 'x' }, 'phrase'],
    [{ phrase: 'x'.repeat(501) }, 'phrase'],
    [{ phrase: 'x', enabled: 'yes' }, 'enabled'],
    [{ phrase: 'x', words: 1 }, 'words'],
  ] as const)
    it(`refuse ${JSON.stringify(draft).slice(0, 40)} and name the field`, async () => {
      const { status, body } = await owner.post(rules, draft)
      assert.equal(status, 400)
      assert.equal(body.detail[0].path, path)
    })

  it('stay when their agent goes, with a warning, and start nothing', async () => {
    const passing = await newAgent(owner, { name: 'Passing' })
    const rule = await add({ phrase: '', agent_id: passing.id })
    await owner.delete(`/api/agents/${passing.id}`)
    assert.match((await listed())[0].warning, /gone/)
    const judged = await tried()
    assert.deepEqual([judged.outcome, judged.starts], ['failed', []])
    await owner.put(`${rules}/${rule.id}`, { agent_id: agent.id })
    assert.equal((await listed())[0].warning, null)
  })

  it('warn where the account has lost the agent they go by', async () => {
    await owner.put(account(), { agent_id: agent.id })
    await add({ phrase: 'invoice' })
    await owner.put(account(), { agent_id: null })
    assert.match((await listed())[0].warning, /names an agent/)
  })

  it('are each user’s own, and each account’s', async () => {
    const rule = await add({ phrase: 'invoice', agent_id: agent.id })
    const other = await owner.post('/api/email-accounts', ACCOUNT)
    const elsewhere = `/api/email-accounts/${other.body.id}/triggers/${rule.id}`
    assert.equal((await owner.put(elsewhere, { phrase: 'x' })).status, 404)
    assert.equal((await owner.delete(elsewhere)).status, 404)
    assert.equal((await stranger.get(rules)).status, 404)
    assert.equal((await stranger.post(rules, { phrase: 'x' })).status, 404)
    assert.equal((await stranger.put(`${rules}/${rule.id}`, { phrase: 'x' })).status, 404)
    assert.equal((await stranger.delete(`${rules}/${rule.id}`)).status, 404)
    assert.equal((await stranger.post(`${rules}/test`, { mail: MAIL })).status, 404)
    const theirs = await stranger.post('/api/email-accounts', ACCOUNT)
    const foreign = await stranger.post(`/api/email-accounts/${theirs.body.id}/triggers`, {
      phrase: 'x',
      agent_id: agent.id,
    })
    assert.deepEqual([foreign.status, foreign.body.detail[0].path], [400, 'agent_id'])
    assert.deepEqual(await listed(), [rule])
  })

  it('go with their account', async () => {
    await add({ phrase: 'invoice', agent_id: agent.id })
    await owner.delete(account())
    assert.equal((await owner.get(rules)).status, 404)
    const left = withDatabase(steward.dataDir, (db) =>
      db.prepare('SELECT count(*) FROM email_triggers WHERE account_id = ?').pluck().get(account().split('/').at(-1)),
    )
    assert.equal(left, 0)
  })
})

describe('trying a mail', () => {
  it('says which rule fits, whom it starts and who sent it, and starts nothing', async () => {
    await add({ phrase: 'holiday', agent_id: agent.id })
    const rule = await add({ phrase: 'FRIDAY invoice', agent_id: agent.id })
    const before = await runs()
    const judged = await tried()
    assert.deepEqual(judged, {
      outcome: 'started',
      reason: 'A rule fits it.',
      note: null,
      matches: [{ trigger_id: rule.id, phrase: 'FRIDAY invoice', agent_id: agent.id, agent_name: 'Bookkeeper' }],
      starts: [{ trigger_id: rule.id, agent_id: agent.id, agent_name: 'Bookkeeper' }],
      sender: { name: 'Ann', address: 'ann@example.org' },
      proven: false,
      proven_reason: 'this account names no mail server to vouch for senders',
      subject: 'Invoice for November',
      text: 'It is due on Friday.',
      folded: false,
      attachments: [],
      problems: [],
    })
    assert.equal(await runs(), before)
    const messages = await owner.get(`${account()}/messages`)
    assert.equal(messages.body.total, 0)
  })

  it('counts the first rule that fits, or all, as the house is set', async () => {
    await add({ phrase: 'invoice', agent_id: agent.id })
    const other = await newAgent(owner, { name: 'Other' })
    await add({ phrase: 'friday', agent_id: other.id })
    assert.deepEqual(
      (await tried()).starts.map((start: any) => start.agent_name),
      ['Bookkeeper'],
    )
    await owner.put('/api/settings/mail', { mail_match: 'all' })
    assert.deepEqual(
      (await tried()).starts.map((start: any) => start.agent_name),
      ['Bookkeeper', 'Other'],
    )
    await owner.put('/api/settings/mail', { mail_match: 'first' })
  })

  it('says why nothing would start', async () => {
    await add({ phrase: 'holiday', agent_id: agent.id })
    assert.equal((await tried()).outcome, 'no_match')
    const stranger = await tried(MAIL.replaceAll('ann@example.org', 'eve@example.org'))
    assert.equal(stranger.outcome, 'not_allowed')
    assert.match(stranger.reason, /“eve@example\.org” is not on the email whitelist/)
    assert.equal((await tried(`Auto-Submitted: auto-replied\n${MAIL}`)).outcome, 'automatic')
    assert.equal((await tried(MAIL.replace('ann@example.org', 'me@example.com'))).outcome, 'own')
    assert.equal((await tried(MAIL.replace('From: Ann <ann@example.org>\n', ''))).outcome, 'unreadable')
  })

  it('asks for proof where the account names a server that gives it', async () => {
    await owner.put(account(), { authserv_id: 'mx.example.com', agent_id: agent.id })
    const unproven = await tried()
    assert.deepEqual([unproven.outcome, unproven.proven], ['not_allowed', false])
    assert.match(unproven.proven_reason, /mx\.example\.com/)
    const proven = await tried(`Authentication-Results: mx.example.com; dmarc=pass header.from=example.org\n${MAIL}`)
    assert.deepEqual([proven.outcome, proven.proven], ['started', true])
    const forged = await tried(
      `Authentication-Results: mx.example.com; dmarc=fail header.from=example.org\nAuthentication-Results: mx.example.com; dmarc=pass header.from=example.org\n${MAIL}`,
    )
    assert.equal(forged.outcome, 'not_allowed')
  })

  it('reads words without a header as those of somebody who is allowed, and says so', async () => {
    await add({ phrase: 'friday', agent_id: agent.id })
    await owner.put(account(), { authserv_id: 'mx.example.com' })
    for (const words of ['See you on Friday!', '\n\nDear all:\nsee you on Friday', 'Note: Friday\n\nFrom: Berlin']) {
      const judged = await tried(words)
      assert.deepEqual([judged.outcome, judged.sender, judged.proven], ['started', null, false], words)
      assert.match(judged.note, /no header/)
    }
    assert.equal((await tried('See you on Monday!')).outcome, 'no_match')
  })

  it('shows what it took from the mail', async () => {
    await owner.put(account(), { agent_id: agent.id })
    const judged = await tried(
      [
        'From: ann@example.org',
        'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \u202e',
        'Content-Type: multipart/mixed; boundary=b',
        '',
        '--b',
        'Content-Type: text/html',
        '',
        '<p>Yes<span style="display:none">No</span></p><p>On 3 March 2026, Bob wrote:</p><blockquote>Shall I?</blockquote>',
        '--b',
        'Content-Type: application/ms-tnef; name=winmail.dat',
        '',
        'x',
        '--b--',
      ].join('\n'),
    )
    assert.deepEqual([judged.subject, judged.text, judged.folded], ['Grüße', 'Yes', true])
    assert.deepEqual(judged.attachments, [{ name: 'winmail.dat', media_type: 'application/ms-tnef', size: 1 }])
    assert.match(judged.problems[0], /winmail\.dat/)
  })

  it('takes no nothing, and no more than a million letters', async () => {
    assert.equal((await owner.post(`${rules}/test`, { mail: '' })).body.detail[0].path, 'mail')
    assert.equal((await owner.post(`${rules}/test`, { mail: 'x'.repeat(1_000_001) })).status, 400)
  })
})
