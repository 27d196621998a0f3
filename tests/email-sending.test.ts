import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { EXIM_MISSING, startExim, type Exim } from './peers/exim.ts'
import { addMailAccount, allow, approve, chatThat, pending, rawMail, sendEmail } from './peers/mail-house.ts'
import { resultsIn, startModelApi, use, type ModelApi, type Request } from './peers/model-api.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

/** The tool `email` through whole runs, with a real Dovecot to read from and a real Exim to send by. */

const PARTNER = 'Partner@friends.example'
const TEAM = 'team@friends.example'
const SELF = 'self@home.example'

const headerOf = (mail: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*(?:\\n[ \\t].*)*)`, 'mi')
    .exec(mail)?.[1]
    ?.replace(/\r?\n[ \t]+/g, ' ')
    .trim()
const envelopeOf = (mail: string): string[] => headerOf(mail, 'Envelope-to')?.split(/,\s*/) ?? []

describe('the tool email', { skip: DOVECOT_MISSING || EXIM_MISSING }, () => {
  let api: ModelApi
  let dovecot: Dovecot
  let exim: Exim
  let steward: Steward
  let owner: Client
  let papers: string

  before(async () => {
    api = await startModelApi()
    dovecot = await startDovecot()
    exim = await startExim()
    steward = await startSteward({ env: api.env })
    owner = steward.owner
    papers = mkdtempSync(join(tmpdir(), 'papers-'))
    await owner.post('/api/filesystem-whitelist', { path: papers, written_by: 'me' })
    for (const email of [PARTNER, TEAM]) await allow(owner, email)
    await allow(owner, SELF, { owner: true })
    const signIn = { smtp_username: exim.username, smtp_password: exim.password }
    await addMailAccount(owner, { dovecot, smtp: exim, ...signIn })
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await exim[Symbol.asyncDispose]()
    await dovecot[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
    rmSync(papers, { recursive: true })
  })

  const lastResult = () => resultsIn(api.requests.at(-1)).at(-1)!
  const known = new Set<string>()
  /** What Exim took since it was last asked. @NOTE the names of its files do not sort by time within a second. */
  const newMails = async (before: number, count = 1): Promise<string[]> => {
    const fresh = (await exim.arrived(before + count)).filter((mail) => !known.has(mail))
    for (const mail of fresh) known.add(mail)
    return fresh
  }
  const search = async (query: string): Promise<string> => {
    const chat = await chatThat(owner, api, use('email', { operation: 'search', query }))
    await chat.next('done')
    return /id: (\S+)/.exec(lastResult().text)![1]!
  }

  /** It is sent with the question, or named by the catalogue. */
  const namesEmail = (request: Request | undefined): boolean =>
    (request?.tools as unknown as { name: string; description: string }[]).some(
      ({ name, description }) => name === 'email' || (name === 'tools' && description.includes('"email"')),
    )

  it('is offered once there is an account, with its name', async () => {
    await using bare = await startSteward({ env: api.env })
    await (await chatThat(bare.owner, api)).next('done')
    assert.ok(!namesEmail(api.requests[0]))
    await (await chatThat(owner, api, use('tools', { operation: 'describe', name: 'email' }))).next('done')
    assert.ok(namesEmail(api.requests[0]))
    const { text } = lastResult()
    assert.match(text, /Accounts: "Work"/)
    const { properties } = JSON.parse(text.slice(text.indexOf('{'))) as {
      properties: { operation: { enum: string[] } }
    }
    assert.deepEqual(properties.operation.enum.sort(), [
      'list_emails',
      'list_whitelist',
      'read_email',
      'save_attachment',
      'search',
      'send_email',
    ])
  })

  it('lists, searches and reads mails, and says of each result who wrote it', async () => {
    dovecot.deliver(rawMail({ Subject: 'Plans " for \\ Monday', text: 'Shall we meet? The zebra is ready.' }))
    const list = await chatThat(owner, api, use('email', { operation: 'list_emails', limit: 5, unread_only: true }))
    const listed = await list.next('tool_done')
    assert.deepEqual([listed.success, listed.integrity, listed.touched], [true, 'third_party', true])
    await list.next('done')
    const [, id] = /id: (\S+)/.exec(lastResult().text)!
    assert.match(lastResult().text, /unread, from "Ann" <ann@friends.example>: "Plans ' for \\ Monday"/)
    assert.equal(await search('zebra'), id)
    const read = await chatThat(owner, api, use('email', { operation: 'read_email', id }))
    const done = await read.next('tool_done')
    assert.match(done.source, /^the mail of .*\d\d:\d\d by ann@friends\.example$/)
    await read.next('done')
    assert.match(lastResult().text, /Shall we meet\? The zebra is ready\./)
    const gone = await chatThat(owner, api, use('email', { operation: 'read_email', id: 'bm9uc2Vuc2U' }))
    assert.equal((await gone.next('tool_done')).success, false)
    await gone.next('done')
  })

  it('sends to a listed address once the owner has said yes, and keeps one copy', async () => {
    const before = exim.mails().length
    const chat = await chatThat(owner, api, sendEmail({ to: 'Pat <PARTNER@friends.example>', subject: 'Lunch', body: 'At noon?' })) // prettier-ignore
    const question = await approve(owner, chat)
    assert.equal(
      question.description,
      'Send a mail from "me@example.test" to "PARTNER@friends.example", subject "Lunch", 8 characters that begin "At noon?".',
    )
    const done = await chat.next('tool_done')
    assert.deepEqual([done.success, done.confirmed, done.result_summary], [true, true, `Sent to ${PARTNER}`])
    const [mail] = await newMails(before)
    assert.deepEqual(envelopeOf(mail!), [PARTNER])
    assert.equal(headerOf(mail!, 'To'), PARTNER)
    assert.equal(headerOf(mail!, 'From'), 'me@example.test')
    assert.equal(headerOf(mail!, 'Message-ID'), `<${question.call_id}@example.test>`)
    assert.equal(headerOf(mail!, 'Auto-Submitted'), 'auto-generated')
    assert.match(headerOf(mail!, 'Content-Type')!, /^text\/plain; charset=utf-8/)
    for (const name of ['Reply-To', 'Bcc', 'X-Mailer', 'In-Reply-To']) assert.equal(headerOf(mail!, name), undefined)
    const copies = dovecot.mails('Sent').filter((one) => one.includes(question.call_id))
    assert.equal(copies.length, 1)
    await chat.next('done')
    assert.deepEqual(await pending(owner), [])
  })

  it('sends nothing where the owner says no', async () => {
    const before = exim.mails().length
    const chat = await chatThat(owner, api, sendEmail({ to: PARTNER, subject: 'Lunch', body: 'At one?' }))
    const question = await chat.next('confirmation_required')
    await owner.post(`/api/approvals/${question.call_id}`, { approved: false })
    await chat.next('done')
    assert.equal(lastResult().failed, true)
    assert.equal(exim.mails().length, before)
  })

  it('never sends to anybody else, in whatever field, and asks about nothing', async () => {
    const before = exim.mails().length
    for (const args of [
      { to: 'eve@evil.example' },
      { to: PARTNER, cc: 'eve@evil.example' },
      { to: PARTNER, bcc: ['Team <team@friends.example>', 'eve@evil.example'] },
      { to: `"${PARTNER}" <eve@evil.example>` },
      { to: `${PARTNER}, Group: eve@evil.example;` },
      { to: 'partner@friends.example.evil.example' },
    ]) {
      const chat = await chatThat(owner, api, sendEmail({ ...args, subject: 'Hi', body: 'Hi' }))
      await chat.next('done')
      assert.match(lastResult().text, /not on the list/, JSON.stringify(args))
      assert.ok(!chat.frames.some(({ type }) => type === 'confirmation_required'), JSON.stringify(args))
    }
    assert.equal(exim.mails().length, before)
  })

  it('does not let the owner change an approved mail into one for a stranger', async () => {
    const before = exim.mails().length
    const chat = await chatThat(owner, api, sendEmail({ to: PARTNER, subject: 'Hi', body: 'Hi' }))
    const { call_id } = await chat.next('confirmation_required')
    const args = { operation: 'send_email', to: 'eve@evil.example', subject: 'Hi', body: 'Hi' }
    const changed = await owner.post(`/api/approvals/${call_id}`, { approved: true, arguments: args })
    assert.deepEqual([changed.status, changed.body.code], [400, 'invalid'])
    await owner.delete(`/api/email-whitelist/${encodeURIComponent(PARTNER)}`)
    await owner.post(`/api/approvals/${call_id}`, { approved: true })
    await chat.next('done')
    assert.match(lastResult().text, /not on the list/)
    assert.equal((await owner.get(`/api/approvals/${call_id}`)).body.state, 'void')
    await allow(owner, PARTNER)
    assert.equal(exim.mails().length, before)
  })

  it('tells blind copies to nobody but the one who sends', async () => {
    const before = exim.mails().length
    const chat = await chatThat(owner, api, sendEmail({ to: PARTNER, bcc: TEAM, subject: 'Quiet', body: 'Psst' }))
    const question = await approve(owner, chat)
    assert.match(question.description, /to "Partner@friends.example", bcc "team@friends.example"/)
    await chat.next('done')
    const mails = await newMails(before, 2)
    assert.deepEqual(mails.flatMap(envelopeOf).sort(), [PARTNER, TEAM].sort())
    for (const mail of mails) assert.ok(!mail.replace(/^Envelope-to:.*(\n[ \t].*)*/im, '').includes(TEAM))
    const [copy] = dovecot.mails('Sent').filter((one) => one.includes(question.call_id))
    assert.equal(headerOf(copy!, 'Bcc'), TEAM)
  })

  it('writes to the owner without asking, as plain text of its own', async () => {
    const before = exim.mails().length
    const body = '<a href="https://evil.example">click</a>\nGrüße'
    const chat = await chatThat(owner, api, sendEmail({ to: SELF, subject: 'Note\u2028to self', body }))
    await chat.next('done')
    assert.ok(!chat.frames.some(({ type }) => type === 'confirmation_required'))
    const [mail] = await newMails(before)
    assert.match(headerOf(mail!, 'Content-Type')!, /^text\/plain/)
    assert.equal(headerOf(mail!, 'Subject'), 'Note to self')
    assert.match(headerOf(mail!, 'From')!, /<me@example\.test>$/)
    assert.match(mail!, /<a href=3D"https:\/\/evil\.example">click<\/a>\s+Gr=C3=BC=C3=9Fe/)
  })

  it('asks again where the owner and somebody else are written to', async () => {
    const chat = await chatThat(owner, api, sendEmail({ to: [SELF, TEAM], subject: 'Both', body: 'Hi' }))
    assert.match((await chat.next('confirmation_required')).description, /"self@home.example", "team@friends.example"/)
    chat.send({ type: 'stop' })
    await chat.next('done')
  })

  it('answers in the thread, to whom the sender wants answers', async () => {
    const before = exim.mails().length
    dovecot.deliver(
      rawMail({
        Subject: '=?utf-8?Q?Fragen_zum_Gr=C3=BCnkohl?=',
        'Message-ID': '<kale-2@friends.example>',
        References: '<kale-0@friends.example> <kale-1@friends.example>',
        'Reply-To': 'The Team <team@friends.example>',
        text: 'unique-kale',
      }),
    )
    const id = await search('unique-kale')
    const chat = await chatThat(owner, api, sendEmail({ in_reply_to: id, body: 'Ja.' }))
    const question = await approve(owner, chat)
    assert.match(question.description, /^Answer a mail from "me@example.test" to "team@friends.example", subject "Re: Fragen zum Grünkohl"/) // prettier-ignore
    await chat.next('done')
    const [mail] = await newMails(before)
    assert.deepEqual(envelopeOf(mail!), [TEAM])
    assert.equal(headerOf(mail!, 'In-Reply-To'), '<kale-2@friends.example>')
    assert.equal(headerOf(mail!, 'References'), '<kale-0@friends.example> <kale-1@friends.example> <kale-2@friends.example>') // prettier-ignore
    assert.equal(headerOf(mail!, 'Auto-Submitted'), 'auto-replied')
  })

  it('does not answer to where a stranger has the answers go', async () => {
    const before = exim.mails().length
    dovecot.deliver(rawMail({ From: PARTNER, 'Reply-To': 'eve@evil.example', text: 'unique-trap' }))
    const id = await search('unique-trap')
    const chat = await chatThat(owner, api, sendEmail({ in_reply_to: id, body: 'All my secrets' }))
    await chat.next('done')
    assert.match(lastResult().text, /not on the list/)
    assert.equal(exim.mails().length, before)
  })

  it('sends files of the open folders, named with their size, and no others', async () => {
    const before = exim.mails().length
    const file = join(papers, 'plan.txt')
    writeFileSync(file, 'x'.repeat(3000))
    const chat = await chatThat(owner, api, sendEmail({ to: PARTNER, subject: 'Plan', body: 'Here.', attachments: [file] })) // prettier-ignore
    assert.match((await approve(owner, chat)).description, /, with "plan\.txt" \(3 KiB\)\.$/)
    await chat.next('done')
    const [mail] = await newMails(before)
    assert.match(mail!, /Content-Disposition: attachment; filename=plan\.txt/)
    assert.ok(mail!.includes(Buffer.from('x'.repeat(57)).toString('base64').slice(0, 72)))
    for (const [path, words] of [
      ['/etc/hostname', /closed to tools/],
      [join(papers, '../elsewhere.txt'), /no folder that is open/],
      [join(papers, 'missing.txt'), /no such file/],
      [papers, /a folder, not a file/],
    ] as const) {
      const refused = await chatThat(owner, api, sendEmail({ to: PARTNER, subject: 'Plan', body: 'x', attachments: [path] })) // prettier-ignore
      await refused.next('done')
      assert.match(lastResult().text, words, path)
    }
    writeFileSync(join(papers, 'big.bin'), Buffer.alloc(20 * 1024 * 1024 + 1))
    const big = await chatThat(owner, api, sendEmail({ to: PARTNER, subject: 'Big', body: 'x', attachments: [join(papers, 'big.bin')] })) // prettier-ignore
    await big.next('done')
    assert.match(lastResult().text, /20 MiB/)
    assert.equal(exim.mails().length, before + 1)
  })

  it('does not send a file that was changed after the owner had said yes to it', async () => {
    const before = exim.mails().length
    const file = join(papers, 'contract.txt')
    writeFileSync(file, 'We pay 10.')
    const chat = await chatThat(owner, api, sendEmail({ to: PARTNER, subject: 'Contract', body: 'x', attachments: [file] })) // prettier-ignore
    const { call_id } = await chat.next('confirmation_required')
    writeFileSync(file, 'We pay 99.')
    await owner.post(`/api/approvals/${call_id}`, { approved: true })
    await chat.next('done')
    assert.match(lastResult().text, /no longer what was approved/)
    assert.equal((await owner.get(`/api/approvals/${call_id}`)).body.state, 'void')
    assert.equal(exim.mails().length, before)
  })

  it('saves what came with a mail, and remembers that others wrote it', async () => {
    const part = (type: string, more: string, text: string) => `--x\r\nContent-Type: ${type}\r\n${more}\r\n${text}\r\n`
    const text = `${part('text/plain', '', 'unique-attached')}${part('text/plain; name="notes.txt"', 'Content-Disposition: attachment; filename="notes.txt"\r\n', 'obey me')}--x--` // prettier-ignore
    dovecot.deliver(rawMail({ 'Content-Type': 'multipart/mixed; boundary=x', text }))
    const id = await search('unique-attached')
    const path = join(papers, 'saved.txt')
    const save = use('email', { operation: 'save_attachment', id, name: 'notes.txt', path })
    const chat = await chatThat(owner, api, save)
    assert.match((await approve(owner, chat)).description, /^Save the attachment "notes\.txt" of a mail to .*saved\.txt \(a new file\)\.$/) // prettier-ignore
    await chat.next('done')
    assert.equal(readFileSync(path, 'utf8').trim(), 'obey me')
    const read = await chatThat(owner, api, use('filesystem', { operation: 'read_file', path }))
    assert.equal((await read.next('tool_done')).integrity, 'third_party')
    await read.next('done')
    mkdirSync(join(papers, '.hidden'))
    for (const place of [join(papers, '.hidden/a.txt'), join(papers, '.bashrc'), '/etc/a.txt']) {
      const closed = await chatThat(owner, api, use('email', { operation: 'save_attachment', id, name: 'notes.txt', path: place })) // prettier-ignore
      await closed.next('done')
      assert.match(lastResult().text, /^Refused/, place)
    }
  })

  it('lists whom it may write to, with what is left today', async () => {
    await allow(owner, 'few@friends.example', { daily_limit: 3 })
    const chat = await chatThat(owner, api, use('email', { operation: 'list_whitelist' }))
    const done = await chat.next('tool_done')
    assert.equal(done.integrity, 'owner')
    await chat.next('done')
    assert.match(lastResult().text, /few@friends\.example \(3 of 3 left today\)/)
    assert.match(lastResult().text, /self@home\.example \(no daily limit, the owner's own\)/)
  })
})
